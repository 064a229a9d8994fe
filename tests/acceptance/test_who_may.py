"""Who may do what, over HTTP: 401 and 403, the one place of a key, and the audit lines that are left."""

import asyncio
from pathlib import Path

import aiohttp

from tests.acceptance.conftest import QUIET_MAP, Door, sale, settings_in
from tests.integration.api.lines import written
from tillbridge.api.keys import make_key, revoke_key
from tillbridge.api.model import Line, What
from tillbridge.cli.serving import serving
from tillbridge.kernel.db import open_db
from tillbridge.ledger import store as ledger
from tillbridge.stack.load import parse


async def refusals(door: Door) -> list[Line]:
    """The lines of refusals, as soon as there are some; none after ten seconds."""
    for _ in range(100):
        if found := [line for line in await written(door.hub.db) if line.what is What.REFUSED]:
            return found
        await asyncio.sleep(0.1)
    return []


async def test_everybody_who_is_turned_away_leaves_a_line(db_url: str, tmp_path: Path) -> None:
    async with serving(settings_in(tmp_path, db_url), parse(QUIET_MAP, "stack.toml", {})) as (hub, url):
        till = await make_key(hub.db, hub.clock, "till", "register")
        gone = await make_key(hub.db, hub.clock, "gone", "register")
        await revoke_key(hub.db, hub.clock, "gone")
        async with aiohttp.ClientSession(url) as session:
            for bearer, times in ((None, 1), ("Basic eA==", 1), ("Bearer nonsense", 3), (f"Bearer {gone}", 2)):
                headers = {"Authorization": bearer} if bearer else {}
                for _ in range(times):
                    async with session.post("/v1/credits", json=sale(), headers=headers) as response:
                        assert response.status == 401
            headers = {"Authorization": f"Bearer {till}", "Idempotency-Key": "k"}
            async with session.post("/v1/credits/secret-code/void", json={}, headers=headers) as response:
                assert response.status == 403
            async with session.post("/v1/credits", json=sale(), headers=headers) as response:
                assert response.status == 201
    async with open_db(db_url) as db:
        lines = [line for line in await written(db) if line.what is What.REFUSED]
    counts: dict[tuple[object, ...], int] = {}
    for line in lines:
        told = (line.status, line.who, line.method, line.subject, line.right, line.reason, line.remote)
        counts[told] = counts.get(told, 0) + line.count
    asked = ("POST", "/v1/credits", "issue")
    assert counts == {
        (401, "", *asked, "no-key", "127.0.0.1"): 2,
        (401, "", *asked, "unknown-key", "127.0.0.1"): 3,
        (401, "gone", *asked, "revoked-key", "127.0.0.1"): 2,
        (403, "till", "POST", "/v1/credits/{id}/void", "void", "no-right", "127.0.0.1"): 1,
    }
    assert not any(text in str(lines) for text in ("nonsense", "secret-code", till, gone))


async def test_a_line_is_there_within_seconds(door: Door) -> None:
    async with door.till.get("/v1/reviews") as response:
        assert response.status == 403
    found = await refusals(door)
    assert [(line.status, line.who, line.right) for line in found] == [(403, "till", "console")]


async def test_a_page_that_turns_somebody_away_leaves_a_line(door: Door) -> None:
    async with aiohttp.ClientSession(door.url) as browser, browser.post("/sign-in", data={"key": "x"}) as response:
        assert response.status == 403
    found = await refusals(door)
    assert [(line.status, line.subject, line.reason) for line in found] == [(403, "/sign-in", "page")]


async def test_a_key_is_for_its_store_and_register_only(door: Door) -> None:
    own = await make_key(door.hub.db, door.hub.clock, "till-006-3", "register", place="006", register="3")
    headers = {"Authorization": f"Bearer {own}"}
    async with aiohttp.ClientSession(door.url, headers=headers) as till:
        for key, place, reason in (("a", {"store": "007"}, "store 006"), ("b", {"register": "4"}, "register 3")):
            async with till.post("/v1/credits", json=sale(**place), headers={"Idempotency-Key": key}) as response:
                problem = await response.json(content_type=None)
                assert (response.status, problem["code"]) == (403, "not-allowed"), problem
                assert reason in problem["detail"]
            assert await ledger.credit_of_key(door.hub.db, key) is None
        async with till.post("/v1/credits", json=sale(), headers={"Idempotency-Key": "c"}) as response:
            assert response.status == 201
