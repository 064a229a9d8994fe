"""The whole retailer around a real hub: sales, faults, claims and orders, and the reckoning at the end."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random

import aiohttp
import pytest

from tests.acceptance.conftest import settings_in
from tillbridge.api.keys import make_key
from tillbridge.cli.evidence import gather_evidence, moving
from tillbridge.cli.rig import Rig
from tillbridge.cli.serving import serving
from tillbridge.kernel.clock import SystemClock
from tillbridge.simulate.claims import claim_voucher
from tillbridge.simulate.faults import Delay, Faults, Often, Refuse
from tillbridge.simulate.plan import Planner, Spelling
from tillbridge.simulate.receipt import Identifiers, Receipt, Sale, Standing
from tillbridge.simulate.reckoning import Summary, reckon
from tillbridge.simulate.servers import NAMES, Key, Retailer, Shape, open_retailer
from tillbridge.simulate.traffic import Pace, run
from tillbridge.stack.load import load
from tillbridge.wiring import INBOX, Hub, open_database

MAP = """
[retailer]
name = "Harbor & Pine"
country = "US"
currency = "USD"
time_zone = "America/New_York"

[authority]
system = "platform"

[systems.registers]
role = "pos"
connector = "http"
url = "{registers}"

[systems.platform]
role = "platform"
connector = "built-in"

[systems.processor]
role = "payments"
connector = "http"
url = "{processor}"
secret = "whsec_c2VjcmV0IG9mIHRoZSBwcm9jZXNzb3I="

[systems.erp]
role = "erp"
connector = "http"
url = "{erp}"
secret = "secret of the erp"

[systems.web]
role = "storefront"
connector = "http"
url = "{web}"
secret = "secret of the web store"

[[hops]]
from = "registers"
to = "platform"
trigger = "webhook"
sla = "2s"
checkpoint = true

[[hops]]
from = "platform"
to = "processor"
trigger = "webhook"
sla = "30s"
{pace}

[[hops]]
from = "processor"
to = "erp"
trigger = "webhook"
sla = "30s"
{pace}

[[hops]]
from = "platform"
to = "web"
trigger = "webhook"
sla = "30s"
checkpoint = true
{pace}
"""
PACE = 'timeout = "2s"\nattempts = 30\nbackoff = "20ms"\nbackoff_max = "200ms"'
SECRETS = {
    "registers": "",
    "processor": "whsec_c2VjcmV0IG9mIHRoZSBwcm9jZXNzb3I=",
    "erp": "secret of the erp",
    "web": "secret of the web store",
}
ROLES = {
    "registers": ("register", ""),
    "processor": ("system", "processor"),
    "erp": ("system", "erp"),
    "web": ("system", "web"),
    "operations": ("operations", ""),
}
FAULTS = {
    "registers": Faults(lose_answer=Often(0.1)),
    "processor": Faults(refuse=Refuse(0.1, 503, 0), delay=Delay(0.1, 0.02), lose_answer=Often(0.1)),
    "erp": Faults(lock_error=Often(0.1), lose_answer=Often(0.1), lose_webhook=Often(0.05)),
    "web": Faults(refuse=Refuse(0.1), lose_answer=Often(0.1), reject_currency=("CAD",)),
}
_LOOK_SECONDS = 0.05


@dataclass(frozen=True)
class Town:
    """A hub and a retailer that know each other."""

    hub: Hub
    rig: Rig
    retailer: Retailer

    async def settled(self, seconds: float = 30) -> None:
        """Wait until nothing is on its way any more."""
        for _ in range(int(seconds / _LOOK_SECONDS)):
            if not await moving(self.hub.db):
                return
            await asyncio.sleep(_LOOK_SECONDS)
        raise AssertionError(f"{await moving(self.hub.db)} handoffs are still on their way after {seconds} s")

    async def reckoned(self) -> Summary:
        """The reckoning, with the books as they are."""
        return reckon(await gather_evidence(self.hub.db, self.rig, self.retailer))

    async def ring(self, customer: Identifiers | None = None, amount: str = "88.00") -> Receipt:
        """Ring one sale."""
        sale = Sale("006", "3", "op07", "store_credit", "refund", amount, "USD", customer)
        receipt = await self.retailer.registers.ring(sale)
        assert receipt.standing is Standing.CONFIRMED, receipt.sentence
        return receipt


@pytest.fixture
async def town(db_url: str, tmp_path: Path) -> AsyncIterator[Town]:
    settings = replace(settings_in(tmp_path, db_url), smtp_url=INBOX)
    async with AsyncExitStack() as closing:
        async with open_database(settings, size=1) as db:
            bearers = {name: await make_key(db, SystemClock(), name, *role) for name, role in ROLES.items()}
        keys = {name: Key(bearers[name], SECRETS[name]) for name in NAMES}
        retailer = await closing.enter_async_context(open_retailer("", keys, seed=7, shape=Shape(accounts=120)))
        settings.stack.write_text(MAP.format(**retailer.urls, pace=PACE), "utf-8")
        hub, url = await closing.enter_async_context(serving(settings, load(settings.stack, {})))
        retailer.hub.url = url
        assert await retailer.web.push_customers() == 120
        yield Town(hub, Rig(settings, retailer.urls, keys, bearers["operations"]), retailer)


async def seen(town: Town, account_id: str) -> str:
    """The customer's page."""
    url = f"{town.retailer.urls['web']}/account/{account_id}"
    async with aiohttp.ClientSession() as browser, browser.get(url) as response:
        assert response.status == 200
        return await response.text()


