"""What was measured on the hops of a map, as values."""

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True)
class Span:
    """How long a hop's handoffs took from ready to confirmed, and how many of them came after their deadline."""

    hop: str
    count: int
    late: int
    p50: timedelta
    p95: timedelta


@dataclass(frozen=True, slots=True)
class Outcome:
    """Where a hop's handoffs stand, but for those on their way in time: `late` are open and past their deadline,
    `unknown` have been so for too long, `rejected` are those of the dead that the map or the target said no to."""

    hop: str
    total: int
    late: int
    dead: int
    parked: int
    unknown: int
    rejected: int


@dataclass(frozen=True, slots=True)
class Issued:
    """How many credits were issued, and how many of them had no owner then."""

    count: int
    unlinked: int
