import re
from typing import Any

import aiohttp
import pytest

from tests.unit.simulate.stub_hub import StubHub
from tillbridge.kernel.money import Money
from tillbridge.simulate.balance import Balance, OnlineCredit, sum_up
from tillbridge.simulate.checkout import parts_for
from tillbridge.simulate.directory import Account
from tillbridge.simulate.faults import Faults, Often
from tillbridge.simulate.receipt import Identifiers, Sale
from tillbridge.simulate.servers import Retailer


@pytest.fixture
def ava(retailer: Retailer) -> Account:
    return next(account for account in retailer.web.directory if account.email_verified)


async def issue(
    retailer: Retailer, hub: StubHub, account: Account, amount: str = "88.00", currency: str = "USD"
) -> None:
    sale = Sale("006", "3", "op07", "store_credit", "refund", amount, currency, Identifiers(account.email.upper()))
    await retailer.registers.ring(sale)
    await hub.settled()


async def get(browser: aiohttp.ClientSession, url: str) -> tuple[int, str]:
    async with browser.get(url) as response:
        return response.status, await response.text()


async def put(browser: aiohttp.ClientSession, url: str, body: Any) -> tuple[int, Any]:
    async with browser.put(url, json=body) as response:
        return response.status, await response.json()


async def test_the_directory_is_pushed_in_bulk_and_changes_one_by_one(
    retailer: Retailer, hub: StubHub, browser: aiohttp.ClientSession, ava: Account
) -> None:
    assert await retailer.web.push_customers() == 60
    assert [len(body["customers"]) for _, body in hub.events] == [60]
    url = f"{retailer.urls['web']}/account/{ava.account_id}"
    status, body = await put(browser, url, {"email": "new@example.com"})
    assert (status, body["email"], body["email_verified"], body["told"]) == (200, "new@example.com", False, True)
    assert hub.events[-1] == (
        "web",
        {"type": "customer.updated", "customer": {k: body[k] for k in body if k != "told"}},
    )
    retailer.web.intake.set_faults(Faults(lose_webhook=Often(1)))
    assert (await put(browser, url, {"phone": "+12125550123"}))[1]["told"] is False
    assert len(hub.events) == 2
    assert (await put(browser, url, {"name": "x"}))[0] == 422
    assert (await put(browser, f"{retailer.urls['web']}/account/A9", {}))[0] == 404


async def test_the_page_asks_the_hub_for_the_balance(
    retailer: Retailer, hub: StubHub, browser: aiohttp.ClientSession, ava: Account
) -> None:
    await retailer.web.push_customers()
    url = f"{retailer.urls['web']}/account/{ava.account_id}"
    status, page = await get(browser, url)
    assert status == 200
    assert "You have no credit to spend." in page
    await issue(retailer, hub, ava)
    hub.credits["c1"].balance = 5000
    status, page = await get(browser, url)
    assert status == 200
    for part in (ava.name, "$50.00", "Store credit", "…4471", "Asked from the ledger"):
        assert part in page
    status, body = await get(browser, f"{url}/credits")
    assert status == 200
    assert '"totals":[{"currency":"USD","available":"50.00"}]' in body
    status, page = await get(browser, retailer.urls["web"] + "/")
    assert f"/account/{ava.account_id}" in page
    assert "1 of 60 accounts" in page


async def test_a_hub_that_is_away_is_said_plainly(
    retailer: Retailer, hub: StubHub, browser: aiohttp.ClientSession, ava: Account
) -> None:
    await retailer.web.push_customers()
    await issue(retailer, hub, ava)
    retailer.hub.url = "http://127.0.0.1:9"
    url = f"{retailer.urls['web']}/account/{ava.account_id}"
    status, page = await get(browser, url)
    assert status == 503
    assert "We cannot show your balance right now." in page
    assert "$" not in re.sub(r"<style>.*</style>", "", page, flags=re.DOTALL)
    assert (await get(browser, f"{url}/credits"))[0] == 503
    order = await retailer.web.order(ava.account_id, "10.00", "USD")
    assert (order.standing, order.paid.minor) == ("not paid", 0)
    retailer.hub.url = hub.url


async def test_the_old_way_keeps_a_balance_that_drifts(
    retailer: Retailer, hub: StubHub, browser: aiohttp.ClientSession, ava: Account
) -> None:
    await retailer.web.push_customers()
    await issue(retailer, hub, ava)
    web = retailer.urls["web"]
    assert await put(browser, f"{web}/mode", {"keeps_balance": True}) == (200, {"keeps_balance": True})
    hub.credits["c1"].balance = 100
    status, page = await get(browser, f"{web}/account/{ava.account_id}")
    assert status == 200
    assert "$88.00" in page
    assert "own copy" in page
    await put(browser, f"{web}/mode", {"keeps_balance": False})
    assert "$1.00" in (await get(browser, f"{web}/account/{ava.account_id}"))[1]
    assert (await put(browser, f"{web}/mode", {"keeps_balance": "yes"}))[0] == 422


