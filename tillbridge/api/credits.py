"""Endpoints on credits. They parse, call the verb and shape the answer: no rule of the trade lives here."""

from datetime import datetime
from typing import Any
from uuid import UUID

from aiohttp import web

from tillbridge.api import shapes
from tillbridge.api.bodies.credits import InquiryBody, IssueBody
from tillbridge.api.clearing import cleared, count_refusal
from tillbridge.api.intake import Intake, customer_of, sale_of
from tillbridge.api.outcomes import Told, confirmed, moved
from tillbridge.api.problems import refused
from tillbridge.api.requests import Asked, Endpoint, answer
from tillbridge.api.verbs import VerbDoor
from tillbridge.checkpoint.facts import whole_trail
from tillbridge.credit.burn import in_burn_order
from tillbridge.credit.lookup import NOBODY, Inquiry
from tillbridge.credit.reading import read_code, read_pin
from tillbridge.identity import store as people
from tillbridge.kernel.actor import Right
from tillbridge.kernel.clock import parse_time
from tillbridge.kernel.errors import BadInput, NotFound
from tillbridge.kernel.money import Money
from tillbridge.ledger import store as ledger
from tillbridge.ledger.model import REFUSAL_BY_CODE, CreditNow


async def post_credit(asked: Asked) -> web.Response:
    """Issue a credit at a register and confirm it before the customer leaves."""
    body: IssueBody = await asked.body(IssueBody)
    return await issue(asked, asked.key(), body)


async def issue(asked: Asked, key: str, body: IssueBody) -> web.Response:
    """Issue a credit under a key, wherever the body came in."""
    intake = Intake(asked.hub, asked.actor, key, trace=asked.trace())
    sale = await cleared(asked.hub, asked.actor, await sale_of(intake, body))
    if isinstance(sale, Told):
        return sale.alone()
    outcome = await asked.hub.checkpoint.issue(sale, asked.patience())
    await count_refusal(asked.hub, asked.actor, sale, outcome)
    return confirmed(outcome).alone()


def post_of(door: VerbDoor) -> Endpoint:
    """The endpoint of a verb."""

    async def post(asked: Asked) -> web.Response:
        body: Any = await asked.body(door.body)
        about = asked.path("id") if door.about else ""
        intake = Intake(asked.hub, asked.actor, asked.key(), about, trace=asked.trace())
        await intake.check_times(body)
        command = await cleared(asked.hub, asked.actor, await door.write(intake, body))
        if isinstance(command, Told):
            return command.alone()
        outcome = await asked.hub.desk.post(command)
        await count_refusal(asked.hub, asked.actor, command, outcome)
        return (await moved(asked.hub, door.done, command, outcome)).alone()

    post.__name__ = f"post_{door.name.replace('-', '_')}"
    post.__doc__ = door.summary
    return post


async def get_credit(asked: Asked) -> web.Response:
    """A credit as it stands; with `at`, what it held at that moment."""
    credit_id = asked.path_id("credit")
    now = await _credit(asked, credit_id)
    if not asked.query("at"):
        holds = await ledger.holds_of_credit(asked.hub.db, credit_id) if now.held else []
        shown = [shapes.hold(one, now.currency) for one in holds]
        return answer({**shapes.credit(now, asked.hub.clock.now()), "holds": shown})
    at, by = _moment(asked.query("at")), asked.query("by") or "recorded"
    if by not in ("occurred", "recorded"):
        raise BadInput("by", f"{by!r} is neither occurred nor recorded", "Send occurred or recorded.")
    held = await ledger.balance_at(asked.hub.db, credit_id, at, occurred=by == "occurred")
    text = (held or Money(0, now.currency)).text()
    return answer({"id": str(credit_id), "at": at.isoformat(), "by": by, "balance": text, "currency": now.currency})


async def get_statement(asked: Asked) -> web.Response:
    """The facts on a credit with their money, oldest first."""
    credit_id = asked.path_id("credit")
    cursor = asked.query("cursor") or "0"
    if not cursor.isascii() or not cursor.isdecimal() or len(cursor) > 9:
        raise BadInput("cursor", "this is no cursor of ours", "Send what the page before answered as next, or nothing.")
    await _credit(asked, credit_id)
    limit = asked.limit()
    lines = await ledger.statement(asked.hub.db, credit_id, int(cursor), limit)
    following = str(lines[-1].version) if len(lines) == limit else None
    return answer({"lines": [shapes.statement_line(line) for line in lines], "next": following})


async def get_trail(asked: Asked) -> web.Response:
    """Every fact on a credit, in order, and where it is late or lost."""
    now = await _credit(asked, asked.path_id("credit"))
    at = asked.hub.clock.now()
    found = await whole_trail(asked.hub.db, asked.hub.stack, now, at)
    return answer({"credit": shapes.credit(now, at), **shapes.trail(found)})


async def post_inquiry(asked: Asked) -> web.Response:
    """What a code is worth. Whatever stands against telling, the answer is the same."""
    body: InquiryBody = await asked.body(InquiryBody)
    customer = await _inquired(asked, body.customer)
    inquiry = Inquiry(
        asker=asked.actor.name,
        card_present=asked.actor.may(Right.CARD_PRESENT),
        code=read_code(body.code),
        pin=read_pin(body.pin),
        customer=customer,
        same_person=frozenset(await people.same_person(asked.hub.db, customer)) if customer else frozenset(),
    )
    credit_id = await asked.hub.lookup.look_up(inquiry)
    if credit_id is None:
        return refused(REFUSAL_BY_CODE["unknown-credit"])
    return answer(shapes.credit(await _credit(asked, credit_id), asked.hub.clock.now()))


async def _inquired(asked: Asked, name: str) -> UUID | None:
    """The customer that an inquiry names; NOBODY for one whom nobody knows, so that the answer does not tell."""
    try:
        return await customer_of(asked.hub, name, "customer") if name else None
    except NotFound:
        return NOBODY


async def get_customer_credits(asked: Asked) -> web.Response:
    """What a customer can spend right now, in the order in which it is spent; then what cannot be spent. The customer
    is our id, or `system:account`."""
    customer_id = await customer_of(asked.hub, asked.path("id"), "id")
    at, totals = asked.hub.clock.now(), dict[str, int]()
    ids = await people.same_person(asked.hub.db, customer_id)
    theirs = await ledger.credits_of_owner(asked.hub.db, *ids)
    spendable, others = in_burn_order(theirs, asked.hub.stack.burn, at)
    credits_now = [*spendable, *others]
    for one in credits_now:
        totals[one.currency] = totals.get(one.currency, 0) + one.available(at)
    return answer(
        {
            "customer_id": str(customer_id),
            "same_person": [str(one) for one in ids if one != customer_id],
            "credits": [shapes.credit(one, at) for one in credits_now],
            "totals": [
                {"currency": name, "available": Money(sum_, name).text()} for name, sum_ in sorted(totals.items())
            ],
            "as_of": shapes.moment(at),
        }
    )


async def _credit(asked: Asked, credit_id: UUID) -> CreditNow:
    now = await ledger.credit_now(asked.hub.db, credit_id)
    if now is None:
        raise NotFound("credit", str(credit_id))
    return now


def _moment(text: str) -> datetime:
    try:
        # A plus sign in a query is read as a blank.
        return parse_time(text.replace(" ", "+"))
    except (ValueError, OverflowError):
        mend = "Send ISO 8601 with an offset, such as 2026-11-21T14:02:11-05:00."
        raise BadInput("at", f"{text!r} is no time with a zone", mend) from None
