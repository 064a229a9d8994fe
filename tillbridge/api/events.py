"""What the systems tell the hub: customers that are new or changed, handoffs that they confirm or refuse."""

import hashlib
from collections.abc import Mapping

from aiohttp import web

from tillbridge.api.bodies.reading import read_batch_key
from tillbridge.api.bodies.systems import (
    CustomersUpdated,
    CustomerUpdated,
    HandoffConfirmed,
    HandoffRefused,
    ProfileBody,
    SaleCompleted,
    SystemEvent,
)
from tillbridge.api.credits import issue
from tillbridge.api.keys import require
from tillbridge.api.requests import Asked, answer
from tillbridge.api.signed import message_id
from tillbridge.handoff import conclude
from tillbridge.handoff.inbound import store as inbound
from tillbridge.handoff.model import read_key
from tillbridge.identity import store as people
from tillbridge.identity.directory import profile_of
from tillbridge.identity.model import Given, Profile, Unusable
from tillbridge.kernel.actor import Right
from tillbridge.kernel.errors import BadInput, Conflict, NotAllowed, NotFound
from tillbridge.stack.model import Role


async def post_event(asked: Asked) -> web.Response:
    """Take in one event of a system. The same event twice changes nothing the second time; another one under an id that
    was heard before is refused. A sale is told by its own key, whatever the id of its message."""
    system, message = _system(asked), message_id(asked.request)
    body: SystemEvent = await asked.body(SystemEvent)
    if isinstance(body, SaleCompleted):
        return await _sell(asked, system, body)
    print_ = hashlib.sha256(await asked.request.read()).digest()
    if message and (before := await inbound.heard_as(asked.hub.db, system, message)):
        if before != print_:
            raise Conflict(message, "body", None)
        return answer({"id": message}, status=202, replay=True)
    response = await _do(asked, system, body)
    # Noted when the work is done: a hub that dies before that does it again, which changes nothing.
    if message and response.status < 300:
        await inbound.hear(asked.hub.db, system, message, print_, asked.hub.clock.now())
    return response


async def _do(
    asked: Asked, system: str, body: CustomerUpdated | CustomersUpdated | HandoffConfirmed | HandoffRefused
) -> web.Response:
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


async def _sell(asked: Asked, system: str, body: SaleCompleted) -> web.Response:
    """Issue the credit of a sale, as for a register that calls by itself."""
    if asked.hub.stack.systems[system].role is not Role.POS:
        sentence = f"{system} is no register: the stack map says so by its role. Only a pos reports sales."
        raise NotAllowed(sentence, known=True, reason="no-register", who=asked.actor.name)
    require(asked.actor, Right.ISSUE)
    return await issue(asked, read_batch_key(body.key), body)


async def _take_in(asked: Asked, system: str, customers: Mapping[str, ProfileBody]) -> web.Response:
    """Take in accounts, each by its place in the body. All of them or, where one cannot be read, none."""
    stack = asked.hub.stack
    # A register's clerk types, an ERP copies: only with a storefront has the person proved anything.
    proves = stack.systems[system].role is Role.STOREFRONT
    profiles = [_profile(system, one, stack.retailer.country, place, proves) for place, one in customers.items()]
    taken = await people.take_in(asked.hub.db, profiles, asked.hub.clock.now(), asked.hub.ids)
    return answer({"taken": len(taken)}, status=202)


def _profile(system: str, body: ProfileBody, country: str, place: str, proves: bool) -> Profile:
    """One account as a profile; what it says is verified counts where the system `proves`. Raises BadInput when an
    identifier cannot be right: then none of the call is taken."""
    told = (body.name, body.street, body.place, body.postcode, body.birth_date)
    given = Given(body.email, body.phone, body.loyalty_id, body.account_id, *told)
    profile = profile_of(
        system,
        given,
        country,
        email_verified=proves and body.email_verified,
        phone_verified=proves and body.phone_verified,
        loyalty_verified=proves and body.loyalty_verified,
        stated_at=body.updated_at,
    )
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
