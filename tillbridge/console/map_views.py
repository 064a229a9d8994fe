"""What the page of the map shows, as frozen values."""

from dataclasses import dataclass
from datetime import datetime

from tillbridge.console.views import Badge
from tillbridge.stack.assess import Assessment
from tillbridge.stack.draw import HopView
from tillbridge.stack.edition import Edition


@dataclass(frozen=True, slots=True)
class HopLine:
    """One hop: promise, what is changed on the way, and its figures. `p95` is in words, blank where none was measured;
    `carried` is false where the hub has no part in it. `lost` marks the hop at which things get lost."""

    name: str
    words: str
    promise: str
    changes: str
    badge: Badge
    in_flight: int
    late: int
    dead: int
    unknown: int
    p95: str
    carried: bool
    lost: bool


@dataclass(frozen=True, slots=True)
class MapView:
    """The map that is in force. `refused` says why a newer text of it is not, blank where it is."""

    at: datetime
    authority: str
    edition: Edition
    hops: tuple[HopView, ...]
    lines: tuple[HopLine, ...]
    assessment: Assessment
    history: tuple[Edition, ...]
    refused: str
