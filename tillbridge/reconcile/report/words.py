"""Values as people read them: money with its currency, moments in the retailer's zone, codes of which only the end is
shown, and texts from outside without signs that could act on a terminal or turn a line around. Pure."""

import re
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from babel.dates import format_date

from tillbridge.diagnose.model import CAUSES, CLASSES, SIDES, Cause, Class, Finding, Risk, Side
from tillbridge.kernel.money import Money

RISK_WORDS: Final[Mapping[Risk, str]] = {
    "double-redemption": "can be spent twice",
    "overstated": "nobody paid for it",
    "customer": "cannot be spent",
    "books": "books differ",
    "none": "on its way",
}
"""A finding's risk in a word or two, the gravest first."""

FIRST: Final[Mapping[Cause | Class, str]] = {
    Cause.MANUAL_BYPASS: "Freeze them, and ask who made them and why; then void or document them.",
    Cause.NO_CUSTOMER: "Print the voucher for whoever comes with the receipt; at the till, ask for the customer first.",
    Cause.IDENTIFIER_MISMATCH: "Look at the nearest accounts, and let the customer prove which one is theirs.",
    Cause.MAPPING_REJECTED: "Have the map or the system's limits mended: until then every such credit is refused.",
    Cause.WRITE_BACK_FAILED: "Have the books' error mended, then replay the handoffs.",
    Cause.POLLING_LAG: "Wait for the next run, and do not reissue: they would be there twice.",
    Cause.LOST_IN_HOP: "Find out why the hop lost them; then replay, or void and reissue.",
    Class.ORPHAN: "Void and reissue them to the customer's account.",
    Class.MISSING_ON_PLATFORM: "Replay the sales, so that the platform issues them.",
    Class.MISSING_IN_ERP: "Replay the handoffs to the books.",
    Class.UNBACKED: "Freeze them, and ask who made them and why.",
    Class.AMOUNT_MISMATCH: "Find the movement that the other side lacks, and post it there.",
    Class.DUPLICATE_ISSUE: "Void the second credit of each sale; the first one stays.",
    Class.STALE_AFTER_REDEEM: "Send the web store the balances again; until then it can sell what is spent.",
    Class.VOID_NOT_PROPAGATED: "Send the web store the voids again; until then it can sell what is gone.",
    Class.DOUBLE_REDEMPTION: "Freeze them, and take both sales to the loss prevention desk.",
}
"""What to do first about a whole heap of one kind; each finding says what mends it alone."""

_ACTING: Final = re.compile("[\x00-\x1f\x7f-\x9f\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff]")
_LONG_NUMBER: Final = re.compile(r"(?<![\w.-])\d(?:[ -]?\d){12,18}(?![\w-])")
_WHOLE_MIN: Final = 8


def money(minor: int, currency: str) -> str:
    """`USD 9,310.50`."""
    if not currency:
        return f"{minor:,}"
    return f"{currency} {Money(minor, currency).decimal():,}"


def decimal_text(minor: int, currency: str) -> str:
    """`9310.50`: for programs. A finding without a currency is about no amount that anybody could read."""
    return Money(minor, currency).text() if currency else str(minor)


def moneys(sums: Mapping[str, int]) -> str:
    """`CAD 12.00 and USD 9,310.50`: each currency for itself; `no money` where there is none."""
    return listed([money(minor, currency) for currency, minor in sums.items()]) or "no money"


def listed(words: Iterable[str]) -> str:
    """`a, b and c`."""
    *front, last = list(words) or [""]
    return f"{', '.join(front)} and {last}" if front else last


def counted(number: int, one: str, many: str = "") -> str:
    """`1 credit`, `2,408 credits`."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def label(kind: Cause | Class) -> str:
    """`Lost in hop`."""
    return kind.value.replace("-", " ").replace("erp", "ERP").capitalize().replace("erp", "ERP")


def sentence(kind: Cause | Class) -> str:
    """What it means."""
    return CAUSES[kind] if isinstance(kind, Cause) else CLASSES[kind]


def source_words(source: str) -> str:
    """Who says so, as people say it; hops and the map by their own name."""
    return SIDES[Side(source)].removeprefix("the ") if source in set(Side) else shown(source)


def day(moment: datetime, zone: ZoneInfo, *, year: bool = False) -> str:
    """`22 Oct`, or `22 Oct 2026`."""
    return format_date(moment.astimezone(zone), "d MMM y" if year else "d MMM", locale="en")


def minute(moment: datetime, zone: ZoneInfo) -> str:
    """`22 Oct 2026 14:02`."""
    return f"{day(moment, zone, year=True)} {moment.astimezone(zone):%H:%M}"


def second(moment: datetime, zone: ZoneInfo) -> str:
    """`22 Oct 14:02:11`: a line of a till journal."""
    return f"{day(moment, zone)} {moment.astimezone(zone):%H:%M:%S}"


def window(since: datetime, until: datetime, zone: ZoneInfo) -> str:
    """`22 Oct to 21 Nov`, with years where they differ. A window that ends at midnight ends with the day before it."""
    first, last = since.astimezone(zone), until.astimezone(zone)
    if last > first and last.time() == last.min.time():
        last -= timedelta(microseconds=1)
    if first.date() == last.date():
        return day(first, zone, year=True)
    years = first.year != last.year
    return f"{day(first, zone, year=years)} to {day(last, zone, year=years)}"


def zone_words(zone: ZoneInfo, moment: datetime) -> str:
    """A zone for people: `New York`, or `UTC-05:00` where the zone is no place."""
    area, _, place = zone.key.rpartition("/")
    if not area or area == "Etc":
        offset = moment.astimezone(zone).strftime("%z")
        return f"UTC{offset[:3]}:{offset[3:]}"
    return place.replace("_", " ")


def masked(code: str) -> str:
    """`…4471`: enough to compare, not enough to spend. Of a short code less is shown."""
    code = shown(code)
    return f"…{code[-4:]}" if len(code) >= _WHOLE_MIN else f"…{code[(len(code) + 1) // 2 :]}" if code else "no code"


def shown(text: str) -> str:
    """A text from outside as it may be put on a screen: what would steer a terminal or turn a line around is a box."""
    return _ACTING.sub("\N{REPLACEMENT CHARACTER}", text) if text else ""


def without_codes(text: str) -> str:
    """A sentence from outside with every number masked that is long enough to be a credit's code."""
    return _LONG_NUMBER.sub(lambda found: masked(re.sub("[ -]", "", found.group())), shown(text))


def without_code(text: str, finding: Finding) -> str:
    """A sentence on a finding, its code masked wherever it stands and however it is grouped."""
    text = shown(text)
    if len(finding.code) >= _WHOLE_MIN:
        signs = "[ -]?".join(map(re.escape, finding.code))
        text = re.sub(signs, lambda _: masked(finding.code), text, flags=re.IGNORECASE)
    return without_codes(text)
