"""Postings for the tests, a commit that posts them, and what must hold of any book."""

import random
from collections.abc import Callable, Coroutine, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

from tillbridge.kernel.clock import SetClock
from tillbridge.kernel.db import Db
from tillbridge.kernel.ids import Ids
from tillbridge.kernel.money import Money
from tillbridge.ledger import store
from tillbridge.ledger.model import Answer, Birth, CreditNow, Origin, Posted, Posting, State, Verb

START = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
CLOCK = SetClock(START)
IDS = Ids(CLOCK, random.Random(11))
OWNER = IDS.new()
HOUSE = {
    Verb.REDEEM: "sales",
    Verb.CAPTURE: "sales",
    Verb.REFUND: "refunded",
    Verb.VOID: "voided",
    Verb.CHARGEBACK: "chargeback",
    Verb.EXPIRE: "expired",
    Verb.CASH_OUT: "cash",
    Verb.ADJUST: "adjustments",
    Verb.REISSUE: "reissue",
    Verb.TRANSFER: "transfer",
    Verb.ISSUE: "returns",
    Verb.ACTIVATE: "returns",
    Verb.LOAD: "returns",
}

Commit = Callable[[Sequence[Posting]], Coroutine[Any, Any, list[Answer]]]


def commit_to(db: Db, at: datetime = START) -> Commit:
    """A commit of a batch in a transaction of its own, at a moment."""

    async def commit(postings: Sequence[Posting]) -> list[Answer]:
        async with db.transaction() as tx:
            return await store.post(tx, at, postings)

    return commit


def birth(code: str, state: State = State.ACTIVE, owner: UUID | None = OWNER, bucket: str = "refund") -> Birth:
    """What makes a credit what it is; an owner is kept for an active one only."""
    return Birth(
        "store_credit",
        bucket,
        state,
        code.encode(),
        "4471",
        date(2026, 11, 21),
        owner if state is State.ACTIVE else None,
    )


def issue(
    key: str,
    minor: int = 1000,
    *,
    currency: str = "USD",
    state: State = State.ACTIVE,
    code: str = "",
    expires_at: datetime | None = None,
    ceiling: int | None = None,
    credit_id: UUID | None = None,
    occurred_at: datetime = START,
    bucket: str = "refund",
    owner: UUID | None = OWNER,
    verb: Verb = Verb.ISSUE,
    **more: Any,
) -> Posting:
    """An issue (or an import) whose request is its key and amount."""
    return Posting(
        key=key,
        verb=verb,
        credit_id=credit_id or IDS.new(),
        event_id=IDS.new(),
        request={"amount": str(minor), "currency": currency},
        actor="till",
        occurred_at=occurred_at,
        amount=Money(minor, currency),
        house="returns",
        origin=Origin("006", "3", "op07", f"T-{key}"),
        birth=birth(code or key, state, owner, bucket),
        expires_at=expires_at,
        ceiling=ceiling,
        **more,
    )


def on(verb: Verb, key: str, credit_id: UUID, minor: int | None = None, currency: str = "USD", **more: Any) -> Posting:
    """A posting of a verb on a credit that is there; its request is all that was said here."""
    said = {name: str(value) for name, value in more.items() if name not in {"occurred_at", "origin"}}
    request = {"command": verb.value, "credit": str(credit_id), "amount": str(minor), "currency": currency, **said}
    if verb in (Verb.TRANSFER, Verb.REISSUE):
        more.setdefault("other_events", (IDS.new(),))
    return Posting(
        key=key,
        verb=verb,
        credit_id=credit_id,
        event_id=IDS.new(),
        request=more.pop("request", request),
        actor=more.pop("actor", "web"),
        occurred_at=more.pop("occurred_at", START + timedelta(seconds=1)),
        amount=None if minor is None else Money(minor, currency),
        house=HOUSE.get(verb, ""),
        **more,
    )


def redeem(key: str, credit_id: UUID, minor: int, currency: str = "USD", **more: Any) -> Posting:
    """A redemption."""
    return on(Verb.REDEEM, key, credit_id, minor, currency, **more)


def void(key: str, credit_id: UUID) -> Posting:
    """A void."""
    return on(Verb.VOID, key, credit_id, reason="mis-keyed", occurred_at=START)


def claim(key: str, credit_id: UUID, owner: UUID = OWNER) -> Posting:
    """A claim."""
    return on(Verb.CLAIM, key, credit_id, owner=owner, occurred_at=START)


def hold(key: str, credit_id: UUID, minor: int, hold_id: UUID, seconds: int = 600) -> Posting:
    """A hold that ends so many seconds after the start."""
    return on(Verb.HOLD, key, credit_id, minor, hold_id=hold_id, hold_ends=START + timedelta(seconds=seconds))


def reissue(key: str, credit_id: UUID, code: str = "", new_id: UUID | None = None, **more: Any) -> Posting:
    """A reissue to the same owner."""
    said: dict[str, Any] = {"reason": "lost", "birth": birth(code or key), "other_id": new_id or IDS.new()}
    return on(Verb.REISSUE, key, credit_id, **(said | more))


def posted(answer: Answer) -> Posted:
    """The result of an answer that must not be a refusal."""
    assert isinstance(answer.result, Posted), answer.result
    return answer.result


def code_of(answer: Answer) -> str:
    """The code of an answer that must be a refusal."""
    assert not isinstance(answer.result, Posted), answer.result
    return answer.result.code


def said_by(answer: Answer) -> str:
    """`ok`, or the code of the refusal."""
    return "ok" if isinstance(answer.result, Posted) else answer.result.code


async def standing(db: Db, credit_id: UUID) -> CreditNow:
    """A credit that must be there."""
    now = await store.credit_now(db, credit_id)
    assert now is not None
    return now
