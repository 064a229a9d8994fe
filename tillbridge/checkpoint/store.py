"""The only file of this package that runs SQL."""

import base64
import binascii
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from tillbridge.kernel.db import Db, Row, Tx, load_queries
from tillbridge.kernel.errors import BadInput

_Q = load_queries("checkpoint")
_BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class KeptVoucher:
    """A voucher as it is kept: whose credit it is, and when it was made and claimed."""

    credit_id: UUID
    made_at: datetime
    claimed_at: datetime | None


@dataclass(frozen=True, slots=True)
class Review:
    """An item in the queue for a person."""

    review_id: UUID
    credit_id: UUID
    cause: str
    sentence: str
    given: Mapping[str, str]
    candidates: Sequence[Mapping[str, Any]]
    state: str
    opened_at: datetime
    done_at: datetime | None
    done_by: str


@dataclass(frozen=True, slots=True)
class Decision:
    """What a person decided, with the evidence. `what` is a word of `checkpoint.decision`; ids as far as they apply."""

    decision_id: UUID
    key: str
    request: Mapping[str, Any]
    what: str
    review_id: UUID | None
    credit_id: UUID | None
    customer_id: UUID | None
    new_credit_id: UUID | None
    undoes: UUID | None
    evidence: str
    decided_by: str
    decided_at: datetime


@dataclass(frozen=True, slots=True)
class Tried:
    """A one-time code at which somebody just tried. `tries` counts this one."""

    contact_kind: str
    contact: str
    code_hash: bytes
    tries: int
    expires_at: datetime
    used_at: datetime | None


def write_place(opened_at: datetime, item_id: UUID) -> str:
    """The place of a review or a conflict in its queue, as a text that can stand in an address."""
    return base64.urlsafe_b64encode(f"{opened_at.isoformat()}|{item_id}".encode()).decode()


def read_place(cursor: str, field: str = "cursor") -> tuple[datetime, UUID] | None:
    """A place in the queue; None for blank, the beginning. Raises BadInput for what is none of ours."""
    if not cursor:
        return None
    try:
        opened_at, _, review_id = base64.urlsafe_b64decode(cursor).decode().partition("|")
        place = datetime.fromisoformat(opened_at), UUID(review_id)
    except (ValueError, binascii.Error):
        place = None
    if place is None or place[0].tzinfo is None:
        mend = "Send what the page before answered as next, or nothing."
        raise BadInput(field, "this is no cursor of ours", mend)
    return place


async def open_voucher(tx: Tx, token_hash: bytes, credit_id: UUID, at: datetime) -> None:
    """Keep the voucher of a credit; a second call changes nothing."""
    await tx.execute(_Q["open_voucher"], token_hash, credit_id, at)


async def open_review(tx: Tx, review: Review) -> None:
    """Queue a credit for a person; a second call for the same credit changes nothing."""
    await tx.execute(
        _Q["open_review"],
        review.review_id,
        review.credit_id,
        review.cause,
        review.sentence,
        dict(review.given),
        list(review.candidates),
        review.opened_at,
    )


async def voucher_of_token(db: Db, token_hash: bytes) -> KeptVoucher | None:
    """The voucher that a claim address stands for."""
    return _voucher(await db.fetch_one(_Q["voucher_of_token"], token_hash))


async def voucher_of_credit(db: Db, credit_id: UUID) -> KeptVoucher | None:
    """The voucher of a credit."""
    return _voucher(await db.fetch_one(_Q["voucher_of_credit"], credit_id))


async def review_of_credit(db: Db | Tx, credit_id: UUID) -> Review | None:
    """The review of a credit, open or done."""
    row = await db.fetch_one(_Q["review_of_credit"], credit_id)
    return None if row is None else _review(row)


async def open_reviews(db: Db, after: tuple[datetime, UUID] | None, limit: int) -> list[Review]:
    """What waits for a person, oldest first, behind the cursor `after` (opened_at, review_id)."""
    opened_at, review_id = after or (_BEGINNING, UUID(int=0))
    return [_review(row) for row in await db.fetch(_Q["open_reviews"], opened_at, review_id, limit)]


async def count_open_reviews(db: Db) -> int:
    """How many wait for a person."""
    row = await db.fetch_one(_Q["count_open_reviews"])
    return 0 if row is None else int(row["waiting"])


async def count_vouchers(db: Db) -> tuple[int, int]:
    """How many vouchers were made, and how many of them were claimed."""
    row = await db.fetch_one(_Q["count_vouchers"])
    return (0, 0) if row is None else (row["made"], row["claimed"])


async def without_voucher(db: Db, since: datetime, until: datetime) -> list[UUID]:
    """Unclaimed credits recorded between two moments that have no voucher; at most 1,000."""
    return [row["credit_id"] for row in await db.fetch(_Q["without_voucher"], since, until)]


async def close_settled(db: Db, at: datetime) -> int:
    """Close reviews whose credit is claimed or void by now; how many there were, at most 1,000."""
    return await db.execute(_Q["close_settled"], at)


@dataclass(frozen=True, slots=True)
class Asked:
    """A one-time code that was asked for: how it went out, how often it was tried, when it was used."""

    contact_kind: str
    tries: int
    made_at: datetime
    used_at: datetime | None


async def challenges_of_credit(db: Db, credit_id: UUID) -> list[Asked]:
    """The one-time codes asked for on a credit, oldest first; at most 200."""
    return [Asked(**dict(row)) for row in await db.fetch(_Q["challenges_of_credit"], credit_id)]


