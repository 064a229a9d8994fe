"""Which column stands where; or why the header cannot be read."""

import csv
from collections.abc import Sequence
from dataclasses import dataclass

from tillbridge.diagnose.model import Side
from tillbridge.reconcile.columns import COLUMNS
from tillbridge.reconcile.sources.layout import DELIMITERS, Layout, unread
from tillbridge.reconcile.sources.model import SPACES, Complaint, shown
from tillbridge.stack.table import nearest

Places = tuple[tuple[int, ...], ...]
"""By our columns in their order, where their columns stand; empty for one that the file does not have."""


@dataclass(frozen=True, slots=True)
class Header:
    """A header that was understood: `width` is how many cells every row has to have."""

    places: Places
    width: int
    delimiter: str = ""

    @property
    def used(self) -> frozenset[int]:
        """The places that anything is read from."""
        return frozenset(one for place in self.places for one in place)

    @property
    def remarks(self) -> tuple[str, ...]:
        """What is worth saying of a separator that was found out."""
        return () if self.delimiter == "," else (f"Its cells are separated by {DELIMITERS[self.delimiter]}.",)

    def texts(self, cells: Sequence[str]) -> list[str]:
        """The texts of a row in the order of our columns, without spaces around them; of a row that is too short, as
        far as it goes."""
        size = len(cells)
        return [
            cells[place[0]].strip(SPACES)
            if len(place) == 1 and place[0] < size
            else " ".join(cells[one].strip(SPACES) for one in place if one < size).strip(SPACES)
            for place in self.places
        ]


def folded(name: str) -> str:
    """A column's name as it is compared."""
    return name.strip().strip("\ufeff").strip().casefold()


def in_columns(names: Sequence[str], side: Side, layout: Layout) -> Header | list[Complaint]:
    """Where the columns stand among these names."""
    places: dict[str, int] = {}
    given = [folded(name) for name in names]
    wrong: list[Complaint] = []
    for wanted in layout.wanted:
        key = folded(wanted)
        if given.count(key) > 1:
            problem = f"the column {wanted} stands there twice"
            wrong.append(Complaint(wanted, problem, "Export each column once, or rename the one that is not meant."))
        elif key not in given:
            wrong.append(_missing(wanted, names, layout))
        else:
            places[wanted] = given.index(key)
    for name in unread(side, layout):
        mend = "Name their column in the mapping file, or write it into fixed."
        wrong.append(Complaint(name, f"every row needs {name}, and no column is read as it", mend))
    if wrong:
        return wrong
    columns = (layout.columns.get(name, ()) for name in COLUMNS[side])
    return Header(tuple(tuple(places[one] for one in theirs) for theirs in columns), len(names))


def _missing(wanted: str, names: Sequence[str], layout: Layout) -> Complaint:
    taken = {folded(name) for name in layout.wanted}
    free = [told for name in names if (told := shown(name.strip(), 60)) and folded(name) not in taken]
    close = nearest(wanted, free, "") if free else ""
    mend = "Export it, or say in a mapping file how it is called, or [] if there is none."
    if close:
        mend = f"{close} Rename it to {wanted}, or say so in a mapping file."
    return Complaint(wanted, f"there is no column {wanted}", mend)


def of_line(line: str, side: Side, layout: Layout) -> Header | list[Complaint]:
    """The header in a line of text; what stands between its cells is found out unless the layout says it."""
    line = line.rstrip("\r\n")
    if any("\ud800" <= letter <= "\udfff" for letter in line):
        mend = 'Export the file in UTF-8, or say its encoding in a mapping file, such as encoding = "cp1252".'
        return [Complaint("", "the header is not in the encoding of the file", mend)]
    fitting = {one: _known(line, one, layout) for one in DELIMITERS}
    best = max(fitting, key=lambda one: fitting[one])
    delimiter = layout.delimiter or best
    cells = split(line, delimiter)
    if cells is None:
        return [
            Complaint("", "a quote in the header is not closed", "Write the header in one line, or without quotes.")
        ]
    if not _known(line, delimiter, layout):
        return [_no_separator(cells, delimiter, best if fitting[best] else "", layout)]
    found = in_columns(cells, side, layout)
    return found if isinstance(found, list) else Header(found.places, found.width, delimiter)


def _known(line: str, delimiter: str, layout: Layout) -> int:
    """How many of the columns that are read a separator makes of the header."""
    cells = {folded(cell) for cell in split(line, delimiter) or []}
    return sum(folded(name) in cells for name in layout.wanted)


def _no_separator(cells: Sequence[str], delimiter: str, best: str, layout: Layout) -> Complaint:
    if best:
        told = "tab" if best == "\t" else best
        problem = f"nothing in the header is known when it is separated by {DELIMITERS[delimiter]}"
        return Complaint("", problem, f'Say delimiter = "{told}" in the mapping file, or leave it out.')
    first = ", ".join(shown(cell.strip()) for cell in cells[:5])
    problem = f"none of the columns is there, whatever separates them; the first row says: {first[:120]}"
    mend = f"The first row has to name the columns: {', '.join(layout.wanted)}. Or name them in a mapping file."
    return Complaint("", problem, mend)


def split(text: str, delimiter: str) -> list[str] | None:
    """The cells of a row; None when its quotes do not fit."""
    try:
        rows = list(csv.reader([text], delimiter=delimiter, strict=True))
    except csv.Error:
        return None
    return rows[0] if len(rows) == 1 else None
