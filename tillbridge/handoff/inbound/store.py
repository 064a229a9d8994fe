"""Sources, files, quarantine and messages in PostgreSQL: the only file of this part that runs SQL."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from tillbridge.handoff.inbound.model import FileSeen, Quarantined, RowState, SetAside, SourceNow
from tillbridge.kernel.db import Db, Row, load_queries
from tillbridge.kernel.ids import Ids

_Q: Final = load_queries("handoff/inbound")

HEARD_DAYS: Final = timedelta(days=30)
"""How long the ids of messages are kept: no sender repeats a message for longer."""

SKEW: Final = timedelta(minutes=1)
"""How far the clocks of two hubs may be apart before a lease of one is nothing to the other."""

NIL: Final = UUID(int=0)


async def plan(db: Db, name: str, rhythm: str, first: datetime, following: datetime) -> None:
    """Make a source known: it first runs at `first`; one of another rhythm runs at `following` at the latest. Raises
    DatabaseError."""
    await db.execute(_Q["plan"], name, rhythm, first, following)


async def sources(db: Db) -> Mapping[str, SourceNow]:
    """Every source that was ever planned, by name. Raises DatabaseError."""
    return {row["name"]: _source(row) for row in await db.fetch(_Q["sources"])}


async def lease(
    db: Db, name: str, at: datetime, until: datetime, latest: datetime, *, now: bool = False
) -> SourceNow | None:
    """Take a source that is due at `at`, or whatever its time where `now`; None when it is not due or somebody has it.

    A next run later than `latest` was set by a clock that ran ahead: then it is due; a lease that ends later than SKEW
    behind `until` as well: then it is free. Raises DatabaseError.
    """
    row = await db.fetch_one(_Q["lease"], name, at, until, latest, now, until + SKEW)
    return _source(row) if row else None


async def renew(db: Db, held: SourceNow, until: datetime, cursor: Mapping[str, Any] | None = None) -> bool:
    """Hold on to a lease, and move the cursor of a feed; False when somebody else has the source by now. Raises
    DatabaseError."""
    return await db.execute(_Q["renew"], held.name, held.token, until, cursor) == 1


async def end_run(
    db: Db, held: SourceNow, at: datetime, next_run: datetime, brought: Mapping[str, Any], trouble: str
) -> None:
    """End a run and give the lease back; nothing when somebody else has the source by now. Raises DatabaseError."""
    await db.execute(_Q["end_run"], held.name, held.token, at, next_run, brought, trouble)


async def file_of(db: Db, source: str, print_: bytes) -> FileSeen | None:
    """What became of a file of this content; None for one that is new. Raises DatabaseError."""
    row = await db.fetch_one(_Q["file_of"], source, print_)
    return FileSeen(**row) if row else None


async def note_file(
    db: Db,
    held: SourceNow,
    print_: bytes,
    name: str,
    state: str,
    at: datetime,
    *,
    reason: str = "",
    brought: Mapping[str, Any] | None = None,
) -> None:
    """Note that a file is `taken` or `set-aside`, as long as the lease is held. Raises DatabaseError."""
    await db.execute(_Q["note_file"], held.name, held.token, print_, name, state, reason, brought or {}, at)


async def set_aside(db: Db, source: str, at: datetime, ids: Ids, rows: Sequence[SetAside]) -> int:
    """Keep rows that cannot be taken in, each once; how many are new. Raises DatabaseError."""
    if not rows:
        return 0
    return await db.execute(
        _Q["set_aside"], source, at,
        sorted(ids.new() for _ in rows), [row.print for row in rows], [row.place for row in rows],
        [row.row_number for row in rows], [dict(row.raw) for row in rows], [row.field for row in rows],
        [row.problem for row in rows], [row.mend for row in rows], [row.refused for row in rows],
    )  # fmt: skip


async def open_rows(db: Db, source: str = "", after: UUID = NIL, limit: int = 200) -> list[Quarantined]:
    """Rows that wait to be mended, oldest first, behind an id; of all sources when it is blank. Raises
    DatabaseError."""
    return [_row(row) for row in await db.fetch(_Q["open_rows"], source, after, limit)]


async def rows_of(db: Db, ids: Sequence[UUID]) -> list[Quarantined]:
    """Rows by id, in whatever state. Raises DatabaseError."""
    return [_row(row) for row in await db.fetch(_Q["rows_of"], list(ids))]


async def replayed(db: Db, ids: Sequence[UUID], at: datetime) -> int:
    """Close rows that are taken in; how many were open. Raises DatabaseError."""
    return await db.execute(_Q["replayed"], list(ids), at)


async def dropped(db: Db, ids: Sequence[UUID], at: datetime) -> int:
    """Close rows for ever and forget what they say; how many were open. Raises DatabaseError."""
    return await db.execute(_Q["dropped"], list(ids), at)


async def still_bad(db: Db, row_id: UUID, row: SetAside) -> None:
    """A row was tried again and is still bad: why, by now. Raises DatabaseError."""
    await db.execute(_Q["still_bad"], row_id, row.field, row.problem, row.mend, row.refused)


async def quarantined(db: Db) -> Mapping[str, tuple[int, datetime]]:
    """How many rows wait, and since when the oldest, by source. Raises DatabaseError."""
    return {row["source"]: (row["rows"], row["oldest"]) for row in await db.fetch(_Q["quarantined"])}


async def heard_as(db: Db, system: str, message_id: str) -> bytes | None:
    """The SHA-256 of the message that did its work under this id of a system; None for an id that is new. Raises
    DatabaseError."""
    row = await db.fetch_one(_Q["heard_as"], system, message_id)
    return bytes(row["print"]) if row else None


async def hear(db: Db, system: str, message_id: str, print_: bytes, at: datetime) -> None:
    """Note that a message of this SHA-256 has done its work. Raises DatabaseError."""
    await db.execute(_Q["hear"], system, message_id, print_, at, at - HEARD_DAYS)


def _source(row: Row) -> SourceNow:
    return SourceNow(**row)


def _row(row: Row) -> Quarantined:
    return Quarantined(**{**row, "state": RowState(row["state"])})
