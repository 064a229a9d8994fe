"""`tillbridge trail`: every fact on one credit, and where it is late or lost."""

import json
from pathlib import Path
from zoneinfo import ZoneInfo

import click
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from tillbridge.api import shapes
from tillbridge.checkpoint.facts import checkpoint_facts
from tillbridge.cli.balance import named
from tillbridge.cli.listing import print_rows
from tillbridge.cli.running import read_stack, run, settings_with
from tillbridge.cli.serve import DATA_DIR, STACK
from tillbridge.diagnose.lookup import trail_of
from tillbridge.diagnose.trail import Fact, Trail
from tillbridge.kernel.clock import SystemClock
from tillbridge.kernel.settings import Settings
from tillbridge.ledger import store
from tillbridge.ledger.model import CreditNow
from tillbridge.stack.draw import span_words
from tillbridge.stack.model import Stack
from tillbridge.wiring import open_codes, open_database

MARKS = {"confirmed": "✓", "pending": "◔", "late": "!", "dead": "✕", "unknown": "?", "refused": "–", "": " "}


@click.command("trail")
@click.argument("name")
@DATA_DIR
@STACK
@click.option("--format", "form", type=click.Choice(["table", "json", "csv"]), default="table", help="How to list.")
def trail_command(name: str, data_dir: Path | None, stack: Path | None, form: str) -> None:
    """Every fact on the credit called NAME, in order: a code, an id, a receipt or an idempotency key.

    Example: tillbridge trail T0063-118
    """
    settings = settings_with(data_dir, stack)
    the_map = read_stack(settings, secrets=False)
    found = run(_trails(settings, the_map, name))
    if form == "json":
        shown = [{"credit": shapes.credit(now, SystemClock().now()), **shapes.trail(trail)} for now, trail in found]
        click.echo(json.dumps(shown, indent=2))
    elif form == "csv":
        print_rows([_row(now, fact) for now, trail in found for fact in trail.facts], "csv")
    else:
        for now, trail in found:
            _print(now, trail, ZoneInfo(the_map.retailer.time_zone))


async def _trails(settings: Settings, stack: Stack, name: str) -> list[tuple[CreditNow, Trail]]:
    async with open_database(settings) as db:
        codes = await open_codes(settings, db)
        found = []
        for credit_id in await named(db, codes, name):
            now = await store.credit_now(db, credit_id)
            if now is not None:
                others = await checkpoint_facts(db, credit_id)
                found.append((now, await trail_of(db, stack, now, SystemClock().now(), others)))
        return found


def _row(now: CreditNow, fact: Fact) -> dict[str, str]:
    return {
        "credit": str(now.credit_id),
        "at": fact.at.isoformat(),
        "what": fact.what,
        "state": fact.mark,
        "hop": fact.hop,
        "detail": fact.detail,
    }


def _print(now: CreditNow, trail: Trail, zone: ZoneInfo) -> None:
    console = Console()
    console.print(f"[bold]{now.kind.replace('_', ' ')} …{now.code_last4}[/bold]  {now.credit_id}")
    verdict = trail.verdict
    said = f"[bold]{escape(verdict.heading)}.[/bold] {escape(verdict.sentence)} {escape(verdict.mend)}"
    console.print(f"{MARKS[verdict.mark]} {said}\n")
    table = Table(box=None, pad_edge=False, show_header=False)
    for _ in range(3):
        table.add_column()
    table.add_column(justify="right")
    for fact in trail.facts:
        local = fact.at.astimezone(zone)
        took = f"{span_words(fact.took)} of {span_words(fact.promise)}" if fact.took and fact.promise else ""
        detail = f"\n[dim]{escape(fact.detail)}[/dim]" if fact.detail else ""
        time = f"{local:%Y-%m-%d %H:%M:%S}.{local.microsecond // 1000:03d}"
        table.add_row(time, MARKS[fact.mark], escape(fact.what) + detail, took)
    console.print(table)
    console.print(f"\n[dim]Trace {trail.trace_id}[/dim]")
