"""`tillbridge key role`: what the keys of a role may do."""

from pathlib import Path

import click

from tillbridge.api import store
from tillbridge.api.roles import read_rights, set_role
from tillbridge.cli.listing import FORMAT, print_rows
from tillbridge.cli.options import DATA_DIR
from tillbridge.cli.running import run, settings_with
from tillbridge.kernel.actor import Right
from tillbridge.kernel.clock import SystemClock
from tillbridge.kernel.settings import Settings
from tillbridge.wiring import open_database


@click.group("role")
def role_group() -> None:
    """List the roles of keys, and say what they may do.

    Example: tillbridge key role list
    """


@role_group.command("list")
@DATA_DIR
@FORMAT
def list_command(data_dir: Path | None, form: str) -> None:
    """List all roles with their rights.

    Example: tillbridge key role list --format json
    """
    print_rows(run(_list(settings_with(data_dir))), form)


async def _list(settings: Settings) -> list[dict[str, str]]:
    async with open_database(settings) as db:
        return [
            {
                "role": role.name,
                "may": " ".join(right.value for right in Right if right in role.rights),
                "changed_at": role.changed_at.isoformat(timespec="seconds") if role.changed_at else "",
            }
            for role in await store.roles(db)
        ]


@role_group.command("set")
@click.argument("name")
@click.option("--may", "words", multiple=True, required=True, metavar="RIGHT", help="A right; give it once for each.")
@DATA_DIR
def set_command(name: str, words: tuple[str, ...], data_dir: Path | None) -> None:
    """Say all that keys of the role called NAME may do; a role that is new is made. Hubs follow within seconds.

    Example: tillbridge key role set kiosk --may redeem --may read
    """
    rights = read_rights(words)
    run(_set(settings_with(data_dir), name, rights))
    click.echo(f"{name} may {', '.join(right.value for right in Right if right in rights)}.")


async def _set(settings: Settings, name: str, rights: frozenset[Right]) -> None:
    async with open_database(settings) as db:
        await set_role(db, SystemClock(), name, rights)
