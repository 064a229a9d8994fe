"""`tillbridge serve` and `tillbridge work`: the hub, whole or in two processes."""

import asyncio
from pathlib import Path

import click

from tillbridge.cli.running import read_stack, run, say, serving, settings_with, settle, until_told
from tillbridge.handoff.deliver import Deliverer
from tillbridge.kernel.clock import SystemClock
from tillbridge.kernel.db import Db
from tillbridge.kernel.ids import secure_chance
from tillbridge.kernel.settings import Settings
from tillbridge.stack.model import Stack
from tillbridge.wiring import open_connectors, open_database

DATA_DIR = click.option("--data-dir", type=click.Path(path_type=Path), help="Folder for database, secret and logs.")
STACK = click.option("--stack", type=click.Path(path_type=Path), help="The stack map to run on.")


@click.command("serve")
@DATA_DIR
@STACK
@click.option("--host", help="Address to listen on.")
@click.option("--port", type=click.IntRange(0, 65535), help="Port to listen on; 0 takes a free one.")
@click.option("--no-work", is_flag=True, help="Confirm only; 'tillbridge work' hands off in another process.")
def serve_command(data_dir: Path | None, stack: Path | None, host: str | None, port: int | None, no_work: bool) -> None:
    """Run the hub: confirm credits over HTTP and hand them off, until it is stopped.

    Example: tillbridge serve --stack stack.toml --port 8080
    """
    changes = {name: value for name, value in (("host", host), ("port", port)) if value is not None}
    settings = settings_with(data_dir, stack, **changes)
    run(_serve(settings, read_stack(settings), deliver=not no_work))


async def _serve(settings: Settings, stack: Stack, *, deliver: bool) -> None:
    async with serving(settings, stack, deliver=deliver) as (_, address):
        settle()
        await until_told(lambda: say(f"Tillbridge listens on {address} for {stack.retailer.name}. Stop with Ctrl-C."))


@click.command("work")
@DATA_DIR
@STACK
def work_command(data_dir: Path | None, stack: Path | None) -> None:
    """Hand off what hubs have confirmed, without serving HTTP; any number may run on one database.

    Example: tillbridge work --stack stack.toml
    """
    settings = settings_with(data_dir, stack)
    run(_work(settings, read_stack(settings)))


async def _work(settings: Settings, stack: Stack) -> None:
    async with open_database(settings) as db:
        await _deliver(db, stack)


async def _deliver(db: Db, stack: Stack) -> None:
    clock = SystemClock()
    async with open_connectors(stack, clock) as connectors:
        deliverer = Deliverer(db, stack, connectors, clock, secure_chance(), None)
        running = asyncio.create_task(deliverer.run())
        settle()
        try:
            await until_told(lambda: say(f"Handing off for {stack.retailer.name}. Stop with Ctrl-C."))
        finally:
            await deliverer.stop()
            await running
