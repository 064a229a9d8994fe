"""The only file of this package that runs SQL."""

from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import Any, Final
from uuid import UUID

from msgspec import structs

from tillbridge.kernel.db import Db, Row, Tx, load_queries
from tillbridge.kernel.errors import DatabaseFault, TryAgain
from tillbridge.kernel.money import Money
from tillbridge.ledger.model import (
    REFUSAL_BY_CODE,
    Answer,
    CreditNow,
    Ended,
    Hold,
    KeptCode,
    Line,
    Origin,
    Past,
    Posted,
    Posting,
    RefusedRequest,
    State,
    Total,
    Use,
    Verb,
)

_Q = load_queries("ledger")
_CLASHES: Final = frozenset(
    {"request_pkey", "code_pkey", "event_pkey", "entry_pkey", "credit_pkey", "hold_pkey", "usage_pkey"}
)
"""Primary keys on which two hubs that post the same thing at once meet: the later one has only to try again."""

_NO_TIME: Final = datetime(1, 1, 2, tzinfo=UTC)
_NO_ID: Final = UUID(int=0)
_NO_VERSION: Final = 2**31 - 1

_VERBS: Final = {verb.value: verb for verb in Verb}
_STATES: Final = {state.value: state for state in State}


def command_row(ordinal: int, posting: Posting) -> tuple[Any, ...]:
    """A posting as a value of the type ledger.command, field by field in the order of decide.sql."""
    birth, amount, origin = posting.birth, posting.amount, posting.origin
    head = (
        ordinal,
        posting.key,
        posting.verb.value,
        posting.credit_id,
        posting.event_id,
        None if amount is None else amount.minor,
        None if amount is None else amount.currency,
        posting.house,
        posting.request,
        posting.actor,
        posting.approver,
        origin.store,
        origin.register,
        origin.operator,
        origin.transaction_id,
        posting.cause,
        posting.reason,
        posting.occurred_at,
    )
    uses = [_use_row(use) for use in posting.uses] if posting.uses else None
    tail = (posting.expires_at, posting.ceiling, uses, *_further(posting))
    if birth is None:
        return (*head, None, posting.owner, *_NO_BIRTH, *tail)
    return (
        *head,
        None if birth.state is None else birth.state.value,
        birth.owner,
        birth.kind,
        birth.bucket,
        birth.code_hash,
        birth.pin_hash,
        birth.code_last4,
        birth.cohort_date,
        birth.priority,
        *tail,
    )


_NO_BIRTH: Final = (None,) * 7
_PLAIN: Final = (None, None, False, False, None, None, None, None)
_PLAIN_VERBS: Final = frozenset({Verb.ISSUE, Verb.IMPORT, Verb.LOAD, Verb.CLAIM})


def _further(posting: Posting) -> tuple[Any, ...]:
    """The fields from hold_id on; most commands have none of them."""
    if posting.verb in _PLAIN_VERBS:
        return _PLAIN
    return (
        posting.hold_id,
        posting.hold_ends,
        posting.whole,
        posting.down,
        posting.expected,
        posting.other_id,
        list(posting.others) if posting.others else None,
        list(posting.other_events) if posting.other_events else None,
    )


def _use_row(use: Use) -> tuple[str, date, int | None, int | None, UUID | None]:
    return (use.subject, use.day, use.amount_max, use.count_max, use.credit_id)


def answers_of(postings: Sequence[Posting], rows: Sequence[Row]) -> list[Answer]:
    """Outcome rows, in order, as the answers to their postings."""
    answers: list[Answer] = []
    parts: list[Posted] = []
    for row in reversed(rows):
        # Backwards, so that the parts of a command are at hand when its first row comes.
        if row["part"]:
            parts.append(_posted(row))
            continue
        answers.append(_answer(postings[row["ordinal"]], row, tuple(reversed(parts))))
        parts.clear()
    answers.reverse()
    return answers


