"""Time is handed in, so that a run is a seed and a test can jump."""

from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """Says what time it is."""

    def now(self) -> datetime:
        """The present moment, aware, in UTC."""


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """The present moment, aware, in UTC."""
        return datetime.now(UTC)


class SetClock:
    """A clock that stands still until it is moved; for tests and simulations."""

    def __init__(self, start: datetime) -> None:
        self._now = start.astimezone(UTC)

    def now(self) -> datetime:
        """The moment last set."""
        return self._now

    def move(self, by: timedelta) -> None:
        """Move the clock; a negative step is a clock that jumps back."""
        self._now += by


def parse_time(text: str) -> datetime:
    """ISO 8601 with an offset, to an aware UTC datetime.

    Raises ValueError when the text is no time or has no zone.
    """
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError("time without a zone")
    return moment.astimezone(UTC)


def time_text(moment: datetime) -> str:
    """A moment as the wire writes it: ISO 8601 in UTC, the same text for the same moment."""
    return moment.astimezone(UTC).isoformat()
