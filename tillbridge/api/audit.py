"""Audit lines: everybody who was turned away, and every change of keys and roles.

A refusal must not cost more than an answer, and a flood of them must fill neither the disk nor the pool of connections.
So `note` only counts, and one writer in the background writes: the first refusal of a kind within a second, its repeats
of the next minute as one further line with their number. What there is no room for is counted, and the count is a line.
"""

import asyncio
import logging
from collections import deque
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from typing import Final

from tillbridge.api import store
from tillbridge.api.model import Denial, Line, What
from tillbridge.kernel.clock import Clock
from tillbridge.kernel.db import Db
from tillbridge.kernel.errors import DatabaseError
from tillbridge.kernel.ids import Ids

_LOG: Final = logging.getLogger("tillbridge.api")

WINDOW: Final = timedelta(minutes=1)
"""Repeats of a refusal within this time of the first are one line."""

OPEN_MAX: Final = 500
"""How many kinds of refusal are told apart in a window; more are only counted."""

WAITING_MAX: Final = 2000
"""How many lines may wait for a database that is away."""

BATCH: Final = 500
"""How many lines are written at once."""

LOOK_SECONDS: Final = 1.0
"""How long a line waits for the writer."""


@dataclass(slots=True)
class _Repeats:
    """What came after the first of its kind, at `opened`."""

    opened: datetime
    first: datetime
    last: datetime
    count: int = 0

    def again(self, at: datetime) -> None:
        self.first = self.first if self.count else at
        self.last = max(self.last, at)
        self.count += 1

    def over(self, at: datetime) -> bool:
        """Whether the window has passed; a clock that jumped back ends it too."""
        return not self.opened <= at < self.opened + WINDOW


class Audit:
    """Gathers refusals and writes them. `run` writes until it is cancelled; then `close` writes what is left."""

    def __init__(self, db: Db, clock: Clock, ids: Ids) -> None:
        self._db = db
        self._clock = clock
        self._ids = ids
        self._open: dict[Denial, _Repeats] = {}
        self._waiting: deque[Line] = deque()
        self._uncounted = 0
        self._told_at: datetime | None = None
        self._away = False

    def note(self, denial: Denial) -> None:
        """Take a refusal down. Costs no IO, whatever comes."""
        at = self._clock.now()
        seen = self._open.get(denial)
        if seen is not None and not seen.over(at):
            seen.again(at)
            return
        if seen is not None:
            self._close_one(denial, seen)
        elif len(self._open) >= OPEN_MAX:
            self._uncounted += 1
            return
        self._open[denial] = _Repeats(at, at, at)
        self._wait(self._line(denial, at, at, 1))

    async def write(self) -> None:
        """Write what is due by now. Raises DatabaseError; then it stays due."""
        self._close_windows(self._clock.now())
        await self._write_waiting()

    async def run(self) -> None:
        """Write from time to time, until cancelled."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            try:
                await self.write()
                self._away = False
            except DatabaseError as error:
                if not self._away:
                    _LOG.warning("audit lines wait for the database: %s", error)
                self._away = True

    async def close(self) -> None:
        """Write everything there is, windows that are not over included; what cannot be written is logged."""
        for denial, seen in list(self._open.items()):
            self._close_one(denial, seen)
        self._tell_uncounted(self._clock.now())
        try:
            await self._write_waiting()
        except DatabaseError:
            _LOG.warning("%d audit lines are lost: the database does not answer", len(self._waiting))

    async def _write_waiting(self) -> None:
        while self._waiting:
            batch = list(islice(self._waiting, BATCH))
            async with self._db.connection() as tx:
                await store.add_lines(tx, batch)
            # Lines that came meanwhile stand behind these.
            for _ in batch:
                self._waiting.popleft()

    def _close_windows(self, at: datetime) -> None:
        for denial, seen in list(self._open.items()):
            if seen.over(at):
                self._close_one(denial, seen)
        if self._told_at is None or not self._told_at <= at < self._told_at + WINDOW:
            self._tell_uncounted(at)

    def _close_one(self, denial: Denial, seen: _Repeats) -> None:
        del self._open[denial]
        if seen.count:
            self._wait(self._line(denial, seen.first, seen.last, seen.count))

    def _tell_uncounted(self, at: datetime) -> None:
        if self._uncounted:
            reason = "more kinds of refusal at once than there is room for"
            self._waiting.append(Line(self._ids.new(), What.UNWRITTEN, at, at, self._uncounted, reason=reason))
            _LOG.warning("%d refusals have no audit line of their own", self._uncounted)
            self._uncounted, self._told_at = 0, at

    def _wait(self, line: Line) -> None:
        if len(self._waiting) >= WAITING_MAX:
            self._uncounted += line.count
        else:
            self._waiting.append(line)

    def _line(self, one: Denial, at: datetime, until: datetime, count: int) -> Line:
        head = (self._ids.new(), What.REFUSED, at, until, count, one.who)
        return Line(*head, one.status, one.method, one.path, one.right, one.reason, one.remote)
