"""How many promises were kept: of the handoffs whose deadline has passed, those that were confirmed before it.

A handoff is looked at once, when the promise of its hop has run out for whatever was recorded when it was; so a look
costs the rows of the time since the look before, whatever the history. Pure: spans of time in, counts out.
"""

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from tillbridge.handoff.model import Kept, Ripe
from tillbridge.handoff.route import times
from tillbridge.stack.model import Hop, Stack

STEP: Final = timedelta(seconds=5)
"""Time is looked at in steps as long as this."""

STEPS_MAX: Final = 120
"""Steps taken at a look: after a long time without one it takes several to catch up, and none takes long."""

WINDOW: Final = timedelta(hours=1)
"""How far back the ratio of late goes."""


def promised_by(stack: Stack, hop: Hop, recorded_at: datetime) -> datetime:
    """By when a hop is to have confirmed what was recorded at a moment, if each hop before it takes all its time."""
    before = stack.upstream(hop)
    ready_at = promised_by(stack, before, recorded_at) if before else recorded_at
    return times(stack, hop, ready_at)[1]


@dataclass(slots=True)
class _Book:
    """One hop: up to where it was looked at, and what was found: altogether, and in the last hour."""

    edge: datetime
    due: int = 0
    kept: int = 0
    recent: deque[tuple[datetime, int, int]] = field(default_factory=deque)


class Promises:
    """Keeps count for one hub, from when it started."""

    def __init__(self, stack: Stack, start: datetime) -> None:
        self._stack = stack
        self._hops = {hop.name: hop for hop in stack.deliveries()}
        self._books = {hop.name: _Book(start) for hop in stack.deliveries()}

    def ripe(self, at: datetime) -> list[Ripe]:
        """For each hop that has some, the span of recorded time whose promises have run out since the last look."""
        found = []
        for name, book in self._books.items():
            end = book.edge
            for _ in range(STEPS_MAX):
                if promised_by(self._stack, self._hops[name], end + STEP) >= at:
                    break
                end += STEP
            if end > book.edge:
                found.append(Ripe(name, book.edge, end))
        return found

    def look(self, spans: Sequence[Ripe], counted: Iterable[Kept], at: datetime) -> None:
        """Take in what was counted in these spans."""
        by_hop = {one.hop: one for one in counted}
        for span in spans:
            book = self._books[span.hop]
            book.edge = span.end
            if one := by_hop.get(span.hop):
                book.due += one.due
                book.kept += one.kept
                book.recent.append((at, one.due, one.kept))

    def since_start(self) -> list[Kept]:
        """Counts of each hop since the start."""
        return [Kept(hop, book.due, book.kept) for hop, book in self._books.items()]

    def last_hour(self, at: datetime) -> list[Kept]:
        """Counts of each hop in the last hour."""
        counts = []
        for hop, book in self._books.items():
            while book.recent and book.recent[0][0] <= at - WINDOW:
                book.recent.popleft()
            counts.append(Kept(hop, sum(one[1] for one in book.recent), sum(one[2] for one in book.recent)))
        return counts
