"""Postings for the tests, and a commit that posts them."""

import random
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

from tillbridge.kernel.clock import SetClock
from tillbridge.kernel.db import Db
from tillbridge.kernel.ids import Ids
from tillbridge.kernel.money import Money
from tillbridge.ledger import store
from tillbridge.ledger.model import Answer, Issued, Origin, Posted, Posting, State, Verb

START = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
CLOCK = SetClock(START)
IDS = Ids(CLOCK, random.Random(11))
OWNER = IDS.new()

Commit = Callable[[Sequence[Posting]], Awaitable[list[Answer]]]


def commit_to(db: Db, at: datetime = START) -> Commit:
    """A commit of a batch in a transaction of its own, at a moment."""

    async def commit(postings: Sequence[Posting]) -> list[Answer]:
        async with db.transaction() as tx:
            return await store.post(tx, at, postings)

    return commit


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
) -> Posting:
    """An issue whose request is its key and amount."""
    owner = OWNER if state is State.ACTIVE else None
    issued = Issued(
        "store_credit",
        "refund",
        state,
        owner,
        (code or key).encode(),
        "4471",
        expires_at,
        date(2026, 11, 21),
        ceiling,
    )
    return Posting(
        key,
        Verb.ISSUE,
        credit_id or IDS.new(),
        IDS.new(),
        Money(minor, currency),
        "returns",
        {"amount": str(minor), "currency": currency},
        "till",
        occurred_at,
        Origin("006", "3", "op07", f"T-{key}"),
        issued=issued,
    )


def redeem(
    key: str, credit_id: UUID, minor: int, currency: str = "USD", occurred_at: datetime = START + timedelta(seconds=1)
) -> Posting:
    """A redemption."""
    request = {"credit": str(credit_id), "amount": str(minor), "currency": currency}
    money = Money(minor, currency)
    return Posting(key, Verb.REDEEM, credit_id, IDS.new(), money, "sales", request, "web", occurred_at)


def void(key: str, credit_id: UUID) -> Posting:
    """A void."""
    request = {"credit": str(credit_id)}
    return Posting(key, Verb.VOID, credit_id, IDS.new(), None, "voided", request, "till", START, reason="mis-keyed")


def claim(key: str, credit_id: UUID, owner: UUID = OWNER) -> Posting:
    """A claim."""
    request = {"credit": str(credit_id), "customer": str(owner)}
    return Posting(key, Verb.CLAIM, credit_id, IDS.new(), None, "", request, "claim", START, owner=owner)


def posted(answer: Answer) -> Posted:
    """The result of an answer that must not be a refusal."""
    assert isinstance(answer.result, Posted), answer.result
    return answer.result


def code_of(answer: Answer) -> str:
    """The code of an answer that must be a refusal."""
    assert not isinstance(answer.result, Posted), answer.result
    return answer.result.code
