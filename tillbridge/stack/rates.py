"""Dated rates, from the map itself and from a CSV file beside it."""

import csv
import io
import re
from collections.abc import Iterator, Mapping
from datetime import date
from decimal import Decimal
from pathlib import Path, PurePosixPath
from typing import Final

from tillbridge.kernel.errors import StackFault
from tillbridge.kernel.money import exponents
from tillbridge.stack.settings import Rate
from tillbridge.stack.table import Table, day_of, nearest, quoted

COLUMNS: Final = ("currency", "from", "rate")
"""The columns of a file of rates, in any order."""

Rates = Mapping[str, tuple[Rate, ...]]

_RATE: Final = re.compile(r"[0-9]{1,9}(\.[0-9]{1,12})?")
_LARGEST: Final = 8_000_000
_MEND_RATE: Final = 'Write a plain number above zero in quotes: "1.0825".'
_MEND_TWICE: Final = "One currency has one rate a day: take one out."


def read_listed(table: Table, to: str) -> Rates:
    """`rates` of the table, by currency and oldest first. Raises StackFault."""
    rates: dict[str, dict[date, Rate]] = {}
    for row in table.tables("rates", "hops.transform.convert-currency.rates"):
        currency, since = row.choice("currency", exponents()), row.day("from")
        text = row.text("rate")
        if currency == to:
            raise row.fault("currency", f"{to} is what is converted into", "Leave this rate out.")
        if not is_rate(text):
            raise row.fault("rate", f"{quoted(text)} is no rate", _MEND_RATE)
        if since in rates.setdefault(currency, {}):
            raise row.fault("from", f"there are two rates of {currency} from {since}", _MEND_TWICE)
        rates[currency][since] = Rate(since, Decimal(text))
    return _in_order(rates)


def read_file(table: Table, folder: Path, to: str, listed: Rates) -> Rates:
    """The rates of the file that the table names, with those that are listed beside it.

    Raises StackFault, of the file itself where the fault is in it.
    """
    path = folder / _plain_name(table)
    lines = _lines(table, path)
    rates = {currency: {rate.since: rate for rate in row} for currency, row in listed.items()}
    for line, currency, since, text in _rows(path, lines):
        day = day_of(since)
        if fault := _wrong_with(currency, text, to):
            raise StackFault(str(path), line, *fault)
        if day is None:
            raise StackFault(str(path), line, f"{quoted(since)} is no day", "Write year, month and day: 2026-11-21.")
        if day in rates.setdefault(currency, {}):
            raise StackFault(str(path), line, f"there are two rates of {currency} from {since}", _MEND_TWICE)
        rates[currency][day] = Rate(day, Decimal(text))
    return _in_order(rates)


def is_rate(text: str) -> bool:
    """Whether a text is a rate: a plain decimal above zero."""
    return bool(_RATE.fullmatch(text)) and Decimal(text) > 0


def _plain_name(table: Table) -> PurePosixPath:
    name = PurePosixPath(table.text("file"))
    if name.is_absolute() or ".." in name.parts or "\\" in str(name):
        problem = f'"file" of {table.title} leads out of the folder of the map'
        raise table.fault("file", problem, 'Put it beside the map and write its name: "rates.csv".')
    return name


def _lines(table: Table, path: Path) -> str:
    try:
        with path.open("rb") as file:
            data = file.read(_LARGEST + 1)
    except OSError as error:
        problem = f"the file of rates cannot be read ({error.strerror or type(error).__name__})"
        raise table.fault("file", problem, f"It is looked for as {path.name} from the folder of the map.") from None
    if len(data) > _LARGEST:
        raise StackFault(str(path), 0, "the file is larger than eight megabytes", "Leave out the oldest rates.")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise StackFault(str(path), line, "the file is not in UTF-8", "Save it as UTF-8.") from None


def _rows(path: Path, text: str) -> Iterator[tuple[int, str, str, str]]:
    """Line, currency, first day and rate of each row."""
    reader = csv.reader(io.StringIO(text), strict=True)
    mend = f"Write the columns {','.join(COLUMNS)} in the first line, and three values in every other."
    try:
        head = [name.strip() for name in next(reader, [])]
        if sorted(head) != sorted(COLUMNS):
            raise StackFault(str(path), 1, "the first line does not name the three columns", mend)
        for row in reader:
            if not row:
                continue
            if len(row) != len(COLUMNS):
                raise StackFault(str(path), reader.line_num, "there are not three values in this line", mend)
            said = dict(zip(head, (value.strip() for value in row), strict=True))
            yield reader.line_num, said["currency"], said["from"], said["rate"]
    except csv.Error as error:
        raise StackFault(str(path), reader.line_num, f"this is not CSV ({error})", mend) from None


def _wrong_with(currency: str, rate: str, to: str) -> tuple[str, str] | None:
    """What is wrong with the currency or the rate of a row, and the mend."""
    if currency not in exponents():
        return f"{quoted(currency)} is no currency of ISO 4217", nearest(currency, exponents(), "Write three letters.")
    if currency == to:
        return f"{to} is what is converted into", "Leave this rate out."
    return None if is_rate(rate) else (f"{quoted(rate)} is no rate", "Write a plain number above zero: 1.0825.")


def _in_order(rates: Mapping[str, Mapping[date, Rate]]) -> Rates:
    return {currency: tuple(row[day] for day in sorted(row)) for currency, row in rates.items()}
