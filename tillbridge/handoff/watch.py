"""What a deliverer looks after from time to time: leases that ran out, breakers that others moved, clocks that jump,
and what another map left behind."""

import logging
import time
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from tillbridge.handoff import store
from tillbridge.handoff.breaker import Breaker, Gate
from tillbridge.handoff.lane import LEASE_LONGEST, Lane
from tillbridge.handoff.retry import RETRY_AFTER_MAX
from tillbridge.handoff.route import onward
from tillbridge.kernel.clock import Clock
from tillbridge.kernel.db import Db
from tillbridge.stack.model import Stack
from tillbridge.stack.schedule import next_run

LOOK: Final = 0.5
"""Seconds between looks at what may have become due without a hint."""
LOOK_BUSY: Final = 0.05
"""The same while there is something to find: another process puts it there and rings no bell here. Each look in vain
doubles it."""
SWEEP: Final = 1.0
"""Seconds between looks at leases and breakers."""
MEND: Final = 60.0
"""Seconds between looks at times that no clock in order would have written."""

_SKEW: Final = timedelta(minutes=1)
_log = logging.getLogger("tillbridge.handoff")
_SHARE: Final = 60.0
"""How many times as long as it took the next look at what waits is put off, where much waits."""


class Watch:
    """Looks around for one deliverer and marks its lanes. Intervals are in seconds of running, not of the clock."""

    def __init__(self, db: Db, stack: Stack, clock: Clock, lanes: Mapping[str, Lane]) -> None:
        self._db = db
        self._stack = stack
        self._lanes = lanes
        self._zone = ZoneInfo(stack.retailer.time_zone)
        self._looked = self._swept = self._mend_at = float("-inf")
        self._last = self._began = clock.now()
        self._known: dict[str, Breaker] = {}
        self._moved: set[str] = set()
        self.pause = LOOK
        """Seconds between looks, as things are."""
        self.ready = False
        """Whether it has looked at everything once: before that, nothing is known of the breakers."""

    async def look_around(self, at: datetime) -> bool:
        """Do whatever it is time for; whether the lanes should have a turn. Raises DatabaseError; then it is done the
        next time."""
        running = time.monotonic()
        await self._write_breakers()
        # A small step back is a clock being set right: no retry lies far enough ahead for it to matter.
        if at < self._last - _SKEW:
            await self._mend(at, jumped=True)
        self._last = at
        if running >= self._mend_at:
            more = await self._mend_waiting(at)
            await self._mend(at, jumped=False)
            took = time.monotonic() - running
            self._mend_at = running if more else running + max(MEND, took * _SHARE)
        if running - self._swept >= SWEEP:
            await self._sweep(at)
            self._swept = running
        if running - self._looked < self.pause:
            return False
        self.pause = min(LOOK, self.pause * 2)
        for lane in self._lanes.values():
            lane.woken = True
        self.ready = True
        self._looked = running
        return True

    async def _sweep(self, at: datetime) -> None:
        stored = await store.sweep(self._db, at, at + LEASE_LONGEST + _SKEW)
        for hop, breaker in stored.items():
            lane = self._lanes.get(hop)
            # Only what another deliverer has written since the last look: our own is newer than what we read.
            if lane and hop not in self._moved and breaker != self._known.get(hop):
                ahead = breaker.opened_at is not None and breaker.opened_at > at + _SKEW
                # One that was opened in time to come was opened by a clock that has jumped.
                lane.breaker = Breaker(breaker.state, breaker.failures, at, at) if ahead else breaker
        self._known = dict(stored)

    def found(self) -> None:
        """Something was there to be taken: there may soon be more."""
        self.pause = LOOK_BUSY

    def moved(self, lane: Lane) -> None:
        """Remember that a lane's breaker has moved, to write it down."""
        self._moved.add(lane.hop.name)

    async def _write_breakers(self) -> None:
        if self._moved:
            written = {hop: self._lanes[hop].breaker for hop in self._moved}
            await store.set_breakers(self._db, written)
            self._known.update(written)
            self._moved -= {hop for hop, breaker in written.items() if self._lanes[hop].breaker is breaker}

    async def _mend_waiting(self, at: datetime) -> bool:
        """Go on with what another map left behind; whether there is more of it.

        A hub on the map before this one may still write while it closes. What is recorded much later was recorded by a
        process whose map is newer than this one: that it has hops of its own is no reason to give them up.
        """
        hops = [hop.name for hop in self._stack.deliveries()]
        taken, _ = await store.mend_waiting(self._db, at, onward(self._stack, at), hops, self._began + _SKEW)
        if taken:
            _log.warning(
                "%s handoffs are on hops that the map no longer has: they are dead, and can be replayed.", taken
            )
        return taken > 0

    async def _mend(self, at: datetime, *, jumped: bool) -> None:
        """Bring back due times that lie further ahead than any retry; after a jump, all that no target asked for.

        A retry that comes a little early does no harm; one that waits for a clock to catch up may wait for years.
        """
        for lane in self._lanes.values():
            due_at = next_run(lane.hop, at, self._zone)
            latest = due_at if jumped else due_at + lane.hop.backoff_max + _SKEW
            asked = due_at + lane.hop.backoff_max + _SKEW + RETRY_AFTER_MAX
            await store.mend_due(self._db, lane.hop.name, due_at, latest, asked, at + _SKEW)
            if jumped and lane.breaker.state is Gate.OPEN:
                lane.breaker = Breaker(Gate.OPEN, lane.breaker.failures, at, at)
