"""Every verb that a body can ask for, in one table: endpoints, the commands of a batch and the docs are made of it."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal
from uuid import UUID

from tillbridge.api.bodies import credits, repairs, spending
from tillbridge.api.bodies.reading import read_place, read_some
from tillbridge.api.intake import Intake, moment_or_none, spelling
from tillbridge.checkpoint.accepts import not_taken
from tillbridge.credit import model as verbs
from tillbridge.credit.burn import in_burn_order
from tillbridge.credit.lookup import NOBODY
from tillbridge.credit.reading import read_amount, read_code, read_moment, read_pin
from tillbridge.identity import store as people
from tillbridge.kernel.actor import Right
from tillbridge.kernel.errors import BadInput
from tillbridge.kernel.money import Money
from tillbridge.ledger import store as ledger
from tillbridge.ledger.model import State

About = Literal["", "credit_id", "hold_id", "customer"]


@dataclass(frozen=True, slots=True)
class VerbDoor:
    """One verb as it is asked for: its endpoint, its name in a batch, what it is about, and how it becomes a command.

    `about` is the field of a batch command that says what the address says else. `done` names the cashier's sentence.
    """

    name: str
    path: str
    about: About
    right: Right
    body: type[Any]
    write: Callable[[Intake, Any], Awaitable[verbs.Submitted]]
    done: str
    summary: str


async def _import(intake: Intake, body: credits.CardBody) -> verbs.Submitted:
    currency = read_amount("0", body.currency).currency
    wrong = not_taken(intake.hub.stack, Money(0, currency), body.bucket)
    if wrong and await ledger.credit_of_key(intake.hub.db, intake.key) is None:
        raise BadInput(*wrong, "Send what the authority in the stack map takes.")
    return verbs.Import(
        **intake.said(body),
        currency=currency,
        code=read_code(body.code),
        bucket=body.bucket,
        pin=read_pin(body.pin),
        expires_at=moment_or_none(body, "expires_at"),
    )


async def _activate(intake: Intake, body: credits.ActivateBody) -> verbs.Submitted:
    return verbs.Activate(
        **intake.said(body),
        credit_id=intake.credit(),
        amount=read_amount(body.amount, body.currency),
        owner=await intake.customer(body.customer),
        named=spelling(body.customer),
        expires_at=moment_or_none(body, "expires_at"),
        trace=intake.trace,
    )


async def _load(intake: Intake, body: credits.LoadBody) -> verbs.Submitted:
    amount, expires_at = read_amount(body.amount, body.currency), moment_or_none(body, "expires_at")
    return verbs.Load(**intake.said(body), credit_id=intake.credit(), amount=amount, expires_at=expires_at)


async def _redeem(intake: Intake, body: spending.RedeemBody) -> verbs.Submitted:
    amount = read_amount(body.amount, body.currency)
    return verbs.Redeem(**intake.said(body), credit_id=intake.credit(), amount=amount)


async def _redeem_over(intake: Intake, body: spending.RedeemBody) -> verbs.Submitted:
    amount = read_amount(body.amount, body.currency)
    if not intake.about:
        raise BadInput(intake.field, "it is blank", "Send our customer id, or system:account.")
    customer, named = await intake.customer(intake.about, intake.field), spelling(intake.about)
    if customer is None:
        # Only where the key was answered before: what was typed then decides, and nothing is chosen anew.
        before = tuple(one for one in (await intake.answered(),) if one is not None)
        return verbs.RedeemOver(**intake.said(body), customer=NOBODY, credits=before, amount=amount, named=named)
    # Customers that were found to be one person spend as one.
    theirs = await ledger.credits_of_owner(intake.hub.db, *await people.same_person(intake.hub.db, customer))
    first, _ = in_burn_order(theirs, intake.hub.stack.burn, intake.hub.clock.now())
    spendable = [one for one in first if one.currency == amount.currency]
    # What cannot be spent is named only where there is nothing else: the ledger then says that there is not enough.
    chosen = tuple(one.credit_id for one in (spendable or theirs))
    return verbs.RedeemOver(**intake.said(body), customer=customer, credits=chosen, amount=amount, named=named)


async def _hold(intake: Intake, body: spending.HoldBody) -> verbs.Submitted:
    amount, ends = read_amount(body.amount, body.currency), read_moment(body.ends, "ends")
    return verbs.PlaceHold(**intake.said(body), credit_id=intake.credit(), amount=amount, ends=ends)


async def _credit_of_hold(intake: Intake, hold_id: UUID) -> UUID:
    """The credit that a hold is on. A hold that nobody knows stands for itself: the ledger refuses it, and keeps the
    refusal with the key."""
    return await ledger.credit_of_hold(intake.hub.db, hold_id) or hold_id


async def _capture(intake: Intake, body: spending.CaptureBody) -> verbs.Submitted:
    amount, hold_id = read_some(body.amount, body.currency), intake.hold()
    credit_id = await _credit_of_hold(intake, hold_id)
    return verbs.Capture(**intake.said(body), hold_id=hold_id, credit_id=credit_id, amount=amount, more=body.more)


async def _release(intake: Intake, body: spending.ReleaseBody) -> verbs.Submitted:
    hold_id = intake.hold()
    credit_id = await _credit_of_hold(intake, hold_id)
    return verbs.Release(**intake.said(body), hold_id=hold_id, credit_id=credit_id)


async def _refund(intake: Intake, body: spending.RefundBody) -> verbs.Submitted:
    amount = read_amount(body.amount, body.currency)
    return verbs.Refund(**intake.said(body), credit_id=intake.credit(), amount=amount, cause=body.cause)


async def _cash_out(intake: Intake, body: spending.CashOutBody) -> verbs.Submitted:
    return verbs.CashOut(**intake.said(body), credit_id=intake.credit(), place=read_place(body.place))


async def _void(intake: Intake, body: repairs.VoidBody) -> verbs.Submitted:
    expected = await intake.expected(intake.credit(), body.expected)
    return verbs.Void(**intake.said(body), credit_id=intake.credit(), reason=body.reason, expected=expected)


async def _reissue(intake: Intake, body: repairs.ReissueBody) -> verbs.Submitted:
    credit_id = intake.credit()
    owner, bearer = await intake.customer(body.customer), False
    if not body.customer and (now := await ledger.credit_now(intake.hub.db, credit_id)) is not None:
        owner, bearer = now.owner, now.owner is None and now.state is State.ACTIVE
    return verbs.Reissue(
        **intake.said(body),
        credit_id=credit_id,
        owner=owner,
        reason=body.reason,
        code=read_code(body.code) if body.code else "",
        pin=read_pin(body.pin),
        cause=body.cause,
        bearer=bearer,
        customer=spelling(body.customer),
        expected=await intake.expected(credit_id, body.expected),
    )


async def _transfer(intake: Intake, body: repairs.TransferBody) -> verbs.Submitted:
    amount = read_some(body.amount, body.currency)
    return verbs.Transfer(
        **intake.said(body), credit_id=intake.credit(), to=body.to, amount=amount, reason=body.reason
    )  # fmt: skip


async def _adjust(intake: Intake, body: repairs.AdjustBody) -> verbs.Submitted:
    amount, down = read_amount(body.amount, body.currency), body.direction == "down"
    return verbs.Adjust(**intake.said(body), credit_id=intake.credit(), amount=amount, down=down, reason=body.reason)


async def _freeze(intake: Intake, body: repairs.ReasonBody) -> verbs.Submitted:
    return verbs.Freeze(**intake.said(body), credit_id=intake.credit(), reason=body.reason)


async def _unfreeze(intake: Intake, body: repairs.ReasonBody) -> verbs.Submitted:
    return verbs.Unfreeze(**intake.said(body), credit_id=intake.credit(), reason=body.reason)


async def _chargeback(intake: Intake, body: repairs.ReasonBody) -> verbs.Submitted:
    return verbs.Chargeback(**intake.said(body), credit_id=intake.credit(), reason=body.reason)


async def _expire(intake: Intake, body: repairs.ExpireBody) -> verbs.Submitted:
    return verbs.Expire(**intake.said(body), credit_id=intake.credit())


_CREDIT: Final = "/v1/credits/{id}"

VERB_DOORS: Final[tuple[VerbDoor, ...]] = (
    VerbDoor(
        "import", "/v1/cards", "", Right.IMPORT, credits.CardBody, _import, "imported",
        "Make a card's number known before it is sold.",
    ),
    VerbDoor(
        "activate", f"{_CREDIT}/activate", "credit_id", Right.ACTIVATE, credits.ActivateBody, _activate, "activated",
        "Sell an imported card: it gets its money. In a manual bucket it may have to wait for a second person: 202.",
    ),
    VerbDoor(
        "load", f"{_CREDIT}/loads", "credit_id", Right.LOAD, credits.LoadBody, _load, "loaded",
        "Put more money on a credit. In a manual bucket it may have to wait for a second person: 202.",
    ),
    VerbDoor(
        "redeem", f"{_CREDIT}/redemptions", "credit_id", Right.REDEEM, spending.RedeemBody, _redeem, "redeemed",
        "Spend from a credit.",
    ),
    VerbDoor(
        "redeem-over", "/v1/customers/{id}/redemptions", "customer", Right.REDEEM, spending.RedeemBody, _redeem_over,
        "redeemed-over", "Spend from all that a customer has, by burn order, all or nothing.",
    ),
    VerbDoor(
        "hold", f"{_CREDIT}/holds", "credit_id", Right.HOLD, spending.HoldBody, _hold, "held",
        "Set an amount aside until a moment.",
    ),
    VerbDoor(
        "capture", "/v1/holds/{id}/capture", "hold_id", Right.HOLD, spending.CaptureBody, _capture, "redeemed",
        "Spend what a hold set aside, all of it or an amount.",
    ),
    VerbDoor(
        "release", "/v1/holds/{id}/release", "hold_id", Right.HOLD, spending.ReleaseBody, _release, "released",
        "Let go what a hold set aside.",
    ),
    VerbDoor(
        "refund", f"{_CREDIT}/refunds", "credit_id", Right.REFUND, spending.RefundBody, _refund, "refunded",
        "Give back what was spent of a credit in the transaction `cause`, or part of it.",
    ),
    VerbDoor(
        "cash-out", f"{_CREDIT}/cash-outs", "credit_id", Right.CASH_OUT, spending.CashOutBody, _cash_out, "cashed-out",
        "Pay out what a credit holds, where the law or the retailer allows it.",
    ),
    VerbDoor(
        "void", f"{_CREDIT}/void", "credit_id", Right.VOID, repairs.VoidBody, _void, "voided", "Take a credit back."
    ),
    VerbDoor(
        "reissue", f"{_CREDIT}/reissue", "credit_id", Right.REISSUE, repairs.ReissueBody, _reissue, "reissued",
        "Take a credit back and issue a new one in its place, as one event.",
    ),
    VerbDoor(
        "transfer", f"{_CREDIT}/transfers", "credit_id", Right.TRANSFER, repairs.TransferBody, _transfer, "transferred",
        "Move what is available, or an amount of it, to another credit of the same bucket and customer.",
    ),
    VerbDoor(
        "adjust", f"{_CREDIT}/adjustments", "credit_id", Right.ADJUST, repairs.AdjustBody, _adjust, "adjusted",
        "Correct a balance by hand. Upwards it may have to wait for a second person: 202.",
    ),
    VerbDoor(
        "freeze", f"{_CREDIT}/freeze", "credit_id", Right.FREEZE, repairs.ReasonBody, _freeze, "frozen",
        "Hold a credit back.",
    ),
    VerbDoor(
        "unfreeze", f"{_CREDIT}/unfreeze", "credit_id", Right.FREEZE, repairs.ReasonBody, _unfreeze, "unfrozen",
        "Let a frozen credit go again.",
    ),
    VerbDoor(
        "chargeback", f"{_CREDIT}/chargeback", "credit_id", Right.CHARGEBACK, repairs.ReasonBody, _chargeback, "voided",
        "Take back a credit whose purchase was charged back, whatever a sale holds of it.",
    ),
    VerbDoor(
        "expire", f"{_CREDIT}/expire", "credit_id", Right.EXPIRE, repairs.ExpireBody, _expire, "expired",
        "End a credit whose last moment has passed.",
    ),
)  # fmt: skip
"""Every verb but the issue, which goes through the checkpoint."""

DOOR_OF: Final[Mapping[str, VerbDoor]] = {door.name: door for door in VERB_DOORS}
