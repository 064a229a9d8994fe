"""A worker process of its own, for tests that kill one: it is given the addresses of a database and a target.

With a seed as well, its clock jumps about while it works: hours ahead and hours back.
"""

import asyncio
import random
import sys
import time
from datetime import datetime, timedelta

from tests.integration.handoff.parts import chain, delivering
from tillbridge.kernel.clock import SystemClock
from tillbridge.kernel.db import open_db

MIXED = "batch = 50"
PATIENT = 'trigger = "webhook"\nattempts = 60\nbackoff = "20ms"\nbackoff_max = "200ms"\ntimeout = "2s"'


class JumpingClock:
    """The machine's clock, that now and then goes somewhere else for a while."""

    def __init__(self, chance: random.Random) -> None:
        self._clock = SystemClock()
        self._chance = chance
        self._off = timedelta(0)
        self._until = 0.0

    def now(self) -> datetime:
        """What it shows."""
        if time.monotonic() > self._until:
            self._until = time.monotonic() + self._chance.uniform(0.5, 2.0)
            hours = self._chance.choice([0.0, 0.0, 0.02, -0.02, 2.0, -2.0, 40.0, -40.0])
            self._off = timedelta(hours=hours)
        return self._clock.now() + self._off


async def work(database_url: str, target_url: str, seed: str = "", takes: str = "") -> None:
    """Deliver until killed."""
    clock = JumpingClock(random.Random(seed)) if seed else SystemClock()
    stack = chain(target_url, PATIENT, takes=takes) if takes else chain(target_url)
    async with open_db(database_url) as db, delivering(db, stack, concurrency=16, clock=clock):
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(work(*sys.argv[1:]))
