"""The retailer's clock: when shops are open, when the books and the web store take what is new.

A moment is a whole number of seconds since 1970 on the retailer's own clock, which is five hours behind UTC all year.
Whole numbers, because a million credits have several moments each.
"""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from functools import cache
from random import Random
from typing import Final

OFFSET: Final = "-05:00"
BEHIND_UTC: Final = 5 * 3600
HOUR: Final = 3600
DAY: Final = 24 * HOUR

_OPENS: Final = 9 * HOUR
_OPEN: Final = 12 * HOUR
_BATCH: Final = 2 * HOUR
_POLL: Final = 12 * HOUR
_RUN: Final = 600
"""How long a run of the batch or of the poll takes, at most."""

_MINUTES: Final[Sequence[str]] = tuple(f"T{minute // 60:02}:{minute % 60:02}:" for minute in range(24 * 60))


def moment_of(time: datetime) -> int:
    """An aware time as a moment; parts of a second are left out."""
    return int(time.astimezone(UTC).timestamp() // 1) - BEHIND_UTC


def text_of(moment: int) -> str:
    """The moment as an export writes it: `2026-11-05T10:27:10-05:00`."""
    day, second = divmod(moment, DAY)
    return f"{_date(day)}{_MINUTES[second // 60]}{second % 60:02}{OFFSET}"


@cache
def _date(day: int) -> str:
    return (date(1970, 1, 1) + timedelta(days=day)).isoformat()


def open_before(moment: int) -> int:
    """How many seconds the shops were open before the moment; differences of it measure a span in opening hours."""
    day, second = divmod(moment, DAY)
    return day * _OPEN + min(max(second - _OPENS, 0), _OPEN)


def while_open(chance: Random, since: int, until: int) -> int:
    """A moment from `since` up to `until` (without it) at which the shops are open.

    Raises ValueError when they are shut all that time.
    """
    first, last = open_before(since), open_before(until)
    if first >= last:
        raise ValueError("the shops are shut all that time")
    day, second = divmod(first + int(chance.random() * (last - first)), _OPEN)
    return day * DAY + _OPENS + second


def batch_after(chance: Random, moment: int) -> int:
    """When the nightly batch books what was issued at the moment: the next 02:00, or within ten minutes of it."""
    return ((moment - _BATCH) // DAY + 1) * DAY + _BATCH + int(chance.random() * _RUN)


def poll_after(chance: Random, moment: int) -> int:
    """When the web store shows what was booked at the moment: the next 00:00 or 12:00, or within ten minutes of it."""
    return (moment // _POLL + 1) * _POLL + int(chance.random() * _RUN)
