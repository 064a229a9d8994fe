"""A register's export: the canonical CSV of register transactions, row by row, as what the checkpoint is asked.

Columns: `transaction_id, store, register, operator, occurred_at, kind, bucket, amount, currency, code, email, phone,
loyalty_id`; a header first, in any order; more columns are passed over.
"""

import csv
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from tillbridge.credit.keys import plain_key
from tillbridge.kernel.errors import BadInput
from tillbridge.stack.exports import NEEDED, SALES

_PLAIN: Final = NEEDED["sales"]


@dataclass(frozen=True, slots=True)
class PosRow:
    """One register transaction. `row` is its line in the file (the header is 1), `key` the register's idempotency
    key, `body` what POST /v1/credits takes."""

    row: int
    key: str
    transaction_id: str
    body: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class BadPosRow:
    """A row that cannot be read. `reason` says why and what to mend."""

    row: int
    transaction_id: str
    reason: str


def read(lines: Iterable[str]) -> Iterator[PosRow | BadPosRow]:
    """The transactions of an export, one a line, as they come. Raises BadInput for a header that lacks a column.

    A line is read by itself, so that a quote that is never closed spoils its own row and no other.
    """
    numbered = enumerate(lines, start=1)
    places = _places(_cells(next(numbered, (1, ""))[1]) or [])
    for number, line in numbered:
        if not line.strip():
            continue
        cells = _cells(line)
        if cells is None:
            yield BadPosRow(number, "", "a quote in this line is not closed; export it again")
        elif any(cells):
            yield _row(number, cells, places)


def _cells(line: str) -> list[str] | None:
    """The cells of a line; None when its quotes do not fit."""
    try:
        return [cell.strip() for cell in next(csv.reader([line], strict=True), [])]
    except csv.Error:
        return None


def _places(header: list[str]) -> Mapping[str, int]:
    """Where each column stands."""
    names = [name.strip().lower().removeprefix("\ufeff") for name in header]
    missing = [name for name in SALES if name not in names]
    if missing:
        mend = f"Export these columns, separated by commas: {', '.join(SALES)}."
        raise BadInput("header", f"there is no column {', '.join(missing)}", mend)
    twice = [name for name in SALES if names.count(name) > 1]
    if twice:
        raise BadInput("header", f"the column {', '.join(twice)} stands there twice", "Export each column once.")
    return {name: names.index(name) for name in SALES}


def _row(number: int, cells: list[str], places: Mapping[str, int]) -> PosRow | BadPosRow:
    most = max(places.values())
    if len(cells) <= most:
        return BadPosRow(number, "", f"{len(cells)} cells where {most + 1} are needed; was the file cut off?")
    cell = {name: cells[place] for name, place in places.items()}
    if any(0xDC80 <= ord(letter) <= 0xDCFF for text in cell.values() for letter in text):
        return BadPosRow(number, "", "the row is not UTF-8; export the file in UTF-8")
    blank = [name for name in _PLAIN if not cell[name]]
    if blank:
        return BadPosRow(number, cell["transaction_id"], f"{', '.join(blank)} is blank; fill it in")
    customer = {name: cell[name] for name in ("email", "phone", "loyalty_id") if cell[name]}
    body: dict[str, Any] = {name: cell[name] for name in _PLAIN}
    if customer:
        body["customer"] = customer
    if cell["code"]:
        body["code"] = cell["code"]
    try:
        key = plain_key(f"{cell['store']}-{cell['register']}-{cell['occurred_at']}")
    except ValueError as error:
        reason = f"store, register and occurred_at make no key ({error}); mend them"
        return BadPosRow(number, cell["transaction_id"], reason)
    return PosRow(number, key, cell["transaction_id"], body)
