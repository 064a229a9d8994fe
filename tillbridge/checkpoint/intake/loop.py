"""The loop that fetches what systems do not send by themselves: each source in its rhythm, by one hub at a time."""

import asyncio
import logging
import random
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager, suppress
from datetime import timedelta
from typing import Final
from zoneinfo import ZoneInfo

from tillbridge.checkpoint.intake.files import FileRun
from tillbridge.checkpoint.intake.lease import LEASE, held
from tillbridge.checkpoint.intake.model import Feed, LeaseLost, Ran, Shelf, SourceAway, Tally
from tillbridge.checkpoint.intake.pages import PageRun
from tillbridge.checkpoint.intake.plan import due, latest_next, next_after, planned, rhythm_of
from tillbridge.checkpoint.intake.take import Taking
from tillbridge.handoff.inbound import store
from tillbridge.handoff.inbound.model import SourceNow
from tillbridge.identity import store as people
from tillbridge.kernel.clock import Clock
from tillbridge.kernel.db import Db
from tillbridge.kernel.errors import DatabaseError, NotFound
from tillbridge.stack.model import Source, Stack

_LOG: Final = logging.getLogger("tillbridge.intake")

LOOK: Final = timedelta(seconds=5)
"""How often the loop looks at the latest whether a source is due."""

SHORTEST: Final = timedelta(milliseconds=50)
"""And how often at most."""

LARGE_DIRECTORY: Final = 1_000
"""After so many accounts the database looks at what there is now."""

Opened = AbstractAsyncContextManager[Shelf | Feed]
Open = Callable[[Source], Opened]
"""How a source is reached, by its settings in the map. Raises SourceAway when it is entered."""


class Intake:
    """Runs the sources of a map. Made once per hub."""

    def __init__(self, db: Db, stack: Stack, taking: Taking, open_: Open, clock: Clock, chance: random.Random) -> None:
        self._db = db
        self._sources: Mapping[str, Source] = stack.sources()
        self._zone = ZoneInfo(stack.retailer.time_zone)
        self._taking = taking
        self._open = open_
        self._clock = clock
        self._chance = chance
        self._running: dict[str, asyncio.Task[Ran | None]] = {}

    async def run(self) -> None:
        """Fetch what is due, until cancelled; then what is under way stops where it is, which loses nothing."""
        try:
            while self._sources:
                wait = LOOK
                with suppress(DatabaseError):
                    wait = await self._turn()
                await asyncio.sleep(wait.total_seconds())
        finally:
            for task in self._running.values():
                task.cancel()
            if self._running:
                await asyncio.wait(self._running.values())

    async def run_once(self, name: str) -> Ran | None:
        """Run one source now, whatever its time; None when another hub is at it. Raises NotFound, DatabaseError."""
        if name not in self._sources:
            raise NotFound("source", name)
        await self._plan(name)
        return await self._lead(name, now=True)

    async def _turn(self) -> timedelta:
        """Start what is due; how long to wait for the next look."""
        for name in self._sources:
            await self._plan(name)
        kept, now = await store.sources(self._db), self._clock.now()
        for name in due(self._sources, kept, now, self._zone):
            if name not in self._running:
                self._running[name] = asyncio.create_task(self._lead(name), name=name)
                self._running[name].add_done_callback(self._over)
        waits = [kept[name].next_run - now for name in self._sources if name in kept and name not in self._running]
        ahead = [wait for wait in waits if wait > timedelta()]
        return max(SHORTEST, min([LOOK, *ahead]))

    def _over(self, task: "asyncio.Task[Ran | None]") -> None:
        self._running.pop(task.get_name(), None)

    async def _plan(self, name: str) -> None:
        now, source = self._clock.now(), self._sources[name]
        await store.plan(self._db, name, rhythm_of(source), now, planned(source, now, self._zone))

    async def _lead(self, name: str, *, now: bool = False) -> Ran | None:
        """Run a source if it can be had. What goes wrong is kept with the source and said in the log."""
        at = self._clock.now()
        latest = latest_next(self._sources[name], at, self._zone)
        try:
            leased = await store.lease(self._db, name, at, at + LEASE, latest, now=now)
        except DatabaseError:
            if now:
                raise
            return None
        return None if leased is None else await self._hold(leased)

    async def _hold(self, leased: SourceNow) -> Ran:
        source, tally, asked, trouble = self._sources[leased.name], Tally(), None, ""
        try:
            await self._fetch(leased, source, tally)
        except asyncio.CancelledError:
            with suppress(DatabaseError):
                await self._end(leased, tally, "", asked=timedelta())
            raise
        except SourceAway as error:
            trouble, asked = str(error), error.retry_after
        except (LeaseLost, DatabaseError) as error:
            trouble = str(error)
        except Exception as error:
            _LOG.exception("%s: a fault while fetching", leased.name)
            trouble = f"The hub met a fault of its own ({type(error).__name__}); its log says more."
        if trouble:
            _LOG.warning("%s: %s It brought %s.", leased.name, trouble, tally.sentence())
        elif tally.shown():
            _LOG.info("%s: %s", leased.name, tally.sentence())
        with suppress(DatabaseError):
            await self._end(leased, tally, trouble, asked=asked)
        return Ran(leased.name, tally.shown(), trouble)

    async def _fetch(self, leased: SourceNow, source: Source, tally: Tally) -> None:
        name, clock, taking = leased.name, self._clock, self._taking
        async with held(self._db, clock, leased) as holding, self._open(source) as opened:
            if isinstance(opened, Feed):
                await PageRun(clock, taking, name, source, opened, holding, tally).run()
            else:
                await FileRun(self._db, clock, self._zone, taking, name, source, opened, holding, tally).run()
        if tally.accounts > LARGE_DIRECTORY:
            await people.analyse(self._db)

    async def _end(self, leased: SourceNow, tally: Tally, trouble: str, *, asked: timedelta | None) -> None:
        source, now = self._sources[leased.name], self._clock.now()
        failures = leased.failures + 1 if trouble else 0
        following = next_after(
            source, now, self._zone, failures=failures, chance=self._chance, asked=asked, left=tally.left > 0
        )
        await store.end_run(self._db, leased, now, following, tally.shown(), trouble[:500])
