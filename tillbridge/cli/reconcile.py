"""`tillbridge reconcile`: what fell through between the registers, the platform, the books and the web store."""

import json
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic
from typing import Final
from zoneinfo import ZoneInfo

import click
from rich.console import Console
from rich.text import Text

from tillbridge.cli.reconcile_ending import ending
from tillbridge.cli.reconcile_sides import Wanted, gather
from tillbridge.cli.running import read_stack, settings_with
from tillbridge.diagnose.model import Side
from tillbridge.diagnose.view import Scope
from tillbridge.diagnose.way import way_of
from tillbridge.kernel.clock import SystemClock
from tillbridge.kernel.errors import BadInput
from tillbridge.reconcile.engine import ENGINES, MEMORY, open_engine
from tillbridge.reconcile.live.stage import HUB
from tillbridge.reconcile.model import EXIT, Cut, Run, SideRead
from tillbridge.reconcile.report import summary_json, summary_lines, write
from tillbridge.reconcile.report.words import listed, shown
from tillbridge.reconcile.run import Home, Told, find, looked_at, newest
from tillbridge.reconcile.score import WRONG_SHOWN, Fault, Score, read_truth, score
from tillbridge.reconcile.sources.layout import canonical
from tillbridge.reconcile.sources.mapping import read_mapping
from tillbridge.stack.model import Stack

DAYS: Final = 30
"""How far back a run looks unless it is told otherwise."""

STALE: Final = timedelta(days=2)
"""Exports whose newest row is older than this at the cut were probably made for another one."""

_YEARS: Final = (1900, 2199)
_SIZE: Final = re.compile(r"[1-9][0-9]{0,8} ?[KMGT]i?B", re.IGNORECASE)


def _size(_context: click.Context, _option: click.Parameter, text: str) -> str:
    """A size as the engine knows it. Raises click's error for what is none."""
    if not _SIZE.fullmatch(text):
        raise click.BadParameter(f"{text!r} is no size. Write it as 1500MB or 4GB.")
    return text.replace(" ", "")


