"""`tillbridge key`: who may ask the hub, and what for."""

from pathlib import Path

import click

from tillbridge.api import store
from tillbridge.api.keys import make_key, revoke_key
from tillbridge.cli.key_audit import audit_command
from tillbridge.cli.key_role import role_group
from tillbridge.cli.listing import FORMAT, print_rows
from tillbridge.cli.options import DATA_DIR
from tillbridge.cli.running import run, settings_with
from tillbridge.kernel.clock import SystemClock
from tillbridge.kernel.settings import Settings
from tillbridge.wiring import open_database


@click.group("key")
def key_group() -> None:
    """Make, list and revoke API keys; say what their roles may do; see who was turned away.

    Example: tillbridge key add till-006-3 --role register
    """


@key_group.command("add")
@click.argument("name")
@click.option("--role", required=True, help="What the key may do: one of 'tillbridge key role list'.")
@click.option("--system", default="", help="The system of the stack map that the key speaks for.")
@click.option("--store", "place", default="", help="The one store that the key is for.")
@click.option("--register", default="", help="The one register of that store that the key is for.")
@DATA_DIR
def add_command(name: str, role: str, system: str, place: str, register: str, data_dir: Path | None) -> None:
    """Make a key called NAME and print it. It is shown this once.

    Example: tillbridge key add till-006-3 --role register --store 006 --register 3
    """
    click.echo(run(_add(settings_with(data_dir), name, role, system, (place, register))))


async def _add(settings: Settings, name: str, role: str, system: str, where: tuple[str, str]) -> str:
    place, register = where
    async with open_database(settings) as db:
        return await make_key(db, SystemClock(), name, role, system, place=place, register=register)


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
                "store": key.store,
                "register": key.register,
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
        await revoke_key(db, SystemClock(), name)


key_group.add_command(role_group)
key_group.add_command(audit_command)
