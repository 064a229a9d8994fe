"""`tillbridge trail`: why one credit is where it is, and every fact on it."""

import json
from collections.abc import Iterable, Mapping
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
from tillbridge.cli.options import DATA_DIR, STACK
from tillbridge.cli.running import read_stack, run, settings_with
from tillbridge.credit.codes import Codes
from tillbridge.diagnose.inquiry import COMPLAINTS, Complaint, Explanation, Seen
from tillbridge.diagnose.model import RISKS, Evidence
from tillbridge.diagnose.trail import Fact, Trail
from tillbridge.kernel.clock import SystemClock
from tillbridge.kernel.db import Db
from tillbridge.kernel.errors import NotFound, TillbridgeError
from tillbridge.kernel.settings import Settings
from tillbridge.ledger import store
from tillbridge.ledger.model import CreditNow
from tillbridge.reconcile.reissue.ports import CannotTell, Channel, NotThere, Shown, Sight
from tillbridge.stack.draw import span_words
from tillbridge.stack.model import Role, Stack
from tillbridge.wiring import open_codes, open_database, open_ways

MARKS = {"confirmed": "✓", "pending": "◔", "late": "!", "dead": "✕", "unknown": "?", "refused": "–", "": " "}


@click.command("trail")
@click.argument("name")
@DATA_DIR
@STACK
@click.option("--ask", is_flag=True, help="Ask the web stores as well what they show of it right now.")
@click.option("--format", "form", type=click.Choice(["table", "json", "csv"]), default="table", help="How to list.")
def trail_command(name: str, data_dir: Path | None, stack: Path | None, form: str, *, ask: bool) -> None:
    """Why the credit called NAME is where it is, and every fact on it: a code, an id, a receipt or an idempotency key.

    Where something is missing, the cause, what proves it, what mends it, and the risk; else, that it is no handoff
    failure, and what a complaint would be about.

    Example: tillbridge trail T0063-118
    """
    settings = settings_with(data_dir, stack)
    # Asking a system takes its secret; reading the ledger takes none.
    the_map = read_stack(settings, secrets=ask)
    found = run(_trails(settings, the_map, name, ask=ask))
    if form == "json":
        shown = [{"credit": shapes.credit(now, SystemClock().now()), **shapes.trail(trail)} for now, trail in found]
        click.echo(json.dumps(shown, indent=2))
    elif form == "csv":
        print_rows([_row(now, fact) for now, trail in found for fact in trail.facts], "csv")
    else:
        for now, trail in found:
            _print(now, trail, ZoneInfo(the_map.retailer.time_zone))


async def _trails(settings: Settings, stack: Stack, name: str, *, ask: bool = False) -> list[tuple[CreditNow, Trail]]:
    async with open_database(settings) as db, open_ways(stack, SystemClock()) as ways:
        codes = await open_codes(settings, db)
        found = []
        for credit_id in await _named(db, codes, name):
            now = await store.credit_now(db, credit_id)
            if now is not None:
                seen = await _asked(stack, ways, now) if ask else ()
                found.append((now, await whole_trail(db, stack, now, SystemClock().now(), seen)))
        return found


async def _asked(stack: Stack, ways: Mapping[str, Channel], credit: CreditNow) -> tuple[Seen, ...]:
    """What each web store of the map says of a credit."""
    stores = dict.fromkeys(
        hop.target for hop in stack.deliveries() if stack.systems[hop.target].role is Role.STOREFRONT
    )  # fmt: skip
    return tuple([_seen(name, credit, await _sight(ways, name, credit)) for name in stores])


async def _sight(ways: Mapping[str, Channel], name: str, credit: CreditNow) -> Sight:
    if name not in ways:
        return CannotTell("The map has no live way to it.")
    return await ways[name].shows(str(credit.credit_id))


def _seen(name: str, credit: CreditNow, sight: Sight) -> Seen:
    match sight:
        case Shown():
            shown = sight.available
            minor = shown.minor if shown is not None and shown.currency == credit.currency else None
            return Seen(name, True, minor, sight.sentence.rstrip("."))
        case NotThere():
            return Seen(name, False, None, "it says that it does not have it")
        case CannotTell():
            return Seen(name, None, None, sight.sentence.rstrip("."))


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
    if why.cause or why.risk != "none":
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
