"""The only file of this package that runs SQL: the history of the map."""

from datetime import datetime
from typing import Final

from tillbridge.kernel.db import Db, Row, load_queries
from tillbridge.stack.edition import Edition, canonical, changes, print_of
from tillbridge.stack.model import Stack

_Q: Final = load_queries("stack")


async def record(db: Db, stack: Stack, at: datetime, by: str) -> Edition:
    """The newest edition, which is this map: a further one is written when the map has changed since the last.

    Hubs that start together with the same map write it once. Raises DatabaseError.
    """
    data = canonical(stack)
    print_ = print_of(data)
    while True:
        last = await newest(db)
        if last is not None and last.print == print_:
            return last
        number = last.number + 1 if last else 1
        told = changes(last.map if last else None, data)
        await db.execute(_Q["add"], number, at, by, print_, data, list(told))


async def newest(db: Db) -> Edition | None:
    """The edition that was recorded last; None before any hub has run. Raises DatabaseError."""
    row = await db.fetch_one(_Q["newest"])
    return _edition(row) if row else None


async def editions(db: Db, most: int = 1000) -> tuple[Edition, ...]:
    """The history, newest first. Raises DatabaseError."""
    return tuple(map(_edition, await db.fetch(_Q["editions"], most)))


def _edition(row: Row) -> Edition:
    return Edition(**{**row, "changes": tuple(row["changes"])})
