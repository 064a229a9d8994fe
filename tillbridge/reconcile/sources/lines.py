"""The lines of a text file, whatever its encoding, in bounded memory."""

import codecs
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from tillbridge.reconcile.sources.model import Complaint

BLOCK: Final = 1 << 20
LONGEST_LINE: Final = 1 << 20
"""Bytes of a line that are read; what is longer is cut, and is no row."""

_MARKS: Final = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_CONTROL: Final = frozenset(range(32)) - {9, 10, 11, 12, 13}


def encoding_of(path: Path, named: str) -> tuple[str, int]:
    """The encoding of a file and how many bytes its mark takes; a mark at the beginning is believed before a name."""
    with path.open("rb") as file:
        start = file.read(4)
    for mark, encoding in _MARKS:
        if start.startswith(mark):
            return encoding, len(mark)
    return ("utf-16-le" if named == "utf-16" else named or "utf-8"), 0


def no_text(path: Path, named: str) -> Complaint | None:
    """What is wrong with a file whose first line is no text."""
    encoding, mark = encoding_of(path, named)
    if encoding == "utf-32":
        return Complaint("", "the file is in UTF-32", "Export it in UTF-8.")
    with path.open("rb") as file:
        start = file.read(4096)[mark:]
    if encoding.startswith("utf-16"):
        return None
    first = start.partition(b"\n")[0]
    if len(start) > 3 and (not any(start[1:40:2]) or not any(start[0:40:2])):
        mend = 'Export it in UTF-8, or say encoding = "utf-16-le" or "utf-16-be" in a mapping file.'
        return Complaint("", "the file looks like UTF-16 without a mark at its beginning", mend)
    if any(byte in _CONTROL for byte in first):
        return Complaint("", "the file is no text", "Name a CSV, an Excel workbook (.xlsx) or a Parquet file.")
    return None


def lines(path: Path, named: str) -> Iterator[str]:
    """The lines with their ends. A byte that is not of the encoding comes as a lone surrogate."""
    encoding, mark = encoding_of(path, named)
    wide = encoding.startswith("utf-16")
    for line in _split(_recoded(path, encoding, mark) if wide else _blocks(path, mark)):
        yield line.decode("utf-8" if wide else encoding, "surrogateescape")


def _blocks(path: Path, skip: int) -> Iterator[bytes]:
    with path.open("rb") as file:
        file.seek(skip)
        while block := file.read(BLOCK):
            yield block


def _recoded(path: Path, encoding: str, skip: int) -> Iterator[bytes]:
    """UTF-16 as UTF-8; what is none becomes bytes that are no UTF-8 either."""
    decoder = codecs.getincrementaldecoder(encoding)("replace")
    for block in _blocks(path, skip):
        yield decoder.decode(block).replace("\ufffd", "\udcfd").encode("utf-8", "surrogatepass")
    yield decoder.decode(b"", final=True).replace("\ufffd", "\udcfd").encode("utf-8", "surrogatepass")


def _split(blocks: Iterator[bytes]) -> Iterator[bytes]:
    """Lines that end with a line feed, a carriage return, or both; too long ones are cut."""
    left, cutting = b"", False
    for block in blocks:
        pieces = (left + block).splitlines(keepends=True)
        # A carriage return at the very end may be the first half of a line end.
        left = pieces.pop() if pieces and not pieces[-1].endswith(b"\n") else b""
        for piece in pieces:
            if not cutting:
                yield piece
            cutting = False
        if len(left) > LONGEST_LINE:
            if not cutting:
                yield left[:LONGEST_LINE] + b"\n"
            cutting, left = True, left[-1:]
    if left and not cutting:
        yield left
