"""What the tests of deliveries are put together from: stack maps, credits on their way, and a running deliverer."""

import asyncio
import random
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from tillbridge.connectors.http import HttpConnector
from tillbridge.handoff import store
from tillbridge.handoff.deliver import Deliverer
from tillbridge.handoff.model import HandoffView, NewHandoff
from tillbridge.handoff.route import route
from tillbridge.kernel.clock import Clock, SystemClock
from tillbridge.kernel.db import Db, Query
from tillbridge.kernel.ids import Ids
from tillbridge.kernel.money import Money
from tillbridge.stack.load import parse
from tillbridge.stack.model import Stack

CLOCK = SystemClock()
IDS = Ids(CLOCK, random.Random(11))
SECRET = "whsec_c2VjcmV0LW9mLXRoZS10ZXN0cw=="

_PUT = Query(
    "tests.put",
    "SELECT handoff.put($1, $2::handoff.new_message[], $3::handoff.new_handoff[]) IS NULL AS done",
)
_HEAD = """
[retailer]
name = "Harbor & Pine"
country = "US"
currency = "USD"
time_zone = "America/New_York"
[authority]
system = "platform"
[systems.registers]
role = "pos"
connector = "csv"
[systems.platform]
role = "platform"
connector = "built-in"
[[hops]]
from = "registers"
to = "platform"
trigger = "webhook"
sla = "2s"
"""
_SYSTEM = """
[systems.{name}]
role = "{role}"
connector = "http"
url = "{url}"
secret = "{secret}"
"""
_HOP = """
[[hops]]
from = "{source}"
to = "{target}"
sla = "30s"
{settings}
"""
_ROLES = {"pay": "payments", "erp": "erp", "web": "storefront"}
QUICK = 'trigger = "webhook"\nattempts = 4\nbackoff = "20ms"\nbackoff_max = "200ms"\ntimeout = "500ms"'


def stack_of(
    urls: Mapping[str, str], hops: list[tuple[str, str]], settings: str = QUICK, *, takes: str = "", **of_hop: str
) -> Stack:
    """A map with the given systems and hops. `of_hop` has settings of single hops, by target; `takes` are those of
    every system."""
    systems = "".join(
        _SYSTEM.format(name=name, role=_ROLES[name], url=url, secret=f"a secret of {name}") + takes + "\n"
        for name, url in urls.items()
    )
    edges = "".join(
        _HOP.format(source=source, target=target, settings=of_hop.get(target, settings)) for source, target in hops
    )
    return parse(_HEAD + systems + edges, "stack.toml", {})


def one_hop(url: str, settings: str = QUICK, *, takes: str = "") -> Stack:
    """From the platform straight to the ERP."""
    return stack_of({"erp": url}, [("platform", "erp")], settings, takes=takes)


def chain(url: str, settings: str = QUICK, *, takes: str = "", **of_hop: str) -> Stack:
    """From the platform to payments, ERP and storefront, one after the other."""
    hops = [("platform", "pay"), ("pay", "erp"), ("erp", "web")]
    return stack_of({"pay": url, "erp": url, "web": url}, hops, settings, takes=takes, **of_hop)


def payload(owned: bool = True) -> dict[str, Any]:
    """The body of a message as the posting transaction makes it."""
    return {
        "type": "credit.issued",
        "occurred_at": "2026-11-21T16:00:00+00:00",
        "transaction_id": "T0063-118",
        "store": "006",
        "register": "3",
        "operator": "op07",
        "customer": {"customer_id": str(IDS.new()), "accounts": {"web": "A1"}} if owned else None,
    }


async def post_many(
    db: Db, stack: Stack, count: int, *, version: int = 1, credits: list[UUID] | None = None, owned: bool = True,
    state: str = "", clock: Clock = CLOCK, plan: Callable[[datetime], tuple[NewHandoff, ...]] | None = None,
) -> list[tuple[UUID, UUID]]:  # fmt: skip
    """Post an event for each of `count` credits (or of `credits`) and hand it off; (credit, event) of each."""
    at = clock.now()
    made = [(credit, IDS.new()) for credit in credits or [IDS.new() for _ in range(count)]]
    messages = [
        (
            *(
                credit,
                version,
                event,
                state or ("active" if owned else "unclaimed"),
                8800,
                8800,
                "USD",
                "store_credit",
                "refund",
                "1234",
            ),
            *(said.pop("customer"), said, 0, 8800, at.date()),
        )
        for credit, event in made
        for said in [payload(owned)]
    ]
    planned = (
        plan(at) if plan else route(stack, at, owned=owned, currency="USD", bucket="refund", amount=Money(8800, "USD"))
    )
    hops = [
        (0, new.hop, new.state, new.waits_for, new.due_at, new.deadline, new.reason_code, new.reason, new.waits_past)
        for new in planned
    ]
    await db.fetch_one(_PUT, at, messages, hops)
    return made


async def post(db: Db, stack: Stack, version: int = 1, credit: UUID | None = None, **more: Any) -> tuple[UUID, UUID]:
    """Post one event; (credit, event)."""
    (made,) = await post_many(db, stack, 1, version=version, credits=[credit] if credit else None, **more)
    return made


@asynccontextmanager
async def delivering(
    db: Db, stack: Stack, *, concurrency: int = 32, clock: Clock = CLOCK, seed: int = 5, **more: Any
) -> AsyncIterator[Deliverer]:
    """A deliverer at work, with a connector for every `http` system of the map."""
    async with AsyncExitStack() as closing:
        connectors = {
            system.name: await closing.enter_async_context(HttpConnector(system.url, system.secret, clock))
            for system in stack.systems.values()
            if system.connector == "http"
        }
        deliverer = Deliverer(db, stack, connectors, clock, random.Random(seed), concurrency=concurrency, **more)
        running = asyncio.create_task(deliverer.run())
        try:
            yield deliverer
        finally:
            await deliverer.stop(timedelta(seconds=3))
            await running


async def until(condition: Callable[[], Awaitable[bool]], seconds: float = 15, step: float = 0.01) -> None:
    """Wait until a condition holds."""
    patience = time.monotonic() + seconds
    while not await condition():
        assert time.monotonic() < patience, "it did not come about in time"
        await asyncio.sleep(step)


async def states(db: Db, credit: UUID) -> dict[str, str]:
    """The state of each handoff of a credit's first version, by hop."""
    return {view.hop: view.state.value for view in await store.of_credit(db, credit) if view.version == 1}


async def tally(db: Db, since: timedelta = timedelta(days=1)) -> Counter[str]:
    """How many handoffs are in which state."""
    now = CLOCK.now()
    counted: Counter[str] = Counter()
    for line in await store.counts(db, now, now - since):
        counted[line.state.value] += line.count
    return counted


async def in_state(db: Db, credit: UUID, state: str, seconds: float = 15) -> HandoffView:
    """Wait until every handoff of a credit's newest version is in a state; the last of them."""

    async def there() -> bool:
        return all(view.state == state for view in await store.of_credit(db, credit))

    await until(there, seconds)
    return (await store.of_credit(db, credit))[-1]
