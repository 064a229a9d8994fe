"""One case as seen from one scope: what the rules of classes and causes ask it. Pure.

A moment is of interest for what came into being in the window; a credit older than that has no register export behind
it, and is no finding for lacking one.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import Final

from tillbridge.diagnose.model import Booked, Case, Evidence, Held, Sale, Side
from tillbridge.diagnose.way import Leg, Way

LIVE: Final = frozenset({"active", "unclaimed"})
"""The states in which a credit is to be found online. One that is not activated yet, or that a person holds back, is
not; nor is one that is gone."""

GONE: Final = frozenset({"void", "expired"})
"""The states of a credit that is worth nothing any more without having been spent."""

SAME_MOMENT: Final = timedelta(minutes=5)
"""A sale and its credit on the platform are not further apart: what the platform has from right after the start of the
window may have been sold right before it."""


@dataclass(frozen=True, slots=True)
class Scope:
    """What is looked at: what came into being from `since` until `until`, as things stood at `as_of`; the way of a
    credit, and the sides that were read."""

    since: datetime
    until: datetime
    as_of: datetime
    way: Way
    read: frozenset[Side]


@dataclass(frozen=True)
class View:
    """A case and the scope, with what follows from both."""

    case: Case
    scope: Scope

    @cached_property
    def sale(self) -> Sale | None:
        """The sale behind it; the first one where there are several."""
        return min(self.case.sales, key=lambda one: (one.occurred_at, one.transaction_id), default=None)

    @cached_property
    def sold(self) -> int:
        """What was paid for it at the registers in all: what was loaded later is a sale of its own."""
        return sum(one.amount for one in self.case.sales)

    @cached_property
    def held(self) -> Held | None:
        """The credit on the platform; where one code is there twice, the one that is worth most."""
        return max(self.case.held, key=lambda one: (one.state not in GONE, one.balance, one.credit_id), default=None)

    @cached_property
    def posted(self) -> Booked | None:
        """The document by which the books have it; the first one where there are several."""
        return min(self.documents, key=lambda one: (str(one.posted_at or ""), one.document_id), default=None)

    @cached_property
    def documents(self) -> tuple[Booked, ...]:
        """All documents by which the books have it."""
        return tuple(one for one in self.case.booked if one.status == "posted")

    @cached_property
    def booked(self) -> int | None:
        """What the books have of it in all; None where a document does not say."""
        amounts = [one.amount for one in self.documents if one.amount is not None]
        return sum(amounts) if amounts and len(amounts) == len(self.documents) else None

    @cached_property
    def failed(self) -> Booked | None:
        """The newest document that the books could not take, where none was taken."""
        if self.posted is not None:
            return None
        errors = [one for one in self.case.booked if one.status == "error"]
        return max(errors, key=lambda one: (one.posted_at is not None, one.posted_at, one.document_id), default=None)

    @cached_property
    def available(self) -> int:
        """What all accounts of the web store show of it together."""
        return sum(one.available for one in self.case.shown)

    @property
    def shown_once(self) -> bool:
        """Whether one account alone shows something of it: two that show the same do not tell what was spent."""
        return sum(one.available > 0 for one in self.case.shown) == 1

    @cached_property
    def shown_at(self) -> datetime | None:
        """When the web store last changed what it shows."""
        return max((one.updated_at for one in self.case.shown if one.updated_at), default=None)

    @cached_property
    def spent(self) -> int:
        """What was spent of it by the platform's book; nothing of a credit that was taken back, or that was loaded with
        more than was spent."""
        return 0 if self.held is None or self.held.state in GONE else max(self.held.issued - self.held.balance, 0)

    @cached_property
    def born_at(self) -> datetime | None:
        """When it came into being, by whoever says so first in line: register, platform, books, web store."""
        if self.sale is not None:
            return self.sale.occurred_at
        if self.held is not None:
            return self.held.issued_at
        booked = min((one.posted_at for one in self.case.booked if one.posted_at), default=None)
        return booked or self.shown_at

    @cached_property
    def in_window(self) -> bool:
        """Whether it came into being in the window. What nobody dates is looked at."""
        return self.born_at is None or self.scope.since <= self.born_at <= self.scope.until

    @cached_property
    def touched(self) -> bool:
        """Whether it came into being or was changed in the window."""
        moments = [self.held.last_activity_at if self.held else None, self.shown_at]
        return self.in_window or any(self.scope.since <= at <= self.scope.until for at in moments if at)

    @cached_property
    def by_order(self) -> bool:
        """Whether an online order stands behind it, by what the platform says."""
        return self.held is not None and self.held.origin == "online_order" and bool(self.held.transaction_id)

    @cached_property
    def replaced(self) -> bool:
        """Whether it stands in for another credit of the same sale that was taken back."""
        return self.held is not None and self.sale is not None and self.sale.code not in ("", self.case.code)

    def has(self, side: Side) -> bool:
        """Whether a side was read."""
        return side in self.scope.read

    def late(self, legs: Iterable[Leg], since: datetime) -> bool:
        """Whether all that was promised for these legs is over."""
        for leg in legs:
            since = self.scope.way.deadline(leg, since)
        return self.scope.as_of > since

    def stuck(self, legs: tuple[Leg, ...]) -> tuple[Leg, datetime] | None:
        """The first leg whose end does not have it, and since when its start has; None when every end has it."""
        since = self.held.issued_at if self.held else self.born_at
        for leg in legs:
            arrived, at = self._arrived(leg)
            if since is None or not arrived:
                return leg, since or self.scope.as_of
            since = at or self.scope.way.deadline(leg, since)
        return None

    def _arrived(self, leg: Leg) -> tuple[bool, datetime | None]:
        """Whether the end of a leg has it, and since when, as far as it says so."""
        if leg.side is Side.PLATFORM:
            return self.held is not None, self.held.issued_at if self.held else None
        if leg.side is Side.ERP:
            return self.posted is not None, self.posted.posted_at if self.posted else None
        return bool(self.case.shown), self.shown_at


def fact(at: datetime | None, source: str, text: str) -> Evidence:
    """One fact. `source` is a side, a hop, or `map`."""
    return Evidence(at, source, text)
