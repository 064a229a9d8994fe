"""Reads the rows of law: those that come with Tillbridge, and a retailer's own, which go before them by id."""

import re
import tomllib
from collections.abc import Collection, Iterable, Mapping
from datetime import date, datetime
from decimal import Decimal
from importlib import resources
from itertools import combinations
from pathlib import Path
from typing import Final

from tillbridge.credit.law import CONDITIONS, NEVER, TOPICS, US_TERRITORIES, VERIFY, Law, Row
from tillbridge.kernel.errors import LawFault
from tillbridge.kernel.money import AmountFault, exponents, parse
from tillbridge.stack.table import called, choices, nearest, quoted
from tillbridge.stack.terms import BUCKETS, is_place

ROW_KEYS: Final[Mapping[str, str]] = {
    "id": "Its name, once in a file: small letters, digits and hyphens.",
    "place": "A country or a part of one as in ISO 3166-2, such as `US-CA`.",
    "topic": "What it is about: one of the topics below.",
    "buckets": "The buckets of the credits that it covers.",
    "operator": "`<` or `<=` the value for `cash_out`, `>=` for `min_life`.",
    "value": 'A decimal in quotes, `"15.00"`; for `min_life` a whole number, or `"never"`: it may not expire.',
    "unit": "What the value counts: one of the units below.",
    "currency": "The currency of an amount; only there, and needed there.",
    "valid_from": "The first day on which it holds, `2026-04-01` without quotes. Left out: always, as far as known.",
    "valid_to": "The last day on which it holds. Left out: until further notice.",
    "when": "What it depends on, such as `{ in_person = true }`: conditions of those below.",
    "source": "Where it was read.",
    "source_date": 'How old that source is: `"2026"`, `"2026-03"` or `"2026-03-02"`.',
    "mark": '`"verify"` where the source is not good enough to rely on.',
    "note": "What else a reader should know. Nothing is decided by it.",
}
"""The keys of a row, each with a sentence."""

NEEDED: Final = ("id", "place", "topic", "buckets", "operator", "value", "source")
"""The keys that every row has."""

_OURS: Final = "law.toml"
_ID: Final = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_SOURCE_DATE: Final = re.compile(r"[0-9]{4}(-[0-9]{2}){0,2}")
_NUMBER: Final = re.compile(r"[0-9]{1,9}(\.[0-9]{1,6})?")
_MOST_MONTHS: Final = 1200
_OPERATORS: Final[Mapping[str, tuple[str, ...]]] = {"cash_out": ("<", "<="), "min_life": (">=",)}
_UNITS: Final[Mapping[str, tuple[str, ...]]] = {"cash_out": ("money", "percent"), "min_life": ("years", "months")}


def load_law(retailer_file: Path | None) -> Law:
    """The law that comes with Tillbridge, with a retailer's own rows in place of those of the same id.

    Raises LawFault: the file cannot be read, a row is wrong, or two rows of one place, topic and bucket hold at once.
    """
    ours = resources.files("tillbridge.credit").joinpath(_OURS).read_text("utf-8")
    rows = dict(_rows(ours, _OURS))
    if retailer_file is not None:
        rows |= _rows(_text_of(retailer_file), str(retailer_file))
    _check_overlaps(rows.values())
    return Law(tuple(rows.values()))


def _text_of(file: Path) -> str:
    try:
        return file.read_text("utf-8-sig")
    except FileNotFoundError:
        raise LawFault(str(file), "", "there is no such file", "Name one in TILLBRIDGE_LAW, or none.") from None
    except OSError as error:
        problem = f"it cannot be read ({error.strerror or type(error).__name__})"
        raise LawFault(str(file), "", problem, "Name a file that you may read.") from None
    except UnicodeDecodeError:
        raise LawFault(str(file), "", "it is not in UTF-8", "Save it as UTF-8.") from None


