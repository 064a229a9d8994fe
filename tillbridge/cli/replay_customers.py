"""`tillbridge replay customers`: take in a storefront's customers from a file."""

import json
import sys
from datetime import datetime
from pathlib import Path

import click
from rich.console import Console
from rich.progress import Progress

from tillbridge.cli.options import DATA_DIR, STACK
from tillbridge.cli.running import read_stack, run, settings_with
from tillbridge.identity.directory import Loaded, load
from tillbridge.kernel.clock import SystemClock, parse_time
from tillbridge.kernel.errors import SettingFault
from tillbridge.kernel.ids import Ids, secure_chance
from tillbridge.stack.model import Role
from tillbridge.wiring import open_database

SHOWN_MAX = 20
"""How many bad rows are printed; the JSON has all."""

STATEMENT_SECONDS = 600.0


@click.command("customers")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--system", required=True, help="The storefront of the stack map whose customers these are.")
@click.option("--full", is_flag=True, help="The file is the whole directory: accounts that it lacks are gone.")
@click.option("--as-of", metavar="TIME", help="When the file was cut (ISO 8601); its newest updated_at if left out.")
@DATA_DIR
@STACK
@click.option("--format", "form", type=click.Choice(["table", "json"]), default="table", help="How to report.")
def customers_command(
    file: Path, system: str, full: bool, as_of: str | None, data_dir: Path | None, stack: Path | None, form: str
) -> None:
    """Take in the customers of a storefront from FILE (CSV). Reading it again changes nothing.

    Columns: account_id, email, phone, loyalty_id; name, street, city, postcode and birth_date where there are any, and
    updated_at: what is older than what the hub knows of an account is left, and who came later is not gone. The
    exit status is 2 when a row was left out, or when a full export was not taken for one.

    Example: tillbridge replay customers customers.csv --system web --full
    """
    settings = settings_with(data_dir, stack)
    the_map = read_stack(settings, secrets=False)
    if system not in the_map.systems:
        mend = f"Name one of {', '.join(the_map.systems)} with --system."
        raise SettingFault("--system", f"the stack map has no system {system!r}", mend)
    if the_map.systems[system].role is not Role.STOREFRONT:
        mend = "Name a storefront: only a storefront has its customers confirm an e-mail or a phone."
        raise SettingFault("--system", f"{system} is no storefront", mend)
    cut_at = _moment(as_of) if as_of else None

    async def take_in() -> Loaded:
        with Progress(console=Console(stderr=True), disable=not sys.stderr.isatty()) as progress:
            task = progress.add_task("rows", total=None)
            clock = SystemClock()
            async with open_database(settings, statement_seconds=STATEMENT_SECONDS) as db:
                return await load(
                    db,
                    file,
                    system,
                    the_map.retailer.country,
                    clock=clock,
                    ids=Ids(clock, secure_chance()),
                    full=full,
                    as_of=cut_at,
                    progress=lambda rows: progress.advance(task, rows),
                )

    loaded = run(take_in())
    click.echo(json.dumps(_as_json(loaded), indent=2) if form == "json" else _words(loaded, full))
    if loaded.bad or loaded.kept:
        sys.exit(2)


def _moment(text: str) -> datetime:
    """The moment of --as-of. Raises SettingFault."""
    try:
        return parse_time(text)
    except (ValueError, OverflowError):
        mend = "Write it with its offset, such as 2026-11-21T06:00:00Z."
        raise SettingFault("--as-of", f"{text!r} is no moment", mend) from None


def _as_json(loaded: Loaded) -> dict[str, object]:
    bad = [{"line": row.row, "account_id": row.account_id, "reason": row.reason} for row in loaded.bad]
    told = {"accounts": loaded.accounts, "new": loaded.new, "gone": loaded.gone, "kept": loaded.kept or None}
    return {**told, "stale": loaded.stale, "bad": bad}


def _words(loaded: Loaded, full: bool) -> str:
    lines = [f"{loaded.accounts:,} accounts taken in, {loaded.new:,} of their customers are new."]
    if loaded.stale:
        lines.append(f"Rows that were older than what is known, and changed nothing: {loaded.stale:,}.")
    if full:
        lines.append(loaded.kept or f"{loaded.gone:,} accounts are gone.")
    lines += [f"line {row.row}: {row.reason}" for row in loaded.bad[:SHOWN_MAX]]
    if len(loaded.bad) > SHOWN_MAX:
        lines.append(f"and {len(loaded.bad) - SHOWN_MAX:,} more rows that were left out")
    return "\n".join(lines)
