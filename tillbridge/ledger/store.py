"""The only file of this package that runs SQL."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from tillbridge.kernel.db import Db, Row, Tx, load_queries
from tillbridge.kernel.errors import DatabaseFault, TryAgain
from tillbridge.kernel.money import Money
from tillbridge.ledger.model import (
    REFUSAL_BY_CODE,
    Answer,
    CreditNow,
    Line,
    Origin,
    Posted,
    Posting,
    RefusedRequest,
    State,
    Total,
    Verb,
)

_Q = load_queries("ledger")
_CLASHES: Final = frozenset({"request_pkey", "code_pkey", "event_pkey", "entry_pkey", "credit_pkey"})
"""Primary keys on which two hubs that post the same thing at once meet: the later one has only to try again."""


def command_row(ordinal: int, posting: Posting) -> tuple[Any, ...]:
    """A posting as a value of the type ledger.command, field by field in the order of schema.sql."""
    issued, amount, origin = posting.issued, posting.amount, posting.origin
    head = (
        ordinal,
        posting.key,
        posting.verb.value,
        posting.credit_id,
        posting.event_id,
        None if amount is None else amount.minor,
        None if amount is None else amount.currency,
        posting.house,
        None if issued is None else issued.ceiling,
        dict(posting.request),
        posting.actor,
        origin.store,
        origin.register,
        origin.operator,
        origin.transaction_id,
        posting.reason,
        posting.occurred_at,
    )
    if issued is None:
        return (*head, None, posting.owner, None, None, None, None, None, None)
    return (
        *head,
        issued.state.value,
        issued.owner,
        issued.kind,
        issued.bucket,
        issued.code_hash,
        issued.code_last4,
        issued.expires_at,
        issued.cohort_date,
    )


def answer_of(posting: Posting, row: Row) -> Answer:
    """One outcome row as the answer to its posting."""
    result = REFUSAL_BY_CODE[row["refusal"]] if row["refusal"] is not None else _posted(row)
    return Answer(posting.key, row["credit_id"], result, row["replay"], row["request"])


def _posted(row: Row) -> Posted:
    return Posted(
        credit_id=row["credit_id"],
        event_id=row["event_id"],
        version=row["version"],
        verb=Verb(row["verb"]),
        amount=row["amount"],
        balance=row["balance"],
        state=State(row["state"]),
        owner=row["owner"],
        occurred_at=row["occurred_at"],
        recorded_at=row["recorded_at"],
    )


def clash_or_fault(fault: DatabaseFault) -> DatabaseFault | TryAgain:
    """A fault on one of the ledger's primary keys is a clash with another hub; anything else stays a fault."""
    return TryAgain(str(fault)) if fault.constraint in _CLASHES else fault


async def post(tx: Tx, at: datetime, postings: Sequence[Posting]) -> list[Answer]:
    """Post a batch inside the caller's transaction; one answer each, in order. Keys must differ within it.

    Raises TryAgain when another hub posted one of the keys at the same moment, DatabaseError otherwise.
    """
    rows = [command_row(number, posting) for number, posting in enumerate(postings)]
    try:
        outcomes = await tx.fetch(_Q["post"], at, rows)
    except DatabaseFault as fault:
        raise clash_or_fault(fault) from fault
    return [answer_of(posting, row) for posting, row in zip(postings, outcomes, strict=True)]


async def credit_now(db: Db, credit_id: UUID) -> CreditNow | None:
    """A credit as it stands, or None when there is none of this id."""
    row = await db.fetch_one(_Q["credit_now"], credit_id)
    return None if row is None else _credit_now(row)


async def credits_of_owner(db: Db, owner: UUID) -> list[CreditNow]:
    """All credits of a customer, oldest first."""
    return [_credit_now(row) for row in await db.fetch(_Q["credits_of_owner"], owner)]


async def page_of_credits(db: Db, after: UUID, limit: int) -> list[CreditNow]:
    """Credits in the order of their ids, behind `after`; begin with UUID(int=0)."""
    return [_credit_now(row) for row in await db.fetch(_Q["page_of_credits"], after, limit)]