def _answer(posting: Posting, row: Row, parts: tuple[Posted, ...]) -> Answer:
    refusal = row["refusal"]
    result = REFUSAL_BY_CODE[refusal] if refusal is not None else _posted(row, parts)
    if not row["replay"]:
        return Answer(posting.key, row["credit_id"], result, False)
    elsewhere = tuple(zip(row["others"] or (), row["versions"] or (), strict=True))
    return Answer(posting.key, row["credit_id"], result, True, row["request"], elsewhere)


def _posted(row: Row, parts: tuple[Posted, ...] = ()) -> Posted:
    return Posted(
        row["credit_id"],
        row["event_id"],
        row["version"],
        _VERBS[row["verb"]],
        row["amount"],
        row["change"],
        row["balance"],
        row["held"],
        _STATES[row["state"]],
        row["owner"],
        row["expires_at"],
        row["hold_id"],
        row["hold_left"],
        row["currency"],
        row["occurred_at"],
        row["recorded_at"],
        parts,
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
    return answers_of(postings, outcomes)


async def whole(db: Db, answer: Answer) -> Answer:
    """A replayed answer with the parts of a command on several credits. Raises DatabaseError."""
    if not answer.elsewhere or not isinstance(answer.result, Posted):
        return answer
    credits, versions = zip(*answer.elsewhere, strict=True)
    rows = await db.fetch(_Q["events"], list(credits), list(versions))
    result = structs.replace(answer.result, parts=tuple(_posted(row) for row in rows))
    return Answer(answer.key, answer.credit_id, result, True, answer.request)


async def credit_now(db: Db | Tx, credit_id: UUID) -> CreditNow | None:
    """A credit as it stands, or None when there is none of this id."""
    row = await db.fetch_one(_Q["credit_now"], credit_id)
    return None if row is None else _credit_now(row)


async def credits_of_owner(db: Db, *owners: UUID) -> list[CreditNow]:
    """All credits of a person, who may have several ids, oldest first."""
    return [_credit_now(row) for row in await db.fetch(_Q["credits_of_owner"], owners)]


async def page_of_credits(db: Db, after: UUID, limit: int) -> list[CreditNow]:
    """Credits in the order of their ids, behind `after`; begin with UUID(int=0)."""
    return [_credit_now(row) for row in await db.fetch(_Q["page_of_credits"], after, limit)]


async def credit_of_code(db: Db, code_hash: bytes) -> UUID | None:
    """The credit that a code's keyed hash stands for."""
    row = await db.fetch_one(_Q["credit_of_code"], code_hash)
    return None if row is None else row["credit_id"]


async def credits_of_codes(db: Db | Tx, code_hashes: Sequence[bytes]) -> dict[bytes, UUID]:
    """The credits that keyed hashes of codes stand for, by hash; those of no code are left out. Raises
    DatabaseError."""
    rows = await db.fetch(_Q["credits_of_codes"], code_hashes)
    return {row["code_hash"]: row["credit_id"] for row in rows}


async def kept_code(db: Db, code_hash: bytes) -> KeptCode | None:
    """What is kept of a code, by its keyed hash; None when there is none. Raises DatabaseError."""
    row = await db.fetch_one(_Q["kept_code"], code_hash)
    return None if row is None else KeptCode(row["credit_id"], row["pin_hash"], row["owner"])


async def credits_of_transaction(db: Db, transaction_id: str) -> list[UUID]:
    """The credits on which this register transaction or order left an event; at most 50."""
    return [row["credit_id"] for row in await db.fetch(_Q["credits_of_transaction"], transaction_id)]


async def credit_of_key(db: Db, key: str) -> UUID | None:
    """The credit that an idempotency key was about."""
    row = await db.fetch_one(_Q["request"], key)
    return None if row is None else row["credit_id"]


async def past(db: Db, credit_id: UUID) -> Past:
    """What a credit has been through. Raises DatabaseError."""
    row = await db.fetch_one(_Q["past"], credit_id)
    return Past(0, False) if row is None else Past(row["put_on"], row["used"])


async def since_claim(db: Db | Tx, credit_id: UUID, before: int = _NO_VERSION) -> tuple[int, bool]:
    """What a credit held when it was claimed, in minor units, and whether money came or went on it after that, before
    the version `before`. Raises DatabaseError."""
    row = await db.fetch_one(_Q["since_claim"], credit_id, before)
    return (0, True) if row is None else (row["balance"], row["moved"])


async def left_with(db: Db | Tx, owners: Sequence[UUID], since: datetime = _NO_TIME) -> list[UUID]:
    """The credits of these owners on which something is left and that came to them since a moment. Raises
    DatabaseError."""
    return [row["credit_id"] for row in await db.fetch(_Q["left_with"], list(owners), since)]


async def state_before(tx: Db | Tx, credit_id: UUID, version: int) -> State | None:
    """How a credit stood before the event of this version. Raises DatabaseError."""
    row = await tx.fetch_one(_Q["state_before"], credit_id, version)
    return None if row is None else State(row["state"])


async def credit_of_hold(db: Db, hold_id: UUID) -> UUID | None:
    """The credit that a hold is on; None when no hold has this id. Raises DatabaseError."""
    row = await db.fetch_one(_Q["hold"], hold_id)
    return None if row is None else row["credit_id"]


async def holds_of_credit(db: Db, credit_id: UUID) -> list[Hold]:
    """The open holds of a credit, the first to end first. Raises DatabaseError."""
    return [Hold(**dict(row)) for row in await db.fetch(_Q["holds_of_credit"], credit_id)]


async def ended_holds(db: Db, at: datetime, limit: int) -> list[Hold]:
    """Open holds whose time is up. Raises DatabaseError."""
    return [Hold(**dict(row)) for row in await db.fetch(_Q["ended_holds"], at, limit)]


async def ended_credits(db: Db, at: datetime, after: Ended | None, limit: int) -> list[Ended]:
    """Credits whose last moment has passed and that nothing holds, behind `after`. Raises DatabaseError."""
    moment, credit_id = (_NO_TIME, _NO_ID) if after is None else (after.expires_at, after.credit_id)
    return [Ended(**dict(row)) for row in await db.fetch(_Q["ended_credits"], at, moment, credit_id, limit)]


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


async def totals(db: Db, *, in_full: bool = False) -> list[Total]:
    """What each account holds, by currency and account; `in_full` by bucket, store and state as well.

    Reads totals that are kept, never the entries. Raises DatabaseError.
    """
    return [Total(**dict(row)) for row in await db.fetch(_Q["totals_in_full" if in_full else "totals"])]


async def fold(db: Db) -> int:
    """Fold what recent commits did to the totals into them; how many rows went. Raises DatabaseError."""
    row = await db.fetch_one(_Q["fold"])
    return int(row["folded"]) if row else 0


async def forget_usage(db: Db, before: date) -> int:
    """Forget the counters of limits of days before this one; how many. Raises DatabaseError."""
    return await db.execute(_Q["forget_usage"], before)


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
        cohort_date=row["cohort_date"],
        priority=row["priority"],
        issuer=row["issuer"],
        replaces=row["replaces"],
        expires_at=row["expires_at"],
        version=row["version"],
        balance=row["balance"],
        held=row["held"],
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
        change=row["change"],
        balance=row["balance"],
        held=row["held"],
        currency=row["currency"],
        state=State(row["state"]),
        owner=row["owner"],
        hold_id=row["hold_id"],
        house=row["house"] or "",
        key=row["key"],
        origin=_origin(row),
        cause=row["cause"],
        reason=row["reason"],
        actor=row["actor"],
        approver=row["approver"],
        occurred_at=row["occurred_at"],
        recorded_at=row["recorded_at"],
    )
