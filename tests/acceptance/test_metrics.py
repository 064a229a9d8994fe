"""What is scraped of a running hub, after real requests and real deliveries."""

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import asyncpg
import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics
from prometheus_client.parser import text_string_to_metric_families as prometheus

from tests.acceptance.conftest import ACCOUNTS, QUIET_MAP, Door, settings_in
from tests.conftest import on_database
from tests.integration.handoff import parts
from tests.integration.handoff.target import Target, serve
from tillbridge.api import signs as signs_module
from tillbridge.api.keys import make_key
from tillbridge.cli.serving import serving
from tillbridge.handoff import promise
from tillbridge.handoff import store as handoffs
from tillbridge.stack.load import parse
from tillbridge.stack.model import Stack

Values = dict[tuple[str, frozenset[tuple[str, str]]], float]


def values(text: str) -> Values:
    """Every sample by its name and labels, as Prometheus reads them."""
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in prometheus(text)
        for sample in family.samples
    }


def value(found: Values, name: str, **labels: str) -> float:
    """One sample."""
    return found[f"tillbridge_{name}", frozenset(labels.items())]


async def scraped(url: str, key: str = "") -> str:
    """What is answered at /metrics."""
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    async with aiohttp.ClientSession(url) as session, session.get("/metrics", headers=headers) as response:
        assert response.status == 200, await response.text()
        return await response.text()


async def until(key: str, url: str, holds: Callable[[Values], bool]) -> Values:
    """Scrape until something holds."""
    for _ in range(100):
        found = values(await scraped(url, key))
        if holds(found):
            return found
        await asyncio.sleep(0.1)
    raise AssertionError("it did not come about in time")


@pytest.fixture(autouse=True)
def without_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every scrape reads anew, and promises are looked at closely."""
    monkeypatch.setattr(signs_module, "FRESH", 0.0)
    monkeypatch.setattr(promise, "STEP", timedelta(milliseconds=50))


@asynccontextmanager
async def hub_on(stack: Stack, db_url: str, folder: Path, **changes: Any) -> AsyncIterator[Door]:
    """A hub on a map of the test's own."""
    settings = replace(settings_in(folder, db_url), **changes)
    async with serving(settings, stack) as (hub, url):
        roles = {"till": ("register", ""), "ops": ("operations", ""), "web": ("system", "web")}
        keys = {name: await make_key(hub.db, hub.clock, name, *role) for name, role in roles.items()}
        sessions = {
            name: aiohttp.ClientSession(url, headers={"Authorization": f"Bearer {key}"}) for name, key in keys.items()
        }
        opened = Door(hub, url, **sessions)
        try:
            body = {"type": "customers.updated", "customers": ACCOUNTS}
            if "web" in stack.systems:
                async with opened.web.post("/v1/events/web", json=body) as response:
                    assert response.status == 202, await response.text()
            yield opened
        finally:
            for session in sessions.values():
                await session.close()


async def monitor(door: Door) -> str:
    """A key that may read metrics and nothing else."""
    return await make_key(door.hub.db, door.hub.clock, "monitor", "monitor")


async def test_a_chain_of_deliveries_is_seen(db_url: str, tmp_path: Path) -> None:
    async with serve() as target, hub_on(parts.chain(target.url), db_url, tmp_path) as door:
        key = await monitor(door)
        for number in range(5):
            assert (await door.issue(f"k{number}"))[0] == 201
        assert (await door.issue("bad", amount="0.00"))[0] == 422
        await parts.until(lambda: _all_confirmed(target, 15))
        found = await until(key, door.url, lambda got: value(got, "late", hop="platform-pay") == 0)
        assert value(found, "database_up") == 1
        assert value(found, "checkpoint_seconds_count") == 5
        assert 0 < value(found, "checkpoint_seconds_sum") < 5
        labels = {"method": "POST", "route": "/v1/credits"}
        assert value(found, "requests_total", **labels, status="201") == 5
        assert value(found, "requests_total", **labels, status="422") == 1
        assert value(found, "request_seconds_count", **labels) == 6
        assert value(found, "refusals_total", code="amount-not-positive") == 1
        assert value(found, "ledger_batch_postings_sum") >= 5
        for hop in ("platform-pay", "pay-erp", "erp-web"):
            assert value(found, "oldest_due_seconds", hop=hop) == 0
            assert value(found, "breaker_state", hop=hop, state="closed") == 1
            assert value(found, "lease_losses_total", hop=hop) == 0
        assert found["process_resident_memory_bytes", frozenset()] > 1e6


async def _all_confirmed(target: Target, count: int) -> bool:
    return len(target.book) >= count


async def test_trouble_is_seen(db_url: str, tmp_path: Path) -> None:
    async with serve() as target:
        stack = parts.chain(target.url, parts.QUICK)
        quick = replace(stack, hops=tuple(replace(hop, sla=timedelta(milliseconds=300)) for hop in stack.hops))
        async with hub_on(quick, db_url, tmp_path) as door:
            key = await monitor(door)
            assert (await door.issue("good"))[0] == 201
            await parts.until(lambda: _all_confirmed(target, 3))
            await target.stop()
            assert (await door.issue("bad"))[0] == 201
            found = await until(
                key,
                door.url,
                lambda got: (
                    value(got, "breaker_state", hop="platform-pay", state="open")
                    + value(got, "dead", hop="platform-pay")
                    > 0
                    and value(got, "late", hop="platform-pay") == 1
                    and value(got, "promises_due_total", hop="platform-pay") == 2
                ),
            )
            assert value(found, "promises_kept_total", hop="platform-pay") == 1
            assert value(found, "sla_ratio", hop="platform-pay", window="start") == 0.5
            assert value(found, "sla_ratio", hop="platform-pay", window="hour") == 0.5
            assert value(found, "handoffs", hop="pay-erp", state="waiting") == 1


