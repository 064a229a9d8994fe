"""`tillbridge map history`: which maps the hub ran on, and what changed."""

from pathlib import Path

import click

from tillbridge.cli.listing import FORMAT, print_rows
from tillbridge.cli.map_file import DATA_DIR, books
from tillbridge.cli.running import run, settings_with
from tillbridge.kernel.settings import Settings
from tillbridge.stack import store


@click.command("history")
@FORMAT
@DATA_DIR
def history_command(form: str, data_dir: Path | None) -> None:
    """The editions of the map that hubs ran on, newest first, each with what changed. Secrets are never kept.

    Example: tillbridge map history
    """
    rows = run(_history(settings_with(data_dir)))
    if form != "table" or not rows:
        print_rows(rows, form)
        return
    for row in rows:
        click.echo(f"edition {row['edition']}  {row['recorded_at']}  {row['recorded_by']}  print {row['print']}")
        for change in row["changes"].splitlines():
            click.echo(f"    {change}")


async def _history(settings: Settings) -> list[dict[str, str]]:
    async with books(settings, offline=False) as db:
        kept = await store.editions(db) if db else ()
    return [
        {
            "edition": str(one.number),
            "recorded_at": one.recorded_at.isoformat(timespec="seconds"),
            "recorded_by": one.recorded_by,
            "print": one.print[:12],
            "changes": "\n".join(one.changes),
        }
        for one in kept
    ]
