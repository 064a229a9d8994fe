import asyncio
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import aiohttp
import pytest

from tests.unit.simulate.stub_hub import SECRET, StubHub, signed
from tillbridge.simulate.book import Book, read_event
from tillbridge.simulate.servers import Retailer

EVENT: dict[str, Any] = {
    "type": "credit.issued",
    "event_id": "e1",
    "version": 1,
    "state": "active",
    "amount": "88.00",
    "balance": "88.00",
    "credit": {"id": "c1", "kind": "store_credit", "bucket": "refund", "currency": "USD", "last4": "4471"},
    "transaction_id": "T0063-118",
    "customer": {"customer_id": "p1", "accounts": {"web": "A0000001"}},
    "store": "006",
}


@dataclass
class Desk:
    """One system's door, as the hub uses it."""

    url: str
    session: aiohttp.ClientSession

    async def send(self, door: str, said: Any, secret: str = SECRET) -> tuple[int, Any]:
        body = json.dumps(said).encode()
        headers = signed(secret, "many-1", body, int(datetime.now(UTC).timestamp()))
        async with self.session.post(f"{self.url}/tillbridge/{door}", data=body, headers=headers) as response:
            return response.status, await response.json()

    async def deliver(self, key: str = "e1:hop", secret: str = SECRET, **change: Any) -> tuple[int, Any]:
        body = json.dumps(EVENT | change).encode()
        headers = signed(secret, key, body, int(datetime.now(UTC).timestamp()))
        async with self.session.post(f"{self.url}/tillbridge/events", data=body, headers=headers) as response:
            return response.status, await response.json()

    async def get(self, path: str) -> tuple[int, Any]:
        async with self.session.get(self.url + path) as response:
            return response.status, await response.json()

    async def put(self, path: str, body: object) -> tuple[int, Any]:
        async with self.session.put(self.url + path, json=body) as response:
            return response.status, await response.json()


@pytest.fixture(params=["processor", "erp", "web"])
def desk(request: pytest.FixtureRequest, retailer: Retailer, browser: aiohttp.ClientSession) -> Desk:
    retailer.erp.confirm = "answer"
    return Desk(retailer.urls[request.param], browser)


async def test_a_delivery_is_booked_once_and_a_repeat_gets_the_first_answer(desk: Desk) -> None:
    first, second = await desk.deliver(), await desk.deliver()
    assert first == second
    assert first[0] == 200
    _, book = await desk.get("/book")
    assert (book["applied"], book["repeats"]) == (1, 1)
    assert book["totals"] == {"USD": {"credit.issued": "88.00"}}
    (line,) = book["events"]
    assert line["times"] == 1
    assert (line["reference"], line["transaction_id"]) == (first[1]["reference"], "T0063-118")


async def test_many_at_once_with_one_key_are_booked_once(desk: Desk) -> None:
    await desk.put("/faults", {"delay": {"rate": 0.5, "seconds": 0.05}})
    answers = await asyncio.gather(*(desk.deliver() for _ in range(20)))
    assert len({json.dumps(answer) for answer in answers}) == 1
    _, book = await desk.get("/book")
    assert (book["applied"], book["repeats"]) == (1, 19)


async def test_a_stranger_is_refused(desk: Desk) -> None:
    status, body = await desk.deliver(secret="not ours")
    assert (status, body["code"]) == (401, "signature")
    assert (await desk.get("/book"))[1]["applied"] == 0


@pytest.mark.parametrize(
    "change",
    [{"amount": "88.005"}, {"amount": 88}, {"balance": "x"}, {"version": "1"}, {"credit": {}}, {"type": None}],
)
async def test_a_bad_body_is_refused_for_good(desk: Desk, change: dict[str, Any]) -> None:
    status, body = await desk.deliver(**change)
    assert (status, body["code"]) == (422, "body")
    assert body["message"]
    assert (await desk.get("/book"))[1]["refused"] == {"body": 1}


async def test_the_key_has_to_be_the_signed_one(desk: Desk) -> None:
    body = json.dumps(EVENT).encode()
    headers = signed(SECRET, "e1:hop", body, int(datetime.now(UTC).timestamp())) | {"Idempotency-Key": "e2:hop"}
    async with desk.session.post(f"{desk.url}/tillbridge/events", data=body, headers=headers) as response:
        assert response.status == 422
        assert (await response.json())["code"] == "key"


async def test_the_probe_says_what_was_applied(desk: Desk) -> None:
    assert (await desk.get("/tillbridge/events/e1:hop"))[0] == 404
    _, answer = await desk.deliver()
    assert await desk.get("/tillbridge/events/e1%3Ahop") == (200, {"state": "applied", **answer})
    await desk.put("/faults", {"no_probe": True})
    assert (await desk.get("/tillbridge/events/e1:hop"))[0] == 405


