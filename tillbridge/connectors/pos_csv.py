"""A register's export: the canonical CSV of register transactions, row by row, as what the checkpoint is asked.

Columns: `transaction_id, store, register, operator, occurred_at, kind, bucket, amount, currency, code, email, phone,
loyalty_id`; a header first, in any order; more columns are passed over.
"""

import csv
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from tillbridge.kernel.errors import BadInput

COLUMNS: Final = (
    "transaction_id",
    "store",
    "register",
    "operator",
    "occurred_at",
    "kind",
    "bucket",
    "amount",
    "currency",
    "code",
    "email",
    "phone",
    "loyalty_id",
)
"""The columns of the canonical file."""

_PLAIN: Final = tuple(name for name in COLUMNS if name not in ("code", "email", "phone", "loyalty_id"))


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
    """The transactions of an export, as they come. Raises BadInput for a header that lacks a column."""
    reader = csv.reader(lines)
    places = _places(next(reader, []))
    try:
        for cells in reader:
            if any(cell.strip() for cell in cells):
                yield _row(reader.line_num, cells, places)
    except csv.Error as error:
        yield BadPosRow(reader.line_num, "", f"the file cannot be read from here on ({error}); export it again")


def _places(header: list[str]) -> Mapping[str, int]:
    """Where each column stands."""
    names = [name.strip().lower().removeprefix("\ufeff") for name in header]
    missing = [name for name in COLUMNS if name not in names]
    if missing:
        mend = f"Export these columns, separated by commas: {', '.join(COLUMNS)}."
        raise BadInput("header", f"there is no column {', '.join(missing)}", mend)
    twice = [name for name in COLUMNS if names.count(name) > 1]
    if twice:
        raise BadInput("header", f"the column {', '.join(twice)} stands there twice", "Export each column once.")
    return {name: names.index(name) for name in COLUMNS}


def _row(number: int, cells: list[str], places: Mapping[str, int]) -> PosRow | BadPosRow:
    most = max(places.values())
    if len(cells) <= most:
        return BadPosRow(number, "", f"{len(cells)} cells where {most + 1} are needed; was the file cut off?")
    cell = {name: cells[place].strip() for name, place in places.items()}
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
    key = f"{cell['store']}-{cell['register']}-{cell['occurred_at']}"
    return PosRow(number, key, cell["transaction_id"], body)
