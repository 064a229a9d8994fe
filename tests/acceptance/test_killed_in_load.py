"""The hub, or PostgreSQL, is killed with SIGKILL in the middle of load: then the book is whole.

Every command that was answered is in the book with that answer. One that was not is there once or not at all, and its
key tells: sent again, it is done once.
"""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.acceptance.conftest import ACCOUNTS, QUIET_MAP, sale
from tests.integration.ledger.wholeness import check_whole
from tillbridge.cli.rig import HubProcess, Rig, hub_process, set_up
from tillbridge.kernel.db import Db, Query
from tillbridge.wiring import open_database

CLIENTS = 12
PATIENCE_SECONDS = 40.0
_REQUESTS = Query(
    "tests.requests",
    "SELECT r.key, r.refusal::text, e.event_id FROM ledger.request AS r"
    " LEFT JOIN ledger.event AS e ON e.credit_id = r.credit_id AND e.version = r.version",
)
_UNTOLD = Query(
    "tests.untold",
    "SELECT e.event_id FROM ledger.event AS e WHERE NOT EXISTS ("
    " SELECT FROM handoff.message AS m WHERE m.credit_id = e.credit_id AND m.version = e.version AND EXISTS ("
    " SELECT FROM handoff.handoff AS h WHERE h.event_id = m.event_id))",
)


@dataclass
class Load:
    """Clients that issue credits and spend one that all share, until they are told to stop."""

    hub: HubProcess
    key: str
    hot: str = ""
    answered: dict[str, tuple[int, dict[str, Any]]] = field(default_factory=dict)
    asked: dict[str, tuple[str, dict[str, Any]]] = field(default_factory=dict)
    stopped: bool = False
    wanted: int = 0
    reached: asyncio.Event = field(default_factory=asyncio.Event)

    def session(self) -> aiohttp.ClientSession:
        return aiohttp.ClientSession(self.hub.url, headers={"Authorization": f"Bearer {self.key}"})

    async def send(self, session: aiohttp.ClientSession, key: str, path: str, body: dict[str, Any]) -> int | None:
        """Send a command; its status, None when there was no answer to it."""
        self.asked[key] = (path, body)
        try:
            async with session.post(path, json=body, headers={"Idempotency-Key": key}) as response:
                said = await response.json(content_type=None)
        except (aiohttp.ClientError, TimeoutError, ValueError):
            await asyncio.sleep(0.2)
            return None
        if response.status < 500:
            self.answered[key] = (response.status, said)
        else:
            assert (response.status, said["code"]) == (503, "ledger-away")
            await asyncio.sleep(0.2)
        if len(self.answered) >= self.wanted:
            self.reached.set()
        return response.status

    async def client(self, number: int) -> None:
        """Issue a credit, spend from the shared one, and again."""
        async with self.session() as session:
            turn = 0
            while not self.stopped:
                turn += 1
                name = f"{number}-{turn}"
                await self.send(session, f"i{name}", "/v1/credits", sale(transaction_id=f"T{name}"))
                await self.send(session, f"r{name}", f"/v1/credits/{self.hot}/redemptions", spending(f"R{name}"))

    async def open(self, storefront: str) -> None:
        """Issue the credit that all share, to a customer whom the web store names."""
        headers = {"Authorization": f"Bearer {storefront}"}
        async with self.session() as session:
            told = {"type": "customers.updated", "customers": ACCOUNTS}
            async with session.post("/v1/events/web", json=told, headers=headers) as response:
                assert response.status == 202
            assert await self.send(session, "hot", "/v1/credits", sale(amount="2.00")) == 201
        self.hot = str(self.answered["hot"][1]["credit"]["id"])

    async def answers(self, more: int) -> None:
        """Wait until so many more were answered."""
        self.wanted = len(self.answered) + more
        self.reached.clear()
        async with asyncio.timeout(PATIENCE_SECONDS):
            await self.reached.wait()

    async def again(self, keys: set[str]) -> None:
        """Send commands again with their keys, as a register does, until each is answered."""

        async def until_answered(session: aiohttp.ClientSession, key: str) -> None:
            while key not in self.answered:
                await self.send(session, key, *self.asked[key])

        async with self.session() as session, asyncio.timeout(PATIENCE_SECONDS):
            await asyncio.gather(*(until_answered(session, key) for key in keys))


def spending(transaction_id: str) -> dict[str, Any]:
    """A redemption of five cents."""
    at = "2026-11-21T14:05:00-05:00"
    return {"amount": "0.05", "currency": "USD", "occurred_at": at, "transaction_id": transaction_id}


@pytest.fixture
async def rig(data_dir: Path) -> Rig:
    made = await set_up(data_dir)
    made.settings.stack.write_text(QUIET_MAP, "utf-8")
    return made


@pytest.fixture
async def hub(rig: Rig) -> AsyncIterator[HubProcess]:
    async with hub_process(rig) as running:
        yield running


async def kill_the_hub(rig: Rig, hub: HubProcess) -> None:
    await hub.stop(signal.SIGKILL)
    await asyncio.sleep(0.1)
    await hub.start()


async def kill_the_database(rig: Rig, hub: HubProcess) -> None:
    file = rig.settings.data_dir / "postgres" / "postmaster.pid"
    os.kill(int(file.read_text().splitlines()[0]), signal.SIGKILL)


async def check_answers(db: Db, load: Load) -> None:
    """Every answer is in the book, and nothing is there that nobody asked for."""
    book = {row["key"]: row for row in await db.fetch(_REQUESTS)}
    assert set(book) == set(load.answered) == set(load.asked)
    for key, (status, said) in load.answered.items():
        row = book[key]
        if status < 300:
            assert (row["refusal"], str(row["event_id"])) == (None, said["event_id"]), (key, said)
        else:
            assert row["refusal"] == said["code"] == "not-enough-available"


@pytest.mark.parametrize("kill", [kill_the_hub, kill_the_database])
async def test_killed_in_the_middle_of_load_the_book_is_whole(
    rig: Rig, hub: HubProcess, kill: Callable[[Rig, HubProcess], Awaitable[None]]
) -> None:
    load = Load(hub, rig.operations)
    await load.open(rig.keys["web"].bearer)
    clients = [asyncio.create_task(load.client(number)) for number in range(CLIENTS)]
    await load.answers(100)
    await kill(rig, hub)
    await load.answers(100)
    load.stopped = True
    await asyncio.gather(*clients)
    lost = set(load.asked) - set(load.answered)
    statuses = {status for status, _ in load.answered.values()}
    async with open_database(rig.settings, size=2) as db:
        before = {row["key"] for row in await db.fetch(_REQUESTS)}
        assert set(load.answered) <= before <= set(load.asked)
        await check_whole(db)
        await load.again(lost)
        await check_answers(db, load)
        assert statuses == {201, 409}
        assert not await db.fetch(_UNTOLD)
        await check_whole(db)
