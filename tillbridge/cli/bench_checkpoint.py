"""The benchmark of the checkpoint: registers that ring over HTTP, and the clock from there to the web store."""

import asyncio
import random
import statistics
import sys
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import aiohttp
import msgspec

from tillbridge.cli.evidence import moving, until_still
from tillbridge.cli.pgbench import pgbench
from tillbridge.cli.rig import HubProcess, Rig, RigFault, hub_process, ports_of, set_up, write_keys
from tillbridge.handoff import store as handoffs
from tillbridge.handoff.model import Latency
from tillbridge.kernel.clock import SystemClock
from tillbridge.kernel.db import Db
from tillbridge.simulate.directory import Account, make_accounts
from tillbridge.simulate.reckoning import Figures, figures
from tillbridge.wiring import open_database

SEED: Final = 7
ACCOUNTS: Final = 600
STOREFRONT_HOP: Final = "platform-web"
DRAIN_SECONDS: Final = 300.0
PGBENCH_SECONDS: Final = 10
WARM_SECONDS: Final = 3


@dataclass(frozen=True, slots=True)
class Load:
    """How much: registers at once, seconds of each part, credits a second in part two, rounds of part one."""

    clients: int
    seconds: int
    rate: int
    rounds: int


@dataclass(frozen=True, slots=True)
class Round:
    """One round: credits confirmed, what failed, how fast, and how long an answer took."""

    confirmed: int
    failed: int
    per_second: float
    answer_ms: Figures


@dataclass(frozen=True, slots=True)
class Report:
    """What was measured. Times in milliseconds, memory in megabytes."""

    clients: int
    flat_out: Sequence[Round]
    backlog_after: int
    drained_per_second: float
    steady: Round
    register_to_storefront: Latency
    hub_memory_mb: float
    pgbench_tps: float | None

    def as_json(self) -> Mapping[str, Any]:
        """The report for machines."""
        return asdict(self)

    def table(self) -> str:
        """The report for people."""
        rates = [one.per_second for one in self.flat_out]
        slowest = max(one.answer_ms.p99 or 0.0 for one in self.flat_out)
        reference = f"{self.pgbench_tps:,.0f} transactions/s" if self.pgbench_tps else "pgbench is not on this machine"
        failed = sum(one.failed for one in self.flat_out) + self.steady.failed
        online = self.register_to_storefront
        rows = (
            ("confirmed credits", f"{statistics.median(rates):,.0f}/s", f"{min(rates):,.0f} to {max(rates):,.0f}"),
            ("  answer, p50 and p99", f"{_ms(self.flat_out[0].answer_ms.p50)}", f"p99 at most {slowest:,.0f} ms"),
            ("  handoffs left, then drained", f"{self.backlog_after:,}", f"{self.drained_per_second:,.0f}/s"),
            ("steady: answer, p50 and p99", _ms(self.steady.answer_ms.p50), _ms(self.steady.answer_ms.p99)),
            ("  register to web store, p50 and p99", _ms(online.p50_ms), _ms(online.p99_ms)),
            ("memory of the hub, at most", f"{self.hub_memory_mb:,.0f} MB", ""),
            ("failed requests", f"{failed:,}", ""),
            (f"pgbench -N, {self.clients} clients, same server", reference, ""),
        )
        return "\n".join(f"{name:<42}{value:>24}  {spread}".rstrip() for name, value, spread in rows)


def _ms(value: float | None) -> str:
    return "-" if value is None else f"{value:,.1f} ms"


async def measure(folder: Path, load: Load) -> Report:
    """Set everything up, run both parts, and tear it down."""
    rig = await set_up(folder)
    async with AsyncExitStack() as closing:
        db = await closing.enter_async_context(open_database(rig.settings, size=2))
        hub = await closing.enter_async_context(hub_process(rig))
        await closing.enter_async_context(_systems(rig, folder))
        session = await closing.enter_async_context(_session(rig, load.clients))
        accounts = tuple(make_accounts(random.Random(f"{SEED}:directory"), ACCOUNTS))
        await _tell_customers(session, rig, hub.url, accounts)
        registers = Registers(session, hub, [one for one in accounts if one.email_verified])
        await registers.ring(load.clients, WARM_SECONDS, None)
        flat_out = [await registers.ring(load.clients, load.seconds, None) for _ in range(load.rounds)]
        backlog, drained = await _drain(db)
        since = SystemClock().now()
        steady = await registers.ring(load.clients, load.seconds, load.rate)
        await _drain(db)
        online = await _online(db, since)
    tps = await pgbench(folder, load.clients, PGBENCH_SECONDS)
    return Report(load.clients, flat_out, backlog, drained, steady, online, registers.peak_mb, tps)


