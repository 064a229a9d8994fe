"""Excel workbooks, after a look at how large they become when they are unpacked."""

import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, Final

from python_calamine import CalamineError, CalamineSheet, CalamineWorkbook, PasswordError

from tillbridge.diagnose.model import Side
from tillbridge.reconcile.columns import COLUMNS
from tillbridge.reconcile.sources.careful import Careful
from tillbridge.reconcile.sources.header import Header, in_columns
from tillbridge.reconcile.sources.layout import Layout
from tillbridge.reconcile.sources.model import Complaint, Staged, refused, shown
from tillbridge.reconcile.sources.natural import text_of
from tillbridge.reconcile.sources.staging import Staging
from tillbridge.stack.table import nearest

UNPACKED_MAX: Final = 1 << 30
"""Bytes that all members of a workbook may take together, unpacked."""

RATIO_MAX: Final = 200
"""How many times as large a workbook may become. The most monotonous sheets become some fifty times as large."""

_SMALL: Final = 1 << 24
"""Up to here no ratio is looked at: an empty sheet packs very well."""

_MEMBERS_MAX: Final = 10_000
_CHUNK: Final = 1 << 16
_DAMAGED: Final = Complaint("", "the workbook is damaged, or cut off", "Save it again as .xlsx.")
_LOCKED: Final = Complaint("", "the workbook is locked with a password", "Save it without one.")
_BOMB: Final = Complaint(
    "",
    "the workbook becomes far larger when it is unpacked than any sheet of rows would, and was not opened",
    "Find out where it comes from. Export the sheet as CSV.",
)


def take_workbook(side: Side, path: Path, layout: Layout, target: Path) -> Staged:
    """A sheet of a workbook, into the Parquet file `target`."""
    unsafe = look(path)
    if unsafe:
        return Staged((), refused([unsafe]))
    try:
        with CalamineWorkbook.from_path(path) as book:
            if layout.sheet and layout.sheet not in book.sheet_names:
                return Staged((), refused([_no_sheet(layout.sheet, book.sheet_names)]))
            sheet = book.get_sheet_by_name(layout.sheet) if layout.sheet else book.get_sheet_by_index(0)
            return _take(sheet, side, layout, target)
    except PasswordError:
        return Staged((), refused([_LOCKED]))
    except (CalamineError, OSError, ValueError, IndexError):
        return Staged((), refused([_DAMAGED]))


def look(path: Path, most: int = UNPACKED_MAX) -> Complaint | None:
    """What speaks against opening a workbook. Every member is unpacked and its bytes are counted, and none are kept:
    what the file says of its own sizes is not believed."""
    try:
        with zipfile.ZipFile(path) as packed:
            members = packed.infolist()
        names = [member.filename for member in members]
        if not any(name.startswith("xl/") for name in names):
            return Complaint("", "the file is a ZIP archive and no workbook", "Unpack it, or save it as .xlsx.")
        if any(member.flag_bits & 1 for member in members):
            return _LOCKED
        if any(member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED) for member in members):
            return _DAMAGED
        if len(members) > _MEMBERS_MAX:
            return _BOMB
        return _unpacked(path, members, most)
    except (zipfile.BadZipFile, zlib.error, OSError, ValueError, NotImplementedError, EOFError):
        return _DAMAGED


def _unpacked(path: Path, members: list[zipfile.ZipInfo], most: int) -> Complaint | None:
    allowed = min(most, max(path.stat().st_size * RATIO_MAX, _SMALL))
    with path.open("rb") as file:
        for member in members:
            for size in _sizes(file, member):
                allowed -= size
                if allowed < 0:
                    return _BOMB
    return None


def _sizes(file: BinaryIO, member: zipfile.ZipInfo) -> Iterator[int]:
    """The sizes of the pieces that a member unpacks to. Raises zlib.error, EOFError or BadZipFile for what is no
    member."""
    file.seek(member.header_offset)
    head = file.read(30)
    if len(head) < 30 or not head.startswith(b"PK\x03\x04"):
        raise zipfile.BadZipFile("no member stands where one should")
    file.seek(int.from_bytes(head[26:28], "little") + int.from_bytes(head[28:30], "little"), 1)
    left = member.compress_size
    unpack = zlib.decompressobj(-15)
    while left > 0 and not unpack.eof:
        piece = file.read(min(_CHUNK, left))
        if not piece:
            raise EOFError
        left -= len(piece)
        if member.compress_type == zipfile.ZIP_STORED:
            yield len(piece)
            continue
        while piece:
            yield len(unpack.decompress(piece, _CHUNK * 16))
            piece = unpack.unconsumed_tail


def _no_sheet(name: str, there: list[str]) -> Complaint:
    listed = ", ".join(f'"{shown(one)}"' for one in there[:10])
    return Complaint("", f'there is no sheet "{shown(name)}"', nearest(name, there, f"There are: {listed}."))


def _take(sheet: CalamineSheet, side: Side, layout: Layout, target: Path) -> Staged:
    rows = enumerate(sheet.iter_rows(), start=1)
    number, names = next(((row, cells) for row, cells in rows if any(_filled(cell) for cell in cells)), (0, []))
    if not names:
        return Staged((), refused([Complaint("", "the sheet is empty", "Export it again, with its header.")]))
    header = in_columns([text_of(name, "") for name in names], side, layout)
    if isinstance(header, list):
        return Staged((), refused(complaint.at(number) for complaint in header))
    with Staging(side, target) as staging:
        careful = Careful(side, layout, staging)
        for row, cells in rows:
            careful.take(row, _texts(header, side, cells))
    return Staged((target,), careful.tally())


def _filled(cell: Any) -> bool:
    return bool(text_of(cell, ""))


def _texts(header: Header, side: Side, cells: list[Any]) -> list[str]:
    """The texts of a row. The time of a day without a date stands alone in a cell of its own, and is joined to it."""
    return [
        text_of(cells[place[0]], name)
        if len(place) == 1
        else " ".join(_part(cells[one], name, at) for at, one in enumerate(place)).strip()
        for name, place in zip(COLUMNS[side], header.places, strict=True)
    ]


def _part(cell: Any, name: str, place: int) -> str:
    """One of several cells that make a value: of a date with the time 0:00, beside a time, the date."""
    text = text_of(cell, name)
    return text.removesuffix(" 00:00:00") if place == 0 else text
