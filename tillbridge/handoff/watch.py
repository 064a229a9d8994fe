"""What a deliverer looks after from time to time: leases that ran out, breakers that others moved, clocks that jump."""

import time
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from tillbridge.handoff import store
from tillbridge.handoff.breaker import Breaker, Gate
from tillbridge.handoff.lane import Lane
from tillbridge.handoff.retry import RETRY_AFTER_MAX
from tillbridge.handoff.route import onward
from tillbridge.kernel.clock import Clock
from tillbridge.kernel.db import Db
from tillbridge.stack.model import Stack
from tillbridge.stack.schedule import next_run

LOOK: Final = 0.5
"""Seconds between looks at what may have become due without a hint."""
SWEEP: Final = 1.0
"""Seconds between looks at leases and breakers."""
MEND: Final = 60.0
"""Seconds between looks at times that no clock in order would have written."""

_SKEW: Final = timedelta(minutes=1)


class Watch:
    """Looks around for one deliverer and marks its lanes. Intervals are in seconds of running, not of the clock."""

    def __init__(self, db: Db, stack: Stack, clock: Clock, lanes: Mapping[str, Lane]) -> None:
        self._db = db
        self._stack = stack
        self._lanes = lanes
        self._zone = ZoneInfo(stack.retailer.time_zone)
        self._lease_max = max((lane.lease for lane in lanes.values()), default=timedelta(0))
        self._looked = self._swept = self._mended = float("-inf")
        self._last = clock.now()
        self._known: dict[str, Breaker] = {}
        self._moved: set[str] = set()
        self.ready = False
        """Whether it has looked at everything once: before that, nothing is known of the breakers."""

    async def look_around(self, at: datetime) -> bool:
        """Do whatever it is time for; whether the lanes should have a turn. Raises DatabaseError; then it is done the
        next time."""
        running = time.monotonic()
        await self._write_breakers()
        if at < self._last:
            await self._mend(at, jumped=True)
        self._last = at
        if self._mended < 0:
            await store.mend_waiting(self._db, at, onward(self._stack, at))
        if running - self._mended >= MEND:
            await self._mend(at, jumped=False)
            self._mended = running
        if running - self._swept >= SWEEP:
            await self._sweep(at)
            self._swept = running
        if running - self._looked < LOOK:
            return False
        for lane in self._lanes.values():
            lane.woken = True
        self.ready = True
        self._looked = running
        return True

    async def _sweep(self, at: datetime) -> None:
        await store.expire(self._db, at, at + self._lease_max + _SKEW)
        stored = await store.breakers(self._db)
        for hop, breaker in stored.items():
            lane = self._lanes.get(hop)
            # Only what another deliverer has written since the last look: our own is newer than what we read.
            if lane and hop not in self._moved and breaker != self._known.get(hop):
                lane.breaker = breaker
        self._known = dict(stored)

    def moved(self, lane: Lane) -> None:
        """Remember that a lane's breaker has moved, to write it down."""
        self._moved.add(lane.hop.name)

    async def _write_breakers(self) -> None:
        if self._moved:
            written = {hop: self._lanes[hop].breaker for hop in self._moved}
            await store.set_breakers(self._db, written)
            self._known.update(written)
            self._moved -= {hop for hop, breaker in written.items() if self._lanes[hop].breaker is breaker}

    async def _mend(self, at: datetime, *, jumped: bool) -> None:
        """Bring back due times that lie further ahead than any retry; after a jump, all that lie ahead.

        A retry that comes a little early does no harm; one that waits for a clock to catch up may wait for years.
        """
        for lane in self._lanes.values():
            due_at = next_run(lane.hop, at, self._zone)
            ahead = timedelta(0) if jumped else lane.hop.backoff_max + RETRY_AFTER_MAX
            await store.mend_due(self._db, lane.hop.name, due_at + ahead, due_at)
            if jumped and lane.breaker.state is Gate.OPEN:
                lane.breaker = Breaker(Gate.OPEN, lane.breaker.failures, at, at)
