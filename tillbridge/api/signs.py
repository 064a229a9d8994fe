"""How the hops are doing, read from the database for a scrape: seldom, shortly, and never in a register's way."""

import asyncio
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from tillbridge.handoff import store
from tillbridge.handoff.breaker import Gate
from tillbridge.handoff.model import HopSigns, Kept, State
from tillbridge.handoff.promise import Promises
from tillbridge.kernel.clock import Clock
from tillbridge.kernel.db import Db
from tillbridge.kernel.errors import DatabaseError
from tillbridge.stack.model import Stack

FRESH: Final = 3.0
"""Seconds for which what was read is told again without asking."""

READ_SECONDS: Final = 2.0
"""After so long a database counts as away: a scrape is answered all the same."""

OPEN: Final = tuple(state for state in State if state is not State.CONFIRMED)


@dataclass(frozen=True, slots=True)
class Standing:
    """What was read at a moment: how the hops are, and the promises that were kept since the start (`ever`) and in the
    last hour. Without a database nothing is known of the hops."""

    up: bool
    at: datetime
    hops: tuple[HopSigns, ...] = ()
    ever: tuple[Kept, ...] = ()
    hour: tuple[Kept, ...] = ()


class Signs(Collector):
    """Reads how the hops of a map are doing, and tells it as metrics."""

    def __init__(self, db: Db, stack: Stack, clock: Clock) -> None:
        self._db = db
        self._clock = clock
        self._slas = {hop.name: hop.sla for hop in stack.deliveries()}
        self._promises = Promises(stack, clock.now())
        self._standing = Standing(False, clock.now())
        self._read_at = float("-inf")
        self._reading = asyncio.Lock()

    async def read(self) -> None:
        """Read anew, unless that was done a moment ago. Scrapes that come together share one reading."""
        async with self._reading:
            if time.monotonic() - self._read_at < FRESH:
                return
            at = self._clock.now()
            hops = await self._ask(at)
            promises = (tuple(self._promises.since_start()), tuple(self._promises.last_hour(at)))
            self._standing = Standing(hops is not None, at, hops or (), *promises)
            self._read_at = time.monotonic()

    async def _ask(self, at: datetime) -> tuple[HopSigns, ...] | None:
        """What the database says; None when it does not answer in time."""
        try:
            async with asyncio.timeout(READ_SECONDS):
                hops = await store.signs(self._db, at)
                await self._count_promises(at)
        except (DatabaseError, TimeoutError):
            return None
        return hops

    async def _count_promises(self, at: datetime) -> None:
        spans = self._promises.ripe(at)
        if spans:
            self._promises.look(spans, await store.kept(self._db, at, spans), at)

    def collect(self) -> Iterator[Metric]:
        """What was read last, as metrics."""
        return families(self._standing, self._slas)


def families(standing: Standing, slas: Mapping[str, timedelta]) -> Iterator[Metric]:
    """What stands as metrics: of every hop of the map with its SLA, those without anything to say included, and of hops
    that are no longer on it and have something left."""
    yield _gauge("database_up", "Whether the database answers: 1 or 0.", (), [((), float(standing.up))])
    yield _gauge(
        "sla_seconds",
        "The SLA of a hop, from the stack map.",
        ("hop",),
        [((hop,), sla.total_seconds()) for hop, sla in slas.items()],
    )
    yield from _of_promises(standing.ever, standing.hour)
    if standing.up:
        said = {one.hop for one in standing.hops}
        quiet = [HopSigns(name, {}, 0, None, 0, Gate.CLOSED.value) for name in slas if name not in said]
        yield from _of_hops(sorted([*standing.hops, *quiet], key=lambda one: one.hop), standing.at)


def _of_hops(hops: list[HopSigns], at: datetime) -> Iterator[Metric]:
    yield _gauge(
        "oldest_due_seconds",
        "For how long the oldest handoff that is due has been due; 0 when none is.",
        ("hop",),
        [((one.hop,), _seconds_since(one.oldest_due, at)) for one in hops],
    )
    yield _gauge(
        "handoffs",
        "Handoffs that are not confirmed, by state.",
        ("hop", "state"),
        [((one.hop, state.value), one.states.get(state, 0)) for one in hops for state in OPEN],
    )
    yield _gauge(
        "late", "Handoffs past their deadline and not confirmed.", ("hop",), [((one.hop,), one.late) for one in hops]
    )
    for state in (State.DEAD, State.UNKNOWN):
        said = f"Handoffs in the state {state.value}."
        yield _gauge(state.value, said, ("hop",), [((one.hop,), one.states.get(state, 0)) for one in hops])
    yield _counter(
        "lease_losses",
        "Leases that ran out before their worker said what came of them, since the first day.",
        [(one.hop, one.lost) for one in hops],
    )
    yield _gauge(
        "breaker_state",
        "1 for the state that the breaker of a hop is in.",
        ("hop", "state"),
        [((one.hop, gate.value), float(one.breaker == gate.value)) for one in hops for gate in Gate],
    )


def _of_promises(ever: Sequence[Kept], hour: Sequence[Kept]) -> Iterator[Metric]:
    yield _counter(
        "promises_due",
        "Handoffs whose deadline has passed since the hub started.",
        [(one.hop, one.due) for one in ever],
    )
    yield _counter("promises_kept", "Of these, those confirmed in time.", [(one.hop, one.kept) for one in ever])
    ratios = (("hour", hour), ("start", ever))
    yield _gauge(
        "sla_ratio",
        "Promises kept of those due, in the last hour and since the hub started; absent where none was due.",
        ("hop", "window"),
        [((one.hop, window), one.kept / one.due) for window, counts in ratios for one in counts if one.due],
    )


def _seconds_since(moment: datetime | None, at: datetime) -> float:
    return 0.0 if moment is None else max(0.0, (at - moment).total_seconds())


def _gauge(
    name: str, said: str, labels: tuple[str, ...], values: Iterable[tuple[tuple[str, ...], float]]
) -> GaugeMetricFamily:
    family = GaugeMetricFamily(f"tillbridge_{name}", said, labels=labels)
    for of, value in values:
        family.add_metric(of, value)
    return family


def _counter(name: str, said: str, values: Iterable[tuple[str, int]]) -> CounterMetricFamily:
    family = CounterMetricFamily(f"tillbridge_{name}", said, labels=("hop",))
    for hop, value in values:
        family.add_metric((hop,), value)
    return family
