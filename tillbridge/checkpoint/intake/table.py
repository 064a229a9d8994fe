"""From lines of a file, or objects of a feed, to rows by our columns. Pure."""

import csv
import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from typing import Any, Final

from tillbridge.checkpoint.intake.model import BadRow, Row, Wrong
from tillbridge.kernel.errors import BadInput
from tillbridge.stack.model import Source

LINE: Final = "line"
"""What a row that cannot be split into cells is kept under."""

KEPT: Final = 16_000
"""How many characters of a row are kept in quarantine."""

_UNKEEPABLE: Final = re.compile("[\x00\ud800-\udfff]")
_NUL: Final = re.compile(r"(?<!\\)((?:\\\\)*)\\u0000")
"""The character NUL as JSON writes it. Behind an odd backslash it is a text that somebody wrote, and stays."""


def read(lines: Iterable[str], source: Source) -> Iterator[Row | BadRow]:
    """The rows of an export, one a line, as they come. Raises BadInput for a header that lacks a column.

    A line is read by itself, so that a quote that is never closed spoils its own row and no other.
    """
    numbered = enumerate(lines, start=1)
    header = _header(next(numbered, (1, ""))[1], source)
    for number, line in numbered:
        if not line.strip():
            continue
        cells = _cells(line, source.delimiter)
        if cells is None:
            yield _unreadable(number, line, "a quote in this line is not closed", "Export it again.")
        elif len(cells) != len(header):
            problem = f"{len(cells)} cells where the header has {len(header)}"
            yield _unreadable(number, line, problem, "Was the file cut off? Export it again.")
        elif any(0xDC80 <= ord(letter) <= 0xDCFF for letter in line):
            yield _unreadable(number, line, "the row is not UTF-8", "Export the file in UTF-8.")
        elif any(cells):
            yield row_of(number, dict(zip(header, cells, strict=True)), source)


def row_of(number: int, raw: Mapping[str, Any], source: Source) -> Row | BadRow:
    """A row by their columns, or an object of a feed, by our columns."""
    try:
        cells = {name: " ".join(_cell(raw, one) for one in theirs).strip() for name, theirs in source.columns.items()}
    except BadInput as error:
        return BadRow(number, raw, Wrong(error.field, error.problem, error.mend))
    for name, words in source.values.items():
        cells[name] = words.get(cells.get(name, "").casefold(), cells.get(name, ""))
    return Row(number, raw, {**cells, **source.fixed})


def kept(raw: Mapping[str, Any]) -> Mapping[str, Any]:
    """A row as it is kept in quarantine: what the database cannot hold is replaced, what is too long is cut."""
    text = _NUL.sub("\\1�", _UNKEEPABLE.sub("�", json.dumps(raw, default=str, ensure_ascii=False)))
    cleaned = json.loads(text) if len(text) <= KEPT else {LINE: text[:KEPT]}
    return cleaned if isinstance(cleaned, dict) else {LINE: text}


def print_of(raw: Mapping[str, Any]) -> bytes:
    """What tells a row that comes again: SHA-256 of all it says, also of what is too long to be kept."""
    return hashlib.sha256(json.dumps(raw, default=str, sort_keys=True).encode()).digest()


def clean(text: str) -> str:
    """A text of theirs as the database can hold it."""
    return _UNKEEPABLE.sub("�", text)[:1000]


def _header(line: str, source: Source) -> list[str]:
    """Their columns in the order of the file. Raises BadInput when one that is needed is missing or there twice."""
    names = [name.strip().removeprefix("\ufeff") for name in _cells(line, source.delimiter) or []]
    folded = [name.casefold() for name in names]
    spelled: dict[str, str] = {}
    for wanted in dict.fromkeys(name for theirs in source.columns.values() for name in theirs):
        if folded.count(wanted.casefold()) > 1:
            raise BadInput("header", f"the column {wanted} stands there twice", "Export each column once.")
        spelled[wanted.casefold()] = wanted
    missing = [name for key, name in spelled.items() if key not in folded]
    if missing:
        mend = "Export them, or say in the map's source how the columns are named."
        raise BadInput("header", f"there is no column {', '.join(missing)}", mend)
    # A column is called as the map calls it, and of those that nobody asked for no two are called the same.
    named = [spelled.get(key, name) for key, name in zip(folded, names, strict=True)]
    return [name if named.index(name) == place else f"{name} ({place + 1})" for place, name in enumerate(named)]


def _cells(line: str, delimiter: str) -> list[str] | None:
    """The cells of a line; None when its quotes do not fit."""
    try:
        return [cell.strip() for cell in next(csv.reader([line], strict=True, delimiter=delimiter), [])]
    except csv.Error:
        return None


def _unreadable(number: int, line: str, problem: str, mend: str) -> BadRow:
    return BadRow(number, {LINE: line.rstrip("\r\n")}, Wrong("row", problem, mend))


def _cell(raw: Mapping[str, Any], name: str) -> str:
    """One value of theirs as a text; `a.b` looks into an object. Raises BadInput for a value that is no text."""
    value: Any = raw.get(name)
    if name not in raw and "." in name:
        value = raw
        for part in name.split("."):
            value = value.get(part) if isinstance(value, dict) else None
    if value is None:
        return ""
    if isinstance(value, bool) or not isinstance(value, str | int | Decimal):
        raise BadInput(name, "it is no text and no number", 'Send it as text: "88.00".')
    return str(value)
