"""`tillbridge db`: the database under the hub."""

from pathlib import Path

import click

from tillbridge.cli.listing import FORMAT, print_rows
from tillbridge.cli.running import run, settings_with
from tillbridge.cli.serve import DATA_DIR
from tillbridge.kernel.db import migrate
from tillbridge.kernel.money import Money
from tillbridge.kernel.settings import Settings
from tillbridge.ledger import store
from tillbridge.wiring import database_url, open_database


@click.group("db")
def db_group() -> None:
    """Look after the database.

    Example: tillbridge db migrate
    """


@db_group.command("migrate")
@DATA_DIR
def migrate_command(data_dir: Path | None) -> None:
    """Bring the database up to this version. A hub does so by itself when it starts.

    Example: tillbridge db migrate
    """
    done = run(migrate(database_url(settings_with(data_dir))))
    click.echo("\n".join(f"done: {name}" for name in done) or "Nothing to do: the database is up to date.")


@db_group.command("totals")
@DATA_DIR
@FORMAT
def totals_command(data_dir: Path | None, form: str) -> None:
    """What each account of the ledger holds: positive is owed to customers. Per currency they sum to zero.

    Example: tillbridge db totals --format csv
    """
    print_rows(run(_totals(settings_with(data_dir))), form, ("amount", "entries"))


async def _totals(settings: Settings) -> list[dict[str, str]]:
    async with open_database(settings) as db:
        return [
            {
                "account": total.account,
                "currency": total.currency,
                "amount": Money(total.amount, total.currency).text(),
                "entries": str(total.entries),
            }
            for total in await store.totals(db)
        ]