async def lock_voucher(tx: Tx, credit_id: UUID) -> None:
    """Take the voucher of a credit until the transaction ends."""
    await tx.execute(_Q["lock_voucher"], credit_id)


async def take_turn(tx: Tx, contact_hash: bytes, at: datetime) -> None:
    """Take the row of an address until the transaction ends: whoever asks for it on another voucher waits."""
    await tx.execute(_Q["take_turn"], contact_hash, at)


async def recent_challenges(tx: Tx, credit_id: UUID, contact: str, since: datetime) -> tuple[int, int, int]:
    """How many codes were sent since then: for this credit, to this address, and to this address for this credit."""
    row = await tx.fetch_one(_Q["recent_challenges"], credit_id, contact, since)
    return (0, 0, 0) if row is None else (row["of_credit"], row["of_contact"], row["of_both"])


async def keep_challenge(
    tx: Tx,
    challenge_id: UUID,
    credit_id: UUID,
    contact: tuple[str, str],
    code_hash: bytes,
    times: tuple[datetime, datetime],
    *,
    sent: bool,
) -> UUID:
    """Keep a one-time code. `contact` is kind and value, `times` when it was made and when it expires. Its id: another
    one where it was not sent, and one before it was not either."""
    kept = await tx.fetch_one(_Q["keep_challenge"], challenge_id, credit_id, *contact, code_hash, *times, sent)
    return challenge_id if kept is None else kept["challenge_id"]


async def forget(db: Db, contacts_before: datetime, given_before: datetime) -> None:
    """Blank where codes were sent before a moment, and what registers sent for reviews that were done before another;
    at most 1,000 of each. Raises DatabaseError."""
    await db.execute(_Q["forget_contacts"], contacts_before)
    await db.execute(_Q["forget_turns"], contacts_before)
    await db.execute(_Q["forget_given"], given_before)


async def try_challenge(db: Db, challenge_id: UUID, credit_id: UUID) -> Tried | None:
    """Count a try at a code; the code as kept, or None when it does not belong to this credit."""
    row = await db.fetch_one(_Q["try_challenge"], challenge_id, credit_id)
    return None if row is None else Tried(**dict(row))


async def finish_claim(tx: Tx, challenge_id: UUID, credit_id: UUID, at: datetime, by: str) -> None:
    """The claim is through: its code is used, its voucher claimed, its review done."""
    await tx.execute(_Q["use_challenge"], challenge_id, at)
    await tx.execute(_Q["mark_claimed"], credit_id, at)
    await tx.execute(_Q["finish_review"], credit_id, at, by)


async def review(db: Db, review_id: UUID) -> Review | None:
    """One review, open or done."""
    row = await db.fetch_one(_Q["review"], review_id)
    return None if row is None else _review(row)


async def finish_review(tx: Tx, credit_id: UUID, at: datetime, by: str) -> bool:
    """The review of a credit is done; its voucher stays as it is. Whether it was open."""
    return await tx.execute(_Q["finish_review"], credit_id, at, by) > 0


async def claimed_by_decision(tx: Tx, credit_id: UUID, at: datetime, by: str) -> bool:
    """A person linked the credit: its voucher is claimed, its review done. Whether that was open."""
    await tx.execute(_Q["mark_claimed"], credit_id, at)
    return await finish_review(tx, credit_id, at, by)


async def reopen_review(tx: Tx, review_id: UUID) -> bool:
    """A review waits again, if its credit does. Whether it does."""
    return await tx.execute(_Q["reopen_review"], review_id) > 0


async def keep_decision(tx: Tx, one: Decision) -> None:
    """Keep what a person decided. Raises DatabaseFault for a key that is taken, or a second undo."""
    await tx.execute(
        _Q["keep_decision"],
        one.decision_id,
        one.key,
        dict(one.request),
        one.what,
        one.review_id,
        one.credit_id,
        one.customer_id,
        one.new_credit_id,
        one.undoes,
        one.evidence,
        one.decided_by,
        one.decided_at,
    )


async def decision_of_key(db: Db, key: str) -> Decision | None:
    """What was decided under a key."""
    return _decision(await db.fetch_one(_Q["decision_of_key"], key))


async def decision(db: Db, decision_id: UUID) -> Decision | None:
    """One decision."""
    return _decision(await db.fetch_one(_Q["decision"], decision_id))


async def undo_of(db: Db, decision_id: UUID) -> Decision | None:
    """The decision that took this one back, if one did."""
    return _decision(await db.fetch_one(_Q["undo_of"], decision_id))


async def decisions_of_review(db: Db, review_id: UUID) -> list[Decision]:
    """What was decided about a review, newest first."""
    return [Decision(**dict(row)) for row in await db.fetch(_Q["decisions_of_review"], review_id)]


async def decisions_of_credit(db: Db, credit_id: UUID) -> list[Decision]:
    """What was decided about a credit, or brought it about, oldest first."""
    return [Decision(**dict(row)) for row in await db.fetch(_Q["decisions_of_credit"], credit_id)]


async def lately_decided(db: Db, limit: int) -> list[Decision]:
    """Links that a person decided and that have not been taken back, newest first."""
    return [Decision(**dict(row)) for row in await db.fetch(_Q["lately_decided"], limit)]


def _decision(row: Row | None) -> Decision | None:
    return None if row is None else Decision(**dict(row))


def _voucher(row: Row | None) -> KeptVoucher | None:
    return None if row is None else KeptVoucher(row["credit_id"], row["made_at"], row["claimed_at"])


def _review(row: Row) -> Review:
    return Review(**dict(row))