@asynccontextmanager
async def _systems(rig: Rig, folder: Path) -> AsyncIterator[None]:
    """Payments, ERP and web store in a process of their own, without faults, confirming in their answers."""
    keys = folder / "keys.json"
    write_keys(rig, keys)
    ports = [part for name, port in ports_of(rig).items() for part in ("--port", f"{name}={port}")]
    hub = f"http://127.0.0.1:{rig.settings.port}"
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "tillbridge.cli", "simulate", "--serve", "--hub", hub, "--keys", str(keys), "--confirm", "answer"),
        *ports,
        env=dict(rig.environment()),
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        line = await process.stdout.readline() if process.stdout else b""
        if b"listens" not in line:
            raise RigFault("The retailer's systems did not start.")
        yield
    finally:
        if process.returncode is None:
            process.terminate()
            await process.wait()


@asynccontextmanager
async def _session(rig: Rig, clients: int) -> AsyncIterator[aiohttp.ClientSession]:
    headers = {"Authorization": f"Bearer {rig.keys['registers'].bearer}", "Content-Type": "application/json"}
    connector = aiohttp.TCPConnector(limit=clients)
    async with aiohttp.ClientSession(headers=headers, connector=connector) as session:
        yield session


async def _tell_customers(session: aiohttp.ClientSession, rig: Rig, url: str, accounts: Sequence[Account]) -> None:
    """The web store's directory, in calls of 500."""
    headers = {"Authorization": f"Bearer {rig.keys['web'].bearer}"}
    for start in range(0, len(accounts), 500):
        customers = [one.as_json() for one in accounts[start : start + 500]]
        body = msgspec.json.encode({"type": "customers.updated", "customers": customers})
        async with session.post(f"{url}/v1/events/web", data=body, headers=headers) as response:
            if response.status != 202:
                raise RigFault(f"The hub did not take the customers: {await response.text()}")


class Registers:
    """Registers that ring store credits for known customers."""

    def __init__(self, session: aiohttp.ClientSession, hub: HubProcess, accounts: Sequence[Account]) -> None:
        self.peak_mb = 0.0
        self._session = session
        self._hub = hub
        self._accounts = accounts
        self._chance = random.Random(SEED)
        self._number = 0

    async def ring(self, clients: int, seconds: int, rate: int | None) -> Round:
        """Ring for some seconds: flat out, or `rate` a second."""
        answers: list[float] = []
        failed = 0
        began = time.perf_counter()
        until = began + seconds
        turn = 0

        async def register() -> None:
            nonlocal failed, turn
            while (now := time.perf_counter()) < until:
                if rate is not None:
                    due, turn = began + turn / rate, turn + 1
                    if due >= until:
                        return
                    await asyncio.sleep(max(0.0, due - now))
                took = await self._sale()
                if took is None:
                    failed += 1
                else:
                    answers.append(took)

        await asyncio.gather(*(register() for _ in range(clients)))
        elapsed = time.perf_counter() - began
        self.peak_mb = max(self.peak_mb, self._hub.memory_mb() or 0.0)
        return Round(len(answers), failed, round(len(answers) / elapsed, 1), figures(answers))

    async def _sale(self) -> float | None:
        """Ring one sale; the milliseconds to its confirmation, or None when it was not confirmed."""
        self._number += 1
        headers = {"Idempotency-Key": f"bench-{self._number}"}
        began = time.perf_counter()
        try:
            body = self._body()
            async with self._session.post(f"{self._hub.url}/v1/credits", data=body, headers=headers) as response:
                await response.read()
                return (time.perf_counter() - began) * 1000 if response.status == 201 else None
        except (aiohttp.ClientError, TimeoutError, OSError):
            return None

    def _body(self) -> bytes:
        chance = self._chance
        return msgspec.json.encode(
            {
                "kind": "store_credit",
                "bucket": "refund",
                "amount": f"{chance.randint(1, 300)}.{chance.randint(0, 99):02}",
                "currency": "USD",
                "store": f"{chance.randint(1, 12):03}",
                "register": str(chance.randint(1, 6)),
                "operator": "op07",
                "transaction_id": f"B{self._number}",
                "occurred_at": SystemClock().now().isoformat(),
                "customer": {"email": chance.choice(self._accounts).email},
            }
        )


async def _drain(db: Db) -> tuple[int, float]:
    """Wait until every handoff has arrived; how many were left, and how many a second arrived."""
    left, began = await moving(db), time.perf_counter()
    await until_still(db, DRAIN_SECONDS)
    return left, round(left / max(time.perf_counter() - began, 0.001), 1)


async def _online(db: Db, since: datetime) -> Latency:
    """From recorded on the ledger to confirmed by the web store, of the credits rung since then."""
    found = await handoffs.latencies(db, since, STOREFRONT_HOP)
    if not found:
        raise RigFault("No credit reached the web store.")
    return found[0]