def _rows(text: str, file: str) -> Mapping[str, Row]:
    """The rows of one file by id."""
    try:
        values = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        mend = "Mend it: text in quotes, one key a line, every bracket closed."
        raise LawFault(file, "", f"this is not TOML ({error})", mend) from None
    for key in values:
        if key != "rows":
            raise LawFault(file, "", f"{quoted(key)} is not known", "Write every rule as a table [[rows]].")
    listed = values.get("rows", [])
    if not isinstance(listed, list) or not all(isinstance(row, dict) for row in listed):
        raise LawFault(file, "", '"rows" is no list of tables', "Write every rule as a table [[rows]].")
    rows: dict[str, Row] = {}
    for number, table in enumerate(listed, start=1):
        row = _Draft(table, number, file).row()
        if row.id in rows:
            raise LawFault(file, row.id, "there are two rows of this id", "Give each an id of its own.")
        rows[row.id] = row
    return rows


class _Draft:
    """One row as it is written. Whatever is wrong leaves here as a LawFault."""

    def __init__(self, values: Mapping[str, object], number: int, file: str) -> None:
        self._values = values
        self._file = file
        given = values.get("id")
        self._name = given if isinstance(given, str) and _ID.fullmatch(given) else f"number {number}"

    def row(self) -> Row:
        """The row. Raises LawFault."""
        self._check_keys()
        topic = self._one_of("topic", TOPICS)
        value, unit, currency = self._value(topic)
        row = Row(
            id=self._formed("id", _ID, "Use small letters, digits and hyphens: us-ca-cash-out."),
            place=self._place(),
            topic=topic,
            buckets=self._buckets(),
            operator=self._one_of("operator", _OPERATORS[topic]),
            value=value,
            unit=unit,
            currency=currency,
            valid_from=self._day("valid_from"),
            valid_to=self._day("valid_to"),
            when=self._when(),
            source=self._text("source"),
            source_date=self._formed("source_date", _SOURCE_DATE, 'Write "2026", "2026-03" or "2026-03-02".'),
            mark=self._one_of("mark", (VERIFY,)) if "mark" in self._values else "",
            note=self._text("note"),
            file=self._file,
        )
        if row.valid_from and row.valid_to and row.valid_from > row.valid_to:
            raise self._fault('"valid_from" is after "valid_to"', "Turn them round.")
        return row

    def _fault(self, problem: str, mend: str) -> LawFault:
        return LawFault(self._file, self._name, problem, mend)

    def _check_keys(self) -> None:
        for key in self._values:
            if key not in ROW_KEYS:
                mend = nearest(key, ROW_KEYS, f"Use {choices(tuple(ROW_KEYS))}.")
                raise self._fault(f"{quoted(key)} is no key of a row", mend)
        for key in NEEDED:
            if key not in self._values:
                raise self._fault(f'it has no "{key}"', f"Add it: {ROW_KEYS[key]}")

    def _text(self, key: str) -> str:
        """A text that is not blank; blank when the key is not there."""
        if key not in self._values:
            return ""
        value = self._values[key]
        if not isinstance(value, str):
            raise self._fault(f'"{key}" must be text in quotes, and is {called(value)}', "Write it in quotes.")
        if not value.strip() or not value.isprintable():
            raise self._fault(f'"{key}" is blank or spans lines', "Write one line, or leave the key out.")
        return value.strip()

    def _formed(self, key: str, form: re.Pattern[str], mend: str) -> str:
        text = self._text(key)
        if text and not form.fullmatch(text):
            raise self._fault(f'{quoted(text)} cannot be its "{key}"', mend)
        return text

    def _one_of(self, key: str, known: Collection[str]) -> str:
        text = self._text(key)
        self._must_know(key, text, known)
        return text

    def _must_know(self, key: str, text: str, known: Collection[str]) -> None:
        if text not in known:
            otherwise = f"Use {choices(known)}." if len(known) < 12 else "See docs/reference/law.md."
            raise self._fault(f'{quoted(text)} is not known as a "{key}"', nearest(text, known, otherwise))

    def _place(self) -> str:
        place = self._text("place")
        if not is_place(place):
            mend = "Write a country or a part of one as in ISO 3166-2: US-CA, NZ."
            raise self._fault(f"{quoted(place)} is no place", mend)
        if place in US_TERRITORIES:
            raise self._fault(f"{quoted(place)} is a part of the US", f'Write "US-{place}".')
        return place

    def _buckets(self) -> tuple[str, ...]:
        buckets = self._values["buckets"]
        if not isinstance(buckets, list) or not buckets or not all(isinstance(bucket, str) for bucket in buckets):
            raise self._fault('"buckets" must be a list of texts, and not empty', 'Write ["paid"].')
        for bucket in buckets:
            self._must_know("buckets", bucket, BUCKETS)
        return tuple(bucket for bucket in BUCKETS if bucket in buckets)

    def _day(self, key: str) -> date | None:
        value = self._values.get(key)
        if value is None or _is_day(value):
            return value if isinstance(value, date) else None
        raise self._fault(f'"{key}" must be a day, and is {called(value)}', "Write it without quotes: 2026-04-01.")

    def _when(self) -> Mapping[str, bool | date]:
        given = self._values.get("when", {})
        if not isinstance(given, dict):
            raise self._fault(f'"when" must be a table, and is {called(given)}', "Write { in_person = true }.")
        for name, value in given.items():
            self._must_know("when", name, CONDITIONS)
            if name == "issued_from" and not _is_day(value):
                raise self._fault(f'"{name}" must be a day', "Write it without quotes: 2026-04-01.")
            if name != "issued_from" and not isinstance(value, bool):
                raise self._fault(f'"{name}" must be true or false', "Write true or false, without quotes.")
        return given

    def _value(self, topic: str) -> tuple[str, str, str]:
        """Value, unit and currency."""
        value, units = self._text("value"), _UNITS[topic]
        unit = self._one_of("unit", units) if "unit" in self._values else units[0]
        if unit != "money" and "currency" in self._values:
            raise self._fault(f'"currency" is for amounts, and this is {unit}', "Leave it out.")
        if unit == "money":
            return self._amount(value), unit, self._text("currency")
        if topic == "min_life" and value == NEVER:
            if "unit" in self._values:
                raise self._fault('"unit" counts nothing where the value is "never"', "Leave it out.")
            return value, "", ""
        if not _NUMBER.fullmatch(value):
            raise self._fault(f"{quoted(value)} is no plain decimal number", self._mend_of_value(topic))
        self._check_size(Decimal(value), unit, topic)
        return value, unit, ""

    def _amount(self, value: str) -> str:
        currency = self._one_of("currency", exponents()) if "currency" in self._values else ""
        if not currency:
            raise self._fault('it has no "currency"', f"Add it: {ROW_KEYS['currency']}")
        try:
            amount = parse(value, currency)
        except AmountFault as error:
            raise self._fault(f'"value" is no amount: {error}', self._mend_of_value("cash_out")) from None
        if amount.minor <= 0:
            raise self._fault('"value" pays nothing out', "Write an amount above zero.")
        return value

    def _check_size(self, number: Decimal, unit: str, topic: str) -> None:
        most = {"percent": 100, "years": _MOST_MONTHS // 12, "months": _MOST_MONTHS}[unit]
        if not 0 < number <= most:
            raise self._fault(f'"value" is outside 0 to {most} {unit}', "Write a number between them.")
        if topic == "min_life" and number != number.to_integral_value():
            raise self._fault(f'"value" is no whole number of {unit}', 'Write whole years, or months: unit = "months".')

    def _mend_of_value(self, topic: str) -> str:
        return 'Write a plain decimal in quotes: "15.00".' if topic == "cash_out" else 'Write "5", or "never".'


def _is_day(value: object) -> bool:
    return isinstance(value, date) and not isinstance(value, datetime)


def _check_overlaps(rows: Iterable[Row]) -> None:
    """No two rows answer the same question, but where their conditions cannot both be met."""
    for first, second in combinations(rows, 2):
        if _share(first, second) and not _part(first, second):
            problem = f"it holds at the same time as {first.id} for {first.topic} in {first.place}"
            mend = f'End one of them with "valid_to", or take the id {first.id} to replace that row.'
            raise LawFault(second.file, second.id, problem, mend)


def _share(first: Row, second: Row) -> bool:
    same = (first.place, first.topic) == (second.place, second.topic) and set(first.buckets) & set(second.buckets)
    starts = max(first.valid_from or date.min, second.valid_from or date.min)
    ends = min(first.valid_to or date.max, second.valid_to or date.max)
    return bool(same) and starts <= ends


def _part(first: Row, second: Row) -> bool:
    """Whether one wants a condition met that the other wants not met."""
    flags = (name for name in first.when if name != "issued_from" and name in second.when)
    return any(first.when[name] != second.when[name] for name in flags)
