"""A run for the terminal: the answer first, then the heaps with what to do about them, then the worst of them. Nothing
from outside is read as markup, and codes are masked. Pure."""

from collections.abc import Iterator
from typing import Final
from zoneinfo import ZoneInfo

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from tillbridge.diagnose.model import SIDES, Finding, Risk
from tillbridge.reconcile.model import Run
from tillbridge.reconcile.report import verdict
from tillbridge.reconcile.report.tally import Counts, Tally, counts, kind_of, worst_first
from tillbridge.reconcile.report.words import (
    FIRST,
    RISK_WORDS,
    counted,
    label,
    masked,
    minute,
    money,
    sentence,
    shown,
    without_codes,
    zone_words,
)

ROWS: Final = 20
"""How many of the worst rows are shown, unless somebody asks for more."""

_BAD_ROWS: Final = 5
_STYLES: Final[dict[Risk, str]] = {"double-redemption": "bold red", "overstated": "bold red", "customer": "yellow"}


def summary_lines(run: Run, rows: int = ROWS) -> Group:
    """What to print, as one piece for a rich console. `rows` is how many of the worst findings are named."""
    return Group(*_lines(run, counts(run), rows))


def _lines(run: Run, found: Counts, rows: int) -> Iterator[RenderableType]:
    if not run.complete:
        yield from _incomplete(run)
    yield Text(verdict.headline(run, found), style="bold")
    yield from (Text(text) for _risk, text in verdict.safety(found))
    if run.findings:
        yield Text("")
        yield Text("What to do, the gravest first", style="bold")
        yield _heaps(found)
        worst = worst_first(run.findings)[: max(rows, 0)]
        if worst:
            yield Text("")
            yield Text(_worst_words(len(worst), len(run.findings)), style="bold")
            yield _worst(worst)
    yield Text("")
    yield from _read(run)


def _incomplete(run: Run) -> Iterator[RenderableType]:
    """What could not be read, before anything else is said."""
    yield Text(verdict.incomplete(run), style="bold red")
    for side in run.sides:
        for bad in side.bad[:_BAD_ROWS]:
            where = f"{shown(bad.file)}, row {bad.row:,}" if bad.row else shown(bad.file)
            field = f" {shown(bad.field)}:" if bad.field else ""
            mend = without_codes(bad.mend)
            yield Text(f"  {where}:{field} {without_codes(bad.problem).rstrip('.')}. {mend}")
        if side.bad_rows > min(len(side.bad), _BAD_ROWS):
            more = side.bad_rows - min(len(side.bad), _BAD_ROWS)
            yield Text(f"  and {counted(more, 'more row', 'more rows')} of {shown(side.origin)}.")
    yield Text(verdict.NOT_ALL)
    yield Text("")


def _heaps(found: Counts) -> Table:
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(justify="right", no_wrap=True)
    table.add_column(justify="right", no_wrap=True)
    table.add_column(ratio=1, overflow="fold")
    for group in found.kinds:
        words = Text.assemble(
            (label(group.key), _STYLES.get(group.tally.gravest, "bold")),
            f". {sentence(group.key)}\n",
            ("Do: ", "bold"),
            FIRST[group.key],
        )
        table.add_row(f"{group.tally.findings:,}", _money_lines(group.tally), words)
    return table


def _money_lines(tally: Tally) -> str:
    return "\n".join(money(minor, currency) for currency, minor in tally.sums.items())


def _worst_words(shown_rows: int, of: int) -> str:
    return f"The worst {shown_rows:,} of {of:,}" if shown_rows < of else "All of them, the worst first"


def _worst(worst: list[Finding]) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0), header_style="bold")
    table.add_column("amount", justify="right", no_wrap=True)
    for name in ("risk", "what", "code", "receipt", "store, by"):
        table.add_column(name, overflow="fold", no_wrap=name == "code")
    for one in worst:
        table.add_row(
            money(one.amount, one.currency),
            Text(RISK_WORDS[one.risk], _STYLES.get(one.risk, "")),
            label(kind_of(one)),
            Text(masked(one.code)),
            Text(shown(one.transaction_id) or "–"),
            Text(shown(f"{one.store} {one.operator}".strip()) or "–"),
        )
    return table


def _read(run: Run) -> Iterator[RenderableType]:
    """What was compared: without it, `nothing found` says nothing."""
    zone = ZoneInfo(run.time_zone)
    cut = run.cut
    when = f"from {minute(cut.since, zone)} to {minute(cut.until, zone)}, as of {minute(cut.as_of, zone)}"
    # Of a run that is incomplete nobody knows who agrees: what could not be read may be about any of them.
    agree = f"; {run.matched:,} agree on all sides that were read." if run.complete else "."
    yield Text(f"Looked at {counted(run.looked_at, 'credit')} {when} ({zone_words(zone, cut.as_of)}){agree}")
    for side in run.sides:
        broken = f", {side.bad_rows:,} unreadable" if side.bad_rows else ""
        yield Text(f"  {SIDES[side.side]}: {shown(side.origin)}, {counted(side.rows, 'row')}{broken}")
        yield from (Text(f"    {without_codes(remark)}") for remark in side.remarks)
    yield from (Text(text) for text in (verdict.unread_sides(run), *map(without_codes, run.remarks)) if text)
    by = f"with the map {shown(run.map_file)}" if run.map_file else "without a map: a day was allowed for each step"
    yield Text(f"Compared by {shown(run.engine)} in {run.seconds:.1f} s, {by}.")
