"""Findings counted: by class, cause, store, day, age, amount and risk. Currencies are never added together. Pure."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cache
from typing import Final, Generic, TypeVar
from zoneinfo import ZoneInfo

from tillbridge.diagnose.model import RISKS, Cause, Class, Finding, Risk
from tillbridge.kernel.money import exponents
from tillbridge.reconcile.model import Run

Key = TypeVar("Key")

AGES: Final[tuple[tuple[str, int], ...]] = (
    ("under 1 day", 1),
    ("1 to 2 days", 3),
    ("3 to 7 days", 8),
    ("8 to 14 days", 15),
    ("15 to 30 days", 31),
)
"""Buckets of age: the name, and the whole days from which on it is the next one's."""

OLDER: Final = "over 30 days"
UNDATED: Final = "no date"

STEPS: Final = (10, 25, 50, 100, 250, 500)
"""Where bands of amounts end, in major units of a currency with decimals; a hundred times that where it has none."""

RANKS: Final[Mapping[Risk, int]] = {risk: rank for rank, risk in enumerate(RISKS)}
"""How grave a risk is, from 0."""

_FINEST: Final = 4


@dataclass(frozen=True, slots=True)
class Tally:
    """How many findings, their money in minor units by currency, and how many of each risk."""

    findings: int
    sums: Mapping[str, int]
    risks: Mapping[Risk, int]

    @property
    def gravest(self) -> Risk:
        """The gravest risk among them; `none` where there is nothing."""
        return next((risk for risk in RISKS if self.risks.get(risk)), "none")


NOTHING: Final = Tally(0, {}, {})


@dataclass(frozen=True, slots=True, order=True)
class Band:
    """A band of amounts of one currency, in minor units: from `least` (with it) until `below` (without it); None where
    it has no end."""

    currency: str
    least: int
    below: int | None


@dataclass(frozen=True, slots=True)
class Group(Generic[Key]):
    """What belongs together, and how much it is."""

    key: Key
    tally: Tally


@dataclass(frozen=True, slots=True)
class Counts:
    """All that is counted of a run, each in a fixed order. `kinds` are causes, and classes of what has no cause, the
    gravest and then the most first."""

    whole: Tally
    by_risk: Mapping[Risk, Tally]
    by_class: tuple[Group[Class], ...]
    by_cause: tuple[Group[Cause | None], ...]
    kinds: tuple[Group[Cause | Class], ...]
    by_store: tuple[Group[str], ...]
    by_day: tuple[Group[date | None], ...]
    by_age: tuple[Group[str], ...]
    by_amount: tuple[Group[Band], ...]

    @property
    def waiting(self) -> int:
        """How many need nothing but time."""
        return self.by_risk["none"].findings

    @property
    def needing(self) -> int:
        """How many need somebody."""
        return self.whole.findings - self.waiting


def counts(run: Run) -> Counts:
    """Count a run's findings."""
    found, zone = run.findings, ZoneInfo(run.time_zone)
    by_risk = _by(found, lambda one: one.risk)
    by_cause = _by(found, lambda one: one.cause)
    by_class = _by(found, lambda one: one.kind)
    by_age = _by(found, lambda one: age_of(one.at, run.cut.as_of))
    return Counts(
        whole=_added(found),
        by_risk={risk: by_risk.get(risk, NOTHING) for risk in RISKS},
        by_class=tuple(Group(kind, by_class.get(kind, NOTHING)) for kind in Class),
        by_cause=tuple(Group(cause, by_cause.get(cause, NOTHING)) for cause in (*Cause, None)),
        kinds=tuple(sorted(_groups(_by(found, kind_of)), key=_gravest_first)),
        by_store=tuple(sorted(_groups(_by(found, lambda one: one.store)), key=lambda one: _most_first(one, one.key))),
        by_day=tuple(
            sorted(_groups(_by(found, lambda one: day_of(one.at, zone))), key=lambda one: one.key or date.max)
        ),
        by_age=tuple(Group(name, by_age.get(name, NOTHING)) for name in (*(name for name, _ in AGES), OLDER, UNDATED)),
        by_amount=_by_amount(found),
    )


def worst_first(findings: Iterable[Finding]) -> list[Finding]:
    """By risk, the gravest first, then by amount; whatever is left in doubt by its id, so that every run gives the
    same. Amounts of two currencies are put in order by their figures: it is an order of reading, not of worth."""
    return sorted(findings, key=_badness)


def kind_of(finding: Finding) -> Cause | Class:
    """The heap it lies on: its cause, or its class where it has none."""
    return finding.cause or finding.kind


def age_of(at: datetime | None, as_of: datetime) -> str:
    """The bucket of age. What comes from after the cut is under a day old."""
    if at is None:
        return UNDATED
    days = (as_of - at) // timedelta(days=1)
    return next((name for name, end in AGES if days < end), OLDER)


def day_of(at: datetime | None, zone: ZoneInfo) -> date | None:
    """The business day: the retailer's own, whatever the day was in UTC."""
    return at.astimezone(zone).date() if at else None


@cache
def bands(currency: str) -> tuple[Band, ...]:
    """The bands of a currency, from the smallest."""
    decimals = exponents().get(currency, 0)
    ends = [step * (10**decimals if decimals else 100) for step in STEPS]
    return tuple(Band(currency, least, below) for least, below in zip([0, *ends], [*ends, None], strict=True))


def band_of(finding: Finding) -> Band:
    """The band that an amount lies in, whichever its sign."""
    amount = abs(finding.amount)
    return next(band for band in bands(finding.currency) if band.below is None or amount < band.below)


def _by_amount(found: Sequence[Finding]) -> tuple[Group[Band], ...]:
    """All bands of the currencies that occur; the currency of most findings first."""
    by_band = _by(found, band_of)
    often = _by(found, lambda one: one.currency)
    currencies = sorted(often, key=lambda currency: (-often[currency].findings, currency))
    return tuple(Group(band, by_band.get(band, NOTHING)) for currency in currencies for band in bands(currency))


def _by(found: Iterable[Finding], key: Callable[[Finding], Key]) -> dict[Key, Tally]:
    heaps: dict[Key, list[Finding]] = {}
    for one in found:
        heaps.setdefault(key(one), []).append(one)
    return {name: _added(heap) for name, heap in heaps.items()}


def _added(found: Sequence[Finding]) -> Tally:
    sums: dict[str, int] = {}
    risks: dict[Risk, int] = {}
    for one in found:
        sums[one.currency] = sums.get(one.currency, 0) + one.amount
        risks[one.risk] = risks.get(one.risk, 0) + 1
    return Tally(len(found), dict(sorted(sums.items())), risks)


def _groups(tallies: Mapping[Key, Tally]) -> list[Group[Key]]:
    return [Group(key, tally) for key, tally in tallies.items()]


def _most_first(group: Group[str], name: str) -> tuple[int, str]:
    return -group.tally.findings, name


def _gravest_first(group: Group[Cause | Class]) -> tuple[int, int, str]:
    return RANKS[group.tally.gravest], -group.tally.findings, group.key.value


def _badness(finding: Finding) -> tuple[int, int, str, str]:
    finer = 10 ** max(0, _FINEST - exponents().get(finding.currency, 0))
    return RANKS[finding.risk], -abs(finding.amount) * finer, finding.finding_id, finding.code
