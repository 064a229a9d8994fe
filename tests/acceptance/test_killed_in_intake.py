"""A hub that is killed with SIGKILL in the middle of a file, and of a walk through a feed: nothing lost or doubled."""

import asyncio
import csv
import shutil
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from tests.integration.intake.feeder import TOKEN, feeding
from tests.integration.intake.parts import MAP, feed_source, folder_source, issued, names_below, sale_row
from tests.integration.ledger.wholeness import check_whole
from tillbridge.cli.rig import HubProcess, Rig, hub_process, set_up
from tillbridge.handoff.inbound import store
from tillbridge.kernel.clock import SystemClock
from tillbridge.kernel.db import Db
from tillbridge.wiring import open_database

PATIENCE = 60.0


@asynccontextmanager
async def a_rig(folder: Path, source: str) -> AsyncIterator[tuple[Rig, Db]]:
    """A folder with an embedded database of its own, and a map whose registers have this source."""
    rig = await set_up(folder)
    text = MAP.format(registers=source, web="", platform="").replace('interval = "1m"', 'interval = "1s"')
    rig.settings.stack.write_text(text, "utf-8")
    async with open_database(rig.settings, size=2) as db:
        yield rig, db


async def until(db: Db, enough: Callable[[int], bool]) -> int:
    """Wait until so many credits are issued; how many there are."""
    async with asyncio.timeout(PATIENCE):
        while True:
            count = len(await issued(db))
            if enough(count):
                return count
            await asyncio.sleep(0.01)


async def killed(hub: HubProcess, db: Db, total: int, *parts: float) -> None:
    """Kill the hub while it takes in, when these parts are through, and let it come to the end."""
    for part in parts:
        reached = await until(db, lambda count, part=part: count > part * total)  # type: ignore[misc]
        await hub.stop(signal.SIGKILL)
        assert reached < total, "all was taken in before the hub could be killed"
        await hub.start()
    await until(db, lambda count: count >= total)


async def test_a_hub_killed_in_the_middle_of_a_file(data_dir: Path, tmp_path: Path, sample: Path) -> None:
    drop = tmp_path / "drop"
    shutil.copytree(sample, drop, ignore=shutil.ignore_patterns("[!p]*", "platform.csv"))
    with (sample / "pos.csv").open(newline="", encoding="utf-8") as rows:
        told = sorted((int(row["amount"].replace(".", "")), row["currency"]) for row in csv.DictReader(rows))
    async with a_rig(data_dir, folder_source(drop)) as (rig, db), hub_process(rig) as hub:
        await killed(hub, db, len(told), 0.3)
        async with asyncio.timeout(PATIENCE):
            while names_below(drop) == ["pos.csv"]:  # noqa: ASYNC110 - another process moves it
                await asyncio.sleep(0.1)
        (put,) = names_below(drop)
        assert put.startswith("archive/")
        assert sorted((await issued(db)).values()) == told
        await check_whole(db)


async def test_a_hub_killed_in_the_middle_of_a_walk(data_dir: Path) -> None:
    now = SystemClock().now().isoformat()
    async with feeding() as feeder:
        feeder.pause = 0.05
        feeder.rows = [{**sale_row(number), "updated_at": now} for number in range(600)]
        source = feed_source(feeder.url, token=f'"{TOKEN}"', page="20")
        async with a_rig(data_dir, source) as (rig, db), hub_process(rig) as hub:
            await killed(hub, db, 600, 0.1, 0.5)
            there = await issued(db)
            assert len(there) == 600
            assert sum(amount for amount, _ in there.values()) == 600 * 1000
            await check_whole(db)
            assert not await store.quarantined(db)
