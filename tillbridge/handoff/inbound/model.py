"""What is kept of sources: how far each has come, and the rows that could not be taken in."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID


class RowState(StrEnum):
    """How a row stands that could not be taken in."""

    OPEN = "open"
    REPLAYED = "replayed"
    DROPPED = "dropped"


@dataclass(frozen=True, slots=True)
class SourceNow:
    """A source as it stands. `cursor` is how far a feed has been read, `brought` what the last run brought, `trouble`
    why it did not end well, blank when it did; `failures` are those in a row. `token` is the newest lease's."""

    name: str
    rhythm: str
    cursor: Mapping[str, Any]
    next_run: datetime
    last_run: datetime | None
    last_end: datetime | None
    brought: Mapping[str, Any]
    trouble: str
    failures: int
    token: int
    lease_until: datetime | None


@dataclass(frozen=True, slots=True)
class FileSeen:
    """What became of a file: `taken` or `set-aside`, under which name and when. `newest` where no other file of its
    source was taken after it."""

    name: str
    state: str
    reason: str
    ended_at: datetime
    newest: bool


@dataclass(frozen=True, slots=True)
class SetAside:
    """A row that could not be taken in, on its way into quarantine. `print` is SHA-256 of where it stands and what it
    says, `refused` is 1 where the ledger refused it."""

    print: bytes
    place: str
    row_number: int
    raw: Mapping[str, Any]
    field: str
    problem: str
    mend: str
    refused: int = 0


@dataclass(frozen=True, slots=True)
class Quarantined:
    """A row in quarantine. `raw` is the row as it came, by their columns; None when it was dropped."""

    id: UUID
    source: str
    place: str
    row_number: int
    raw: Mapping[str, Any] | None
    field: str
    problem: str
    mend: str
    state: RowState
    refused: int
    came_at: datetime
