"""Values as people read them: times in the retailer's zone, amounts with their currency, states with their mark."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from itertools import groupby
from typing import Final

from babel.dates import format_date

from tillbridge.checkpoint.voucher import amount_words
from tillbridge.console.views import Badge, Fact, Shop
from tillbridge.kernel.money import Money
from tillbridge.stack.assess import Met, Verdict
from tillbridge.stack.draw import Mark

_STATE_MARKS: Final[Mapping[str, Mark]] = {
    "waiting": Mark.PENDING,
    "due": Mark.PENDING,
    "sending": Mark.PENDING,
    "unknown": Mark.UNKNOWN,
    "parked": Mark.UNKNOWN,
    "confirmed": Mark.CONFIRMED,
    "dead": Mark.DEAD,
}


def money(amount: Money, shop: Shop) -> str:
    """`$88.00`, as it is written in the shop's country."""
    return amount_words(amount, shop.country)


def long_day(moment: datetime, shop: Shop) -> str:
    """`Saturday 21 November`."""
    return format_date(moment.astimezone(shop.zone), "EEEE d MMMM", locale="en")


def short_time(moment: datetime, shop: Shop) -> str:
    """`21 Nov 14:02`."""
    local = moment.astimezone(shop.zone)
    return f"{format_date(local, 'd MMM', locale='en')} {local:%H:%M}"


def exact_time(moment: datetime, shop: Shop) -> str:
    """`14:02:11.204`: a line of a trail; its day stands above it."""
    local = moment.astimezone(shop.zone)
    return f"{local:%H:%M:%S}.{local.microsecond // 1000:03}"


def zone_words(shop: Shop, moment: datetime) -> str:
    """A zone for people: `New York`, or `UTC-05:00` where the zone is no place."""
    area, _, place = shop.zone.key.rpartition("/")
    if not area or area == "Etc":
        offset = moment.astimezone(shop.zone).strftime("%z")
        return f"UTC{offset[:3]}:{offset[3:]}"
    return place.replace("_", " ")


def badge_of(state: str, late: bool) -> Badge:
    """How a handoff's state is shown: what is past its deadline and still on its way is late."""
    mark = _STATE_MARKS.get(state, Mark.QUIET)
    return Badge(Mark.LATE, f"late, {state}") if late and mark is Mark.PENDING else Badge(mark, state)


def share(part: int, whole: int) -> str:
    """`99.6 %`; never rounded up to 100 and a dash when there is nothing to share."""
    if whole == 0:
        return "–"
    permille = part * 1000 // whole
    return f"{permille // 10}.{permille % 10} %" if permille % 10 else f"{permille // 10} %"


@dataclass(frozen=True, slots=True)
class Day:
    """The facts of one day of a trail."""

    title: str
    facts: Sequence[Fact]


def days(facts: Sequence[Fact], shop: Shop) -> Iterator[Day]:
    """A trail by day, in the order in which it stands."""

    def day_of(fact: Fact) -> date:
        return fact.at.astimezone(shop.zone).date()

    for day, of_day in groupby(facts, key=day_of):
        yield Day(format_date(day, "EEEE d MMMM y", locale="en"), tuple(of_day))


_MET: Final[Mapping[Met, Mark]] = {Met.YES: Mark.CONFIRMED, Met.NO: Mark.LATE, Met.UNKNOWN: Mark.UNKNOWN}
_VERDICTS: Final[Mapping[Verdict, str]] = {Verdict.KEEP: "✓", Verdict.REPAIR: "!", Verdict.REBUILD: "✕"}


def met_badge(met: Met) -> Badge:
    """Whether a criterion is met, as a word with a mark."""
    return Badge(_MET[met], met.value)


def verdict_sign(verdict: Verdict) -> str:
    """A verdict's sign; the word stands beside it."""
    return _VERDICTS[verdict]
