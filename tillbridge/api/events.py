"""What the systems tell the hub: customers that are new or changed, handoffs that they confirm or refuse."""

from collections.abc import Mapping

from aiohttp import web

from tillbridge.api.bodies.systems import (
    CustomerUpdated,
    HandoffConfirmed,
    HandoffRefused,
    ProfileBody,
    SystemEvent,
)
from tillbridge.api.requests import Asked, answer
from tillbridge.handoff import conclude
from tillbridge.handoff.model import read_key
from tillbridge.identity import store as people
from tillbridge.identity.directory import profile_of
from tillbridge.identity.model import Given, Profile, Unusable
from tillbridge.kernel.errors import BadInput, NotAllowed, NotFound


async def post_event(asked: Asked) -> web.Response:
    """Take in one event of a system. The same event twice changes nothing the second time."""
    system = _system(asked)
    body: SystemEvent = await asked.body(SystemEvent)
    if isinstance(body, HandoffConfirmed | HandoffRefused):
        return await _settle(asked, system, body)
    if isinstance(body, CustomerUpdated):
        return await _take_in(asked, system, {"customer": body.customer})
    return await _take_in(asked, system, {f"customers[{place}]": one for place, one in enumerate(body.customers)})


def _system(asked: Asked) -> str:
    """The system in the path. A key that speaks for one system speaks for no other."""
    system = asked.path("system")
    if system not in asked.hub.stack.systems:
        raise NotFound("system", system)
    if asked.actor.system is not None and asked.actor.system != system:
        raise NotAllowed(f"The key {asked.actor.name} speaks for {asked.actor.system}, not for {system}.", known=True)
    return system


async def _take_in(asked: Asked, system: str, customers: Mapping[str, ProfileBody]) -> web.Response:
    """Take in accounts, each by its place in the body. All of them or, where one cannot be read, none."""
    country = asked.hub.stack.retailer.country
    profiles = [_profile(system, one, country, place) for place, one in customers.items()]
    taken = await people.take_in(asked.hub.db, profiles, asked.hub.clock.now(), asked.hub.ids)
    return answer({"taken": len(taken)}, status=202)


def _profile(system: str, body: ProfileBody, country: str, place: str) -> Profile:
    """One account as a profile. Raises BadInput when an identifier cannot be right: then none of the call is taken."""
    given = Given(body.email, body.phone, body.loyalty_id, body.account_id)
    profile = profile_of(system, given, country, email_verified=body.email_verified, phone_verified=body.phone_verified)
    if isinstance(profile, Unusable):
        name = {"loyalty": "loyalty_id", "account": "account_id"}.get(profile.kind.value, profile.kind.value)
        mend = "Mend it, or leave the field out."
        raise BadInput(f"{place}.{name}", profile.sentence, mend)
    return profile


async def _settle(asked: Asked, system: str, body: HandoffConfirmed | HandoffRefused) -> web.Response:
    try:
        event_id, hop = read_key(body.key)
    except ValueError:
        mend = "Send the Idempotency-Key that the event came with."
        raise BadInput("key", "this is no key of a delivery", mend) from None
    known = {one.name: one for one in asked.hub.stack.deliveries()}
    if hop not in known or known[hop].target != system:
        raise NotFound("handoff", body.key)
    db, stack, now = asked.hub.db, asked.hub.stack, asked.hub.clock.now()
    if isinstance(body, HandoffConfirmed):
        concluded = await conclude.confirm_by_key(db, stack, event_id, hop, now, body.reference)
    else:
        concluded = await conclude.refuse_by_key(db, event_id, hop, now, body.code, body.message)
    if concluded is None:
        raise NotFound("handoff", body.key)
    asked.hub.deliverer.note(concluded)
    return answer({"key": body.key}, status=202)
