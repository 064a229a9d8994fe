"""A reconciliation as values: the cut, what was read of each side, and what came of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal

from tillbridge.diagnose.model import Finding, Side

Status = Literal["clean", "findings", "incomplete"]
"""`clean`: nothing found; `findings`: something was; `incomplete`: a side could not be read whole, whatever else."""

EXIT: Final[Mapping[Status, int]] = {"clean": 0, "findings": 1, "incomplete": 2}
"""The exit status of the command, by how the run ended."""


@dataclass(frozen=True, slots=True)
class Cut:
    """What the run looks at: credits that came into being from `since` (with it) until `until` (with it), as things
    stood at `as_of`. All aware."""

    since: datetime
    until: datetime
    as_of: datetime


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row that cannot be read. `row` counts from 1, the header being the first; 0 means the file as a whole. `name`
    is the row's transaction id, code or account, as far as it could be read; `field` the column, blank where it is the
    row itself."""

    side: Side
    file: str
    row: int
    name: str
    field: str
    problem: str
    mend: str


@dataclass(frozen=True, slots=True)
class SideRead:
    """What was read of one side. `origin` is a file's name or `hub` or a system's; `rows` those that can be used;
    `bad_rows` how many cannot, of which `bad` names the first; `remarks` are sentences that change nothing."""

    side: Side
    origin: str
    rows: int
    bad_rows: int
    bad: tuple[BadRow, ...]
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Run:
    """A reconciliation that came to its end. `matched` is how many credits in the window agree everywhere; `looked_at`
    how many came into being in it. `remarks` are sentences on the run as a whole. `seconds` is how long it took."""

    cut: Cut
    retailer: str
    time_zone: str
    map_file: str
    engine: str
    sides: tuple[SideRead, ...]
    findings: tuple[Finding, ...]
    looked_at: int
    matched: int
    remarks: tuple[str, ...]
    seconds: float

    @property
    def complete(self) -> bool:
        """Whether every row of every side could be read."""
        return all(side.bad_rows == 0 for side in self.sides)

    @property
    def status(self) -> Status:
        """How it ended."""
        if not self.complete:
            return "incomplete"
        return "findings" if self.findings else "clean"
