"""Runs this folder's queries: all of them read."""

from datetime import datetime, timedelta
from typing import Final

from tillbridge.handoff.body import event_body
from tillbridge.handoff.measure.model import Issued, Outcome, Span
from tillbridge.handoff.model import Claimed, Lease
from tillbridge.kernel.db import Db, Row, load_queries
from tillbridge.stack.example import Example

_Q: Final = load_queries("handoff/measure")


async def spans(db: Db, since: datetime) -> tuple[Span, ...]:
    """From ready to confirmed, by hop, of what was recorded since a moment. Raises DatabaseError."""
    return tuple(
        Span(row["hop"], row["count"], row["late"], _span(row["p50_ms"]), _span(row["p95_ms"]))
        for row in await db.fetch(_Q["spans"], since)
    )


async def outcomes(db: Db, since: datetime, at: datetime, unknown_before: datetime) -> tuple[Outcome, ...]:
    """Where the handoffs stand that were recorded since a moment, by hop. Raises DatabaseError."""
    return tuple(Outcome(**row) for row in await db.fetch(_Q["outcomes"], since, at, unknown_before))


async def issued(db: Db, since: datetime) -> Issued:
    """Credits issued since a moment. Raises DatabaseError."""
    row = await db.fetch_one(_Q["issued"], since)
    return Issued(row["issued"], row["unlinked"]) if row else Issued(0, 0)


async def newest(db: Db, hop: str) -> Example | None:
    """The newest event of a hop, as the hub has it before any transformation. Raises DatabaseError."""
    row = await db.fetch_one(_Q["newest"], hop)
    if row is None:
        return None
    claimed = _claimed(row)
    return Example(event_body(claimed), claimed.recorded_at, claimed.change, claimed.bucket, claimed.born_on, real=True)


def _claimed(row: Row) -> Claimed:
    """As a worker would have it, under a lease that nobody holds."""
    lease = Lease(row["credit_id"], row["hop"], row["version"], 0, "send", 1, 0, 0, "")
    return Claimed(lease, **{name: value for name, value in row.items() if name not in {"credit_id", "hop", "version"}})


def _span(milliseconds: int) -> timedelta:
    return timedelta(milliseconds=milliseconds)
