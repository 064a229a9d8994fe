"""Clocks that never show the same moment twice, so that a key made of a place and a time is made once."""

from datetime import datetime, timedelta

from tillbridge.kernel.clock import Clock

_STEP = timedelta(milliseconds=1)


class Ticks:
    """One clock per place (a register, the web store's order counter), in whole milliseconds."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._last: dict[str, datetime] = {}

    def next(self, place: str) -> datetime:
        """The time at this place: at least one millisecond after the last time it was asked there."""
        now = self._clock.now()
        now = now.replace(microsecond=now.microsecond // 1000 * 1000)
        last = self._last.get(place)
        if last is not None and now <= last:
            now = last + _STEP
        self._last[place] = now
        return now
