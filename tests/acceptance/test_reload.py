"""A hub that runs takes up a changed map without a stop: real processes, under load."""

import asyncio
import os
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

import aiohttp
import pytest

from tests.acceptance.conftest import QUIET_MAP, sale, settings_in
from tillbridge import wiring
from tillbridge.api.keys import make_key
from tillbridge.credit.sweep import Sweeper
from tillbridge.kernel.clock import SystemClock
from tillbridge.kernel.db import Db
from tillbridge.kernel.errors import LawFault
from tillbridge.stack import store as editions
from tillbridge.stack.load import parse
from tillbridge.wiring import open_hub

LOYALTY = """
[systems.loyalty]
role = "storefront"
connector = "csv"

[[hops]]
from = "platform"
to = "loyalty"
trigger = "webhook"
sla = "9s"
"""
BAD = {
    "an unknown key": ('sla = "60s"', 'slaa = "60s"', "slaa"),
    "a circle": ('from = "platform"\nto = "erp"', 'from = "web"\nto = "platform"', "circle"),
    "two authorities": ('[authority]\nsystem = "platform"', '[[authority]]\nsystem = "platform"', "two authorities"),
    "a hop nobody feeds": ('from = "platform"\nto = "web"', 'from = "web"\nto = "erp"', "nothing feeds"),
    "no TOML": ('sla = "60s"', "sla = ", "not TOML"),
}


@asynccontextmanager
async def started(*words: str, folder: Path, db_url: str) -> AsyncIterator[tuple[Process, str]]:
    """`tillbridge ...` in a process of its own, with the first line it prints."""
    environment = {**os.environ, "TILLBRIDGE_DATABASE_URL": db_url, "TILLBRIDGE_DATA_DIR": str(folder / "data")}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tillbridge.cli", *words), cwd=folder, stdout=PIPE, stderr=PIPE, env=environment
    )
    assert process.stdout
    try:
        async with asyncio.timeout(60):
            first = (await process.stdout.readline()).decode()
        yield process, first
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGTERM)
        await process.communicate()


async def until(holds: Callable[[], Any], seconds: float = 20) -> None:
    """Wait until it holds."""
    for _ in range(int(seconds * 10)):
        if await holds():
            return
        await asyncio.sleep(0.1)
    raise AssertionError(f"it did not come to hold within {seconds} s")


class Load:
    """Registers that issue one credit after the other, on connections that stay open."""

    def __init__(self, till: aiohttp.ClientSession) -> None:
        self._till = till
        self._running = True
        self.statuses: Counter[int] = Counter()
        self.newest: dict[str, Any] = {}

    async def ring(self, register: int) -> None:
        """One register, until the end."""
        number = 0
        while self._running:
            number += 1
            wait = {"Prefer": "wait=1"} if number % 5 == 0 else {}
            headers = {"Idempotency-Key": f"006-{register}-{number}", **wait}
            body = sale(transaction_id=f"T{register}-{number}")
            async with self._till.post("/v1/credits", json=body, headers=headers) as answer:
                self.statuses[answer.status] += 1
                self.newest = await answer.json(content_type=None)
            await asyncio.sleep(0.02)

    def stop(self) -> None:
        """Ring up no more."""
        self._running = False

    def hops(self) -> set[str]:
        """Where the newest credit goes."""
        return {str(hop["hop"]) for hop in self.newest.get("hops", ())}


async def readiness(till: aiohttp.ClientSession) -> tuple[int, dict[str, Any]]:
    async with till.get("/readyz") as answer:
        return answer.status, await answer.json(content_type=None)


@pytest.mark.parametrize("by_signal", [False, True], ids=["by the file", "by SIGHUP"])
async def test_a_changed_map_is_taken_up_under_load(db: Db, db_url: str, tmp_path: Path, by_signal: bool) -> None:
    file = tmp_path / "stack.toml"
    file.write_text(QUIET_MAP, "utf-8")
    async with started("serve", "--port", "0", folder=tmp_path, db_url=db_url) as (process, first):
        address = next(word for word in first.split() if word.startswith("http"))
        key = await make_key(db, SystemClock(), "till", "register")
        async with aiohttp.ClientSession(address, headers={"Authorization": f"Bearer {key}"}) as till:
            load = Load(till)
            registers = [asyncio.create_task(load.ring(one)) for one in range(3)]

            def change(text: str) -> None:
                file.write_text(text, "utf-8")
                if by_signal:
                    process.send_signal(signal.SIGHUP)

            async def refused() -> bool:
                return bool((await readiness(till))[1].get("warnings"))

            async def mended() -> bool:
                return not await refused()

            await asyncio.sleep(0.5)
            for old, new, said in list(BAD.values())[: 1 if by_signal else 2]:
                assert old in QUIET_MAP
                change(QUIET_MAP.replace(old, new))
                await until(refused)
                status, body = await readiness(till)
                assert status == 200
                assert "stack.toml:" in body["warnings"][0]
                assert said in body["warnings"][0]
                change(QUIET_MAP)
                await until(mended)
            assert "platform-loyalty" not in load.hops()
            change(QUIET_MAP + LOYALTY)

            async def in_force() -> bool:
                return "platform-loyalty" in load.hops()

            await until(in_force)
            await asyncio.sleep(0.5)
            assert "platform-loyalty" in load.hops()
            load.stop()
            await asyncio.gather(*registers)
            assert set(load.statuses) == {201}
            assert load.statuses[201] > 10
    kept = await editions.editions(db)
    assert [one.number for one in kept] == [2, 1]
    assert kept[0].changes == ("system loyalty: added", "hop platform-loyalty: added")


async def test_a_worker_takes_up_a_changed_map(db: Db, db_url: str, tmp_path: Path) -> None:
    file = tmp_path / "stack.toml"
    file.write_text(QUIET_MAP, "utf-8")
    async with started("work", folder=tmp_path, db_url=db_url) as (process, first):
        assert "Handing off" in first
        file.write_text(QUIET_MAP + LOYALTY, "utf-8")
        process.send_signal(signal.SIGHUP)

        async def recorded() -> bool:
            return len(await editions.editions(db)) == 2

        await until(recorded)
        assert process.returncode is None


async def test_a_map_that_could_not_be_taken_up_is_not_in_the_history(tmp_path: Path, db_url: str) -> None:
    settings = settings_in(tmp_path, db_url)
    first = parse(QUIET_MAP, "stack.toml", {})
    second = parse(QUIET_MAP.replace('sla = "60s"', 'sla = "61s"'), "stack.toml", {})
    law = tmp_path / "law.toml"
    law.write_text("nonsense = [", "utf-8")
    async with open_hub(settings, first, public_url="http://127.0.0.1", deliver=False) as hub:
        with pytest.raises(LawFault):
            async with open_hub(replace(settings, law=law), second, public_url="http://127.0.0.1", deliver=False):
                pass
        assert [one.number for one in await editions.editions(hub.db)] == [1]


async def test_a_look_that_stumbles_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    class Stumbling:
        turns = 0

        async def sweep(self) -> None:
            self.turns += 1
            raise ValueError("a defect of ours")

    monkeypatch.setattr(wiring, "LOOK", timedelta(milliseconds=1))
    sweeper = Stumbling()
    async with wiring._sweeping(cast("Sweeper", sweeper)):
        await asyncio.sleep(0.2)
    assert sweeper.turns > 1
