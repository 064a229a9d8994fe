"""`tillbridge map assess`: repair or rebuild."""

import json
from collections.abc import Callable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Final

import click
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from tillbridge.cli.map_file import DATA_DIR, FILE, OFFLINE, books, read_map
from tillbridge.cli.running import run
from tillbridge.handoff.measure.facts import facts
from tillbridge.kernel.clock import SystemClock, time_text
from tillbridge.kernel.errors import BadInput
from tillbridge.kernel.settings import Settings
from tillbridge.stack.assess import Assessment, Facts, Finding, HopAssessment, Met, assess
from tillbridge.stack.draw import span_words
from tillbridge.stack.duration import parse_duration

SIGNS: Final = {Met.YES: "✓", Met.NO: "✕", Met.UNKNOWN: "?"}


@click.command("assess")
@FILE
@click.option("--format", "form", type=click.Choice(("table", "json", "md")), default="table", help="How to tell.")
@click.option("--since", default="7d", show_default=True, help="How far back to measure, such as 12h or 30d.")
@OFFLINE
@DATA_DIR
def assess_command(file: Path, form: str, since: str, offline: bool, data_dir: Path | None) -> None:
    """Repair or rebuild, per hop and for the whole: each criterion, its evidence, and what to do first.

    By what the map declares, and by what the hub's database has measured; what nobody measured is not guessed.

    Example: tillbridge map assess stack.toml --since 30d
    """
    settings, stack = read_map(file, data_dir)
    try:
        span = parse_duration(since)
    except ValueError as error:
        raise BadInput("--since", f"{since!r} is no length of time: {error}", "Write 12h or 7d.") from None
    _PRINTERS[form](assess(stack, run(_facts(settings, span, offline=offline))))


async def _facts(settings: Settings, span: timedelta, *, offline: bool) -> Facts:
    at = SystemClock().now()
    async with books(settings, offline=offline) as db:
        return Facts(at) if db is None else await facts(db, at - span, at)


def measured_words(assessment: Assessment) -> str:
    """What the verdicts rest on."""
    if assessment.since is None:
        return "By the map alone: no database of a hub was asked, so nothing is measured."
    return f"By the map, and by what was measured in the last {span_words(assessment.at - assessment.since)}."


def _print_table(assessment: Assessment) -> None:
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = 120
    console.print(f"The whole: {assessment.verdict.upper()}. {assessment.why.capitalize()}.")
    console.print(measured_words(assessment))
    if assessment.first:
        console.print(f"First: {escape(assessment.first)}")
    for hop in assessment.hops:
        console.print(f"\n{hop.hop}: {hop.verdict.upper()}")
        console.print(_findings(hop))
        if hop.first:
            console.print(f"First: {escape(hop.first)}")
        for mend in hop.to_repair:
            console.print(f"To make it a repair: {escape(mend)}")


def _findings(hop: HopAssessment) -> Table:
    table = Table("criterion", "asked", "weight", "", "evidence", box=SIMPLE_HEAD, pad_edge=False)
    for one in hop.findings:
        criterion = one.criterion
        weight = f"{criterion.weight}, structural" if criterion.structural else str(criterion.weight)
        cells = (criterion.name, criterion.asks, weight, f"{SIGNS[one.met]} {one.met}", one.evidence)
        table.add_row(*map(escape, cells))
    return table


def _print_json(assessment: Assessment) -> None:
    document = {
        "at": time_text(assessment.at),
        "since": time_text(assessment.since) if assessment.since else None,
        "verdict": assessment.verdict.value,
        "why": assessment.why,
        "first": assessment.first,
        "hops": [
            {
                "hop": hop.hop,
                "verdict": hop.verdict.value,
                "first": hop.first,
                "to_repair": list(hop.to_repair),
                "criteria": [_finding(one) for one in hop.findings],
            }
            for hop in assessment.hops
        ],
    }
    click.echo(json.dumps(document, indent=2, ensure_ascii=False))


def _finding(one: Finding) -> Mapping[str, object]:
    criterion = one.criterion
    return {
        "criterion": criterion.name,
        "asks": criterion.asks,
        "weight": criterion.weight,
        "structural": criterion.structural,
        "met": one.met.value,
        "evidence": one.evidence,
    }


def _print_markdown(assessment: Assessment) -> None:
    click.echo(
        f"# Repair or rebuild: {assessment.verdict}\n\n{assessment.why.capitalize()}. {measured_words(assessment)}"
    )
    if assessment.first:
        click.echo(f"\n**First:** {assessment.first}")
    for hop in assessment.hops:
        click.echo(f"\n## {hop.hop}: {hop.verdict}\n")
        click.echo("| criterion | asked | weight | met | evidence |\n| --- | --- | --- | --- | --- |")
        for one in hop.findings:
            cells = (one.criterion.name, one.criterion.asks, str(one.criterion.weight), one.met.value, one.evidence)
            click.echo(f"| {' | '.join(cell.replace('|', '/') for cell in cells)} |")
        if hop.first:
            click.echo(f"\n**First:** {hop.first}")
        for mend in hop.to_repair:
            click.echo(f"\n**To make it a repair:** {mend}")


_PRINTERS: Final[Mapping[str, Callable[[Assessment], None]]] = {
    "table": _print_table,
    "json": _print_json,
    "md": _print_markdown,
}
