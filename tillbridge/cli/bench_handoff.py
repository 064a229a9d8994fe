"""The benchmark of deliveries: events over three hops at a steady rate, a backlog drained, an idle hub,
each beside a bare loop that posts the same to the same systems."""

import asyncio
import random
import time
from collections.abc import Coroutine, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final, TypeVar

from tillbridge.cli.bench_batches import Counter
from tillbridge.cli.bench_handoff_rig import (
    BATCH,
    books,
    process_seconds,
    rig_with,
    server_seconds,
    sinks,
)
from tillbridge.cli.bench_ledger import customers
from tillbridge.cli.evidence import until_still
from tillbridge.cli.pgbench import pgbench
from tillbridge.cli.rig import HubProcess, Rig, hub_process, set_up
from tillbridge.cli.running import settle
from tillbridge.cli.sales import Sales
from tillbridge.connectors.http import HttpConnector
from tillbridge.handoff import store as handoffs
from tillbridge.handoff.model import delivery_key
from tillbridge.handoff.ports import Confirmed, Delivery
from tillbridge.kernel.clock import SystemClock
from tillbridge.kernel.ids import Ids
from tillbridge.stack.load import load
from tillbridge.wiring import Hub, open_hub

T = TypeVar("T")

SEED: Final = 7
BACK: Final = timedelta(days=10)
STOREFRONT_HOP: Final = "platform-web"
HOPS: Final = 3
TICK: Final = 0.1
DRAIN_SECONDS: Final = 600.0
FILL_SECONDS: Final = 600.0
BARE_SECONDS: Final = 5.0
BARE_AT_ONCE: Final = {1: 32, BATCH: 2}
CLIENTS: Final = 64


@dataclass(frozen=True, slots=True)
class Plan:
    """How much: seconds of a steady part, events a second alone and in batches, handoffs of a backlog, seconds of
    idleness, seconds of pgbench (0 for none), and how often the steady parts and drains are done."""

    seconds: int
    rate: int
    batch_rate: int
    backlog: int
    idle: int
    reference: int
    rounds: int


@dataclass(frozen=True, slots=True)
class Steady:
    """A steady part: events asked for in a second and seen through all hops, and from recorded to confirmed by the web
    store in milliseconds. `cores` is what the hub and PostgreSQL used; None where the system does not say."""

    asked: int
    per_second: float
    p50_ms: int
    p99_ms: int
    max_ms: int
    requests: int
    cores: float | None


@dataclass(frozen=True, slots=True)
class Drain:
    """A backlog: how many handoffs waited, and how many arrived in a second."""

    handoffs: int
    per_second: float
    cores: float | None


@dataclass(frozen=True, slots=True)
class Report:
    """What was measured, by how many events go in one request. `repeats` are events that a system was sent twice,
    `missing` those that are not in its book; `bare` is a loop without a hub, in events a second; `idle` is a share of
    one core."""

    plan: Plan
    steady: Mapping[int, Sequence[Steady]]
    drained: Mapping[int, Sequence[Drain]]
    bare: Mapping[int, float]
    repeats: int
    missing: int
    idle: float | None
    memory_mb: float | None
    pgbench_tps: float | None

    def as_json(self) -> Mapping[str, Any]:
        """The report for machines."""
        return asdict(self)


async def measure(folder: Path, plan: Plan) -> Report:
    """Set everything up, run the parts, and tear it down."""
    rig = await set_up(folder)
    steady: dict[int, list[Steady]] = {1: [], BATCH: []}
    drained: dict[int, list[Drain]] = {1: [], BATCH: []}
    memory: list[float] = []
    async with AsyncExitStack() as closing:
        ports = await closing.enter_async_context(sinks(rig))
        rigs = {batch: rig_with(rig, ports, batch) for batch in (1, BATCH)}
        stack = load(rigs[1].settings.stack, rig.environment())
        hub = await closing.enter_async_context(open_hub(rigs[1].settings, stack, public_url="", deliver=False))
        sales = Sales(SystemClock().now().replace(microsecond=0) - BACK, await customers(hub))
        bench = Bench(hub, folder, sales)
        async with hub_process(rigs[1]) as process:
            idle = await bench.idle(process, plan.idle)
        for batch, rate in ((1, plan.rate), (BATCH, plan.batch_rate)):
            for _ in range(plan.rounds):
                async with hub_process(rigs[batch]) as process:
                    before = (await books(ports)).requests
                    seen = await bench.steady(process, rate, plan.seconds)
                    requests = (await books(ports)).requests - before
                    steady[batch].append(Steady(**{**seen, "requests": requests}))
                    memory.append(process.memory_mb() or 0.0)
                drained[batch].append(await bench.drain(rigs[batch], plan.backlog))
        kept = await books(ports)
        bare = {batch: await _bare(stack.systems["web"].url, rig, batch) for batch in (1, BATCH)}
    tps = await pgbench(folder, CLIENTS, plan.reference) if plan.reference else None
    missing = bench.posted * HOPS - kept.applied
    return Report(plan, steady, drained, bare, kept.repeats, missing, idle, max(memory, default=None), tps)


