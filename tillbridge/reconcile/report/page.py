"""report.html: one file that explains a run to people, on a screen and on paper. It loads nothing and runs nothing, and
all that is put in is escaped. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from zoneinfo import ZoneInfo

from jinja2 import Environment, PackageLoader, StrictUndefined

from tillbridge.diagnose.model import RISKS, SIDES, Cause, Class, Finding, Risk
from tillbridge.reconcile.model import BadRow, Run
from tillbridge.reconcile.report import pictures, verdict
from tillbridge.reconcile.report.tally import Counts, counts, kind_of, worst_first
from tillbridge.reconcile.report.words import (
    FIRST,
    RISK_WORDS,
    counted,
    label,
    masked,
    minute,
    money,
    moneys,
    second,
    sentence,
    shown,
    source_words,
    without_code,
    without_codes,
    zone_words,
)

SHOWN_MAX: Final = 500
"""How many findings the page tells in full: the worst of each cause. findings.csv has all of them."""

BAD_ROWS_MAX: Final = 100
"""How many unreadable rows of each side the page lists."""

_OPEN: Final = 2
_MARKS: Final[Mapping[Risk, str]] = {
    "double-redemption": "late",
    "overstated": "late",
    "customer": "stuck",
    "books": "unknown",
    "none": "pending",
}


@dataclass(frozen=True, slots=True)
class Fact:
    """A line of the till journal: the time as shown and as the machine reads it, blank where there is none."""

    time: str
    stamp: str
    source: str
    text: str


@dataclass(frozen=True, slots=True)
class Line:
    """One finding as it is told."""

    finding_id: str
    amount: str
    code: str
    receipt: str
    where: str
    kind: str
    mark: str
    risk: str
    danger: str
    facts: tuple[Fact, ...]
    candidates: tuple[str, ...]
    account: str
    action: str
    due: str
    open: bool


@dataclass(frozen=True, slots=True)
class Heap:
    """Findings of one cause: what it means, what to do first, and the worst of them."""

    anchor: str
    name: str
    sentence: str
    first: str
    count: str
    money: str
    left_out: int
    lines: tuple[Line, ...]


@dataclass(frozen=True, slots=True)
class Read:
    """One side as it was read."""

    side: str
    origin: str
    rows: int
    bad_rows: int
    remarks: tuple[str, ...]
    bad: tuple[tuple[str, str, str, str, str, str], ...]
    unlisted: int


def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("tillbridge.reconcile.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals.update(tones=pictures.TONES, shown_max=SHOWN_MAX)
    return environment


_PAGES: Final = _environment()


def report_html(run: Run) -> str:
    """report.html. Codes are masked to their last four signs."""
    found = counts(run)
    zone = ZoneInfo(run.time_zone)
    heaps = tuple(_heaps(run, found, zone))
    return _PAGES.get_template("report.html").render(
        title=verdict.title(run),
        retailer=shown(run.retailer),
        status=run.status,
        since=minute(run.cut.since, zone),
        until=minute(run.cut.until, zone),
        as_of=minute(run.cut.as_of, zone),
        zone=zone_words(zone, run.cut.as_of),
        map_file=shown(run.map_file),
        engine=shown(run.engine),
        incomplete=verdict.incomplete(run),
        not_all=verdict.NOT_ALL,
        headline=verdict.headline(run, found),
        safe=verdict.safe(run, found),
        safety=[(_MARKS[risk], RISK_WORDS[risk], text) for risk, text in verdict.safety(found)],
        unread=verdict.unread_sides(run),
        figures=list(_figures(run, found)),
        kinds=list(zip(pictures.kind_bars(found), heaps, strict=True)),
        days=pictures.day_columns(run, found),
        stores=pictures.store_bars(found),
        ages=pictures.age_bars(found),
        amounts=pictures.amount_bars(found),
        heaps=heaps,
        told=sum(len(heap.lines) for heap in heaps),
        findings=len(run.findings),
        sides=[_read(run, place) for place in range(len(run.sides))],
        remarks=[without_codes(text) for text in run.remarks],
    )


def _figures(run: Run, found: Counts) -> Iterator[tuple[str, str]]:
    yield f"{run.looked_at:,}", "credits looked at"
    if run.complete:
        yield f"{run.matched:,}", "agree everywhere"
    yield f"{found.needing:,}", "need something"
    yield f"{found.waiting:,}", "on their way"
    for currency, minor in found.whole.sums.items():
        yield money(minor, currency), "in question"


def _heaps(run: Run, found: Counts, zone: ZoneInfo) -> Iterator[Heap]:
    by_kind: dict[Cause | Class, list[Finding]] = {group.key: [] for group in found.kinds}
    for one in worst_first(run.findings):
        by_kind[kind_of(one)].append(one)
    rooms = shares([len(heap) for heap in by_kind.values()], SHOWN_MAX)
    for group, room in zip(found.kinds, rooms, strict=True):
        heap = by_kind[group.key]
        yield Heap(
            anchor=f"cause-{group.key.value}",
            name=label(group.key),
            sentence=sentence(group.key),
            first=FIRST[group.key],
            count=counted(len(heap), "credit"),
            money=moneys(group.tally.sums),
            left_out=len(heap) - room,
            lines=tuple(_line(one, zone, place < _OPEN) for place, one in enumerate(heap[:room])),
        )


def shares(sizes: Sequence[int], room: int) -> list[int]:
    """How many of each heap fit into the room when no heap pushes another out: small ones whole, the rest alike."""
    given = [0] * len(sizes)
    waiting = sorted(range(len(sizes)), key=lambda place: sizes[place])
    for position, place in enumerate(waiting):
        given[place] = min(sizes[place], room // (len(waiting) - position))
        room -= given[place]
    return given


def _line(one: Finding, zone: ZoneInfo, is_open: bool) -> Line:
    return Line(
        finding_id=shown(one.finding_id),
        amount=money(one.amount, one.currency),
        code=masked(one.code),
        receipt=shown(one.transaction_id),
        where=_where(one),
        kind=label(one.kind) if one.cause else "",
        mark=_MARKS[one.risk],
        risk=RISK_WORDS[one.risk],
        danger=RISKS[one.risk],
        facts=tuple(_facts(one, zone)),
        candidates=tuple(
            f"{shown(near.account_id)}, {near.score} of 100: {without_code('; '.join(near.reasons), one)}"
            for near in one.candidates
        ),
        account=shown(one.account_id),
        action=without_code(one.action, one),
        due=minute(one.due, zone) if one.due else "",
        open=is_open,
    )


def _where(one: Finding) -> str:
    named = (("store", one.store), ("register", one.register), ("by", one.operator))
    return ", ".join(f"{word} {shown(text)}" for word, text in named if text) or "no store"


def _facts(one: Finding, zone: ZoneInfo) -> Iterator[Fact]:
    for fact in one.evidence:
        time, stamp = (second(fact.at, zone), fact.at.astimezone(zone).isoformat()) if fact.at else ("", "")
        yield Fact(time, stamp, source_words(fact.source), without_code(fact.fact, one))


def _read(run: Run, place: int) -> Read:
    side = run.sides[place]
    listed = side.bad[:BAD_ROWS_MAX]
    return Read(
        side=SIDES[side.side],
        origin=shown(side.origin),
        rows=side.rows,
        bad_rows=side.bad_rows,
        remarks=tuple(without_codes(text) for text in side.remarks),
        bad=tuple(map(_bad, listed)),
        unlisted=side.bad_rows - len(listed),
    )


def _bad(bad: BadRow) -> tuple[str, str, str, str, str, str]:
    row = f"{bad.row:,}" if bad.row else "whole file"
    texts = (without_codes(text) for text in (bad.name, bad.field, bad.problem, bad.mend))
    name, field, problem, mend = texts
    return shown(bad.file), row, name, field, problem, mend
