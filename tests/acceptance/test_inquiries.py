"""Looking up by code over HTTP: one answer for whatever stands against telling, and an end to guessing."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import aiohttp
import pytest
from aiohttp import web

from tests.acceptance.asking import AT, REPAIR, ask
from tests.acceptance.conftest import Door, sale
from tests.integration.api.lines import written
from tillbridge.api.app import make_app
from tillbridge.api.keys import make_key
from tillbridge.api.model import What
from tillbridge.api.requests import AUDIT
from tillbridge.credit.lookup import Found, Lookup, Throttle, find_in
from tillbridge.ledger import store as ledger
from tillbridge.wiring import Hub

CODE, PIN, PLAIN = "6281670170002304", "4711", "6281670170009999"

FAILING: list[dict[str, object]] = [
    {"code": "6281670170000000"},
    {"code": "6281670170000000", "pin": PIN},
    {"code": CODE},
    {"code": CODE, "pin": "4712"},
    {"code": CODE, "pin": PIN, "customer": "web:A2"},
    {"code": CODE, "pin": PIN, "customer": "web:nobody"},
    {"code": CODE, "pin": PIN, "customer": "01a1fdfa-4600-7368-8023-b682af5570ee"},
    {"code": PLAIN, "customer": "web:A2"},
]
"""Unknown, PIN missing, PIN wrong, not yours: asked with a key that may not do without the PIN."""


@asynccontextmanager
async def doors(hub: Hub, throttle: Throttle) -> AsyncIterator[tuple[web.Application, str]]:
    """A second set of doors on a hub, at which CODE has a PIN: the application and its address."""
    plain = find_in(hub.db)

    async def find(code_hash: bytes) -> Found | None:
        found = await plain(code_hash)
        pinned = found is not None and code_hash == hub.codes.hash(CODE)
        return replace(found, pin_hash=hub.codes.hash_pin(CODE, PIN)) if found is not None and pinned else found

    app = make_app(replace(hub, lookup=Lookup(hub.db, hub.codes, hub.clock, find, throttle)))
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield app, f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


@pytest.fixture
async def issued(door: Door) -> UUID:
    """Two credits of the customer web:A1; the id of the one with a PIN."""
    status, receipt, _ = await door.issue("k1", code=CODE)
    assert status == 201
    assert (await door.issue("k2", code=PLAIN))[0] == 201
    credit = receipt["credit"]
    assert isinstance(credit, dict)
    assert credit["owner"]
    return UUID(credit["id"])


async def test_whatever_stands_against_telling_the_answer_is_the_same(door: Door, issued: UUID) -> None:
    bearer = await make_key(door.hub.db, door.hub.clock, "shop", "system", "web")
    headers = {"Authorization": f"Bearer {bearer}"}
    async with doors(door.hub, Throttle(100, 100)) as (_, url), aiohttp.ClientSession(url, headers=headers) as shop:
        seen, owners = set(), set()
        for body in FAILING:
            async with shop.post("/v1/balance-inquiries", json=body) as response:
                shown = {
                    name: value for name, value in response.headers.items() if name not in {"Date", "X-Request-ID"}
                }
                seen.add((response.status, tuple(shown.items()), await response.read()))
        assert len(seen) == 1, seen
        ((status, _, raw),) = seen
        assert status == 404
        assert b'"code":"unknown-credit"' in raw
        for good in ({"pin": PIN}, {"pin": f" {PIN} ", "customer": "web:A1"}):
            async with shop.post("/v1/balance-inquiries", json={"code": CODE, **good}) as response:
                assert response.status == 200, await response.text()
                told = await response.json()
                assert (told["id"], told["available"]) == (str(issued), "88.00")
                owners.add(told["owner"])
        (owner,) = owners
        async with shop.post("/v1/balance-inquiries", json={"code": PLAIN, "customer": owner}) as response:
            assert response.status == 200


async def test_a_register_has_the_card_in_hand(door: Door, issued: UUID) -> None:
    till = {"Authorization": door.till.headers["Authorization"]}
    async with doors(door.hub, Throttle()) as (_, url), aiohttp.ClientSession(url, headers=till) as register:
        async with register.post("/v1/balance-inquiries", json={"code": CODE}) as response:
            assert (response.status, (await response.json())["id"]) == (200, str(issued))
        async with register.post("/v1/balance-inquiries", json={"code": CODE, "pin": "4712"}) as response:
            assert response.status == 404


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "code"),
        ({"code": ""}, "code"),
        ({"code": "ab!"}, "code"),
        ({"code": CODE, "pin": "12"}, "pin"),
        ({"code": CODE, "pin": "12a45"}, "pin"),
        ({"code": CODE, "pin": 4711}, "pin"),
        ({"code": CODE, "customer": "nonsense"}, "customer"),
        ({"code": CODE, "customer": "web:\u0000"}, "customer"),
        ({"code": CODE, "owner": "web:A1"}, "owner"),
    ],
)
async def test_wrong_fields_are_named_and_count_for_nothing(door: Door, body: dict[str, object], field: str) -> None:
    for _ in range(7):
        async with door.till.post("/v1/balance-inquiries", json=body) as response:
            problem = await response.json(content_type=None)
            assert (response.status, problem["field"]) == (422, field), problem
            assert problem["mend"]


async def test_who_guesses_is_stopped_and_leaves_an_audit_line(door: Door) -> None:
    assert (await door.issue("k1", code=CODE))[0] == 201
    async with doors(door.hub, Throttle(6, 3, timedelta(days=1), timedelta(days=1))) as (app, url):
        till = {"Authorization": door.till.headers["Authorization"]}
        async with aiohttp.ClientSession(url, headers=till) as register:
            statuses, waits = [], []
            for code in ["NOSUCHCODE"] * 4 + [f"NOSUCHCODE{number}" for number in range(4)] + [CODE]:
                async with register.post("/v1/balance-inquiries", json={"code": code}) as response:
                    statuses.append(response.status)
                    problem = await response.json(content_type=None)
                    if response.status == 429:
                        waits.append(int(response.headers["Retry-After"]))
                        assert (problem["code"], problem["retry"]) == ("too-many-lookups", "safe")
                        assert "wait" in problem["cashier"]
        await app[AUDIT].close()
    assert statuses == [404, 404, 404, 429, 404, 404, 404, 429, 429]
    assert all(1 <= wait <= 86_400 for wait in waits)
    lines = [line for line in await written(door.hub.db) if line.what is What.REFUSED]
    assert {(line.status, line.who, line.subject, line.reason) for line in lines} == {
        (429, "till", "/v1/balance-inquiries", "too-many-lookups")
    }
    assert sum(line.count for line in lines) == 3
    assert all(CODE not in str(line) for line in lines)


async def test_a_command_with_a_code_is_no_way_around_the_throttle(door: Door) -> None:
    assert (await door.issue("k1", code=CODE))[0] == 201
    assert (await door.issue("k2", code=PLAIN))[0] == 201
    long = Throttle(6, 100, timedelta(days=1), timedelta(days=1))
    ops = {"Authorization": door.ops.headers["Authorization"]}
    async with doors(door.hub, long) as (app, url), aiohttp.ClientSession(url, headers=ops) as guesser:
        above = {"kind": "gift_card", "bucket": "paid", "amount": "2000.01"}
        card = {"occurred_at": AT, "currency": "USD"}
        asked: list[tuple[str, dict[str, object], str]] = [
            ("/v1/credits", sale(**above, code=CODE), "code-taken"),
            ("/v1/credits", sale(**above, code="NOSUCHCODE1"), "over-limit"),
            ("/v1/cards", {**card, "code": CODE}, "code-taken"),
            (f"/v1/credits/{UUID(int=7)}/reissue", {**REPAIR, "code": CODE}, "unknown-credit"),
        ]
        for number, (path, body, code) in enumerate(asked):
            _, problem, _ = await ask(guesser, path, body, key=f"g{number}")
            assert problem["code"] == code
        # A repeat tells it as well, and counts; what goes through does not.
        assert (await ask(guesser, "/v1/cards", {**card, "code": "GOODCODE1"}, key="good"))[0] == 201
        assert (await ask(guesser, *asked[0][:2], key="g0"))[::2] == (409, True)
        # One is left for a batch: what is beyond it is not told, and does nothing else.
        batch = [{"type": "issue", "key": f"b{number}", **sale(**above, code=CODE)} for number in range(4)]
        _, answered, _ = await ask(guesser, "/v1/batches", {"commands": batch})
        assert [(one["status"], one["body"]["code"]) for one in answered["answers"]] == [
            (409, "code-taken"),
            *[(429, "too-many-lookups")] * 3,
        ]
        for path, body, _ in asked:
            status, problem, _ = await ask(guesser, path, body, key=f"new{path}")
            assert (status, problem["code"], problem["retry"]) == (429, "too-many-lookups", "safe")
            assert await ledger.credit_of_key(door.hub.db, f"new{path}") is None
        assert (await ask(guesser, *asked[0][:2], key="b2"))[0] == 429
        status, problem, _ = await ask(guesser, "/v1/balance-inquiries", {"code": CODE})
        assert status == 429
        # What was done stays its answer, and who brings no code is not asked.
        assert (await ask(guesser, "/v1/cards", {**card, "code": "GOODCODE1"}, key="good"))[::2] == (200, True)
        assert (await ask(guesser, "/v1/credits", sale(), key="plain"))[0] == 201
        await app[AUDIT].close()
    lines = [line for line in await written(door.hub.db) if line.what is What.REFUSED]
    assert {(line.status, line.who, line.reason) for line in lines} == {(429, "ops", "too-many-lookups")}
    assert "/v1/batches" in {line.subject for line in lines}
