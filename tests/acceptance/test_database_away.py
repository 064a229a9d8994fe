"""The database goes away under a hub: a plain sentence for the cashier, nothing half-written, and back by itself."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from tests.acceptance.conftest import QUIET_MAP, sale
from tillbridge.cli.rig import HubProcess, Rig, hub_process, set_up
from tillbridge.ledger import store as ledger
from tillbridge.wiring import open_database

PATIENCE_SECONDS = 40.0


@pytest.fixture
async def rig(data_dir: Path) -> Rig:
    made = await set_up(data_dir)
    made.settings.stack.write_text(QUIET_MAP, "utf-8")
    return made


@pytest.fixture
async def hub(rig: Rig) -> AsyncIterator[HubProcess]:
    async with hub_process(rig) as running:
        yield running


async def ring(session: aiohttp.ClientSession, key: str) -> tuple[int, dict[str, object]]:
    headers = {"Idempotency-Key": key}
    async with session.post("/v1/credits", json=sale(transaction_id=key), headers=headers) as response:
        return response.status, await response.json(content_type=None)


async def until_confirmed(session: aiohttp.ClientSession, key: str) -> set[int]:
    """Try with the same key, as a register does, until it is confirmed; every status on the way."""
    seen: set[int] = set()
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            status, body = await ring(session, key)
            seen.add(status)
            if status in (200, 201):
                return seen
            assert status == 503, body
            assert body["code"] == "ledger-away"
            assert body["retry"] == "safe"
            assert "could not be confirmed" in str(body["cashier"])
            await asyncio.sleep(0.05)


async def test_killed_under_load_it_comes_back_and_nothing_is_lost(rig: Rig, hub: HubProcess, data_dir: Path) -> None:
    headers = {"Authorization": f"Bearer {rig.keys['registers'].bearer}"}
    async with aiohttp.ClientSession(hub.url, headers=headers) as session:
        assert (await ring(session, "before"))[0] == 201
        postmaster = int((data_dir / "postgres" / "postmaster.pid").read_text().splitlines()[0])
        under_load = [asyncio.create_task(until_confirmed(session, f"load-{n}")) for n in range(40)]
        await asyncio.sleep(0.02)
        os.kill(postmaster, signal.SIGQUIT)
        seen = set().union(*await asyncio.gather(*under_load))
        assert seen <= {200, 201, 503}
        late = [asyncio.create_task(until_confirmed(session, f"late-{n}")) for n in range(10)]
        await asyncio.gather(*late)
        async with session.get("/readyz") as ready:
            assert ready.status == 200
        # Every key once more: each was done, and none twice.
        for key in ["before", *(f"load-{n}" for n in range(40)), *(f"late-{n}" for n in range(10))]:
            assert (await ring(session, key))[0] == 200
    async with open_database(rig.settings, size=2) as db:
        owed = [total for total in await ledger.totals(db) if total.account == "owed:refund"]
        assert [(total.amount, total.entries) for total in owed] == [(51 * 8800, 51)]


async def test_while_it_is_away_the_cashier_is_told_and_the_hub_is_not_ready(rig: Rig, hub: HubProcess) -> None:
    headers = {"Authorization": f"Bearer {rig.keys['registers'].bearer}"}
    folder = rig.settings.data_dir / "postgres"
    async with aiohttp.ClientSession(hub.url, headers=headers) as session:
        assert (await ring(session, "before"))[0] == 201
        # Without its configuration it cannot come back before it is put back.
        (folder / "postgresql.conf").rename(folder / "postgresql.conf.away")
        os.kill(int((folder / "postmaster.pid").read_text().splitlines()[0]), signal.SIGQUIT)
        await asyncio.sleep(0.5)
        status, body = await ring(session, "during")
        assert (status, body["retry"]) == (503, "safe")
        async with session.get("/readyz") as ready:
            assert ready.status == 503
        async with session.get("/healthz") as alive:
            assert alive.status == 200
        (folder / "postgresql.conf.away").rename(folder / "postgresql.conf")
        assert await until_confirmed(session, "during") <= {200, 201, 503}
