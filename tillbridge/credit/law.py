"""Law as dated data: what may be paid out in cash, and how long a credit lives at least. Pure.

`lawbook` reads the rows. What is not known about a credit counts for the customer, and so does a row that is still to
be verified.
"""

import calendar
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from typing import Final

from tillbridge.kernel.money import Money, parse

TOPICS: Final[Mapping[str, str]] = {
    "cash_out": "the largest balance that is paid out in cash on request, by the place and day of asking",
    "min_life": "how long what is on a credit lives at least, by the place and day of its issue or last load",
}

UNITS: Final[Mapping[str, str]] = {
    "money": "an amount of `currency`; for `cash_out`, and taken when the key is left out there",
    "percent": "a share of what was put on the credit; for `cash_out`",
    "years": "for `min_life`, and taken when the key is left out there",
    "months": "for `min_life`",
}

CONDITIONS: Final[Mapping[str, str]] = {
    "used": "whether something of it was spent before",
    "in_person": "whether the customer asks in a store",
    "reloadable": "whether more can be loaded on it",
    "date_shown": "whether it showed the customer its last day",
    "issued_from": "issued on this day or later",
}
"""What a row may depend on: `true` or `false`, and a day for the last."""

NEVER: Final = "never"
"""The value of a `min_life` that does not end."""

VERIFY: Final = "verify"

US_TERRITORIES: Final = ("AS", "GU", "MP", "PR", "UM", "VI")
"""Countries of ISO 3166-1 that are parts of the US in ISO 3166-2; law knows them as `US-PR`."""


@dataclass(frozen=True, slots=True)
class Row:
    """One rule. `value` is a decimal text of `unit`, or `never`; `valid_to` is the last day, inclusive.

    None for `valid_from` or `valid_to`: no such day is known. `file` is where the row was read.
    """

    id: str
    place: str
    topic: str
    buckets: tuple[str, ...]
    operator: str
    value: str
    unit: str
    currency: str
    valid_from: date | None
    valid_to: date | None
    when: Mapping[str, bool | date] = field(hash=False)
    source: str
    source_date: str
    mark: str
    note: str
    file: str

    def in_force(self, day: date) -> bool:
        """Whether it holds on a day."""
        return (self.valid_from is None or self.valid_from <= day) and (self.valid_to is None or day <= self.valid_to)


@dataclass(frozen=True, slots=True)
class Law:
    """All rows, a retailer's own in place of those with the same id."""

    rows: tuple[Row, ...]


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of a credit and of the asking. None: not known, which counts for the customer.

    `put_on` is what was issued and loaded in all; without it a right to a share of that cannot be worked out.
    """

    used: bool | None = None
    in_person: bool | None = None
    reloadable: bool | None = None
    date_shown: bool | None = None
    issued_on: date | None = None
    put_on: Money | None = None


NOTHING_KNOWN: Final = Facts()


def most_in_cash(
    law: Law, place: str, bucket: str, day: date, currency: str, facts: Facts = NOTHING_KNOWN
) -> Money | None:
    """The largest balance, inclusive, that the customer may have paid out in cash; None where the law gives no right.

    `place` (ISO 3166-2 or a country) and `day` are those of asking. A row in another currency gives no right.
    """
    rights = [_largest(row, currency, facts) for row in _rows(law, place, "cash_out", bucket, day, facts)]
    most = max((minor for minor in rights if minor is not None), default=0)
    return Money(most, currency) if most > 0 else None


def earliest_expiry(law: Law, place: str, bucket: str, issued_on: date, facts: Facts = NOTHING_KNOWN) -> date | None:
    """The earliest day that may be a credit's last; None where it may never expire.

    `place` and `issued_on` are those of the issue or the last load. Where no law says how long it lives, that is
    `issued_on` itself.
    """
    rows = tuple(_rows(law, place, "min_life", bucket, issued_on, facts))
    if any(row.value == NEVER for row in rows):
        return None
    return max((_after(issued_on, row) for row in rows), default=issued_on)


def warnings(law: Law) -> tuple[str, ...]:
    """A sentence for every row that is still to be verified, for the log."""
    return tuple(
        f"Law {row.id} ({row.topic}, {row.place}) is to be verified: {row.source}."
        for row in law.rows
        if row.mark == VERIFY
    )


def _levels(place: str) -> Iterator[str]:
    """The place, then the country it is a part of."""
    whole = f"US-{place}" if place in US_TERRITORIES else place
    yield whole
    if "-" in whole:
        yield whole.partition("-")[0]


def _rows(law: Law, place: str, topic: str, bucket: str, day: date, facts: Facts) -> Iterator[Row]:
    """The rows that count: those of a state before those of its country.

    A row that is still to be verified does not push another aside: it stands beside it, and the better one for the
    customer wins.
    """
    for level in _levels(place):
        rows = [
            row
            for row in law.rows
            if (row.place, row.topic) == (level, topic)
            and bucket in row.buckets
            and row.in_force(day)
            and _is_met(row, facts)
        ]
        yield from rows
        if any(row.mark != VERIFY for row in rows):
            return


def _is_met(row: Row, facts: Facts) -> bool:
    return all(_MET[name](facts, wanted) for name, wanted in row.when.items())


def _same(known: bool | None, wanted: object) -> bool:
    return known is None or known == wanted


def _since(known: date | None, wanted: object) -> bool:
    return known is None or not isinstance(wanted, date) or known >= wanted


_MET: Final[Mapping[str, Callable[[Facts, object], bool]]] = {
    "used": lambda facts, wanted: _same(facts.used, wanted),
    "in_person": lambda facts, wanted: _same(facts.in_person, wanted),
    "reloadable": lambda facts, wanted: _same(facts.reloadable, wanted),
    "date_shown": lambda facts, wanted: _same(facts.date_shown, wanted),
    "issued_from": lambda facts, wanted: _since(facts.issued_on, wanted),
}


def _largest(row: Row, currency: str, facts: Facts) -> int | None:
    """The largest balance in minor units that a row pays out; None where it says nothing of this currency."""
    if row.unit == "percent":
        if facts.put_on is None or facts.put_on.currency != currency:
            return None
        share = facts.put_on.minor * Decimal(row.value) / 100
        whole = int(share)
        return whole - 1 if row.operator == "<" and share == whole else whole
    if row.currency != currency:
        return None
    minor = parse(row.value, row.currency).minor
    return minor - 1 if row.operator == "<" else minor


def _after(day: date, row: Row) -> date:
    """The same day so many years or months later. The 29th of a February without one is the 1st of March."""
    months = int(row.value) * (12 if row.unit == "years" else 1)
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    if year > date.max.year:
        return date.max
    last = calendar.monthrange(year, month + 1)[1]
    return date(year, month + 1, min(day.day, last)) + timedelta(days=max(0, day.day - last))
