"""`tillbridge serve` and `tillbridge work`: the hub, whole or in two processes."""

import asyncio
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Self

import click

from tillbridge.checkpoint.intake.model import Tally
from tillbridge.cli.map_watch import MapWatch, take_up
from tillbridge.cli.options import DATA_DIR, STACK
from tillbridge.cli.running import own_address, read_stack, run, say, settings_with, settle, until_told
from tillbridge.cli.serving import open_doors
from tillbridge.handoff.deliver import Deliverer
from tillbridge.handoff.trace import Record
from tillbridge.kernel.clock import Clock, SystemClock
from tillbridge.kernel.db import Db
from tillbridge.kernel.ids import secure_chance
from tillbridge.kernel.settings import Settings
from tillbridge.stack.model import Stack
from tillbridge.wiring import open_connectors, open_database, open_hub, open_traces, record_map


@click.command("serve")
@DATA_DIR
@STACK
@click.option("--host", help="Address to listen on.")
@click.option("--port", type=click.IntRange(0, 65535), help="Port to listen on; 0 takes a free one.")
@click.option("--no-work", is_flag=True, help="Confirm only; 'tillbridge work' hands off in another process.")
def serve_command(data_dir: Path | None, stack: Path | None, host: str | None, port: int | None, no_work: bool) -> None:
    """Run the hub: confirm credits over HTTP, fetch what the map's sources have, and hand off, until it is stopped.

    Example: tillbridge serve --stack stack.toml --port 8080
    """
    changes = {name: value for name, value in (("host", host), ("port", port)) if value is not None}
    settings = settings_with(data_dir, stack, **changes)
    run(_serve(settings, read_stack(settings), deliver=not no_work))


async def _serve(settings: Settings, stack: Stack, *, deliver: bool) -> None:
    watch = MapWatch(stack)
    opening = open_doors(settings, stack, deliver=deliver, take_in=deliver, refused_map=watch.refused)
    async with opening as (doors, address):
        settle()
        async with _on_the_newest_map(watch, doors.open):
            await until_told(
                lambda: say(f"Tillbridge listens on {address} for {stack.retailer.name}. Stop with Ctrl-C.")
            )


@asynccontextmanager
async def _on_the_newest_map(watch: MapWatch, open_: Callable[[Stack], Awaitable[object]]) -> AsyncIterator[None]:
    """While the block runs, a map that has changed is taken up, without a stop."""
    with watch.told():
        looking = asyncio.create_task(take_up(watch, open_))
        try:
            yield
        finally:
            looking.cancel()
            await asyncio.wait([looking])


@click.command("work")
@DATA_DIR
@STACK
@click.option("--once", "source", default="", help="Fetch what this system's source has, once and now, and stop.")
def work_command(data_dir: Path | None, stack: Path | None, source: str) -> None:
    """Fetch what the map's sources have, and hand off what hubs have confirmed, without serving HTTP; any number may
    run on one database.

    With --once: exit status 0 when all was taken in, 1 when rows or files were set aside or are not whole yet, 2 when
    the source cannot be read.

    Example: tillbridge work --once registers --stack stack.toml
    """
    settings = settings_with(data_dir, stack)
    if source:
        sys.exit(run(_once(settings, read_stack(settings), source)))
    run(_work(settings, read_stack(settings)))


async def _once(settings: Settings, stack: Stack, name: str) -> int:
    async with open_hub(settings, stack, public_url=own_address(settings), deliver=False) as hub:
        ran = await hub.intake.run_once(name)
    if ran is None:
        click.echo(f"{name}: another hub is at it right now.")
        return 1
    click.echo(f"{name}: {Tally(**ran.brought).sentence()}.")
    if ran.trouble:
        click.echo(f"{name}: {ran.trouble}", err=True)
        return 2
    return 1 if {"quarantined", "set_aside", "left"} & set(ran.brought) else 0


async def _work(settings: Settings, stack: Stack) -> None:
    clock = SystemClock()
    async with (
        open_database(settings) as db,
        open_traces(settings) as record,
        _Worker(settings, db, clock, record) as worker,
    ):
        await worker.open(stack)
        settle()
        async with _on_the_newest_map(MapWatch(stack), worker.open):
            await until_told(lambda: say(f"Handing off for {stack.retailer.name}. Stop with Ctrl-C."))


class _Worker:
    """A deliverer on the map that is in force, and a whole hub where something is to be fetched: what is fetched is
    issued as at a register."""

    def __init__(self, settings: Settings, db: Db, clock: Clock, record: Record | None) -> None:
        self._settings = settings
        self._db = db
        self._clock = clock
        self._record = record
        self._closing = AsyncExitStack()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._closing.aclose()

    async def open(self, stack: Stack) -> None:
        """Hand off by this map; what is under way by the one before it is finished. Raises DatabaseError."""
        async with AsyncExitStack() as closing:
            if stack.sources():
                hub = open_hub(self._settings, stack, public_url=own_address(self._settings), take_in=True)
                await closing.enter_async_context(hub)
            else:
                connectors = await closing.enter_async_context(open_connectors(stack, self._clock, self._record))
                deliverer = Deliverer(self._db, stack, connectors, self._clock, secure_chance(), None)
                closing.push_async_callback(_stop, deliverer, asyncio.create_task(deliverer.run()))
            # Last: the history has the maps that were in force.
            await record_map(self._db, stack, self._clock, "worker")
            before, self._closing = self._closing, closing.pop_all()
        await before.aclose()


async def _stop(deliverer: Deliverer, running: "asyncio.Task[None]") -> None:
    await deliverer.stop()
    await running