class Bench:
    """Puts events onto the ledger in batches, through the desk of this process, and watches them arrive."""

    def __init__(self, hub: Hub, folder: Path, sales: Sales) -> None:
        self.posted = 0
        self._hub = hub
        self._folder = folder
        self._sales = sales
        self._counter = Counter(hub.desk)

    async def idle(self, process: HubProcess, seconds: int) -> float | None:
        """The share of one core that a hub with nothing to do and its PostgreSQL use."""
        await asyncio.sleep(min(3.0, seconds))
        return (await self._cores(process, asyncio.sleep(seconds)))[0]

    async def steady(self, process: HubProcess, rate: int, seconds: int) -> dict[str, Any]:
        """So many events a second, evenly, until all have arrived."""
        since = SystemClock().now()
        settle()

        async def post() -> float:
            began = time.perf_counter()
            ticks = int(seconds / TICK)
            for tick in range(ticks):
                count = rate * (tick + 1) // (ticks // seconds) - rate * tick // (ticks // seconds)
                await asyncio.sleep(max(0.0, began + tick * TICK - time.perf_counter()))
                await self._post(count)
            await until_still(self._hub.db, DRAIN_SECONDS)
            return time.perf_counter() - began

        cores, took = await self._cores(process, post())
        (online,) = await handoffs.latencies(self._hub.db, since, STOREFRONT_HOP)
        return {
            "asked": rate,
            "per_second": round(rate * seconds / took, 1),
            "p50_ms": online.p50_ms,
            "p99_ms": online.p99_ms,
            "max_ms": online.max_ms,
            "cores": cores,
        }

    async def drain(self, rig: Rig, backlog: int) -> Drain:
        """So many handoffs wait while no hub works; then one starts. The clock runs from its start."""
        events = max(1, backlog // HOPS)
        await self._counter.issue((self._sales.issue() for _ in range(events)), FILL_SECONDS)
        self.posted += events
        async with hub_process(rig) as process:

            async def arrive() -> float:
                began = time.perf_counter()
                await until_still(self._hub.db, DRAIN_SECONDS)
                return time.perf_counter() - began

            cores, took = await self._cores(process, arrive())
        return Drain(events * HOPS, round(events * HOPS / took, 1), cores)

    async def _post(self, count: int) -> None:
        await self._counter.issue((self._sales.issue() for _ in range(count)), FILL_SECONDS)
        self.posted += count

    async def _cores(self, process: HubProcess, work: Coroutine[Any, Any, T]) -> tuple[float | None, T]:
        """How many cores the hub and PostgreSQL use during some work, and what the work answers."""
        before, began = self._used(process), time.perf_counter()
        answer = await work
        after, took = self._used(process), time.perf_counter() - began
        return (None if before is None or after is None else round((after - before) / took, 4)), answer

    def _used(self, process: HubProcess) -> float | None:
        parts = (process_seconds(process.pid), server_seconds(self._folder))
        return None if None in parts else sum(one for one in parts if one is not None)


async def _bare(url: str, rig: Rig, batch: int) -> float:
    """Events a second that a loop without a hub posts to one of these systems, signed as the hub signs."""
    clock, ids = SystemClock(), Ids(SystemClock(), random.Random(SEED))
    done = 0
    until = time.perf_counter() + BARE_SECONDS

    async def post(connector: HttpConnector) -> None:
        nonlocal done
        while time.perf_counter() < until:
            deliveries = [_delivery(ids, clock.now()) for _ in range(batch)]
            answers = await connector.deliver_many(deliveries)
            done += sum(isinstance(answer, Confirmed) for answer in answers)

    async with HttpConnector(url, rig.keys["web"].secret, clock) as connector:
        began = time.perf_counter()
        await asyncio.gather(*(post(connector) for _ in range(BARE_AT_ONCE[batch])))
        return round(done / (time.perf_counter() - began), 1)


def _delivery(ids: Ids, at: datetime) -> Delivery:
    credit_id, event_id = ids.new(), ids.new()
    body = {
        "type": "credit.issued",
        "event_id": str(event_id),
        "occurred_at": at.isoformat(),
        "recorded_at": at.isoformat(),
        "credit": {
            "id": str(credit_id),
            "kind": "store_credit",
            "bucket": "refund",
            "currency": "USD",
            "last4": "1187",
        },
        "amount": "1000.00",
        "balance": "1000.00",
        "state": "active",
        "transaction_id": "T0063-118",
        "store": "006",
        "register": "3",
        "operator": "op07",
        "reason": "",
        "customer": {"customer_id": str(ids.new()), "accounts": {"web": "A0001440"}},
        "hop": STOREFRONT_HOP,
        "version": 1,
    }
    key = delivery_key(event_id, STOREFRONT_HOP)
    return Delivery(credit_id, 1, event_id, STOREFRONT_HOP, key, "credit.issued", body, 1, 0, 5.0)
