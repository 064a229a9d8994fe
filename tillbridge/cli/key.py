"""`tillbridge key`: who may ask the hub, and what for."""

from pathlib import Path

import click

from tillbridge.api import store
from tillbridge.api.keys import make_key
from tillbridge.cli.listing import FORMAT, print_rows
from tillbridge.cli.running import run, settings_with
from tillbridge.cli.serve import DATA_DIR
from tillbridge.kernel.actor import ROLES
from tillbridge.kernel.clock import SystemClock
from tillbridge.kernel.errors import NotFound
from tillbridge.kernel.settings import Settings
from tillbridge.wiring import open_database


@click.group("key")
def key_group() -> None:
    """Make, list and revoke API keys.

    Example: tillbridge key add till-006-3 --role register
    """


@key_group.command("add")
@click.argument("name")
@click.option("--role", type=click.Choice(list(ROLES)), required=True, help="What the key may do.")
@click.option("--system", default="", help="The system of the stack map that the key speaks for.")
@DATA_DIR
def add_command(name: str, role: str, system: str, data_dir: Path | None) -> None:
    """Make a key called NAME and print it. It is shown this once.

    Example: tillbridge key add web-store --role system --system web
    """
    click.echo(run(_add(settings_with(data_dir), name, role, system)))


async def _add(settings: Settings, name: str, role: str, system: str) -> str:
    async with open_database(settings) as db:
        return await make_key(db, SystemClock(), name, role, system)


@key_group.command("list")
@DATA_DIR
@FORMAT
def list_command(data_dir: Path | None, form: str) -> None:
    """List all keys; never the keys themselves.

    Example: tillbridge key list --format json
    """
    print_rows(run(_list(settings_with(data_dir))), form)


async def _list(settings: Settings) -> list[dict[str, str]]:
    async with open_database(settings) as db:
        return [
            {
                "name": key.name,
                "role": key.role,
                "system": key.system,
                "made_at": key.made_at.isoformat(timespec="seconds"),
                "revoked_at": key.revoked_at.isoformat(timespec="seconds") if key.revoked_at else "",
            }
            for key in await store.keys(db)
        ]


@key_group.command("revoke")
@click.argument("name")
@DATA_DIR
def revoke_command(name: str, data_dir: Path | None) -> None:
    """Take the key called NAME back. It stops working within seconds.

    Example: tillbridge key revoke till-006-3
    """
    run(_revoke(settings_with(data_dir), name))
    click.echo(f"{name} is revoked.")


async def _revoke(settings: Settings, name: str) -> None:
    async with open_database(settings) as db:
        if not await store.revoke_key(db, name, SystemClock().now()):
            raise NotFound("key in force", name)