async def test_a_credit_issued_at_a_register_is_seen_and_spent_online(town: Town) -> None:
    ava = next(account for account in town.retailer.web.directory if account.email_verified)
    receipt = await town.ring(Identifiers(email=ava.email.upper()))
    assert receipt.voucher is None
    assert receipt.hops is not None
    assert receipt.hops["registers-platform"] == "confirmed"
    await town.settled()
    for book in (town.retailer.processor.book, town.retailer.erp.book, town.retailer.web.book):
        (line,) = book
        assert (line.type, line.credit_id, line.transaction_id) == ("credit.issued", receipt.credit_id, "T0063-001")
        assert line.amount.text() == "88.00"
    assert next(iter(town.retailer.web.book)).account_id == ava.account_id
    assert "$88.00" in await seen(town, ava.account_id)
    order = await town.retailer.web.order(ava.account_id, "30.00", "USD")
    assert order.standing == "paid"
    assert "$58.00" in await seen(town, ava.account_id)
    await town.settled()
    assert [line.type for line in town.retailer.erp.book] == ["credit.issued", "credit.redeemed"]
    assert town.retailer.erp.webhooks == {"sent": 2, "lost": 0, "given_up": 0}
    summary = await town.reckoned()
    assert summary.accounted, summary
    assert summary.confirmed == {"platform-processor": 2, "processor-erp": 2, "platform-web": 2}


async def test_the_register_can_wait_for_the_web_store(town: Town) -> None:
    town.retailer.registers.wait_seconds = 3
    ava = next(account for account in town.retailer.web.directory if account.email_verified)
    receipt = await town.ring(Identifiers(email=ava.email))
    assert receipt.hops is not None
    assert receipt.hops["platform-web"] == "confirmed"
    assert len(list(town.retailer.web.book)) == 1


async def test_a_voucher_waits_until_it_is_claimed(town: Town) -> None:
    receipt = await town.ring()
    assert receipt.voucher is not None
    await town.settled()
    assert list(town.retailer.web.book) == []
    waiting = await town.reckoned()
    assert waiting.accounted, waiting
    assert (waiting.vouchers, waiting.claimed) == (1, 0)
    assert waiting.waiting_for_claim > 0
    ava = next(account for account in town.retailer.web.directory if account.email_verified)
    claimed = await claim_voucher(town.retailer.hub.url, receipt.voucher.claim_url, ava.email)
    assert claimed.done, claimed
    await town.settled()
    (line,) = town.retailer.web.book
    assert line.account_id == ava.account_id
    assert "$88.00" in await seen(town, ava.account_id)
    again = await claim_voucher(town.retailer.hub.url, receipt.voucher.claim_url, ava.email)
    assert not again.done


async def test_a_balance_of_its_own_drifts(town: Town) -> None:
    ava = next(account for account in town.retailer.web.directory if account.email_verified)
    await town.ring(Identifiers(email=ava.email))
    await town.settled()
    town.retailer.web.intake.set_faults(Faults(lock_error=Often(1)))
    await town.retailer.web.order(ava.account_id, "30.00", "USD")
    town.retailer.web.keeps_balance = True
    assert "$88.00" in await seen(town, ava.account_id)
    town.retailer.web.keeps_balance = False
    assert "$58.00" in await seen(town, ava.account_id)
    town.retailer.web.intake.set_faults(Faults())
    await town.settled()
    town.retailer.web.keeps_balance = True
    assert "$58.00" in await seen(town, ava.account_id)


async def test_everybody_gets_their_own_credit_and_nobody_another(town: Town) -> None:
    await run(town.retailer, credits=150, seed=11, pace=Pace(clients=8))
    await town.settled()
    planner = Planner(Random("11:traffic"), town.retailer.web.directory)
    plans = {plan.sale.transaction_id: plan for plan in planner.plans(150)}
    for receipt in town.retailer.registers.journal:
        unknown = plans[receipt.transaction_id].spelling in {Spelling.BLANK, Spelling.MISTYPED}
        assert (receipt.voucher is not None) == unknown, (receipt.sale.customer, receipt.sentence)
    issued = [line for line in town.retailer.web.book if line.type == "credit.issued"]
    assert len(issued) > 100
    for line in issued:
        assert line.account_id == plans[line.transaction_id].account.account_id


async def test_a_run_with_faults_loses_nothing_and_doubles_nothing(town: Town) -> None:
    town.retailer.set_faults(FAULTS)
    progress = await run(
        town.retailer, credits=200, seed=7, pace=Pace(clients=8), operations_bearer=town.rig.operations
    )
    town.retailer.set_faults(dict.fromkeys(FAULTS, Faults()))
    await town.settled()
    assert (progress.confirmed, progress.open, progress.refused) == (200, 0, 0)
    assert min(progress.redeemed, progress.voided, progress.claimed) > 0
    assert 5 < progress.vouchers < 40
    summary = await town.reckoned()
    assert summary.accounted, summary
    assert (summary.issued, summary.vouchers, summary.claimed) == (200, progress.vouchers, progress.claimed)
    assert set(summary.dead_reasons) == {"platform-web: currency"}
    assert summary.parked == 0
    assert summary.replayed > 5
    assert town.retailer.processor.book.refused["refused"] > 5
    assert town.retailer.erp.book.refused["lock"] > 5
