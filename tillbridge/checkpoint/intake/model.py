"""Rows on their way in, and how a run goes. What is fetched from is asked through the two protocols here."""

from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final, Protocol, runtime_checkable

from tillbridge.kernel.errors import TillbridgeError


class SourceAway(TillbridgeError):
    """A source cannot be read right now: `str(error)` is a sentence. `retry_after` is how long it asks to be left
    alone, None where it does not say."""

    def __init__(self, sentence: str, retry_after: timedelta | None = None) -> None:
        super().__init__(sentence)
        self.retry_after = retry_after


class WalkLost(SourceAway):
    """A feed no longer knows the page that it named as the next: the walk begins anew."""


class LeaseLost(TillbridgeError):
    """Somebody else has the source by now; what this run has not done, that one does."""


@dataclass(frozen=True, slots=True)
class Row:
    """A row that can be read: its number (the header of a file is 1), `raw` by their columns, `cells` by ours."""

    number: int
    raw: Mapping[str, Any]
    cells: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Wrong:
    """Why a row cannot be taken in: our column or `row`, what is wrong with it, and the mend. `refused` where the
    ledger has refused it, for good under its key."""

    field: str
    problem: str
    mend: str
    refused: bool = False


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row that cannot be read."""

    number: int
    raw: Mapping[str, Any]
    wrong: Wrong


@dataclass(frozen=True, slots=True)
class Entry:
    """A file as it lies there: what tells whether it is still the same one, and whether its marker is there."""

    name: str
    size: int
    changed: int
    inode: int
    marked: bool = False

    def same(self, other: "Entry | None") -> bool:
        """Whether nothing has been written to it between two looks."""
        return other is not None and asdict(self) | {"marked": 0} == asdict(other) | {"marked": 0}


class Shelf(Protocol):
    """A folder that files are put into, here or elsewhere. All methods raise SourceAway."""

    async def look(self) -> Mapping[str, Entry]:
        """The files that are meant, by name, without those that are still being written by their name."""

    def fetch(self, entry: Entry) -> AbstractAsyncContextManager[Path]:
        """The content of a file as a file of this machine, as long as the block lasts."""

    async def put_away(self, entry: Entry, folder: str, note: str = "") -> str:
        """Move a file into a folder below, whose name is `archive/2026-11-22`; never over another. A note is written
        beside it. The name that it got; blank when it is not the same file any more: then it stays."""


@dataclass(frozen=True, slots=True)
class Page:
    """Some rows of a feed as they came, and what to ask for the page behind them; blank at the end."""

    rows: tuple[Mapping[str, Any], ...]
    next: str


@runtime_checkable
class Feed(Protocol):
    """A system that tells its rows page by page."""

    async def page(self, since: datetime | None, after: str) -> Page:
        """The rows since a moment, behind a place that the page before named. Raises SourceAway, WalkLost."""


@dataclass(slots=True)
class Tally:
    """What a run brought: rows seen; sales confirmed now, before, and waiting for a second person; vouchers; accounts;
    rows put into quarantine now; files taken in, known from before, set aside, and left for later."""

    rows: int = 0
    confirmed: int = 0
    before: int = 0
    waiting: int = 0
    vouchers: int = 0
    accounts: int = 0
    quarantined: int = 0
    files: int = 0
    again: int = 0
    set_aside: int = 0
    left: int = 0

    def shown(self) -> dict[str, int]:
        """What there was of each."""
        return {name: number for name, number in asdict(self).items() if number}

    def sentence(self) -> str:
        """What there was, in words for a log."""
        told = [f"{number:,} {_WORDS[name][number != 1]}" for name, number in self.shown().items()]
        return ", ".join(told) or "nothing new"


_WORDS: Final[Mapping[str, tuple[str, str]]] = {
    "rows": ("row", "rows"),
    "confirmed": ("confirmed", "confirmed"),
    "before": ("confirmed before", "confirmed before"),
    "waiting": ("waiting for a second person", "waiting for a second person"),
    "vouchers": ("with a voucher", "with a voucher"),
    "accounts": ("account", "accounts"),
    "quarantined": ("put into quarantine", "put into quarantine"),
    "files": ("file taken in", "files taken in"),
    "again": ("file known from before", "files known from before"),
    "set_aside": ("file set aside", "files set aside"),
    "left": ("file left for later", "files left for later"),
}
"""What there was of each, for one and for many."""


@dataclass(frozen=True, slots=True)
class Ran:
    """How a run ended: what it brought, and what went wrong, blank where nothing did."""

    source: str
    brought: Mapping[str, int] = field(default_factory=dict)
    trouble: str = ""
