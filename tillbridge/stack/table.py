"""One table of the map, read with types. Whatever is wrong leaves here as a StackFault with its line and its mend."""

from collections.abc import Collection, Iterator, Mapping
from datetime import date, datetime, timedelta
from difflib import get_close_matches
from typing import Final

from tillbridge.kernel.errors import StackFault
from tillbridge.kernel.money import AmountFault, Money
from tillbridge.kernel.money import parse as parse_money
from tillbridge.stack.duration import parse_duration
from tillbridge.stack.lines import Lines, Path
from tillbridge.stack.terms import KEYS, is_place, keys_of

_TYPES: Final[tuple[tuple[type, str], ...]] = (
    # bool before int: True is an int to Python.
    (bool, "true or false"),
    (str, "text"),
    (int, "a whole number"),
    (float, "a number with a point"),
    (list, "a list"),
    (dict, "a table"),
)
_LONGEST_TEXT: Final = 500
_FREE: Final = ("hops.transform", "hops.transform.rename-fields")
"""Tables whose further keys are looked at by whoever reads them."""


def called(value: object) -> str:
    """What a TOML value is, in words."""
    return next((words for kind, words in _TYPES if isinstance(value, kind)), "a date or time")


def choices(known: Collection[str]) -> str:
    """`"a", "b" or "c"`."""
    quoted = [f'"{name}"' for name in known]
    return quoted[0] if len(quoted) == 1 else f"{', '.join(quoted[:-1])} or {quoted[-1]}"


def day_of(text: str) -> date | None:
    """A day written as year, month and day, `2026-11-21`; None when it is none."""
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return None
    return day if day.isoformat() == text else None


def nearest(name: str, known: Collection[str], otherwise: str) -> str:
    """A mend for a name that is not known: the nearest one that is, else the given sentence."""
    folded = {candidate.casefold(): candidate for candidate in known}
    close = get_close_matches(name.casefold()[:60], folded, n=1, cutoff=0.6)
    return f'Did you mean "{folded[close[0]]}"?' if close else otherwise


