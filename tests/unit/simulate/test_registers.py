import asyncio
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

import aiohttp
import msgspec
import pytest

from tests.unit.simulate.stub_hub import StubHub
from tillbridge.kernel.clock import SetClock
from tillbridge.kernel.errors import BadInput
from tillbridge.kernel.money import Money
from tillbridge.simulate.chance import Chance
from tillbridge.simulate.faults import Faults, Often
from tillbridge.simulate.hub import Answer, Hub, NoAnswer
from tillbridge.simulate.receipt import Identifiers, Receipt, Sale, Standing
from tillbridge.simulate.registers import Registers, pause_seconds, settle
from tillbridge.simulate.servers import Retailer

SALE = Sale(store="006", register="3", operator="op07", kind="store_credit", bucket="refund", amount="88.00",
            currency="USD", customer=Identifiers(email="nobody@example.com"))  # fmt: skip
NOON = datetime(2026, 11, 21, 19, 2, 11, 204567, tzinfo=UTC)


async def test_a_sale_is_confirmed_and_its_receipt_kept(retailer: Retailer, hub: StubHub) -> None:
    receipt = await retailer.registers.ring(SALE)
    assert receipt.standing is Standing.CONFIRMED
    assert (receipt.credit_id, receipt.last4, receipt.attempts, receipt.replayed) == ("c1", "4471", 1, False)
    assert receipt.voucher is not None
    assert receipt.sentence == "Confirmed."
    assert receipt.confirm_ms is not None
    assert receipt.confirm_ms > 0
    assert receipt.transaction_id == "T0063-001"
    assert list(retailer.registers.journal) == [receipt]
    assert hub.credits["c1"].key == receipt.key


async def test_keys_are_store_register_time_and_never_twice() -> None:
    clock = SetClock(NOON)
    async with aiohttp.ClientSession() as session:
        nobody = Hub("http://127.0.0.1:9", session)
        registers = Registers("key", nobody, clock, ZoneInfo("America/New_York"), Chance(7, "registers"))
        registers.attempts = 1
        first = await registers.ring(SALE)
        second = await registers.ring(SALE)
        clock.move(timedelta(seconds=-5))
        third = await registers.ring(SALE)
        other = await registers.ring(msgspec.structs.replace(SALE, register="4"))
    assert first.key == "006-3-2026-11-21T14:02:11.204-05:00"
    assert [second.key[-10:-6], third.key[-10:-6]] == [".205", ".206"]
    assert other.key == "006-4-2026-11-21T14:02:06.204-05:00"
    assert [one.standing for one in (first, second, third, other)] == [Standing.OPEN] * 4


async def test_the_key_is_in_the_book_before_anything_is_sent(retailer: Retailer, hub: StubHub) -> None:
    hub.troubles = [503] * 3
    ringing = asyncio.create_task(retailer.registers.ring(SALE))
    await asyncio.sleep(0)
    (receipt,) = retailer.registers.journal
    assert (receipt.standing, receipt.attempts) == (Standing.OPEN, 0)
    done = await ringing
    assert (done.key, done.standing, done.attempts) == (receipt.key, Standing.CONFIRMED, 4)
    assert hub.seen == {receipt.key: 4}


async def test_a_lost_answer_is_found_again_by_the_same_key(retailer: Retailer, hub: StubHub) -> None:
    retailer.registers.faults = Faults(lose_answer=Often(0.5))
    receipts = await asyncio.gather(*(retailer.registers.ring(SALE) for _ in range(30)))
    assert all(receipt.standing is Standing.CONFIRMED for receipt in receipts)
    assert len(hub.credits) == 30
    replayed = [receipt for receipt in receipts if receipt.replayed]
    assert 5 < len(replayed) < 25
    assert all(receipt.attempts > 1 for receipt in replayed)


async def test_a_refusal_for_good_is_not_asked_again(retailer: Retailer, hub: StubHub) -> None:
    hub.troubles = [422]
    receipt = await retailer.registers.ring(SALE)
    assert (receipt.standing, receipt.attempts, receipt.code) == (Standing.REFUSED, 1, "trouble")
    assert receipt.sentence == "Try again."
    assert hub.credits == {}


async def test_a_sale_left_open_is_asked_for_later(retailer: Retailer, hub: StubHub) -> None:
    retailer.registers.attempts = 2
    hub.troubles = [500, 500]
    receipt = await retailer.registers.ring(SALE)
    assert receipt.standing is Standing.OPEN
    assert "Do not hand out" in receipt.sentence or receipt.sentence == "Try again."
    assert await retailer.registers.ask_again() == []
    (later,) = retailer.registers.journal
    assert (later.standing, later.attempts, later.key) == (Standing.CONFIRMED, 3, receipt.key)


