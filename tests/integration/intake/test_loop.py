"""When sources run: by their rhythm, made up when missed, by one hub at a time, directories before sales."""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from tests.acceptance.conftest import settings_in
from tests.integration.intake.feeder import TOKEN, feeding
from tests.integration.intake.parts import (
    NOW,
    a_hub,
    a_map,
    as_csv,
    feed_source,
    folder_source,
    issued,
    names_below,
    ran,
    sale_row,
    source_now,
)
from tests.integration.intake.test_feed import told
from tillbridge.checkpoint.intake.lease import LEASE, Held
from tillbridge.checkpoint.intake.model import LeaseLost
from tillbridge.checkpoint.intake.plan import due, next_after
from tillbridge.checkpoint.intake.take import Taking
from tillbridge.handoff.inbound import store
from tillbridge.handoff.inbound.model import SourceNow
from tillbridge.kernel.clock import SetClock
from tillbridge.kernel.errors import NotFound
from tillbridge.stack.model import Stack
from tillbridge.wiring import Hub, open_hub

SOON = 10.0


@asynccontextmanager
async def taking_in(folder: Path, db_url: str, stack: Stack, clock: SetClock) -> AsyncIterator[Hub]:
    """A hub that fetches by itself."""
    settings = settings_in(folder, db_url)
    async with open_hub(settings, stack, public_url="http://hub", clock=clock, deliver=False, take_in=True) as hub:
        yield hub


@pytest.fixture
def drop(tmp_path: Path) -> Path:
    folder = tmp_path / "drop"
    folder.mkdir()
    return folder


async def until(so: Callable[[], Awaitable[bool]]) -> None:
    """Wait until something is so."""
    async with asyncio.timeout(SOON):
        while True:
            if await so():
                return
            await asyncio.sleep(0.02)


async def confirmed(hub: Hub, count: int) -> None:
    """Wait until so many credits are issued."""

    async def there() -> bool:
        return len(await issued(hub.db)) >= count

    await until(there)


async def at_rest(hub: Hub, name: str = "registers") -> SourceNow:
    """Wait until a source has run and nobody has it."""
    async with asyncio.timeout(SOON):
        while True:
            now = (await store.sources(hub.db)).get(name)
            if now is not None and now.last_end is not None and now.lease_until is None:
                return now
            await asyncio.sleep(0.02)


async def test_a_run_that_was_missed_is_made_up(db_url: str, tmp_path: Path, drop: Path) -> None:
    clock = SetClock(NOW)
    stack = a_map(folder_source(drop))
    async with taking_in(tmp_path, db_url, stack, clock) as hub:
        now = await at_rest(hub)
        assert now.next_run == NOW + timedelta(minutes=1)
        (drop / "a.csv").write_text(as_csv([sale_row(1)]))
        await asyncio.sleep(0.3)
        assert not await issued(hub.db)
    clock.move(timedelta(hours=3))
    async with taking_in(tmp_path, db_url, stack, clock) as hub:
        await confirmed(hub, 1)


async def test_the_next_run_comes_when_it_is_due(db_url: str, tmp_path: Path, drop: Path) -> None:
    clock = SetClock(NOW)
    async with taking_in(tmp_path, db_url, a_map(folder_source(drop)), clock) as hub:
        await at_rest(hub)
        (drop / "a.csv").write_text(as_csv([sale_row(1)]))
        clock.move(timedelta(minutes=1))
        await confirmed(hub, 1)


async def test_a_clock_that_jumped_back_holds_nothing_up(db_url: str, tmp_path: Path, drop: Path) -> None:
    clock = SetClock(NOW + timedelta(days=30))
    stack = a_map(folder_source(drop))
    async with a_hub(tmp_path, db_url, stack, clock) as hub:
        await ran(hub)
        held = await store.lease(hub.db, "registers", clock.now(), clock.now() + LEASE, clock.now(), now=True)
        assert held is not None
    (drop / "a.csv").write_text(as_csv([sale_row(1)]))
    async with taking_in(tmp_path, db_url, stack, SetClock(NOW)) as hub:
        await confirmed(hub, 1)


async def test_another_rhythm_brings_the_next_run_forward(db_url: str, tmp_path: Path, drop: Path) -> None:
    people = folder_source(drop, what="customers", interval='"7d"')
    async with a_hub(tmp_path, db_url, a_map(web=people)) as hub:
        await ran(hub, "web")
        assert (await source_now(hub, "web")).next_run > NOW + timedelta(hours=2)
    often = folder_source(drop, what="customers", interval='"15m"')
    async with taking_in(tmp_path, db_url, a_map(web=often), SetClock(NOW)) as hub:

        async def brought_forward() -> bool:
            return (await source_now(hub, "web")).next_run <= NOW + timedelta(minutes=15)

        await until(brought_forward)


async def test_one_hub_at_a_time(db_url: str, tmp_path: Path) -> None:
    async with feeding() as feeder:
        feeder.rows, feeder.pause = [told(1, 60)], 0.5
        stack = a_map(feed_source(feeder.url, token=f'"{TOKEN}"'))
        async with a_hub(tmp_path, db_url, stack) as one, a_hub(tmp_path, db_url, stack) as other:
            outcomes = await asyncio.gather(one.intake.run_once("registers"), other.intake.run_once("registers"))
            assert sorted(outcome is None for outcome in outcomes) == [False, True]
            assert len(feeder.asked) == 1


