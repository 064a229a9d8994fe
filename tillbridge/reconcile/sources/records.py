"""From lines to rows of cells. A quote that is never closed spoils its own row and no other."""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from tillbridge.reconcile.sources.header import Header, split
from tillbridge.reconcile.sources.model import LONGEST

LINES_MAX: Final = LONGEST
"""How many lines one row may have. A quote that is not closed by then never was meant to span lines."""

UNCLOSED: Final = "a quote in this row is not closed, or stands in the middle of a cell"


@dataclass(frozen=True, slots=True)
class Record:
    """A row as it was split. `problem` says why it cannot be used; `whole` is false for a last line without an end."""

    row: int
    cells: list[str]
    problem: str = ""
    whole: bool = True


def records(source: Iterator[str], header: Header, first: int) -> Iterator[Record]:
    """The rows behind the header, numbered as a spreadsheet numbers them: cells with line breaks stand in one row, and
    blank lines count. `first` is the number of the first row."""
    delimiter, width = header.delimiter, header.width
    waiting: deque[str] = deque()
    row = first
    while line := waiting.popleft() if waiting else next(source, ""):
        bare = line.rstrip("\r\n")
        if not bare.strip():
            row += 1
            continue
        whole = bare != line
        if '"' not in bare:
            cells, problem = bare.split(delimiter), ""
        else:
            cells, problem, whole = _quoted(line, source, waiting, header)
        if not problem and len(cells) != width and any(cell.strip() for cell in cells):
            problem = f"{len(cells)} cells where the header has {width}"
        yield Record(row, cells, problem, whole)
        row += 1


def _quoted(line: str, source: Iterator[str], waiting: deque[str], header: Header) -> tuple[list[str], str, bool]:
    """The cells of a row with quotes, which may go on over the next lines: cells, problem, and whether it ends with a
    line end. Lines that turn out not to belong to it go back to those that wait."""
    delimiter = header.delimiter
    cells = split(line, delimiter)
    taken = [line]
    if cells is None and line.count('"') % 2:
        odd = True
        while odd and len(taken) < LINES_MAX and (more := waiting.popleft() if waiting else next(source, "")):
            taken.append(more)
            odd = bool(more.count('"') % 2) != odd
        joined = None if odd else split("".join(taken), delimiter)
        if joined is not None and len(joined) == header.width and not _swallows(taken, joined, header):
            return joined, "", taken[-1].endswith(("\n", "\r"))
        waiting.extendleft(reversed(taken[1:]))
    whole = line.endswith(("\n", "\r"))
    return (line.rstrip("\r\n").split(delimiter), UNCLOSED, whole) if cells is None else (cells, "", whole)


def _swallows(taken: list[str], joined: list[str], header: Header) -> bool:
    """Whether a quote that was never closed must have swallowed rows: several of its lines are a row by themselves, or
    a cell that is read is far too long."""
    rows = sum(line.count(header.delimiter) >= header.width - 1 for line in taken) if header.width > 1 else 0
    return rows > 1 or any(len(joined[place]) > LONGEST for place in header.used)
