"""Endpoints on credits. They parse, call the verb and shape the answer: no rule of the trade lives here."""

from datetime import datetime
from uuid import UUID

from aiohttp import web

from tillbridge.api import shapes
from tillbridge.api.bodies import (
    InquiryBody,
    IssueBody,
    RedeemBody,
    VoidBody,
    check_expiry,
    check_occurred,
    read_amount,
    read_code,
    read_moment,
)
from tillbridge.api.problems import refused
from tillbridge.api.requests import Asked, answer
from tillbridge.checkpoint.facts import checkpoint_facts
from tillbridge.checkpoint.model import Sale, Turned
from tillbridge.checkpoint.sentences import sentence
from tillbridge.checkpoint.voucher import amount_words
from tillbridge.credit.model import Redeem, Void
from tillbridge.diagnose.lookup import trail_of
from tillbridge.identity import store as people
from tillbridge.identity.model import Given
from tillbridge.kernel.clock import parse_time, time_text
from tillbridge.kernel.errors import BadInput, NotFound
from tillbridge.kernel.money import Money
from tillbridge.ledger import store as ledger
from tillbridge.ledger.model import Answer, CreditNow, Origin, Posted


async def post_credit(asked: Asked) -> web.Response:
    """Issue a credit at a register and confirm it before the customer leaves."""
    body: IssueBody = await asked.body(IssueBody)
    key = asked.key()
    customer = body.customer
    occurred_at = read_moment(body.occurred_at, "occurred_at")
    expires_at = None if body.expires_at is None else read_moment(body.expires_at, "expires_at")
    await _check_times(asked, key, occurred_at, expires_at)
    sale = Sale(
        key=key,
        actor=asked.actor.name,
        kind=body.kind,
        bucket=body.bucket,
        amount=read_amount(body.amount, body.currency),
        occurred_at=occurred_at,
        origin=Origin(body.store, body.register, body.operator, body.transaction_id),
        given=Given(customer.email, customer.phone, customer.loyalty_id, customer.account_id),
        code=read_code(body.code) if body.code else "",
        expires_at=expires_at,
    )
    outcome = await asked.hub.checkpoint.issue(sale, asked.patience())
    if isinstance(outcome, Turned):
        return refused(outcome.refusal, replay=outcome.replay)
    return answer(shapes.receipt(outcome), status=200 if outcome.replay else 201, replay=outcome.replay)


async def post_redemption(asked: Asked) -> web.Response:
    """Spend from a credit."""
    body: RedeemBody = await asked.body(RedeemBody)
    key, occurred_at = asked.key(), read_moment(body.occurred_at, "occurred_at")
    await _check_times(asked, key, occurred_at)
    credit_id = asked.path_id("credit")
    amount = read_amount(body.amount, body.currency)
    command = Redeem(
        key=key,
        actor=asked.actor.name,
        credit_id=credit_id,
        amount=amount,
        occurred_at=occurred_at,
        origin=Origin(body.store, body.register, body.operator, body.transaction_id),
        request={
            "command": "redeem",
            "credit": str(credit_id),
            "amount": amount.text(),
            "currency": body.currency,
            "occurred_at": time_text(occurred_at),
            "transaction_id": body.transaction_id,
            "store": body.store,
            "register": body.register,
            "operator": body.operator,
        },
    )
    return await _moved(asked, await asked.hub.desk.redeem(command), "redeemed")


async def post_void(asked: Asked) -> web.Response:
    """Take a credit back."""
    body: VoidBody = await asked.body(VoidBody)
    key, occurred_at = asked.key(), read_moment(body.occurred_at, "occurred_at")
    await _check_times(asked, key, occurred_at)
    credit_id = asked.path_id("credit")
    command = Void(
        key=key,
        actor=asked.actor.name,
        credit_id=credit_id,
        occurred_at=occurred_at,
        reason=body.reason,
        origin=Origin(body.store, body.register, body.operator, body.transaction_id),
        request={
            "command": "void",
            "credit": str(credit_id),
            "occurred_at": time_text(occurred_at),
            "reason": body.reason,
            "transaction_id": body.transaction_id,
            "store": body.store,
            "register": body.register,
            "operator": body.operator,
        },
    )
    return await _moved(asked, await asked.hub.desk.void(command), "voided")


