"""The report's pictures as values: bars and columns in thousandths of the longest, each part with its tone. Pure.

A bar stands in the line of a table that says the same in figures, so nothing is told by a picture alone.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final, Literal
from zoneinfo import ZoneInfo

from babel.dates import format_date

from tillbridge.diagnose.model import Risk
from tillbridge.reconcile.model import Run
from tillbridge.reconcile.report.tally import NOTHING, UNDATED, Band, Counts, Group, Tally, day_of
from tillbridge.reconcile.report.words import counted, label, money, shown

Tone = Literal["lost", "stuck", "rest"]
"""What a part of a bar means: money that may be lost, customers who are stuck, and all that can wait."""

TONES: Final[Mapping[Tone, str]] = {
    "lost": "money at risk: spent twice, or not paid for",
    "stuck": "customers who cannot spend",
    "rest": "books, and what is on its way",
}

_TONE: Final[Mapping[Risk, Tone]] = {
    "double-redemption": "lost",
    "overstated": "lost",
    "customer": "stuck",
    "books": "rest",
    "none": "rest",
}
_LONGEST: Final = 1000
_SEEN: Final = 6
_STORES_MAX: Final = 15
_DAYS_MAX: Final = 92
_COLUMNS_MAX: Final = 200


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a bar: where it begins and how long it is, in thousandths."""

    tone: Tone
    start: int
    length: int


@dataclass(frozen=True, slots=True)
class Bar:
    """A line of a picture: its name, its parts, how many findings, and their money, a currency a line."""

    name: str
    parts: tuple[Part, ...]
    findings: int
    money: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Columns:
    """Findings along the window: a column a day, or a stretch of days where the window is long. `step` is the days of
    one; `top` the most of one column; `words` tell the picture; `outside` is a sentence on what is not in it."""

    step: int
    bars: tuple[Bar, ...]
    top: int
    words: str
    outside: str


def kind_bars(found: Counts) -> tuple[Bar, ...]:
    """By cause, and by class for what has none."""
    return _bars((label(group.key), group.tally) for group in found.kinds)


def store_bars(found: Counts) -> tuple[Bar, ...]:
    """The stores with most findings, and all others in one line."""
    front, others = found.by_store[:_STORES_MAX], found.by_store[_STORES_MAX:]
    named = [(shown(group.key) or "no store", group.tally) for group in front]
    if others:
        named.append((counted(len(others), "other store"), _together(group.tally for group in others)))
    return _bars(named)


def age_bars(found: Counts) -> tuple[Bar, ...]:
    """By age at the cut."""
    return _bars((group.key, group.tally) for group in found.by_age if group.tally.findings or group.key != UNDATED)


def amount_bars(found: Counts) -> tuple[tuple[str, tuple[Bar, ...]], ...]:
    """By amount, each currency for itself: its code and its bars."""
    by_currency: dict[str, list[Group[Band]]] = {}
    for group in found.by_amount:
        by_currency.setdefault(group.key.currency, []).append(group)
    return tuple(
        (currency or "no currency", _bars((_band_words(group.key), group.tally) for group in groups))
        for currency, groups in by_currency.items()
    )


def day_columns(run: Run, found: Counts) -> Columns:
    """By business day over the window."""
    zone = ZoneInfo(run.time_zone)
    first, last = (day_of(moment, zone) or date.min for moment in (run.cut.since, run.cut.until))
    days = {group.key: group.tally for group in found.by_day if group.key}
    inside = {day: tally for day, tally in days.items() if first <= day <= last}
    # A window without a real beginning starts where the findings do.
    if inside and (last - first).days > 7 * _COLUMNS_MAX:
        first = min(inside)
    length = (last - first).days + 1
    step = 1 if length <= _DAYS_MAX else 7 if length <= 7 * _COLUMNS_MAX else -(-length // _COLUMNS_MAX)
    bars = _bars(list(_stretches(inside, first, last, step)))
    top = max(bars, key=lambda bar: bar.findings)
    words = f"{counted(sum(bar.findings for bar in bars), 'finding')} from {_long(first)} to {_long(last)}"
    if top.findings:
        words += f"; most of them, {top.findings:,}, {'on' if step == 1 else 'in the days from'} {top.name}"
    return Columns(step, bars, top.findings, f"{words}.", _outside(days, first, last, found))


def _stretches(
    days: Mapping[date, Tally], first: date, last: date, step: int
) -> Iterator[tuple[str, Tally]]:  # fmt: skip
    heaps: dict[int, list[Tally]] = {}
    for day, tally in days.items():
        heaps.setdefault((day - first).days // step, []).append(tally)
    for place in range((last - first).days // step + 1):
        yield _short(first + timedelta(days=place * step)), _together(heaps.get(place, ()))


def _outside(days: Mapping[date, Tally], first: date, last: date, found: Counts) -> str:
    """What lies beside the picture."""
    earlier = sum(tally.findings for day, tally in days.items() if day < first)
    later = sum(tally.findings for day, tally in days.items() if day > last)
    undated = sum(group.tally.findings for group in found.by_day if group.key is None)
    named = ((earlier, "before it"), (later, "after it"), (undated, "on a day that nobody names"))
    told = [f"{number:,} came into being {when}" for number, when in named if number]
    return f"Not in the picture: {'; '.join(told)}." if told else ""


def _bars(named: Iterable[tuple[str, Tally]]) -> tuple[Bar, ...]:
    lines = list(named)
    most = max((tally.findings for _name, tally in lines), default=0)
    return tuple(
        Bar(
            name,
            tuple(_parts(tally, most)),
            tally.findings,
            tuple(money(minor, currency) for currency, minor in tally.sums.items()),
        )
        for name, tally in lines
    )


def _parts(tally: Tally, most: int) -> Iterator[Part]:
    """The parts end to end; what is there at all is long enough to be seen, at the cost of the longest."""
    numbers = {tone: sum(count for risk, count in tally.risks.items() if _TONE[risk] == tone) for tone in TONES}
    lengths = {tone: max(number * _LONGEST // most, _SEEN) for tone, number in numbers.items() if number}
    over = sum(lengths.values()) - _LONGEST
    if over > 0:
        lengths[max(lengths, key=lambda tone: lengths[tone])] -= over
    start = 0
    for tone, length in lengths.items():
        yield Part(tone, start, length)
        start += length


def _together(tallies: Iterable[Tally]) -> Tally:
    all_of: Sequence[Tally] = list(tallies)
    if not all_of:
        return NOTHING
    sums: dict[str, int] = {}
    risks: dict[Risk, int] = {}
    for tally in all_of:
        for currency, minor in tally.sums.items():
            sums[currency] = sums.get(currency, 0) + minor
        for risk, number in tally.risks.items():
            risks[risk] = risks.get(risk, 0) + number
    return Tally(sum(tally.findings for tally in all_of), dict(sorted(sums.items())), risks)


def _band_words(band: Band) -> str:
    if band.below is None:
        return f"{_round(band.least, band.currency)} and more"
    if not band.least:
        return f"under {_round(band.below, band.currency)}"
    return f"{_round(band.least, band.currency)} to under {_round(band.below, band.currency)}"


def _round(minor: int, currency: str) -> str:
    """Bands end at whole amounts: `250`."""
    return money(minor, currency).rpartition(" ")[2].partition(".")[0]


def _short(day: date) -> str:
    return format_date(day, "EEE d MMM", locale="en")


def _long(day: date) -> str:
    return format_date(day, "d MMM y", locale="en")
