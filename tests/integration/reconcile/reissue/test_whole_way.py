"""The whole way: findings as a reconciliation writes them, a web store over HTTP, and its confirmation."""

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from aiohttp import web

from tests.integration.reconcile.reissue.shop import START, open_shop
from tillbridge.connectors.http import HttpConnector
from tillbridge.diagnose.model import Cause, Class, Evidence, Finding, Nearest
from tillbridge.kernel.clock import SetClock
from tillbridge.kernel.db import Db
from tillbridge.reconcile.model import Cut, Run
from tillbridge.reconcile.reissue import store
from tillbridge.reconcile.reissue.model import Reason, State
from tillbridge.reconcile.reissue.ports import CannotTell, NotThere, Shown
from tillbridge.reconcile.reissue.reading import findings_of
from tillbridge.reconcile.report.rows import findings_json
from tillbridge.simulate.book import Book, CreditPart, CustomerPart, Event
from tillbridge.simulate.chance import Chance
from tillbridge.simulate.faults import Faults
from tillbridge.simulate.intake import Intake, confirm_at_once
from tillbridge.simulate.storefront import SWITCHES
from tillbridge.simulate.wire import new_app

SECRET = "a secret for the web store"


@pytest.fixture
async def intake() -> AsyncIterator[tuple[Intake, str]]:
    """The side of a simulated web store that the hub talks to, and its address."""
    clock = SetClock(START)
    intake = Intake(Book("web", "WEB"), SECRET, clock, Chance(5, "web"), SWITCHES, confirm_at_once)
    app = new_app()
    intake.add_routes(app)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    assert site._server is not None
    port = site._server.sockets[0].getsockname()[1]  # type: ignore[attr-defined]
    yield intake, f"http://127.0.0.1:{port}"
    await runner.cleanup()


def event(credit: str, account: str) -> Event:
    part = CreditPart(credit, "store_credit", "refund", "USD")
    return Event(
        "credit.issued", "E1", 1, "active", "25.00", "25.00", part, customer=CustomerPart("", {"web": account})
    )


async def test_a_web_store_is_asked_over_http(intake: tuple[Intake, str]) -> None:
    shop, url = intake
    shop.book.apply("K1", event("C1", "A1"), START)
    async with HttpConnector(url, SECRET, SetClock(START)) as way:
        seen = await way.shows("C1")
        assert isinstance(seen, Shown)
        assert (seen.account_id, seen.spent, "shows 25.00 USD" in seen.sentence) == ("A1", False, True)
        assert await way.shows("C2") == NotThere()
        shop.set_faults(Faults(no_probe=True))
        assert await way.shows("C1") == CannotTell("It answered 405 when asked.")
    async with HttpConnector(url, "another secret", SetClock(START)) as way:
        assert await way.shows("C1") == CannotTell("It answered 401 when asked.")
    async with HttpConnector("http://127.0.0.1:9", SECRET, SetClock(START)) as way:
        assert isinstance(await way.shows("C1"), CannotTell)
    async with HttpConnector("no address", SECRET, SetClock(START)) as way:
        assert isinstance(await way.shows("C1"), CannotTell)


async def test_what_arrived_meanwhile_is_seen_over_http(db: Db, intake: tuple[Intake, str]) -> None:
    simulated, url = intake
    async with open_shop(db) as shop, HttpConnector(url, SECRET, shop.clock) as way:
        shop.ways = {"web": way}
        arrived, lost = await shop.credit(), await shop.credit()
        simulated.book.apply("K1", event(str(arrived), "A1"), START)
        plan, _ = await shop.plan(shop.finding(arrived), shop.finding(lost))
        first, second = await shop.run(plan)
        assert (first.state, first.reason, second.state) == (State.LEFT, Reason.ARRIVED, State.HANDED)
        await shop.confirm("platform-web")
        assert [item.state for item in await shop.run(plan)] == [State.LEFT, State.CONFIRMED]


def finding(shop_code: str, **changes: object) -> Finding:
    given: dict[str, object] = {
        "finding_id": "F-1", "kind": Class.ORPHAN, "cause": Cause.LOST_IN_HOP, "code": shop_code,
        "transaction_id": "T-1", "store": "006", "register": "3", "operator": "op07", "amount": 2500,
        "currency": "USD", "at": START, "evidence": (Evidence(START, "pos", "Sold."),), "action": "Reissue it.",
        "risk": "customer", "account_id": "A1", "candidates": (Nearest("A2", 91, ("one letter differs",)),), **changes,
    }  # fmt: skip
    return Finding(**given)  # type: ignore[arg-type]


async def test_findings_are_read_as_a_reconciliation_writes_them(db: Db) -> None:
    async with open_shop(db) as shop:
        credit = await shop.credit()
        code = shop.codes.make((await shop.now(credit)).issue_key)
        run = Run(
            cut=Cut(START - timedelta(days=30), START, START), retailer="Harbor & Pine",
            time_zone="America/New_York", map_file="stack.toml", engine="duckdb", sides=(),
            findings=(
                finding(code),
                finding("", finding_id="F-2", kind=Class.UNBACKED, cause=Cause.MANUAL_BYPASS, currency="", amount=0),
                finding("6281670170002304", finding_id="F-3", kind=Class.MISSING_ON_PLATFORM, cause=None),
            ),
            looked_at=3, matched=0, remarks=(), seconds=0.1,
        )  # fmt: skip
        read = findings_of("findings.json", findings_json(run).encode())
        plan, items = await shop.planner.make(read, "ann", None)
        by_id = {item.finding_id: item for item in items}
        assert (by_id["F-1"].state, by_id["F-1"].credit) == (State.PLANNED, str(credit))
        assert by_id["F-1"].evidence[0]["fact"] == "Sold."
        assert by_id["F-1"].candidates == [{"account_id": "A2", "score": 91, "reasons": ["one letter differs"]}]
        assert {by_id["F-2"].reason, by_id["F-3"].reason} == {Reason.OTHER_MEND}
        assert [item.number for item in await store.items(db, plan.plan_id)] == [1, 2, 3]
