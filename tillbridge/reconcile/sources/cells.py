"""One row of texts to one row of values, or the first thing that is wrong with it. This is the truth on what a row
says: the quick way in columns may only answer what this answers."""

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Final

from tillbridge.diagnose.model import Side
from tillbridge.kernel.money import exponents
from tillbridge.reconcile.columns import AMOUNTS, COLUMNS, NEEDED, TIMES
from tillbridge.reconcile.sources.amounts import minor
from tillbridge.reconcile.sources.layout import Layout
from tillbridge.reconcile.sources.model import LONGEST, NAMES, Complaint, shown
from tillbridge.reconcile.sources.times import moment
from tillbridge.reconcile.sources.words import CLOSED, IDS, USUAL

Value = str | int | datetime | None

_APART: Final = re.compile(r"[\s\-\u2010-\u2015\u2212]+")
_SCIENTIFIC: Final = re.compile(r"[0-9](\.[0-9]+)?[eE]\+[0-9]{1,3}")
_UNREADABLE: Final = re.compile("[\x00\ud800-\udfff]")


def code_of(text: str) -> str:
    """A code as it is compared: without blanks and hyphens, in capitals."""
    return _APART.sub("", text).upper()


class Cells:
    """Reads rows of one side. `twice` counts times that the clocks of the layout's zone showed twice."""

    def __init__(self, side: Side, layout: Layout) -> None:
        self._side = side
        self._layout = layout
        self._columns = COLUMNS[side]
        self._needed = [name for name in self._columns if name in NEEDED[side]]
        self.twice = 0

    def typed(self, texts: Sequence[str]) -> list[Value] | Complaint | None:
        """The values of a row, its texts in the order of our columns and without spaces around them; None where it
        says nothing at all."""
        cell = dict(zip(self._columns, texts, strict=True))
        wrong = self._unreadable(cell)
        if wrong:
            return wrong
        if not any(cell.values()):
            return None
        for name, words in self._layout.values.items():
            cell[name] = words.get(cell[name].casefold(), cell[name])
        cell.update(self._layout.fixed)
        return self._values(cell)

    def name(self, texts: Iterable[str]) -> str:
        """What a row is called, as far as it can be read."""
        cell = dict(zip(self._columns, texts, strict=False))
        name = next((cell[one] for one in NAMES[self._side] if cell.get(one)), "")
        return shown(name, 60)

    def _unreadable(self, cell: Mapping[str, str]) -> Complaint | None:
        """A cell that is no text."""
        whole = "".join(cell.values())
        if len(whole) <= LONGEST and whole.isascii() and "\x00" not in whole:
            return None
        for name, text in cell.items():
            if len(text) > LONGEST:
                mend = "Look whether a quote before it was never closed."
                return Complaint(name, f"the cell is longer than {LONGEST} characters", mend)
            if found := _UNREADABLE.search(text):
                if found[0] == "\x00":
                    return Complaint(name, "the cell holds a NUL character", "Export the file again.")
                mend = "Export the whole file in UTF-8, or name its encoding in a mapping file."
                return Complaint(name, "the cell is not in the encoding of the file", mend)
        return None

    def _values(self, cell: dict[str, str]) -> list[Value] | Complaint:
        """Each column's value; `cell` has its texts by our column."""
        wrong = _spoiled(cell)
        if wrong:
            return wrong
        if "code" in cell:
            cell["code"] = code_of(cell["code"])
        cell["currency"] = cell["currency"].upper()
        wrong = self._lacks(cell) or _word(cell)
        if wrong:
            return wrong
        values: list[Value] = []
        for name, text in cell.items():
            value = self._value(name, text, cell["currency"])
            if isinstance(value, Complaint):
                return value
            values.append(value)
        return _without_code(self._side, cell, values) or values

    def _value(self, name: str, text: str, currency: str) -> Value | Complaint:
        if name in AMOUNTS:
            return minor(name, text, currency, self._layout) if text else None
        if name in TIMES:
            if not text:
                return None
            at = moment(name, text, self._layout)
            if isinstance(at, Complaint):
                return at
            self.twice += at.twice
            return at.at
        if name in CLOSED or (name in USUAL and text.lower() in USUAL[name]):
            return text.lower()
        return text

    def _lacks(self, cell: Mapping[str, str]) -> Complaint | None:
        """A column that this row may not leave blank."""
        for name in self._needed:
            if not cell[name]:
                return Complaint(name, f"{name} is blank", "Fill it in where it is made, and export again.")
        if self._side is Side.STOREFRONT and cell["code"]:
            return _blank(cell, ("available", "currency"), "an account's code needs {}", "Export it with the code.")
        if self._side is Side.ERP:
            if not cell["transaction_id"] and not cell["code"]:
                problem = "the document names neither a code nor a transaction id"
                return Complaint("code", problem, "Export one of the two, so that it can be found on the other sides.")
            if cell["status"].lower() == "posted":
                wanted = ("posted_at", "amount", "currency")
                return _blank(cell, wanted, "a document that is posted needs {}", "Export it with the document.")
        return None


def _blank(cell: Mapping[str, str], wanted: Iterable[str], problem: str, mend: str) -> Complaint | None:
    return next((Complaint(name, problem.format(name), mend) for name in wanted if not cell[name]), None)


def _spoiled(cell: Mapping[str, str]) -> Complaint | None:
    """A code or id that a spreadsheet took for a number: it keeps 15 digits of it."""
    for name in ("code", *IDS):
        text = cell.get(name, "")
        if _SCIENTIFIC.fullmatch(text):
            problem = f"{shown(text)} is a number that a spreadsheet has rounded: digits of it are lost"
            return Complaint(name, problem, "Format the column as text before it is filled, and export again.")
    return None


def _word(cell: Mapping[str, str]) -> Complaint | None:
    """A currency that is none, an amount without one, or a word outside of a closed list."""
    currency = cell["currency"]
    if currency and currency not in exponents():
        mend = "Write three letters of ISO 4217, such as USD."
        return Complaint("currency", f'"{shown(currency)}" is no currency', mend)
    if not currency and any(cell[name] for name in cell if name in AMOUNTS):
        return Complaint("currency", "there is an amount, and no currency", "Write three letters of ISO 4217.")
    for name, words in CLOSED.items():
        if name in cell and cell[name].lower() not in words:
            mend = f"Use one of {', '.join(words)}, or say in a mapping file which of them it stands for."
            return Complaint(name, f'"{shown(cell[name])}" is not known as a {name}', mend)
    return None


def _without_code(side: Side, cell: Mapping[str, str], values: Sequence[Value]) -> Complaint | None:
    """Money that an account shows without saying of which credit."""
    if side is not Side.STOREFRONT or cell["code"] or not values[COLUMNS[side].index("available")]:
        return None
    return Complaint("code", "the account shows money, and no code", "Export the code of each credit with its amount.")
