"""The only file of this package that runs SQL."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from tillbridge.credit.approval import Approval, Decision
from tillbridge.credit.notices import Mail
from tillbridge.handoff.model import NewHandoff
from tillbridge.kernel.db import Db, Row, Tx, load_queries
from tillbridge.kernel.errors import DatabaseFault
from tillbridge.ledger.model import Answer, Posting
from tillbridge.ledger.store import answers_of, clash_or_fault, command_row

_Q = load_queries("credit")


async def commit_batch(db: Db | Tx, at: datetime, postings: Sequence[Posting], mail: Mail) -> list[Answer]:
    """Post a batch and hand off what was posted, in one round trip and one commit; one answer each, in order.

    Raises TryAgain when another hub posted one of the keys at the same moment, DatabaseError otherwise; then nothing
    was written, or (DatabaseAway) nobody knows yet: the key will tell.
    """
    commands = [command_row(number, posting) for number, posting in enumerate(postings)]
    hops = [
        (
            number,
            new.hop,
            new.state.value,
            new.waits_for,
            new.due_at,
            new.deadline,
            new.reason_code,
            new.reason,
            new.waits_past,
        )
        for number, route in enumerate(mail.routes)
        for new in route
    ]
    try:
        outcomes = await db.fetch(_Q["commit_batch"], at, commands, mail.notices, mail.classes, hops)
    except DatabaseFault as fault:
        raise clash_or_fault(fault) from fault
    return answers_of(postings, outcomes)


async def release_claim(tx: Tx, at: datetime, credit_id: UUID, owner: UUID, hops: Sequence[NewHandoff]) -> None:
    """Send what waited for the claim of this credit, each hop with its own due time and deadline."""
    customer = await tx.fetch_one(_Q["customer"], owner)
    names = [hop.hop for hop in hops]
    due, deadlines = [hop.due_at for hop in hops], [hop.deadline for hop in hops]
    told = None if customer is None else customer["customer"]
    await tx.fetch_one(_Q["release_claim"], at, credit_id, told, names, due, deadlines)


async def knows_a_secret(db: Db) -> bool:
    """Whether this database's codes were hashed with some secret already."""
    return await db.fetch_one(_Q["print"]) is not None


async def same_secret(db: Db, print_of_secret: str) -> bool:
    """Whether this database's codes were hashed with this secret. The first to ask sets it."""
    await db.execute(_Q["keep_print"], print_of_secret)
    row = await db.fetch_one(_Q["print"])
    return row is not None and row["print"] == print_of_secret


async def failures(db: Db, subjects: Sequence[str], starts: Sequence[datetime]) -> dict[str, int]:
    """How many look-ups failed, by subject, in the window of each that began then; none is left out."""
    return {row["subject"]: row["failures"] for row in await db.fetch(_Q["failures"], list(subjects), list(starts))}


async def count_failure(
    db: Db, subjects: Sequence[str], windows: Sequence[tuple[datetime, datetime]], over: datetime
) -> dict[str, int]:
    """Count a failed look-up for each subject in its window (start, end): how many each has by now, this one included.

    Windows that ended before `over` are swept, a few at a time.
    """
    starts, ends = [start for start, _ in windows], [end for _, end in windows]
    rows = await db.fetch(_Q["count_failure"], list(subjects), starts, ends, over)
    return {row["subject"]: row["failures"] for row in rows}


async def keep_approval(db: Db, waiting: Approval) -> Approval:
    """Keep a command that waits for a second person; what is kept under its key, which may be an earlier one."""
    row = (waiting.approval_id, waiting.key, waiting.request, waiting.command, waiting.asked_by, waiting.asked_at)
    await db.execute(_Q["keep_approval"], *row)
    return await approval_of_key(db, waiting.key) or waiting


async def approval_of_key(db: Db, key: str) -> Approval | None:
    """What waits, or waited, under an idempotency key. Raises DatabaseError."""
    row = await db.fetch_one(_Q["approval_of_key"], key)
    return None if row is None else _approval(row)


async def approval(db: Db, approval_id: UUID) -> Approval | None:
    """What waits, or waited, by its id. Raises DatabaseError."""
    row = await db.fetch_one(_Q["approval"], approval_id)
    return None if row is None else _approval(row)


async def waiting_approvals(
    db: Db, after: tuple[datetime, UUID], limit: int, place: str = "", register: str = ""
) -> list[Approval]:
    """What waits for a second person, oldest first, behind a time and an id: of one store (`place`) and one register,
    blank for all. Raises DatabaseError."""
    return [_approval(row) for row in await db.fetch(_Q["waiting_approvals"], *after, limit, place, register)]


async def decide_approval(
    db: Db, approval_id: UUID, decision: Decision, by: str, at: datetime, reason: str
) -> Approval | None:
    """Decide what waits; None when it does not wait any more, or `by` is who asked. Raises DatabaseError."""
    row = await db.fetch_one(_Q["decide_approval"], approval_id, decision.value, by, at, reason)
    return None if row is None else _approval(row)


async def close_approval(db: Db, approval_id: UUID, credit_id: UUID | None, refusal: str) -> None:
    """Note what came of an approved command, and forget the command. Raises DatabaseError."""
    await db.execute(_Q["close_approval"], approval_id, credit_id, refusal)


async def approvals_to_do(db: Db, before: datetime) -> list[Approval]:
    """What was approved before a moment and not carried out, at most 100. Raises DatabaseError."""
    return [_approval(row) for row in await db.fetch(_Q["approvals_to_do"], before)]


def _approval(row: Row) -> Approval:
    return Approval(**{**dict(row), "state": Decision(row["state"])})
