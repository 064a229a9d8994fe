"""What is read of a file, and what is wrong with it, as frozen values."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tillbridge.diagnose.model import Side
from tillbridge.reconcile.model import BadRow, SideRead
from tillbridge.reconcile.sources.layout import Layout

NAMED: Final = 1000
"""How many bad rows are named; the others are only counted."""

LONGEST: Final = 4000
"""Characters that a cell may have: an error's whole text, and far more than any name or code."""

SPACES: Final = " \t\n\r\v\f"
"""What is taken off both ends of a cell: what every engine takes off."""

_NAMES: Final = "transaction_id code", "code credit_id", "account_id code", "document_id transaction_id code"
NAMES: Final[Mapping[Side, tuple[str, ...]]] = {
    side: tuple(columns.split()) for side, columns in zip(Side, _NAMES, strict=True)
}
"""By which columns a bad row is called: the first that is not blank."""


def shown(text: str, most: int = 40) -> str:
    """A text of theirs within a sentence: on one line, not longer than a glance."""
    plain = "".join(letter if letter.isprintable() else "?" for letter in text[:most])
    return f"{plain}…" if len(text) > most else plain


@dataclass(frozen=True, slots=True)
class Complaint:
    """What is wrong with one row, or with the file (row 0), or its header (row 1); `field` is blank where it is the row
    itself."""

    field: str
    problem: str
    mend: str
    row: int = 0
    name: str = ""

    def at(self, row: int, name: str = "") -> "Complaint":
        """The same, of this row."""
        return Complaint(self.field, self.problem, self.mend, row, name)

    def bad_row(self, side: Side, file: str) -> BadRow:
        """The same, as the reconciliation lists it."""
        return BadRow(side, file, self.row, self.name, self.field, self.problem, self.mend)


@dataclass(frozen=True, slots=True)
class Tally:
    """Bad rows: how many, and the first of them; and sentences that change nothing."""

    bad_rows: int = 0
    bad: tuple[Complaint, ...] = ()
    remarks: tuple[str, ...] = ()

    def __add__(self, other: "Tally") -> "Tally":
        first = sorted((*self.bad, *other.bad), key=lambda one: one.row)[:NAMED]
        return Tally(self.bad_rows + other.bad_rows, tuple(first), (*self.remarks, *other.remarks))


def refused(complaints: Iterable[Complaint]) -> Tally:
    """What is wrong with a file that cannot be used at all."""
    listed = tuple(complaints)
    return Tally(len(listed), listed[:NAMED])


@dataclass(frozen=True, slots=True)
class Staged:
    """Where the rows are that can be used: `typed` are Parquet files of ours; `lies` says that the file itself is one,
    and is typed as it is asked; `left` is a file of the numbers of its rows that are not; `as_typed` are its columns of
    texts that hold them just as they are typed. `tally` is what was wrong, as far as it is known before rows that stand
    twice."""

    typed: tuple[Path, ...]
    tally: Tally
    lies: bool = False
    left: Path | None = None
    as_typed: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Loaded:
    """One side, read: `read` is what came of it, the rest is where `reading.table` finds its rows. `dropped` is a file
    of the numbers of rows that stand twice, or None."""

    read: SideRead
    path: Path
    layout: Layout
    staged: Staged
    dropped: Path | None = None
