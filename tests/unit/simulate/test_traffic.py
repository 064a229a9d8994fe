import asyncio
from datetime import UTC, datetime

import aiohttp
import pytest

from tests.unit.simulate.stub_hub import StubHub
from tillbridge.simulate.evidence import evidence_of
from tillbridge.simulate.faults import DEMO, Delay, Faults, Often, Refuse
from tillbridge.simulate.reckoning import reckon
from tillbridge.simulate.servers import NAMES, Key, Retailer, Shape, open_retailer
from tillbridge.simulate.traffic import Pace, Progress, run

HEAVY = {
    "registers": Faults(lose_answer=Often(0.1)),
    "processor": Faults(refuse=Refuse(0.1, 503, 0), delay=Delay(0.1, 0.01), lose_answer=Often(0.1)),
    "erp": Faults(lock_error=Often(0.1), lose_answer=Often(0.1), lose_webhook=Often(0.1)),
    "web": Faults(refuse=Refuse(0.1), lose_answer=Often(0.1), reject_currency=("CAD",)),
}


async def test_a_run_with_faults_is_accounted_for(retailer: Retailer, hub: StubHub) -> None:
    await retailer.web.push_customers()
    retailer.set_faults(HEAVY)
    told: list[int] = []
    progress = await run(
        retailer,
        credits=300,
        seed=7,
        pace=Pace(clients=8),
        operations_bearer="key-operations",
        report=lambda live: told.append(live.rung),
    )
    await hub.settled()
    assert told[-1] == 300
    assert (progress.rung, progress.confirmed, progress.open, progress.refused) == (300, 300, 0, 0)
    assert 10 < progress.vouchers < 60
    assert progress.claimed > 3
    assert progress.claims_failed == 0
    assert progress.redeemed > 10
    assert progress.voided > 0
    summary = reckon(evidence_of(retailer, hub.ledger(), list(hub.lines.values()), datetime.now(UTC)))
    assert (summary.lost, summary.duplicated) == ((), ())
    assert summary.issued == 300
    assert summary.vouchers == progress.vouchers
    assert summary.claimed == progress.claimed
    assert summary.replayed > 5
    assert summary.dead > 0
    assert retailer.processor.book.repeats + retailer.erp.book.repeats > 0
    assert min(retailer.processor.book.refused["refused"], retailer.erp.book.refused["lock"]) > 5


async def test_a_break_on_the_way_is_found(retailer: Retailer, hub: StubHub) -> None:
    await retailer.web.push_customers()
    await run(retailer, credits=20, seed=7)
    await hub.settled()
    key = next(line.key for line in retailer.web.book)
    event = next(iter(retailer.processor.book))
    hub.mark(event.key.replace("platform-processor", "platform-web"), "confirmed")
    retailer.web.book.times[key] += 1
    hub.credits.pop(event.credit_id)
    summary = reckon(evidence_of(retailer, hub.ledger(), list(hub.lines.values()), datetime.now(UTC)))
    assert {one.kind for one in summary.lost} == {"not-on-ledger"}
    assert [one.kind for one in summary.duplicated] == ["applied-twice"]


async def test_the_rate_is_kept_and_the_run_can_be_stopped(retailer: Retailer) -> None:
    live: list[Progress] = []
    started = asyncio.get_running_loop().time()
    await run(retailer, credits=20, seed=7, pace=Pace(clients=4, rate=100), report=live.append)
    assert asyncio.get_running_loop().time() - started >= 0.19
    assert live[0].total == 20
    endless = asyncio.create_task(run(retailer, credits=None, seed=8, first_ticket=1000, pace=Pace(2, 200)))
    await asyncio.sleep(0.2)
    endless.cancel()
    with pytest.raises(asyncio.CancelledError):
        await endless
    assert 20 < len(retailer.registers.journal) < 100


async def test_the_same_seed_rings_the_same_sales(hub: StubHub, retailer: Retailer) -> None:
    keys = {name: Key("key") for name in ("registers", "processor", "erp", "web")}
    await run(retailer, credits=30, seed=7)
    async with open_retailer(hub.url, keys, seed=7, shape=Shape(accounts=60)) as other:
        await run(other, credits=30, seed=7, pace=Pace(clients=1))
        ours, theirs = (
            {one.sale.transaction_id: one.sale for one in each.registers.journal} for each in (retailer, other)
        )
        assert ours == theirs


async def test_four_systems_listen_until_they_are_stopped(hub: StubHub) -> None:
    keys = {name: Key("key") for name in NAMES}
    async with open_retailer(hub.url, keys, seed=7) as retailer, aiohttp.ClientSession() as session:
        urls = set(retailer.urls.values())
        assert len(urls) == len(NAMES)
        for url in urls:
            async with session.get(f"{url}/book") as book:
                assert book.status == 200
    async with aiohttp.ClientSession() as session:
        for url in urls:
            with pytest.raises(aiohttp.ClientConnectionError):
                await session.get(f"{url}/book")


def test_the_demo_has_faults_for_every_system() -> None:
    assert set(DEMO) == {"registers", "processor", "erp", "web"}
    assert all(faults != Faults() for faults in DEMO.values())
