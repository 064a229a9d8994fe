"""A worker process of its own, for tests that kill one: it is given the addresses of a database and a target."""

import asyncio
import sys

from tests.integration.handoff.parts import chain, delivering
from tillbridge.kernel.db import open_db


async def work(database_url: str, target_url: str) -> None:
    """Deliver until killed."""
    async with open_db(database_url) as db, delivering(db, chain(target_url), concurrency=16):
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(work(*sys.argv[1:3]))
