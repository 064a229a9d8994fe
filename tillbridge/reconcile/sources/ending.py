"""Where a text file ends. A file may do without a line end behind its last row, and one that was cut off has none: what
tells them apart is the last cell."""

import os
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import Final

from tillbridge.reconcile.sources.header import Header, split
from tillbridge.reconcile.sources.layout import Layout
from tillbridge.reconcile.sources.lines import lines
from tillbridge.reconcile.sources.model import SPACES, Complaint

LOOKED_AT: Final = 1000
"""How many rows at the beginning say what the last cell of a row looks like."""

_FEWEST: Final = 3
_TAIL: Final = 1 << 16

CUT: Final = "Was the file cut off here? Export it again, whole."
"""The mend of a last row that is not whole."""


def is_cut(last: str, others: Sequence[str]) -> bool:
    """Whether the last cell of a file was cut off, by that cell in other rows: it is shorter than all of them that say
    anything, or blank where none is. Three that say something are the least to go by."""
    lengths = [len(text) for one in others if (text := one.strip(SPACES))]
    if len(lengths) < _FEWEST:
        return False
    size = len(last.strip(SPACES))
    return size < min(lengths) if size else len(lengths) == len(others)


def cut_off(cells: Sequence[str], path: Path, header: Header, layout: Layout) -> Complaint | None:
    """What is wrong with the last row of a file, which has no line end."""
    place = header.width - 1
    if place not in header.used or len(cells) != header.width:
        return None
    whole = (line.rstrip("\r\n") for line in islice(lines(path, layout.encoding), 1, LOOKED_AT) if line[-1:] in "\r\n")
    rows = (split(line, header.delimiter) for line in whole if line.strip())
    others = [row[place] for row in rows if row is not None and len(row) == header.width]
    if not is_cut(cells[place], others):
        return None
    return Complaint("", "the row has no line end, and its last cell is shorter than in every other row", CUT)


def last_cells(path: Path, header: Header) -> list[str]:
    """The cells of the last line of a file in UTF-8, whose lines are rows."""
    with path.open("rb") as file:
        file.seek(max(file.seek(0, os.SEEK_END) - _TAIL, 0))
        last = file.read().rstrip(b"\r\n").rpartition(b"\n")[2]
    return split(last.decode("utf-8", "surrogateescape"), header.delimiter) or []