@click.command("reconcile")
@click.option("--pos", metavar="FILE|hub", help="What the registers sold.")
@click.option("--platform", metavar="FILE|hub", help="What the gift card platform holds.")
@click.option("--storefront", metavar="FILE|SYSTEM", help="What the web store shows.")
@click.option("--erp", metavar="FILE|SYSTEM", help="What the books have.")
@click.option("--stack", type=click.Path(path_type=Path), help="The stack map: what was promised and is accepted.")
@click.option("--mapping", type=click.Path(path_type=Path), help="How the files are written, where not as ours.")
@click.option("--days", type=click.IntRange(1, 3660), help=f"How far back to look.  [default: {DAYS}]")
@click.option("--since", metavar="TIME", help="Look from here on, instead of --days.")
@click.option("--until", metavar="TIME", help="Look until here.  [default: --as-of]")
@click.option("--as-of", metavar="TIME", help="When the exports were made.  [default: now]")
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), help="Folder for findings and report.")
@click.option("--engine", type=click.Choice(ENGINES), default=ENGINES[0], show_default=True, help="What computes.")
@click.option(
    "--memory",
    default=MEMORY,
    show_default=True,
    metavar="SIZE",
    callback=_size,
    help="What the engine may hold in memory.",
)
@click.option("--rows", type=click.IntRange(0, 10_000), default=20, show_default=True, help="Worst rows to print.")
@click.option("--truth", type=click.Path(path_type=Path), help="Differences that are known, to measure against.")
@click.option("--data-dir", type=click.Path(path_type=Path), help="The hub's folder, for a side that is live.")
@click.option("--format", "form", type=click.Choice(["table", "json"]), default="table", help="How to answer.")
def reconcile_command(
    stack: Path | None,
    mapping: Path | None,
    out: Path | None,
    engine: str,
    rows: int,
    truth: Path | None,
    data_dir: Path | None,
    form: str,
    **options: str | int | None,
) -> None:
    """Find every store credit and gift card that fell through, and say why.

    Each side is an export (CSV, Excel or Parquet) or live: `hub` for the built-in ledger, or a system of the map. Give
    two sides at least. The exit status is 0 where nothing was found, 1 with findings, and 2 where a side could not be
    read whole. With --truth, a file as simulate writes it, the last line says how many of the known differences
    were found; the exit status stays what it is.

    Example: tillbridge reconcile --pos pos.csv --platform platform.csv --storefront web.csv --erp erp.csv
    --stack stack.toml --days 30 --as-of 2026-11-21T11:00:00-05:00 --out found
    """
    began = monotonic()
    settings = settings_with(data_dir, stack)
    the_map = read_stack(settings, secrets=False) if stack or settings.stack.exists() else None
    named = {side: str(options[side.value]) for side in Side if options[side.value]}
    if len(named) < 2:
        both = " and ".join(f"--{side.value}" for side in (Side.PLATFORM, Side.STOREFRONT))
        raise BadInput("--pos, --platform, --storefront, --erp", "fewer than two sides to compare", f"Give {both}.")
    if not {Side.POS, Side.PLATFORM} & named.keys():
        raise BadInput(
            "--pos, --platform", "neither is given, and nothing else says what was issued", "Give one of them."
        )
    cut = _cut(options, the_map)
    known = _truth(truth) if truth else None
    layouts = {side: canonical(side) for side in Side} | dict(read_mapping(mapping) if mapping else {})
    with ending(), _watched() as told, TemporaryDirectory(prefix="tillbridge-reconcile-") as folder:
        wanted = Wanted(named, layouts, settings, the_map, cut, engine, str(options["memory"]))
        found = _run(wanted, Path(folder), told)
        found = replace(found, seconds=monotonic() - began)
        files: tuple[Path, ...] = ()
        if out is not None:
            told("writing")
            files = write(found, out)
    _answer(found, files, rows, form, None if known is None else score(found.findings, known))
    sys.exit(EXIT[found.status])


def _run(wanted: Wanted, staging: Path, told: Told) -> Run:
    with open_engine(wanted.engine, staging, wanted.memory) as con:
        tables, sides = gather(wanted, staging, con, told)
        the_map = wanted.stack
        scope = Scope(
            wanted.cut.since, wanted.cut.until, wanted.cut.as_of, way_of(the_map, tables.keys()), frozenset(tables)
        )
        home = Home(the_map.retailer.country, the_map.retailer.currency) if the_map else Home()
        # With a side that could not be read, too few may be left to compare.
        comparable = len(tables) > 1 and {Side.POS, Side.PLATFORM} & tables.keys()
        findings = find(tables, scope, home, con, told) if comparable else []
        differing = [one for one in findings if one.at and cut_has(wanted.cut, one.at)]
        born = looked_at(tables, scope, differing)
        return Run(
            cut=wanted.cut,
            retailer=the_map.retailer.name if the_map else "",
            time_zone=the_map.retailer.time_zone if the_map else "UTC",
            map_file=Path(the_map.file).name if the_map else "",
            engine=wanted.engine,
            sides=sides,
            findings=tuple(findings),
            looked_at=born,
            matched=born - len(differing),
            remarks=tuple(_remarks(wanted, sides, newest(tables))),
            seconds=0.0,
        )


def cut_has(cut: Cut, at: datetime) -> bool:
    """Whether a moment lies in the window."""
    return cut.since <= at <= cut.until


def _remarks(wanted: Wanted, sides: Sequence[SideRead], at: datetime | None) -> Iterator[str]:
    """What whoever reads the result should know about the run as a whole."""
    if wanted.stack is None:
        missing = f"There is no stack map {wanted.settings.stack}"
        yield f"{missing}: a day is allowed for each step, and what a system accepts is not known."
    for read in sides:
        if read.origin == HUB and not read.rows:
            when = wanted.cut.as_of.isoformat(timespec="seconds")
            yield f"The hub's ledger held no credit as of {when}. If it was filled later, give a later --as-of."
        elif not read.rows and not read.bad_rows:
            yield f"{read.origin} has a header and no rows, and was taken at its word. If it is wrong, export it again."
    if at is not None and wanted.cut.as_of - at > STALE:
        yield f"The newest row is of {at.isoformat()}. If the exports were made then, say so with --as-of."