async def test_no_such_amount_is_not_rung(retailer: Retailer) -> None:
    with pytest.raises(BadInput, match="finer"):
        await retailer.registers.ring(msgspec.structs.replace(SALE, amount="88.005"))
    assert len(retailer.registers.journal) == 0


@pytest.mark.parametrize(
    ("answer", "standing", "code"),
    [
        (NoAnswer("gone"), Standing.OPEN, "no-answer"),
        (Answer(201, b'{"credit": {"id": "c"}}'), Standing.CONFIRMED, ""),
        (Answer(200, b'{"credit": {"id": "c"}}', replayed=True), Standing.CONFIRMED, ""),
        (Answer(202, b'{"credit": {"id": "c"}}'), Standing.REFUSED, "status-202"),
        (Answer(200, b"<html>"), Standing.REFUSED, "status-200"),
        (Answer(500, b"oops"), Standing.OPEN, "status-500"),
        (Answer(503, b'{"code": "away", "retry": "safe"}'), Standing.OPEN, "away"),
        (Answer(409, b'{"code": "in-flight", "retry": "safe"}'), Standing.OPEN, "in-flight"),
        (Answer(409, b'{"code": "conflict", "retry": "new_key"}'), Standing.REFUSED, "conflict"),
        (Answer(429, b"{}"), Standing.OPEN, "status-429"),
        (Answer(401, b"{}"), Standing.REFUSED, "status-401"),
    ],
)
def test_only_a_yes_with_a_credit_is_a_yes(answer: Answer | NoAnswer, standing: Standing, code: str) -> None:
    settled = settle(Receipt("k", "T1", SALE, Money(8800, "USD"), NOON, NOON), answer, 12.5)
    assert (settled.standing, settled.code, settled.attempts) == (standing, code, 1)
    assert settled.confirm_ms == (12.5 if standing is Standing.CONFIRMED else None)
    assert bool(settled.sentence) == (standing is not Standing.CONFIRMED)


def test_pauses_grow_and_respect_the_hub() -> None:
    longest = [max(pause_seconds(attempt, NoAnswer(""), Random(seed)) for seed in range(200)) for attempt in (1, 3, 9)]
    assert longest[0] < longest[1] < longest[2] <= 3
    assert pause_seconds(1, Answer(503, b"", retry_after=2.0), Random(1)) == 2
    assert pause_seconds(1, Answer(503, b"", retry_after=600.0), Random(1)) == 3


async def test_sales_come_in_over_http(retailer: Retailer, browser: aiohttp.ClientSession) -> None:
    url = retailer.urls["registers"]
    sale = {"store": "006", "register": "3", "operator": "op07", "kind": "gift_card", "bucket": "paid",
            "amount": "25.00", "currency": "USD", "customer": {"email": "<b>@example.com"}}  # fmt: skip
    async with browser.post(f"{url}/sales", json=sale) as response:
        assert response.status == 201
        receipt = await response.json()
    assert receipt["standing"] == "confirmed"
    async with browser.get(f"{url}/book") as response:
        book = await response.json()
    assert book["counts"] == {"open": 0, "confirmed": 1, "refused": 0}
    assert book["receipts"] == [receipt]
    async with browser.get(f"{url}/") as response:
        page = await response.text()
    for part in ("T0063-001", "$25.00", "Confirmed.", "/claim/c1", "confirmed", "…4471"):
        assert part in page


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"kind": "coupon"}, "kind"),
        ({"bucket": None}, "bucket"),
        ({"amount": "1,5"}, "amount"),
        ({"amount": 5}, "amount"),
        ({"currency": "usd"}, "currency"),
        ({"currency": "XXQ"}, "amount"),
        ({"store": ""}, "store"),
        ({"customer": {"mail": "x"}}, "customer.mail"),
        ({"colour": "red"}, "colour"),
    ],
)
async def test_a_bad_sale_names_the_field(
    retailer: Retailer, browser: aiohttp.ClientSession, change: dict[str, Any], field: str
) -> None:
    sale = {"store": "006", "register": "3", "operator": "op07", "kind": "gift_card", "bucket": "paid",
            "amount": "25.00", "currency": "USD"} | change  # fmt: skip
    async with browser.post(f"{retailer.urls['registers']}/sales", json=sale) as response:
        assert response.status == 422
        problem = await response.json()
    assert problem["field"] == field
    assert problem["mend"]
    assert len(retailer.registers.journal) == 0


async def test_the_registers_have_two_switches(retailer: Retailer, browser: aiohttp.ClientSession) -> None:
    url = f"{retailer.urls['registers']}/faults"
    async with browser.put(url, json={"lose_answer": {"rate": 0.5}}) as response:
        assert response.status == 200
    async with browser.put(url, json={"refuse": {"rate": 0.5}}) as response:
        assert (response.status, (await response.json())["field"]) == (422, "refuse")
    async with browser.get(url) as response:
        assert await response.json() == {"lose_answer": {"rate": 0.5}}
