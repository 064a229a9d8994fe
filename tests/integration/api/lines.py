"""What the audit lines of a database say."""

from uuid import UUID

from tillbridge.api import store
from tillbridge.api.model import Line
from tillbridge.kernel.db import Db

NEWEST, OLDEST = UUID(int=(1 << 128) - 1), UUID(int=0)


async def written(db: Db) -> list[Line]:
    """All of them, newest first."""
    return await store.lines(db, NEWEST, OLDEST, 10_000)
