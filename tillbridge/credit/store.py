"""The only file of this package that runs SQL."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from tillbridge.credit.model import Work
from tillbridge.handoff.model import NewHandoff
from tillbridge.kernel.db import Db, Tx, load_queries
from tillbridge.kernel.errors import DatabaseFault
from tillbridge.kernel.money import exponent
from tillbridge.ledger.model import Answer
from tillbridge.ledger.store import answer_of, clash_or_fault, command_row

_Q = load_queries("credit")


async def commit_batch(
    db: Db, at: datetime, works: Sequence[Work], handoffs: Sequence[Sequence[NewHandoff]]
) -> list[Answer]:
    """Post a batch and hand off what was posted, in one round trip and one commit; one answer each, in order.

    `handoffs` holds those of each work. Raises TryAgain when another hub posted one of the keys at the same moment,
    DatabaseError otherwise; then nothing was written, or (DatabaseAway) nobody knows yet: the key will tell.
    """
    commands = [command_row(number, work.posting) for number, work in enumerate(works)]
    notices = [_notice(work) for work in works]
    rows = [_handoff(work, new) for work, mine in zip(works, handoffs, strict=True) for new in mine]
    try:
        outcomes = await db.fetch(_Q["commit_batch"], at, commands, notices, rows)
    except DatabaseFault as fault:
        raise clash_or_fault(fault) from fault
    return [answer_of(work.posting, row) for work, row in zip(works, outcomes, strict=True)]


def _handoff(work: Work, new: NewHandoff) -> tuple[Any, ...]:
    """A handoff as handoff.new_handoff; its version is the ledger's to say."""
    posting = work.posting
    head = (posting.credit_id, None, posting.event_id, new.hop, new.state.value, new.waits_for)
    return (*head, new.due_at, new.deadline, new.reason_code, new.reason)


def _notice(work: Work) -> tuple[UUID, str, int, Mapping[str, Any]]:
    currency = work.facts.amount.currency
    return (work.posting.event_id, currency, exponent(currency), work.payload)


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