class Table:
    """A table, what it is called in `terms.KEYS`, and the way to it. Its keys are checked when it is made."""

    def __init__(self, values: Mapping[str, object], kind: str, path: Path, lines: Lines, file: str) -> None:
        """Raises StackFault for an unknown or a missing key."""
        self.values = values
        self.kind = kind
        self._path = path
        self._lines = lines
        self._file = file
        self._check_keys()

    def _check_keys(self) -> None:
        known = keys_of(self.kind)
        for name in self.values:
            if known and name not in known and self.kind not in _FREE:
                mend = nearest(name, known, f"Use {choices(known)}.")
                raise self.fault(name, f"{quoted(name)} is no key of {self.title}", mend)
        for key in KEYS:
            if key.table == self.kind and key.required and key.name not in self.values:
                raise self.missing(key.name, key.sentence)

    @property
    def title(self) -> str:
        """How the table is written in the map: `[retailer]`, `[systems.web]`, `[[hops]]`."""
        if not self._path:
            return "the map"
        if self.kind in ("hops", "limits"):
            return f"[[{self.kind}]]"
        if self.kind.startswith("hops.transform"):
            return self.kind.removeprefix("hops.").removeprefix("transform.")
        return f"[{'.'.join(str(part) for part in self._path)}]"

    def fault(self, key: str | None, problem: str, mend: str, item: int | None = None) -> StackFault:
        """A fault at the line of a key, or of an item of its list, or of the table itself."""
        path = self._path if key is None else (*self._path, key)
        if item is not None:
            path = (*path, item)
        return StackFault(self._file, self._lines.of(path), problem, mend)

    def missing(self, key: str, sentence: str) -> StackFault:
        """A fault for a key that is needed and not there."""
        return self.fault(None, f'{self.title} has no "{key}"', f"Add it: {sentence}")

    def _wrong_type(self, key: str, wanted: str) -> StackFault:
        # The value itself is not shown: it may be a secret.
        problem = f'"{key}" of {self.title} must be {wanted}, and is {called(self.values[key])}'
        return self.fault(key, problem, f"Write it as {wanted}.")

    def text(self, key: str, default: str = "") -> str:
        """A text that is not blank; the default when the key is not there."""
        if key not in self.values:
            return default
        value = self.values[key]
        if not isinstance(value, str):
            raise self._wrong_type(key, "text in quotes")
        if not value.strip():
            raise self.fault(key, f'"{key}" of {self.title} is blank', "Write something, or leave the key out.")
        if len(value) > _LONGEST_TEXT or not value.isprintable():
            problem = f'"{key}" of {self.title} is longer than {_LONGEST_TEXT} characters or spans lines'
            raise self.fault(key, problem, "Write one short line of plain characters.")
        return value.strip()

    def texts(self, key: str) -> tuple[str, ...]:
        """A list of texts, each once; empty when the key is not there."""
        value = self.values.get(key, [])
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise self._wrong_type(key, "a list of texts in quotes")
        if len(set(value)) < len(value):
            raise self.fault(key, f'"{key}" of {self.title} names something twice', "Name each once.")
        return tuple(value)

    def choice(self, key: str, known: Collection[str]) -> str:
        """A text that is one of those known."""
        value = self.text(key)
        self._must_know(key, value, known)
        return value

    def chosen(
        self, key: str, known: Collection[str], empty: str = "Leave the key out if all are accepted."
    ) -> tuple[str, ...]:
        """A list of texts that are all known; empty when the key is not there.

        A list that is written and empty is refused, as it would mean none; `empty` is the mend.
        """
        values = self.texts(key)
        if key in self.values and not values:
            raise self.fault(key, f'"{key}" of {self.title} is empty', empty)
        for item, value in enumerate(values):
            self._must_know(key, value, known, item)
        return values

    def _must_know(self, key: str, value: str, known: Collection[str], item: int | None = None) -> None:
        if value not in known:
            otherwise = f"Use {choices(known)}." if len(known) < 12 else "See the reference page of the map."
            problem = f'{quoted(value)} is not known as a "{key}" of {self.title}'
            raise self.fault(key, problem, nearest(value, known, otherwise), item)

    def place(self, key: str, default: str = "") -> str:
        """A country or a part of one, ISO 3166-2; the default when the key is not there."""
        value = self.text(key, default)
        if not is_place(value):
            problem = f'{quoted(value)} is not known as a "{key}" of {self.title}'
            raise self.fault(key, problem, 'Write a country or a part of one as in ISO 3166-2: "US-CA", "NZ".')
        return value

    def amount(self, key: str, currency: str) -> Money | None:
        """A decimal text of the currency, zero or more; None when the key is not there."""
        text = self.text(key)
        if not text:
            return None
        try:
            amount = parse_money(text, currency)
        except AmountFault as error:
            mend = f'Write a plain decimal of {currency} in quotes, such as "500".'
            raise self.fault(key, f'"{key}" of {self.title} is no amount: {error}', mend) from None
        if amount.minor < 0:
            raise self.fault(key, f'"{key}" of {self.title} is below zero', "Write an amount above zero.")
        return amount

    def flag(self, key: str) -> bool:
        """true or false; false when the key is not there."""
        value = self.values.get(key, False)
        if not isinstance(value, bool):
            raise self._wrong_type(key, "true or false, without quotes")
        return value

    def whole(self, key: str, default: int, least: int, most: int) -> int:
        """A whole number within bounds; the default when the key is not there."""
        value = self.values.get(key, default)
        if not isinstance(value, int) or isinstance(value, bool):
            raise self._wrong_type(key, "a whole number")
        if not least <= value <= most:
            problem = f'"{key}" of {self.title} is outside {least} to {most}'
            raise self.fault(key, problem, "Write a number between them.")
        return value

    def duration(self, key: str, default: str = "") -> timedelta:
        """A duration such as `30s`; the default, in the same form, when the key is not there."""
        text = self.text(key, default)
        try:
            return parse_duration(text)
        except ValueError as error:
            problem = f'"{key}" of {self.title} is no duration: {error}'
            raise self.fault(key, problem, 'Write a number and a unit: "500ms", "2s", "5m", "26h" or "7d".') from None

    def day(self, key: str) -> date:
        """A day: a date of TOML, or a text of the same form."""
        value = self.values[key]
        if isinstance(value, date) and not isinstance(value, datetime):
            return value
        day = day_of(value) if isinstance(value, str) else None
        if day is None:
            raise self.fault(key, f'"{key}" of {self.title} is no day', "Write year, month and day: 2026-11-21.")
        return day

    def item(self, key: str, position: int, values: Mapping[str, object], kind: str) -> "Table":
        """What stands for a table at a place of a list."""
        return Table(values, kind, (*self._path, key, position), self._lines, self._file)

    def narrowed(self, kind: str) -> "Table":
        """The same table, known for what it is by now."""
        return Table(self.values, kind, self._path, self._lines, self._file)

    def table(self, key: str, kind: str) -> "Table":
        """A table within this one."""
        value = self.values[key]
        if not isinstance(value, dict):
            raise self._wrong_type(key, "a table")
        return Table(value, kind, (*self._path, key), self._lines, self._file)

    def items(self, key: str, kind: str, wanted: str) -> Iterator["str | Table"]:
        """The items of a list: texts as they are, tables each checked as it is reached."""
        value = self.values.get(key, [])
        if not isinstance(value, list) or not all(isinstance(item, str | dict) for item in value):
            raise self._wrong_type(key, wanted)
        for position, item in enumerate(value):
            inner = (*self._path, key, position)
            yield item if isinstance(item, str) else Table(item, kind, inner, self._lines, self._file)

    def tables(self, key: str, kind: str) -> Iterator["Table"]:
        """The tables of a list of tables, each checked as it is reached."""
        for item in self.items(key, kind, "a list of tables"):
            if isinstance(item, str):
                raise self._wrong_type(key, "a list of tables")
            yield item


def quoted(text: str) -> str:
    """A text from the map within a sentence: on one line, not longer than a glance."""
    plain = "".join(character if character.isprintable() else "?" for character in text)
    return f'"{plain[:60]}…"' if len(plain) > 60 else f'"{plain}"'