async def test_nothing_personal_and_no_label_at_will(door: Door) -> None:
    key = await monitor(door)
    _, receipt, _ = await door.issue("k1", customer={"email": "ava.reed@example.com", "phone": "+12125550143"})
    credit = receipt["credit"]
    assert isinstance(credit, dict)
    async with aiohttp.ClientSession(door.url) as session:
        for path in (f"/v1/credits/{credit['id']}", "/made-up/4929123456781234567", "/claim/7QK4-M2XD-9HTR", "/%00"):
            async with session.get(path) as response:
                await response.read()
        async with session.request("PROPFIND", "/v1/credits") as response:
            await response.read()
    text = await scraped(door.url, key)
    for secret in (
        credit["id"],
        credit["code"],
        "ava.reed",
        "2125550143",
        "made-up",
        "4929",
        "7QK4",
        "T0063",
        key,
        "PROPFIND",
    ):
        assert str(secret) not in text
    found = values(text)
    assert value(found, "requests_total", method="GET", route="other", status="404") >= 1
    assert value(found, "requests_total", method="other", route="other", status="405") == 1
    routes = {dict(labels)["route"] for (name, labels) in found if name == "tillbridge_requests_total"}
    assert all(re.fullmatch(r"other|/[a-z0-9/{}.-]*", route) for route in routes), routes


async def test_openmetrics_for_whoever_asks(door: Door) -> None:
    headers = {
        "Authorization": f"Bearer {await monitor(door)}",
        "Accept": "application/openmetrics-text; version=1.0.0",
    }
    async with aiohttp.ClientSession(door.url, headers=headers) as session, session.get("/metrics") as response:
        assert response.headers["Content-Type"].startswith("application/openmetrics-text")
        names = {family.name for family in openmetrics(await response.text())}  # type: ignore[no-untyped-call]
    assert {"tillbridge_database_up", "tillbridge_requests", "tillbridge_late"} <= names


async def test_who_may_read_them(db_url: str, tmp_path: Path) -> None:
    stack = parse(QUIET_MAP, "stack.toml", {})
    async with hub_on(stack, db_url, tmp_path) as door:
        async with aiohttp.ClientSession(door.url) as session, session.get("/metrics") as response:
            assert response.status == 401
        for client, status in ((door.till, 403), (door.web, 403), (door.ops, 200)):
            async with client.get("/metrics") as response:
                assert response.status == status
        key = await monitor(door)
        headers = {"Authorization": f"Bearer {key}"}
        async with aiohttp.ClientSession(door.url) as session, session.get("/v1/reviews", headers=headers) as response:
            assert response.status == 403
    async with hub_on_again(stack, db_url, tmp_path, "loopback") as url, aiohttp.ClientSession(url) as session:
        async with session.get("/metrics") as response:
            assert response.status == 200
        for passed_on in ("X-Forwarded-For", "Forwarded", "Via"):
            async with session.get("/metrics", headers={passed_on: "203.0.113.9"}) as response:
                assert response.status == 401
    off = hub_on_again(stack, db_url, tmp_path, "off")
    async with off as url, aiohttp.ClientSession(url) as session, session.get("/metrics", headers=headers) as response:
        assert response.status == 404


@asynccontextmanager
async def hub_on_again(stack: Stack, db_url: str, folder: Path, readers: str) -> AsyncIterator[str]:
    """The same hub with another setting."""
    async with serving(replace(settings_in(folder, db_url), metrics=readers), stack) as (_, url):
        yield url


async def test_without_a_database_it_still_answers(server: str, db_url: str, tmp_path: Path) -> None:
    stack = parse(QUIET_MAP, "stack.toml", {})
    async with serving(replace(settings_in(tmp_path, db_url), metrics="loopback"), stack) as (_, url):
        assert value(values(await scraped(url)), "database_up") == 1
        name = urlsplit(db_url).path.removeprefix("/")
        await _lock_out(server, name, allowed=False)
        try:
            found = values(await scraped(url))
            assert value(found, "database_up") == 0
            assert not any(name == "tillbridge_late" for name, _ in found)
            assert value(found, "requests_total", method="GET", route="/metrics", status="200") == 1
        finally:
            await _lock_out(server, name, allowed=True)
        await until("", url, lambda got: value(got, "database_up") == 1)


async def _lock_out(server: str, name: str, *, allowed: bool) -> None:
    connection = await asyncpg.connect(on_database(server, "postgres"))
    try:
        await connection.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS {"true" if allowed else "false"}')
        if not allowed:
            await connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1", name)
    finally:
        await connection.close()


async def test_scrapes_share_one_reading(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(signs_module, "FRESH", 60.0)
    asked = 0
    original = handoffs.signs

    async def counted(*given: Any) -> Any:
        nonlocal asked
        asked += 1
        return await original(*given)

    monkeypatch.setattr(handoffs, "signs", counted)
    key = await monitor(door)
    await asyncio.gather(*(scraped(door.url, key) for _ in range(10)))
    assert asked == 1
