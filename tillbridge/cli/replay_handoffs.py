"""`tillbridge replay handoffs`: send again what was given up, one by one or all that fit a description."""

import json
from datetime import datetime
from pathlib import Path

import click

from tillbridge.cli.listing import print_rows
from tillbridge.cli.options import DATA_DIR
from tillbridge.cli.running import run, settings_with
from tillbridge.handoff.replay import IDS_MAX, Preview, Selection, preview, read_id, replay_selected, states_of
from tillbridge.kernel.clock import SystemClock, time_text
from tillbridge.kernel.errors import BadInput
from tillbridge.kernel.settings import Settings
from tillbridge.wiring import open_database


@click.command("handoffs")
@click.argument("ids", nargs=-1, metavar="[ID]...")
@click.option("--hop", default="", help="One hop, such as platform-web.")
@click.option("--state", type=click.Choice(["dead", "parked"]), default="dead", show_default=True, help="Which.")
@click.option("--reason", default="", metavar="CODE", help="Given up for this reason.")
@click.option(
    "--since", default="", metavar="MOMENT", help="Recorded at this moment or later: ISO 8601 with an offset."
)
@click.option("--until", default="", metavar="MOMENT", help="Recorded before this moment.")
@click.option("--dry-run", is_flag=True, help="Only say which: counts and the first of them.")
@click.option("--format", "form", type=click.Choice(["table", "json"]), default="table", help="How to report.")
@DATA_DIR
def handoffs_command(ids: tuple[str, ...], data_dir: Path | None, *, dry_run: bool, form: str, **options: str) -> None:
    """Send dead or parked handoffs again, with fresh attempts and the key they had: all, or those that fit.

    A running hub finds them by itself. Without IDs (as GET /v1/handoffs answers them) all that fit the options are
    meant. Try it with --dry-run first: it changes nothing.

    Example: tillbridge replay handoffs --hop platform-web --reason no-such-account --dry-run
    """
    if len(ids) > IDS_MAX:
        raise BadInput("ID", f"{len(ids)} are too many to name", f"Name up to {IDS_MAX}, or describe them by options.")
    chosen = Selection(
        states_of(options["state"]),
        options["hop"],
        _moment("--since", options["since"]),
        _moment("--until", options["until"]),
        options["reason"],
        tuple(read_id(one) for one in ids) if ids else None,
    )
    settings = settings_with(data_dir)
    if dry_run:
        _show(run(_preview(settings, chosen)), form)
        return
    replayed = run(_replay(settings, chosen))
    click.echo(json.dumps({"replayed": replayed}) if form == "json" else f"{replayed:,} sent again.")


async def _preview(settings: Settings, chosen: Selection) -> Preview:
    async with open_database(settings) as db:
        return await preview(db, chosen)


async def _replay(settings: Settings, chosen: Selection) -> int:
    async with open_database(settings) as db:
        return await replay_selected(db, SystemClock().now(), chosen)


def _moment(option: str, text: str) -> datetime | None:
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise BadInput(option, f"{text!r} is no moment", "Write ISO 8601 with an offset: 2026-11-21T16:00:00Z.")
    return moment


def _show(seen: Preview, form: str) -> None:
    counts = [
        {"hop": one.hop, "state": one.state.value, "reason_code": one.reason_code, "count": one.count}
        for one in seen.counts
    ]
    first = [
        {
            "id": f"{one.credit_id}.{one.version}.{one.hop}",
            "state": one.state.value,
            "recorded_at": time_text(one.recorded_at),
            "reason": one.reason or one.reason_code,
        }
        for one in seen.first
    ]
    if form == "json":
        click.echo(json.dumps({"count": seen.count, "counts": counts, "first": first}, indent=2))
        return
    click.echo(f"{seen.count:,} would be sent again.")
    if counts:
        print_rows([{name: str(value) for name, value in row.items()} for row in counts], form, numbers=("count",))
        click.echo()
        print_rows(first, form)