def _cut(options: Mapping[str, str | int | None], the_map: Stack | None) -> Cut:
    """The window. Raises BadInput for a time that is none, and for a window that is empty."""
    zone = ZoneInfo(the_map.retailer.time_zone) if the_map else ZoneInfo("UTC")
    as_of = _moment(options, "as_of", zone) or SystemClock().now()
    until = _moment(options, "until", zone) or as_of
    since = _moment(options, "since", zone)
    if since is not None and options["days"] is not None:
        raise BadInput("--days", "it is given together with --since", "Give one of them.")
    if until > as_of:
        raise BadInput("--until", "it is after --as-of", "Leave it out, or give an earlier time.")
    since = since or as_of - timedelta(days=int(options["days"] or DAYS))
    if since >= until:
        raise BadInput("--since", "the window ends before it begins", "Give an earlier time.")
    return Cut(since, until, as_of)


def _moment(options: Mapping[str, str | int | None], name: str, zone: ZoneInfo) -> datetime | None:
    """A time with its offset, or a day: its midnight in the retailer's zone."""
    text = str(options[name] or "")
    if not text:
        return None
    field = f"--{name.replace('_', '-')}"
    mend = "Write 2026-11-21T11:00:00-05:00, or a day: 2026-11-21."
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise BadInput(field, f"{text!r} is no time", mend) from None
    if not _YEARS[0] <= moment.year <= _YEARS[1]:
        raise BadInput(field, f"{text!r} is of no year that anybody keeps exports of", mend)
    if moment.tzinfo is not None:
        return moment
    if len(text) > len("2026-11-21"):
        raise BadInput(field, f"{text!r} has no zone", mend)
    return moment.replace(tzinfo=zone)


@contextmanager
def _watched() -> Iterator[Told]:
    """Says what is being done to a person who looks on, and nothing to a program."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield lambda _: None
        return
    with console.status("reading") as status:
        yield status.update


def _truth(file: Path) -> tuple[Fault, ...]:
    """The differences that are known. Raises BadInput."""
    mend = "Name the truth.csv of 'tillbridge simulate --out', or one like it."
    try:
        return read_truth(file.name, file.read_text("utf-8-sig").splitlines())
    except OSError as error:
        raise BadInput("--truth", f"{file} cannot be read ({error.strerror})", mend) from error
    except UnicodeDecodeError as error:
        raise BadInput("--truth", f"{file} is not in UTF-8", mend) from error


def _answer(found: Run, files: tuple[Path, ...], rows: int, form: str, scored: Score | None) -> None:
    if form == "json":
        _answer_json(found, scored)
        return
    console = Console()
    console.print(summary_lines(found, rows))
    if files:
        names = listed(file.name for file in files)
        console.print(Text(f"\nIn {shown(str(files[0].parent))}: {names}.", "dim"))
    if scored is not None:
        # One line, however narrow the terminal: it is what a program looks for.
        click.echo("\n" + "\n".join([*_wrong(scored), scored.line()]))


def _answer_json(found: Run, scored: Score | None) -> None:
    told = summary_json(found)
    if scored is not None:
        against = {**scored.shares(), "true": scored.true, "found": scored.found, "wrong": scored.wrong[:WRONG_SHOWN]}
        told = json.dumps({**json.loads(told), "truth": against}, indent=2, ensure_ascii=False)
    click.echo(told)


def _wrong(scored: Score) -> Iterator[str]:
    """The first of those that are wrong."""
    yield from (shown(said) for said in scored.wrong[:WRONG_SHOWN])
    if len(scored.wrong) > WRONG_SHOWN:
        yield f"and {len(scored.wrong) - WRONG_SHOWN:,} more that are wrong."