async def test_whoever_lost_the_lease_writes_nothing_any_more(db_url: str, tmp_path: Path, drop: Path) -> None:
    clock = SetClock(NOW)
    async with a_hub(tmp_path, db_url, a_map(folder_source(drop)), clock) as hub:
        await ran(hub)
        first = await store.lease(hub.db, "registers", NOW, NOW + LEASE, NOW, now=True)
        assert first is not None
        assert await store.lease(hub.db, "registers", NOW, NOW + LEASE, NOW, now=True) is None
        clock.move(LEASE)
        later = clock.now()
        second = await store.lease(hub.db, "registers", later, later + LEASE, later, now=True)
        assert second is not None
        assert second.token == first.token + 1
        with pytest.raises(LeaseLost):
            await Held(hub.db, clock, first).move({"since": "x"})
        await store.end_run(hub.db, first, later, later + timedelta(days=1), {}, "late")
        await store.note_file(hub.db, first, b"x" * 32, "a.csv", "taken", later)
        now = await source_now(hub)
        assert (now.cursor, now.trouble, now.lease_until) == ({}, "", later + LEASE)
        assert await store.file_of(hub.db, "registers", b"x" * 32) is None
        await Held(hub.db, clock, second).move({"since": "y"})
        assert (await source_now(hub)).cursor == {"since": "y"}


async def test_a_directory_is_read_before_the_sales(db_url: str, tmp_path: Path, drop: Path) -> None:
    people = tmp_path / "people"
    people.mkdir()
    accounts = [
        {"account_id": f"A{number}", "email": f"c{number}@example.com", "phone": "", "loyalty_id": ""}
        for number in range(300)
    ]
    (people / "people.csv").write_text(as_csv(accounts, list(accounts[0])))
    (drop / "pos.csv").write_text(as_csv([sale_row(n, email=f"c{n}@example.com") for n in range(100)]))
    sources = (folder_source(drop), folder_source(people, what="customers", settle='"400ms"'))
    async with taking_in(tmp_path, db_url, a_map(*sources), SetClock(NOW)) as hub:
        await confirmed(hub, 100)
        now = await at_rest(hub)
        assert now.brought == {"rows": 100, "confirmed": 100, "files": 1}


async def test_a_source_that_is_not_in_the_map_is_not_known(db_url: str, tmp_path: Path, drop: Path) -> None:
    async with a_hub(tmp_path, db_url, a_map(folder_source(drop))) as hub:
        with pytest.raises(NotFound, match="No source is known as erp"):
            await hub.intake.run_once("erp")


async def test_a_hub_that_stops_gives_its_source_back_at_once(db_url: str, tmp_path: Path) -> None:
    async with feeding() as feeder:
        feeder.rows, feeder.pause = [told(1, 60)], 1.5
        stack = a_map(feed_source(feeder.url, token=f'"{TOKEN}"'))
        async with taking_in(tmp_path, db_url, stack, SetClock(NOW)) as hub:

            async def at_it() -> bool:
                now = (await store.sources(hub.db)).get("registers")
                return now is not None and now.lease_until is not None

            await until(at_it)
        feeder.pause = 0
        async with taking_in(tmp_path, db_url, stack, SetClock(NOW)) as hub:
            await confirmed(hub, 1)


async def test_a_file_that_changes_while_it_is_read_is_read_again(
    db_url: str, tmp_path: Path, drop: Path, monkeypatch: pytest.MonkeyPatch
) -> None:

    file = drop / "pos.csv"
    file.write_text(as_csv([sale_row(1)]))
    take = Taking.take

    async def and_grow(self: Taking, *args: object, **more: object) -> None:
        await take(self, *args, **more)  # type: ignore[arg-type]
        with file.open("a") as opened:
            opened.write(as_csv([sale_row(2)]).split("\r\n", 1)[1])

    async with a_hub(tmp_path, db_url, a_map(folder_source(drop))) as hub:
        with monkeypatch.context() as patched:
            patched.setattr(Taking, "take", and_grow)
            assert (await ran(hub))[0]["left"] == 1
        assert names_below(drop) == ["pos.csv"]
        assert (await ran(hub))[0] == {"rows": 2, "confirmed": 1, "before": 1, "vouchers": 1, "files": 1}


AT_REST = SourceNow("", "", {}, NOW, None, None, {}, "", 0, 0, None)


def test_sales_wait_for_a_directory_that_has_not_failed(tmp_path: Path) -> None:

    zone = ZoneInfo("America/New_York")
    sources = a_map(folder_source(tmp_path), folder_source(tmp_path, what="customers")).sources()
    standing = dict.fromkeys(sources, AT_REST)
    assert due(sources, standing, NOW, zone) == ["web"]
    held = {**standing, "web": replace(AT_REST, lease_until=NOW + LEASE)}
    assert due(sources, held, NOW, zone) == []
    failed = {**standing, "web": replace(AT_REST, failures=1)}
    assert due(sources, failed, NOW, zone) == ["registers", "web"]
    later = {**standing, "web": replace(AT_REST, next_run=NOW + timedelta(minutes=5))}
    assert due(sources, later, NOW, zone) == ["registers"]
    assert next_after(
        sources["registers"], NOW, zone, failures=0, chance=random.Random(1), left=True
    ) <= NOW + timedelta(seconds=1)


async def test_a_lease_of_a_hub_whose_clock_is_a_little_ahead_holds(db_url: str, tmp_path: Path, drop: Path) -> None:
    stack = a_map(folder_source(drop))
    async with a_hub(tmp_path, db_url, stack) as hub:
        await store.plan(hub.db, "registers", "1m", NOW, NOW)
        ahead = NOW + timedelta(seconds=50)
        held = await store.lease(hub.db, "registers", ahead, ahead + LEASE, NOW, now=True)
        assert held is not None
        assert await store.lease(hub.db, "registers", NOW, NOW + LEASE, NOW, now=True) is None
        assert due(stack.sources(), await store.sources(hub.db), NOW, ZoneInfo("UTC")) == []
