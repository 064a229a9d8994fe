"""The careful way: row by row, in plain Python, into a Parquet file of ours. It is the truth."""

from collections.abc import Callable, Iterator
from itertools import chain
from pathlib import Path
from typing import Final

from tillbridge.diagnose.model import Side
from tillbridge.reconcile.sources.cells import Cells
from tillbridge.reconcile.sources.ending import CUT, cut_off
from tillbridge.reconcile.sources.header import Header, of_line
from tillbridge.reconcile.sources.layout import Layout
from tillbridge.reconcile.sources.lines import lines
from tillbridge.reconcile.sources.model import NAMED, Complaint, Staged, Tally, refused
from tillbridge.reconcile.sources.records import UNCLOSED, Record, records
from tillbridge.reconcile.sources.staging import Staging

_SPILT: Final = "Put cells that hold the separator or a line break between quotes, and export again."


Look = Callable[[Record], Complaint | None]
"""Says what is wrong with a row that could be split."""


class Careful:
    """Takes rows in, and keeps count of what is wrong with them."""

    def __init__(self, side: Side, layout: Layout, staging: Staging) -> None:
        self._cells = Cells(side, layout)
        self._zone = layout.time_zone
        self._staging = staging
        self._bad: list[Complaint] = []
        self._bad_rows = 0

    def take(self, row: int, texts: list[str]) -> None:
        """Take a row by the texts of our columns."""
        typed = self._cells.typed(texts)
        if isinstance(typed, Complaint):
            self.complain(typed, row, texts)
        elif typed is not None:
            self._staging.add(row, typed)

    def complain(self, complaint: Complaint, row: int, texts: list[str]) -> None:
        """Count a row as bad."""
        self._bad_rows += 1
        if len(self._bad) < NAMED:
            self._bad.append(complaint.at(row, self._cells.name(texts)))

    def tally(self) -> Tally:
        """What was wrong."""
        twice = self._cells.twice
        shown = f"{twice:,} times are of an hour that the clocks of {self._zone} showed twice: the first is taken."
        return Tally(self._bad_rows, tuple(self._bad), (shown,) if twice else ())


def take_text(side: Side, path: Path, layout: Layout, target: Path) -> Staged:
    """A text file, into the Parquet file `target`."""
    source = lines(path, layout.encoding)
    line, row = "", 0
    for row, line in enumerate(source, start=1):  # noqa: B007 - the header is the first line that is not blank
        if line.strip():
            break
    if not line.strip():
        return Staged((), refused([Complaint("", "the file is empty", "Export it again, with its header.")]))
    header = of_line(line, side, layout)
    if isinstance(header, list):
        return Staged((), refused(complaint.at(row) for complaint in header))
    with Staging(side, target) as staging:
        careful = Careful(side, layout, staging)

        def whole(record: Record) -> Complaint | None:
            return None if record.whole else cut_off(record.cells, path, header, layout)

        ended = _take(records(source, header, row + 1), header, careful, whole)
    said = () if ended and line != line.rstrip("\r\n") else ("The last line has no line end.",)
    return Staged((target,), careful.tally() + Tally(remarks=(*header.remarks, *said)))


def _take(rows: Iterator[Record], header: Header, careful: Careful, look: Look) -> bool:
    """Take all rows; whether the last line has its end. `look` is asked of the last row, if nothing else is wrong."""
    held = next(rows, None)
    whole = True
    for following in chain(rows, (None,)):
        if held is None:
            break
        wrong = look(held) if following is None and not held.problem else None
        if wrong:
            careful.complain(wrong, held.row, header.texts(held.cells))
        else:
            _take_one(held, header, careful, last=following is None)
        whole, held = held.whole, following
    return whole


def _take_one(record: Record, header: Header, careful: Careful, *, last: bool) -> None:
    texts = header.texts(record.cells)
    if not record.problem:
        careful.take(record.row, texts if len(record.cells) == header.width else [""] * len(header.places))
        return
    short = record.problem == UNCLOSED or len(record.cells) < header.width
    mend = CUT if last and short else _SPILT
    careful.complain(Complaint("", record.problem, mend), record.row, texts)