async def credit_of_code(db: Db, code_hash: bytes) -> UUID | None:
    """The credit that a code's keyed hash stands for."""
    row = await db.fetch_one(_Q["credit_of_code"], code_hash)
    return None if row is None else row["credit_id"]


async def credits_of_transaction(db: Db, transaction_id: str) -> list[UUID]:
    """The credits on which this register transaction or order left an event; at most 50."""
    return [row["credit_id"] for row in await db.fetch(_Q["credits_of_transaction"], transaction_id)]


async def credit_of_key(db: Db, key: str) -> UUID | None:
    """The credit that an idempotency key was about."""
    row = await db.fetch_one(_Q["request"], key)
    return None if row is None else row["credit_id"]


async def refusals_of_credit(db: Db, credit_id: UUID) -> list[RefusedRequest]:
    """What was refused of a credit, oldest first; at most 200."""
    rows = await db.fetch(_Q["refusals_of_credit"], credit_id)
    return [RefusedRequest(r["key"], Verb(r["verb"]), REFUSAL_BY_CODE[r["refusal"]], r["recorded_at"]) for r in rows]


async def refused_request(db: Db, key: str) -> RefusedRequest | None:
    """The stored refusal of a key, or None when the key is unknown or was not refused."""
    row = await db.fetch_one(_Q["request"], key)
    if row is None or row["refusal"] is None:
        return None
    return RefusedRequest(row["key"], Verb(row["verb"]), REFUSAL_BY_CODE[row["refusal"]], row["recorded_at"])


async def statement(db: Db, credit_id: UUID, after: int = 0, limit: int = 200) -> list[Line]:
    """The facts on a credit, oldest first, from the version behind `after`."""
    return [_line(row) for row in await db.fetch(_Q["statement"], credit_id, after, limit)]


async def balance_at(db: Db, credit_id: UUID, moment: datetime, *, occurred: bool) -> Money | None:
    """What a credit held at a moment: by when things happened (`occurred`) or by when they were recorded.

    None when there is no such credit; zero before it was issued.
    """
    row = await db.fetch_one(_Q["balance_occurred" if occurred else "balance_recorded"], credit_id, moment)
    return None if row is None else Money(row["balance"] or 0, row["currency"])


async def totals(db: Db) -> list[Total]:
    """What each account holds, by currency and account. Reads every entry."""
    return [Total(r["account"], r["currency"], r["amount"], r["entries"]) for r in await db.fetch(_Q["totals"])]


async def issued_since(db: Db, moment: datetime) -> tuple[int, int]:
    """How many credits were recorded as issued since a moment, and in how many stores."""
    row = await db.fetch_one(_Q["issued_since"], moment)
    return (0, 0) if row is None else (row["issued"], row["stores"])


def _origin(row: Row) -> Origin:
    return Origin(row["store"], row["register"], row["operator"], row["transaction_id"])


def _credit_now(row: Row) -> CreditNow:
    return CreditNow(
        credit_id=row["credit_id"],
        kind=row["kind"],
        bucket=row["bucket"],
        currency=row["currency"],
        code_last4=row["code_last4"],
        expires_at=row["expires_at"],
        version=row["version"],
        balance=row["balance"],
        issued=row["issued"],
        state=State(row["state"]),
        owner=row["owner"],
        issue_event_id=row["issue_event_id"],
        issue_key=row["issue_key"],
        origin=_origin(row),
        occurred_at=row["occurred_at"],
        recorded_at=row["recorded_at"],
    )


def _line(row: Row) -> Line:
    return Line(
        version=row["version"],
        event_id=row["event_id"],
        verb=Verb(row["verb"]),
        amount=row["amount"],
        balance=row["balance"],
        currency=row["currency"],
        state=State(row["state"]),
        owner=row["owner"],
        house=row["house"] or "",
        key=row["key"],
        origin=_origin(row),
        reason=row["reason"],
        actor=row["actor"],
        occurred_at=row["occurred_at"],
        recorded_at=row["recorded_at"],
    )