async def test_an_order_is_paid_with_several_credits(
    retailer: Retailer, hub: StubHub, browser: aiohttp.ClientSession, ava: Account
) -> None:
    await retailer.web.push_customers()
    for amount in ("30.00", "20.00"):
        await issue(retailer, hub, ava, amount)
    url = f"{retailer.urls['web']}/orders"
    async with browser.post(url, json={"account_id": ava.account_id, "amount": "45.00"}) as response:
        assert response.status == 201
        order = await response.json()
    assert (order["standing"], order["paid"], order["left"]) == ("paid", "45.00", "0.00")
    assert [part["amount"] for part in order["redemptions"]] == ["30.00", "15.00"]
    await hub.settled()
    assert [credit.balance for credit in hub.credits.values()] == [0, 500]
    assert retailer.web.book.totals()["USD"] == {"credit.issued": "50.00", "credit.redeemed": "45.00"}
    rest = await retailer.web.order(ava.account_id, "9.00", "USD")
    assert (rest.standing, rest.paid.text(), rest.left.text()) == ("part paid", "5.00", "4.00")
    none = await retailer.web.order(ava.account_id, "9.00", "USD")
    assert none.standing == "not paid"
    assert len({order["order_id"], rest.order_id, none.order_id}) == 3
    _, listed = await get(browser, url)
    assert '"counts":{"paid":1,"part paid":1,"not paid":1}' in listed


async def test_an_order_is_paid_from_the_page(
    retailer: Retailer, hub: StubHub, browser: aiohttp.ClientSession, ava: Account
) -> None:
    await retailer.web.push_customers()
    await issue(retailer, hub, ava)
    form = {"account_id": ava.account_id, "amount": " 8.00 ", "currency": "USD"}
    async with browser.post(f"{retailer.urls['web']}/orders", data=form) as response:
        assert response.status == 201
        assert "Paid with your credit" in await response.text()
    async with browser.post(f"{retailer.urls['web']}/orders", data=form | {"amount": "8,00"}) as response:
        assert response.status == 422
        assert "no plain decimal" in await response.text()


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"account_id": "A9"}, "account_id"),
        ({"amount": "0"}, "amount"),
        ({"amount": "-1"}, "amount"),
        ({"amount": "x"}, "amount"),
        ({"amount": None}, "amount"),
        ({"currency": "XXQ"}, "currency"),
        ({"size": 1}, "size"),
    ],
)
async def test_a_bad_order_names_the_field(
    retailer: Retailer, browser: aiohttp.ClientSession, ava: Account, change: dict[str, Any], field: str
) -> None:
    body = {"account_id": ava.account_id, "amount": "8.00", "currency": "USD"} | change
    async with browser.post(f"{retailer.urls['web']}/orders", json=body) as response:
        assert (response.status, (await response.json())["field"]) == (422, field)


async def test_pages_load_nothing_and_hide_nothing(retailer: Retailer, browser: aiohttp.ClientSession) -> None:
    for url in (f"{retailer.urls['registers']}/", f"{retailer.urls['web']}/", f"{retailer.urls['web']}/account/A9"):
        async with browser.get(url) as response:
            page = await response.text()
            assert "default-src 'none'" in response.headers["Content-Security-Policy"]
        assert '<html lang="en">' in page
        assert "width=device-width" in page
        assert page.count("<h1>") == 1
        assert "http://" not in page.replace(retailer.hub.url, "")


def test_parts_follow_the_hubs_order_and_currency() -> None:
    credits = tuple(
        OnlineCredit(name, "gift_card", "1", "active", Money(minor, currency))
        for name, minor, currency in (("a", 500, "USD"), ("b", 900, "CAD"), ("c", 0, "USD"), ("d", 700, "USD"))
    )
    balance = Balance(credits, sum_up(credits), kept=False)
    assert balance.totals == (Money(900, "CAD"), Money(1200, "USD"))
    assert parts_for(balance, Money(600, "USD")) == [("a", Money(500, "USD")), ("d", Money(100, "USD"))]
    assert parts_for(balance, Money(5000, "CAD")) == [("b", Money(900, "CAD"))]
    assert parts_for(balance, Money(100, "JPY")) == []
