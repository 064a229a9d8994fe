"""`tillbridge trail`: why one credit is where it is, and every fact on it."""

import json
from collections.abc import Iterable
from pathlib import Path
from uuid import UUID
from zoneinfo import ZoneInfo

import click
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from tillbridge.api import shapes
from tillbridge.checkpoint.facts import whole_trail
from tillbridge.cli.balance import named
from tillbridge.cli.listing import print_rows
from tillbridge.cli.running import read_stack, run, settings_with
from tillbridge.cli.serve import DATA_DIR, STACK
from tillbridge.credit.codes import Codes
from tillbridge.diagnose.inquiry import COMPLAINTS, Complaint, Explanation
from tillbridge.diagnose.model import RISKS, Evidence
from tillbridge.diagnose.trail import Fact, Trail
from tillbridge.kernel.clock import SystemClock
from tillbridge.kernel.db import Db
from tillbridge.kernel.errors import NotFound, TillbridgeError
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
    """Why the credit called NAME is where it is, and every fact on it: a code, an id, a receipt or an idempotency key.

    Where something is missing, the cause, what proves it, what mends it, and the risk; else, that it is no handoff
    failure, and what a complaint would be about.

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
        for credit_id in await _named(db, codes, name):
            now = await store.credit_now(db, credit_id)
            if now is not None:
                found.append((now, await whole_trail(db, stack, now, SystemClock().now())))
        return found


async def _named(db: Db, codes: Codes, name: str) -> list[UUID]:
    """The credits of this name. Raises TillbridgeError, which says what it means for somebody with a card in hand."""
    try:
        return await named(db, codes, name)
    except NotFound as unknown:
        what = f"Where somebody holds such a card, that is an {Complaint.ACTIVATION} failure."
        raise TillbridgeError(f"{unknown} {what} {COMPLAINTS[Complaint.ACTIVATION]}") from unknown


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
    if trail.explanation is not None:
        _print_why(console, trail.explanation, zone)
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


def _print_why(console: Console, why: Explanation, zone: ZoneInfo) -> None:
    """The cause, or that there is none; what proves it, what mends it, and what can go wrong meanwhile."""
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(style="bold")
    table.add_column()
    first = ("Cause", f"{why.cause.value}. {why.sentence}") if why.cause else ("Failure", why.sentence)
    table.add_row(*first)
    for name, lines in (("Proof", _proof(why.evidence, zone)), ("Nearest", _nearest(why)), ("Mend", [why.mend])):
        for place, line in enumerate(lines):
            table.add_row("" if place else name, escape(line))
    if why.cause:
        table.add_row("Risk", RISKS[why.risk])
    console.print(table)
    console.print()


def _proof(evidence: Iterable[Evidence], zone: ZoneInfo) -> list[str]:
    return [
        f"{fact.source}: {fact.fact}" + (f" ({fact.at.astimezone(zone):%Y-%m-%d %H:%M:%S})" if fact.at else "")
        for fact in evidence
    ]


def _nearest(why: Explanation) -> list[str]:
    return [f"{one.account_id}, {one.score} of 100: {'; '.join(one.reasons)}" for one in why.candidates]
