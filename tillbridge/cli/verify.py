"""`tillbridge db verify`: whether the book is whole, and if it is not, the first row that is wrong."""

import asyncio
import json
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Final

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from tillbridge.cli.listing import FORMAT, print_rows
from tillbridge.cli.options import DATA_DIR
from tillbridge.cli.running import run, settings_with
from tillbridge.kernel.db import open_db
from tillbridge.kernel.errors import BadInput
from tillbridge.kernel.settings import Settings
from tillbridge.ledger.verify.checks import Finding, Head, Verdict, Walk, parse_head
from tillbridge.ledger.verify.walk import Told, verify
from tillbridge.wiring import database_url

LISTED: Final = 100
"""How many rows `--all` lists."""

STATEMENT_SECONDS: Final = 3600.0
"""Nobody waits at a register for this."""


@click.command("verify")
@click.option("--all", "listed", is_flag=True, help=f"List the first {LISTED} rows that are wrong, not only the first.")
@click.option(
    "--since", "--head", "heads", multiple=True, metavar="HASH",
    help="A head of the chain that was noted before: it must still be in the chain. May be given again.",
)  # fmt: skip
@DATA_DIR
@FORMAT
def verify_command(listed: bool, heads: tuple[str, ...], data_dir: Path | None, form: str) -> None:
    """Read the whole book, work out every balance, seal and total again, and name the first row that is wrong.

    It changes nothing, and hubs may run meanwhile. Prints what was read and the head of the chain: note it elsewhere,
    and give it to --since next time. Exit status 0: the book is whole; 1: it is not; 2: it could not be read.

    Example: tillbridge db verify --all
    """
    noted = [_head(text) for text in heads]
    verdict = run(_verify(settings_with(data_dir), noted, LISTED if listed else 1))
    _report(verdict, form, listed=listed)
    sys.exit(1 if verdict.findings else 0)


def _head(text: str) -> Head:
    try:
        return parse_head(text)
    except ValueError:
        mend = "Give PLACE:HASH as this command printed it, or the hash alone: 64 hexadecimal digits."
        raise BadInput("--since", f"{text!r} is no head of a chain", mend) from None


async def _verify(settings: Settings, heads: list[Head], most: int) -> Verdict:
    # Not by way of open_database, which may migrate: this changes nothing, and runs on a replica as well.
    url = await asyncio.to_thread(database_url, settings)
    async with open_db(url, size=2, statement_seconds=STATEMENT_SECONDS) as db:
        with _telling() as told:
            return await verify(db, heads=heads, most=most, told=told)


def _telling() -> AbstractContextManager[Told]:
    """A bar for each walk when a person looks on; otherwise a line at the end of each."""
    return _bars() if sys.stderr.isatty() else _lines()


@contextmanager
def _bars() -> Iterator[Told]:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True)) as bar:
        tasks: dict[Walk, TaskID] = {}

        def told(walk: Walk, done: int, of: int) -> None:
            if walk not in tasks:
                tasks[walk] = bar.add_task(f"Reading {walk}", total=of)
            bar.update(tasks[walk], completed=done)

        yield told


@contextmanager
def _lines() -> Iterator[Told]:
    def told(walk: Walk, done: int, of: int) -> None:
        if done >= of:
            click.echo(f"Read {of:,} {walk}.", err=True)

    yield told


def _report(verdict: Verdict, form: str, *, listed: bool) -> None:
    if form == "json":
        click.echo(json.dumps(_as_json(verdict), indent=2))
        return
    read = verdict.read
    said: Callable[[str], None] = click.echo
    if form == "csv":
        print_rows([_row(finding) for finding in verdict.findings], form)
        said = _aside
    said(
        f"Read {read.credits:,} credits, {read.events:,} events, {read.entries:,} entries and {read.batches:,} batches."
    )
    said(f"The chain ends at {verdict.head}")
    if not verdict.findings:
        said("The book is whole.")
        return
    more = "" if listed else " This is the first; --all lists more."
    said(f"The book is not whole.{more}")
    if form == "table":
        for finding in verdict.findings:
            click.echo(f"  ledger.{finding.table}: {finding.sentence}")


def _aside(text: str) -> None:
    """A line for the person who looks on, beside what a program reads."""
    click.echo(text, err=True)


def _row(finding: Finding) -> dict[str, str]:
    return {
        "check": finding.check,
        "table": f"ledger.{finding.table}",
        "row": finding.row,
        "sentence": finding.sentence,
    }


def _as_json(verdict: Verdict) -> dict[str, object]:
    read = verdict.read
    return {
        "whole": not verdict.findings,
        "read": {
            "credits": read.credits,
            "events": read.events,
            "entries": read.entries,
            "codes": read.codes,
            "batches": read.batches,
        },
        "head": str(verdict.head),
        "findings": [_row(finding) for finding in verdict.findings],
    }
