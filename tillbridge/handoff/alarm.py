"""What wakes the delivery loop: a hint, an answer that came in, or the time of a retry."""

import asyncio
import heapq
from datetime import datetime

from tillbridge.kernel.clock import Clock


class Alarm:
    """Rung by anyone in the loop's thread, or set for a moment of the clock; waited for by the loop alone."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._rung = asyncio.Event()
        self._set: list[tuple[datetime, str]] = []

    def ring(self) -> None:
        """Wake the loop now."""
        self._rung.set()

    def ring_at(self, moment: datetime, hop: str) -> None:
        """Wake the loop at this moment, on account of this hop."""
        heapq.heappush(self._set, (moment, hop))

    async def wait(self, seconds: float) -> set[str]:
        """Until it rings or one that was set goes off, or this long; the hops whose moment has come."""
        if self._set:
            seconds = min(seconds, (self._set[0][0] - self._clock.now()).total_seconds())
        if not self._rung.is_set():
            try:
                async with asyncio.timeout(max(0.0, seconds)):
                    await self._rung.wait()
            except TimeoutError:
                pass
        self._rung.clear()
        # Whatever else is about to ring in this pass of the event loop joins in.
        await asyncio.sleep(0)
        now, come = self._clock.now(), set[str]()
        while self._set and self._set[0][0] <= now:
            come.add(heapq.heappop(self._set)[1])
        return come
