"""What is answered to a command: the credit as it stands right after it, or why it was refused."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec
from aiohttp import web

from tillbridge.api import shapes
from tillbridge.api.problems import CODE, PROBLEM_TYPE, refused
from tillbridge.api.requests import REPLAY, answer
from tillbridge.checkpoint.model import Receipt, Turned
from tillbridge.checkpoint.sentences import sentence
from tillbridge.checkpoint.voucher import amount_words
from tillbridge.credit.approval import Approval
from tillbridge.credit.model import RedeemOver, Submitted
from tillbridge.kernel.money import Money
from tillbridge.ledger.model import Answer, Posted, State, Verb
from tillbridge.wiring import Hub


@dataclass(frozen=True, slots=True)
class Told:
    """An answer to a command, to be sent by itself or as one of a batch. `code` is that of a problem."""

    status: int
    body: Mapping[str, Any] | msgspec.Raw
    replay: bool = False
    code: str = ""

    def alone(self) -> web.Response:
        """The answer by itself. A problem keeps its own type."""
        response = answer(self.body, status=self.status, replay=self.replay)
        if self.status >= 400:
            response.content_type = PROBLEM_TYPE
            response[CODE] = self.code
        return response


def told(problem: web.Response) -> Told:
    """A problem as an answer to a command."""
    if not isinstance(problem.body, bytes):
        raise TypeError("a problem is made of bytes")
    return Told(problem.status, msgspec.Raw(problem.body), problem.headers.get(REPLAY) == "true", problem.get(CODE, ""))


async def moved(hub: Hub, done: str, command: Submitted, outcome: Answer) -> Told:
    """The answer to a command on a credit. `done` names the cashier's sentence."""
    posted = outcome.result
    if not isinstance(posted, Posted):
        return told(refused(posted, replay=outcome.replay))
    currency = posted.currency
    if isinstance(command, RedeemOver):
        body = _spent_over(hub, done, command, posted)
    else:
        body = {**_stands(posted, currency), **_more(posted, currency)}
        if posted.verb is Verb.REISSUE:
            body["new"] = await _reissued(hub, command, posted.parts[0], currency, keep=not outcome.replay)
        body["sentence"] = _sentence(hub, done, posted, currency)
    return Told(200 if outcome.replay else 201, body, outcome.replay)


def confirmed(outcome: Receipt | Turned) -> Told:
    """The answer to a sale at a register."""
    if isinstance(outcome, Turned):
        return told(refused(outcome.refusal, replay=outcome.replay))
    return Told(200 if outcome.replay else 201, shapes.receipt(outcome), outcome.replay)


def waiting(approval: Approval) -> Told:
    """The answer to what waits for a second person: nothing has been done yet."""
    return Told(202, {"approval": shapes.approval(approval), "sentence": sentence("waiting")})


def _stands(posted: Posted, currency: str) -> dict[str, Any]:
    """A credit right after an event."""
    free = posted.balance - posted.held if posted.state is State.ACTIVE else 0
    return {
        "credit_id": str(posted.credit_id),
        "event_id": str(posted.event_id),
        "version": posted.version,
        "verb": posted.verb.value,
        "amount": Money(posted.amount, currency).text(),
        "balance": Money(posted.balance, currency).text(),
        "held": Money(posted.held, currency).text(),
        "available": Money(free, currency).text(),
        "currency": currency,
        "state": posted.state.value,
        "owner": None if posted.owner is None else str(posted.owner),
        "expires_at": shapes.moment(posted.expires_at),
        "occurred_at": shapes.moment(posted.occurred_at),
        "recorded_at": shapes.moment(posted.recorded_at),
    }


def _spent_over(hub: Hub, done: str, command: RedeemOver, posted: Posted) -> dict[str, Any]:
    """A redemption over several credits: what was taken of each, in order, and how each stands."""
    amount = command.amount
    return {
        "customer_id": str(posted.owner or command.customer),
        "verb": posted.verb.value,
        "amount": amount.text(),
        "currency": amount.currency,
        "parts": [_stands(part, amount.currency) for part in (posted, *posted.parts)],
        "occurred_at": shapes.moment(posted.occurred_at),
        "recorded_at": shapes.moment(posted.recorded_at),
        "sentence": sentence(done, amount=amount_words(amount, hub.stack.retailer.country)),
    }


def _more(posted: Posted, currency: str) -> dict[str, Any]:
    """What only some verbs have: a hold, the other end of a transfer."""
    more: dict[str, Any] = {}
    if posted.hold_id is not None:
        more["hold"] = {"id": str(posted.hold_id), "left": Money(posted.hold_left or 0, currency).text()}
    if posted.verb is Verb.TRANSFER:
        more["to"] = _stands(posted.parts[0], currency)
    return more


async def _reissued(hub: Hub, command: Submitted, new: Posted, currency: str, *, keep: bool) -> Mapping[str, Any]:
    """The credit that stands in for the old one, with its code: the only time that it is shown."""
    code = getattr(command, "code", "") or hub.codes.make(command.key)
    shown = {**_stands(new, currency), "code": code, "last4": code[-4:], "voucher": None}
    if new.state is State.UNCLAIMED:
        shown["voucher"] = shapes.voucher_link(await hub.checkpoint.voucher(new.credit_id, keep=keep))
    return shown


def _sentence(hub: Hub, done: str, posted: Posted, currency: str) -> str:
    country = hub.stack.retailer.country
    free = posted.balance - posted.held if posted.state is State.ACTIVE else 0
    return sentence(
        done,
        amount=amount_words(Money(posted.amount, currency), country),
        balance=amount_words(Money(posted.balance, currency), country),
        available=amount_words(Money(free, currency), country),
    )
