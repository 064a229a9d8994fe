"""A running hub's eyes on its map: what it takes up, what it refuses, and what it leaves alone."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.unit.stack.maps import ENVIRONMENT, GOOD, line_of, spoiled
from tillbridge.cli import map_watch
from tillbridge.cli.map_watch import MapWatch, take_up
from tillbridge.kernel.errors import DatabaseAway
from tillbridge.stack.load import load
from tillbridge.stack.model import Stack

REFUSED = {
    "unknown key": ('timeout = "2s"', 'timeoutt = "2s"', 'timeoutt = "2s"'),
    "circle": ('from = "platform"\nto = "processor"', 'from = "web"\nto = "processor"', None),
    "two authorities": ('[authority]\nsystem = "platform"', '[[authority]]\nsystem = "platform"', "[[authority]]"),
    "unreachable hop": ('from = "registers"\nto = "platform"', 'from = "registers"\nto = "erp"', None),
    "no address": ('url = "http://127.0.0.1:9001"\n', "", None),
    "no TOML": ('sla = "13h"', 'sla = 13h"', 'sla = 13h"'),
}


class Hub:
    """What is put in force, one map after the other."""

    def __init__(self) -> None:
        self.maps: list[Stack] = []
        self.away = 0

    async def open(self, stack: Stack) -> None:
        if self.away:
            self.away -= 1
            raise DatabaseAway("PostgreSQL does not answer.")
        self.maps.append(stack)


@asynccontextmanager
async def watched(folder: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[tuple[Path, MapWatch, Hub]]:
    monkeypatch.setattr(map_watch, "LOOK_SECONDS", 0.02)
    monkeypatch.setenv("PAY_SECRET", ENVIRONMENT["PAY_SECRET"])
    file = folder / "stack.toml"
    write(file, GOOD)
    watch, hub = MapWatch(load(file)), Hub()
    looking = asyncio.create_task(take_up(watch, hub.open))
    yield file, watch, hub
    assert not looking.done()
    looking.cancel()
    await asyncio.wait([looking])


def write(file: Path, text: str) -> None:
    file.write_text(text, "utf-8")


async def a_while() -> None:
    """Many looks."""
    await asyncio.sleep(0.6)


async def test_a_map_that_means_the_same_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with watched(tmp_path, monkeypatch) as (file, watch, hub):
        for text in (GOOD, "# a comment\n" + GOOD, GOOD.replace('"13h"', '"780m"')):
            write(file, text)
            await a_while()
        assert (hub.maps, watch.fault) == ([], None)


async def test_a_changed_map_is_taken_up_once_even_with_the_old_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with watched(tmp_path, monkeypatch) as (file, watch, hub):
        await a_while()
        before = file.stat()
        write(file, spoiled('sla = "13h"', 'sla = "14h"'))
        os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
        await a_while()
        assert len(hub.maps) == 1
        assert watch.running is hub.maps[0]


@pytest.mark.parametrize("name", REFUSED)
async def test_a_map_that_cannot_run_is_refused_until_it_is_mended(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    old, new, fragment = REFUSED[name]
    async with watched(tmp_path, monkeypatch) as (file, watch, hub):
        running = watch.running
        write(file, spoiled(old, new))
        await a_while()
        fault = watch.refused()
        assert fault is not None
        assert (Path(fault.file), bool(fault.problem), bool(fault.mend)) == (file, True, True)
        assert fault.line == line_of(spoiled(old, new), fragment) if fragment else fault.line > 0
        assert watch.running is running
        assert [one.message for one in caplog.records if "refused" in one.message] == [
            f"The map is refused, and the one before it goes on running. {fault}"
        ], "said once, not at every look"
        write(file, GOOD)
        await a_while()
        assert (hub.maps, watch.refused()) == ([], None)


async def test_a_file_that_is_gone_for_a_moment_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with watched(tmp_path, monkeypatch) as (file, watch, hub):
        file.unlink()
        await a_while()
        assert watch.fault is None
        write(file, spoiled('sla = "13h"', 'sla = "14h"'))
        await a_while()
        assert len(hub.maps) == 1


async def test_a_map_that_cannot_be_taken_up_right_now_is_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with watched(tmp_path, monkeypatch) as (file, _, hub):
        hub.away = 3
        write(file, spoiled('sla = "13h"', 'sla = "14h"'))
        await a_while()
        assert (len(hub.maps), hub.away) == (1, 0)


async def test_a_map_whose_rates_are_mended_is_taken_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with watched(tmp_path, monkeypatch) as (file, watch, hub):
        rates = tmp_path / "rates.csv"
        rates.write_text("currency,from,rate\nJPY,2026-01-01,oops\n", "utf-8")
        here = 'rates = [{ currency = "JPY", from = 2026-01-01, rate = "0.0064" }]'
        write(file, spoiled(here, 'file = "rates.csv"'))
        await a_while()
        assert watch.refused() is not None
        assert not hub.maps
        rates.write_text("currency,from,rate\nJPY,2026-01-01,0.7\n", "utf-8")
        await a_while()
        assert watch.refused() is None
        assert len(hub.maps) == 1


async def test_a_defect_does_not_blind_the_hub_to_its_map(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with watched(tmp_path, monkeypatch) as (file, _, hub):
        with monkeypatch.context() as broken:
            broken.setattr(hub, "open", None)
            broken.setattr(map_watch, "load", None)
            write(file, spoiled('timeout = "2s"', 'timeout = "3s"'))
            await a_while()
        await a_while()
        assert len(hub.maps) == 1
