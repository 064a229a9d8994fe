"""The ledger's benchmark: batches through the desk, single requests over HTTP, and a book that grows, each beside
PostgreSQL's own benchmark on the same server in the same run."""

import random
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import asdict, dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, Final
from uuid import UUID

from tillbridge.cli.bench_batches import Batches, Bounds, Counter, measure_batches
from tillbridge.cli.bench_growth import Mark, measure_growth
from tillbridge.cli.bench_singles import Singles, measure_singles
from tillbridge.cli.pgbench import pgbench
from tillbridge.cli.rig import Rig, set_up
from tillbridge.cli.running import settle
from tillbridge.cli.sales import Sales
from tillbridge.identity import store as people
from tillbridge.identity.directory import profile_of
from tillbridge.identity.model import Given, Profile
from tillbridge.kernel.clock import SystemClock
from tillbridge.simulate.directory import make_accounts
from tillbridge.stack.load import load
from tillbridge.wiring import Hub, open_hub

SEED: Final = 7
ACCOUNTS: Final = 600
STOCK_MAX: Final = 10_000
"""Credits that the single requests spend from."""

BACK: Final = timedelta(days=10)
"""How long ago the registers began to ring: once a second each, so that no sale lies ahead of the clock."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Which parts, and how much of each: rounds, commands of a round, the most seconds a round may take, clients over
    HTTP, and entries to fill the book up with (0 for not at all)."""

    batches: bool
    http: bool
    pgbench: bool
    rounds: int
    commands: int
    seconds: int
    clients: int
    entries: int


@dataclass(frozen=True, slots=True)
class Reference:
    """`pgbench -N` in transactions a second, with all the clients and with one; None where it is not installed."""

    clients: float | None
    alone: float | None


@dataclass(frozen=True, slots=True)
class Report:
    """What was measured; None for a part that was left out. `handoffs` are the hops that every event goes over."""

    plan: Plan
    handoffs: int
    batches: Batches | None
    singles: Singles | None
    growth: Sequence[Mark]
    before: Reference | None
    after: Reference | None

    def as_json(self) -> Mapping[str, Any]:
        """The report for machines."""
        return asdict(self)


async def measure(folder: Path, plan: Plan, told: Callable[[int], None]) -> Report:
    """Set everything up, run the parts one after the other, and tear it down. `told` hears how many entries the
    growing book has. Raises RigFault when the ledger refuses a command."""
    rig = await set_up(folder)
    stack = load(rig.settings.stack, rig.environment())
    before = await _reference(folder, plan, fresh=True)
    batches: Batches | None = None
    singles: Singles | None = None
    growth: list[Mark] = []
    async with AsyncExitStack() as closing:
        hub = await closing.enter_async_context(open_hub(rig.settings, stack, public_url="", deliver=False))
        sales = Sales(SystemClock().now().replace(microsecond=0) - BACK, await customers(hub))
        chance, counter = random.Random(SEED), Counter(hub.desk)
        settle()
        if plan.batches:
            batches = await measure_batches(hub.desk, sales, chance, Bounds(plan.rounds, plan.commands, plan.seconds))
        if plan.http:
            singles = await _singles(rig, sales, chance, counter, plan)
        if plan.entries:
            growth = await measure_growth(hub.db, counter, sales, chance, plan.entries, told)
    after = await _reference(folder, plan, fresh=False)
    return Report(plan, len(stack.deliveries()), batches, singles, growth, before, after)


async def _singles(rig: Rig, sales: Sales, chance: random.Random, counter: Counter, plan: Plan) -> Singles:
    stock = min(plan.commands, STOCK_MAX)
    credit_ids = await counter.issue((sales.issue() for _ in range(stock)), plan.seconds)
    return await measure_singles(rig, sales, chance, credit_ids, plan.clients, plan.seconds, plan.rounds)


async def customers(hub: Hub) -> list[tuple[UUID, str]]:
    """Customers of the web store, known by e-mail."""
    country = hub.stack.retailer.country
    profiles: list[Profile] = []
    emails: dict[str, str] = {}
    for one in make_accounts(random.Random(f"{SEED}:directory"), ACCOUNTS):
        profile = profile_of("web", Given(one.email, "", "", one.account_id), country)
        if isinstance(profile, Profile):
            profiles.append(profile)
            emails[profile.reference.account_id] = one.email
    taken = await people.take_in(hub.db, profiles, hub.clock.now(), hub.ids)
    return [(one.customer_id, emails[one.reference.account_id]) for one in taken]


async def _reference(folder: Path, plan: Plan, *, fresh: bool) -> Reference | None:
    if not plan.pgbench:
        return None
    clients = await pgbench(folder, plan.clients, plan.seconds, fresh=fresh)
    return Reference(clients, await pgbench(folder, 1, plan.seconds, fresh=False))
