"""`tillbridge db`: the database under the hub."""

from pathlib import Path
from typing import Final

import click

from tillbridge.cli.listing import FORMAT, print_rows
from tillbridge.cli.options import DATA_DIR
from tillbridge.cli.running import run, settings_with
from tillbridge.cli.verify import verify_command
from tillbridge.kernel.db import migrate
from tillbridge.kernel.money import Money
from tillbridge.kernel.settings import Settings
from tillbridge.ledger import store
from tillbridge.wiring import database_url, open_database

PARTS: Final = ("bucket", "store", "state")
"""What `tillbridge db totals` can tell apart."""


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
@click.option("--by", type=click.Choice(PARTS), help="Tell each account's buckets, issuing stores or states apart.")
@DATA_DIR
@FORMAT
def totals_command(by: str | None, data_dir: Path | None, form: str) -> None:
    """What each account of the ledger holds: positive is owed to customers. Per currency they sum to zero.

    Reads totals that are kept, however long the book. House accounts have no credits and no state.

    Example: tillbridge db totals --by bucket --format csv
    """
    print_rows(run(_totals(settings_with(data_dir), by)), form, ("amount", "credits", "entries"))


async def _totals(settings: Settings, by: str | None) -> list[dict[str, str]]:
    async with open_database(settings) as db:
        totals = await store.totals(db, in_full=by is not None)
    sums: dict[tuple[str, str, str], tuple[int, int, int]] = {}
    for total in totals:
        place = (total.currency, total.account, "" if by is None else str(getattr(total, by)))
        amount, credits, entries = sums.get(place, (0, 0, 0))
        sums[place] = (amount + total.amount, credits + total.credits, entries + total.entries)
    return [
        {
            "account": account,
            **({} if by is None else {by: part}),
            "currency": currency,
            "amount": Money(amount, currency).text(),
            **({} if by is None else {"credits": str(credits)}),
            "entries": str(entries),
        }
        for (currency, account, part), (amount, credits, entries) in sorted(sums.items())
    ]


db_group.add_command(verify_command)