async def _check_times(asked: Asked, key: str, occurred_at: datetime, expires_at: datetime | None = None) -> None:
    """Raises BadInput for times that cannot be, unless the key was answered before: then its first answer stays,
    whatever the clock says by now."""
    now = asked.hub.clock.now()
    try:
        check_occurred(occurred_at, now)
        check_expiry(expires_at, now)
    except BadInput:
        if await ledger.credit_of_key(asked.hub.db, key) is None:
            raise


async def _moved(asked: Asked, outcome: Answer, word: str) -> web.Response:
    posted = outcome.result
    if not isinstance(posted, Posted):
        return refused(posted, replay=outcome.replay)
    now = await _credit(asked, posted.credit_id)
    amount, balance = Money(posted.amount, now.currency), Money(posted.balance, now.currency)
    country = asked.hub.stack.retailer.country
    body = {
        "credit_id": str(posted.credit_id),
        "event_id": str(posted.event_id),
        "version": posted.version,
        "amount": amount.text(),
        "balance": balance.text(),
        "currency": now.currency,
        "state": posted.state.value,
        "recorded_at": shapes.moment(posted.recorded_at),
        "sentence": sentence(word, amount=amount_words(amount, country), balance=amount_words(balance, country)),
    }
    return answer(body, status=200 if outcome.replay else 201, replay=outcome.replay)


async def get_credit(asked: Asked) -> web.Response:
    """A credit as it stands; with `at`, what it held at that moment."""
    credit_id = asked.path_id("credit")
    now = await _credit(asked, credit_id)
    if not asked.query("at"):
        return answer(shapes.credit(now, asked.hub.clock.now()))
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
    others = await checkpoint_facts(asked.hub.db, now.credit_id)
    found = await trail_of(asked.hub.db, asked.hub.stack, now, at, others)
    return answer({"credit": shapes.credit(now, at), **shapes.trail(found)})


async def post_inquiry(asked: Asked) -> web.Response:
    """What a code is worth."""
    body: InquiryBody = await asked.body(InquiryBody)
    code_hash = asked.hub.codes.hash(read_code(body.code))
    credit_id = await ledger.credit_of_code(asked.hub.db, code_hash)
    if credit_id is None:
        raise NotFound("credit", "this code")
    return answer(shapes.credit(await _credit(asked, credit_id), asked.hub.clock.now()))


async def get_customer_credits(asked: Asked) -> web.Response:
    """What a customer can spend right now. The customer is our id, or `system:account`."""
    customer_id = await _customer(asked, asked.path("id"))
    credits_now = await ledger.credits_of_owner(asked.hub.db, customer_id) if customer_id else []
    at, totals = asked.hub.clock.now(), dict[str, int]()
    for one in credits_now:
        totals[one.currency] = totals.get(one.currency, 0) + one.available(at)
    return answer(
        {
            "customer_id": None if customer_id is None else str(customer_id),
            "credits": [shapes.credit(one, at) for one in credits_now],
            "totals": [
                {"currency": name, "available": Money(sum_, name).text()} for name, sum_ in sorted(totals.items())
            ],
            "as_of": shapes.moment(at),
        }
    )


async def _customer(asked: Asked, name: str) -> UUID | None:
    system, colon, account = name.partition(":")
    if not name.isprintable():
        raise BadInput("id", "it holds control characters", "Send our customer id, or system:account.")
    if colon:
        found = await people.customer_by_reference(asked.hub.db, system, account)
        if found is None:
            raise NotFound("customer", name)
        return found
    try:
        return UUID(name)
    except ValueError:
        raise BadInput("id", f"{name!r} names no customer", "Send our customer id, or system:account.") from None


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
