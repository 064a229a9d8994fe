"""What a reconciliation asks of a system that is live: its credits, page by page."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol, runtime_checkable

from tillbridge.kernel.errors import TillbridgeError

NOT_A_ROW: Final = "no row"
"""Under which a connector hands on what should have been a row, and is no JSON object."""


class ListingFault(TillbridgeError):
    """A system did not list: `problem` is a sentence without its full stop, `mend` what to do about it.

    `passing` is true when the same page may come when it is asked for again, not before `retry_after` seconds where
    the system named a time.
    """

    def __init__(self, problem: str, mend: str, *, passing: bool = False, retry_after: float | None = None) -> None:
        super().__init__(f"{problem}. {mend}")
        self.problem = problem
        self.mend = mend
        self.passing = passing
        self.retry_after = retry_after


@dataclass(frozen=True, slots=True)
class Page:
    """Some rows of a listing, as the system told them, and the place of the next page; blank after the last one."""

    rows: tuple[Mapping[str, Any], ...]
    following: str


@runtime_checkable
class Lister(Protocol):
    """The way to a system that can list its credits."""

    async def list_credits(self, after: str, limit: int) -> Page:
        """The page at a place, of about `limit` rows; blank is the first. Raises ListingFault."""