async def test_refusing_says_when_to_come_again_and_books_nothing(desk: Desk) -> None:
    await desk.put("/faults", {"refuse": {"rate": 1, "status": 429, "retry_after": 3}})
    async with desk.session.post(
        f"{desk.url}/tillbridge/events",
        data=(body := json.dumps(EVENT).encode()),
        headers=signed(SECRET, "e1:hop", body, int(datetime.now(UTC).timestamp())),
    ) as response:
        assert (response.status, response.headers["Retry-After"]) == (429, "3")
    assert (await desk.get("/book"))[1]["applied"] == 0
    await desk.put("/faults", {})
    assert (await desk.deliver())[0] == 200


async def test_a_lock_books_nothing_and_a_currency_is_refused_for_good(desk: Desk) -> None:
    await desk.put("/faults", {"lock_error": {"rate": 1}, "reject_currency": ["CAD"]})
    assert (await desk.deliver())[0] == 423
    credit = EVENT["credit"] | {"currency": "CAD"}
    assert (await desk.deliver("e2:hop", credit=credit))[0] == 422
    assert (await desk.get("/book"))[1]["refused"] == {"lock": 1, "currency": 1}


async def test_a_lost_answer_is_applied_and_found_by_asking(desk: Desk) -> None:
    await desk.put("/faults", {"lose_answer": {"rate": 1}})
    with pytest.raises(aiohttp.ServerDisconnectedError):
        await desk.deliver()
    assert (await desk.get("/tillbridge/events/e1:hop"))[0] == 200
    await desk.put("/faults", {})
    assert (await desk.deliver())[0] == 200
    _, book = await desk.get("/book")
    assert (book["applied"], book["repeats"]) == (1, 1)


async def test_the_switches_are_shown_and_bad_ones_refused(desk: Desk) -> None:
    switches = {"delay": {"rate": 0.5, "seconds": 1.0}}
    assert await desk.put("/faults", switches) == (200, switches)
    status, body = await desk.put("/faults", {"delay": {"rate": 5, "seconds": 1}})
    assert (status, body["field"]) == (422, "delay.rate")
    assert body["mend"]
    assert await desk.get("/faults") == (200, switches)


async def test_a_book_is_read_in_parts(desk: Desk) -> None:
    for number in range(5):
        await desk.deliver(f"e{number}:hop", event_id=f"e{number}")
    _, book = await desk.get("/book?from=1&limit=2")
    assert [line["number"] for line in book["events"]] == [2, 3]
    assert book["applied"] == 5
    status, body = await desk.get("/book?from=-1")
    assert (status, body["field"]) == (422, "from")


def test_a_double_application_would_be_visible() -> None:
    book = Book("erp", "JE")
    event = read_event(json.dumps(EVENT).encode())
    for _ in range(2):
        book.apply("e1:hop", event, datetime.now(UTC))
    assert book.times["e1:hop"] == 2
    lines = book.as_json()["events"]
    assert isinstance(lines, list)
    assert [line["times"] for line in lines] == [2, 2]


async def test_the_erp_confirms_by_a_call_of_its_own(hub: StubHub, retailer: Retailer) -> None:
    async with aiohttp.ClientSession() as session:
        desk = Desk(retailer.urls["erp"], session)
        assert (await desk.get("/mode"))[1]["confirm"] == "webhook"
        assert (await desk.deliver("c1v1:platform-erp"))[0] == 202
        for _ in range(100):
            if hub.events:
                break
            await asyncio.sleep(0.01)
        wanted = {"type": "handoff.confirmed", "key": "c1v1:platform-erp", "reference": "JE00000001"}
        assert hub.events == [("erp", wanted)]
        await desk.put("/faults", {"lose_webhook": {"rate": 1}})
        assert (await desk.deliver("c2v1:platform-erp"))[0] == 202
        assert (await desk.get("/mode"))[1]["webhooks"]["lost"] == 1
        assert (await desk.put("/mode", {"confirm": "never"}))[0] == 422
        assert (await desk.put("/mode", {"confirm": "answer"}))[0] == 200
        assert (await desk.deliver("c3v1:platform-erp"))[0] == 200


async def test_many_deliveries_at_once_are_each_as_if_alone(desk: Desk) -> None:
    events = [
        {"key": "e1:hop", "body": EVENT},
        {"key": "e2:hop", "body": EVENT | {"event_id": "e2", "amount": "none"}},
        {"key": "e3:hop", "body": EVENT | {"event_id": "e3"}},
    ]
    status, first = await desk.send("batches", {"events": events})
    assert (status, [one["status"] for one in first["answers"]]) == (200, [200, 422, 200])
    _, again = await desk.send("batches", {"events": events})
    assert [one.get("reference") for one in again["answers"]] == [one.get("reference") for one in first["answers"]]
    status, told = await desk.send("questions", {"keys": ["e1:hop", "e2:hop", "e9:hop"]})
    assert (status, [one["status"] for one in told["answers"]]) == (200, [200, 404, 404])
    assert (await desk.send("batches", {"events": events}, secret="another"))[0] == 401
    assert (await desk.send("questions", {"keys": []}))[0] == 422
