"""How an export is written: its columns, its words, and how it spells numbers and times."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from tillbridge.diagnose.model import Side
from tillbridge.reconcile.columns import COLUMNS, NEEDED

Columns = Mapping[str, tuple[str, ...]]
"""By our column the columns of theirs that it is read from: several are joined with a blank, as a date and a time."""

DATES: Final[Mapping[str, str]] = {
    "ymd": "2026-11-05, the year first (ISO 8601)",
    "dmy": "05.11.2026 or 5/11/2026, the day first",
    "mdy": "11/05/2026, the month first",
}
"""The orders of a date."""

THOUSANDS: Final = ("", ",", ".", " ", "'")
DELIMITERS: Final[Mapping[str, str]] = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}
"""What can stand between two cells, and what it is called."""

ENCODINGS: Final = tuple(
    "utf-8 utf-16 utf-16-le utf-16-be cp1250 cp1251 cp1252 cp1253 cp1254 cp1257 cp437 cp850 iso-8859-1 iso-8859-2 "
    "iso-8859-15 mac-roman shift_jis gb18030 big5 euc-kr".split()
)
"""The encodings that a mapping file can name; UTF-8, and UTF-16 with its mark at the beginning, are found out."""


@dataclass(frozen=True, slots=True)
class Layout:
    """How a file is read.

    `fixed` is what is the same in every row, and `values` are words of theirs (in small letters) that stand for words
    of ours, both by our column. Blank `delimiter` and `encoding` are found out; a blank `time_zone` means that a time
    without an offset cannot be read; a blank `sheet` is the workbook's first.
    """

    columns: Columns
    fixed: Mapping[str, str] = field(default_factory=dict)
    values: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    delimiter: str = ""
    encoding: str = ""
    decimal: str = "."
    thousands: str = ""
    time_zone: str = ""
    dates: str = "ymd"
    sheet: str = ""

    @property
    def plain(self) -> bool:
        """Whether cells are written as in a canonical export, whatever its columns are called."""
        spelled = (self.decimal, self.thousands, self.time_zone, self.dates) == (".", "", "", "ymd")
        return spelled and not self.values and all(len(theirs) == 1 for theirs in self.columns.values())

    @property
    def wanted(self) -> tuple[str, ...]:
        """Every column of theirs that is read, once."""
        return tuple(dict.fromkeys(name for theirs in self.columns.values() for name in theirs))


def same(side: Side) -> Columns:
    """Our own columns under their own names."""
    return {name: (name,) for name in COLUMNS[side]}


def canonical(side: Side) -> Layout:
    """The hub's own export."""
    return Layout(same(side))


def unread(side: Side, layout: Layout) -> tuple[str, ...]:
    """The columns that no row may leave blank and that the layout neither reads nor fixes."""
    given = {*layout.columns, *layout.fixed}
    return tuple(name for name in COLUMNS[side] if name in NEEDED[side] and name not in given)
