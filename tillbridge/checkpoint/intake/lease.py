"""A source that this process has for a while: held by a heartbeat, and fenced by its token."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from typing import Any, Final

from tillbridge.checkpoint.intake.model import LeaseLost
from tillbridge.handoff.inbound import store
from tillbridge.handoff.inbound.model import SourceNow
from tillbridge.kernel.clock import Clock
from tillbridge.kernel.db import Db
from tillbridge.kernel.errors import DatabaseError

LEASE: Final = timedelta(seconds=15)
"""How long a source stays with a hub that says nothing any more."""

_BEAT: Final = LEASE / 4


class Held:
    """One source, for one run."""

    def __init__(self, db: Db, clock: Clock, source: SourceNow) -> None:
        self._db = db
        self._clock = clock
        self.source = source
        self._lost = False

    def check(self) -> None:
        """Raises LeaseLost when somebody else has the source by now."""
        if self._lost:
            raise LeaseLost(f"Another hub has the source {self.source.name} by now.")

    async def move(self, cursor: Mapping[str, Any]) -> None:
        """Note how far a feed has been read. Raises LeaseLost, DatabaseError."""
        self._lost = not await store.renew(self._db, self.source, self._clock.now() + LEASE, cursor)
        self.check()

    async def beat(self) -> None:
        """Hold on to the lease until it is lost. A database that is away for a while loses it by itself."""
        while not self._lost:
            await asyncio.sleep(_BEAT.total_seconds())
            with suppress(DatabaseError):
                self._lost = not await store.renew(self._db, self.source, self._clock.now() + LEASE)


@asynccontextmanager
async def held(db: Db, clock: Clock, source: SourceNow) -> AsyncIterator[Held]:
    """Hold a source that was leased, as long as the block lasts."""
    holding = Held(db, clock, source)
    beating = asyncio.create_task(holding.beat())
    try:
        yield holding
    finally:
        beating.cancel()
        await asyncio.wait([beating])
