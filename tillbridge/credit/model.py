"""What the verbs of stored value are asked, and what goes down to the ledger."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from tillbridge.kernel.money import Money
from tillbridge.ledger.model import Origin, Posting

KINDS: Final = ("store_credit", "gift_card")
BUCKETS: Final = ("paid", "refund", "goodwill", "promo")

HOUSE_OF_BUCKET: Final[Mapping[str, str]] = {
    "paid": "tender",
    "refund": "returns",
    "goodwill": "goodwill",
    "promo": "promo",
}
"""The account against which a credit of each bucket is issued."""

HOUSE_OF_REDEMPTION: Final = "sales"
HOUSE_OF_VOID: Final = "voided"


@dataclass(frozen=True, slots=True)
class Issue:
    """Issue one credit. Without an owner it is booked as unclaimed. `code` is plain, or blank to have one made.

    `request` is what the caller sent, personal texts as digests.
    """

    key: str
    actor: str
    kind: str
    bucket: str
    amount: Money
    occurred_at: datetime
    origin: Origin
    owner: UUID | None
    code: str
    expires_at: datetime | None
    request: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Redeem:
    """Spend `amount` of a credit."""

    key: str
    actor: str
    credit_id: UUID
    amount: Money
    occurred_at: datetime
    origin: Origin
    request: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Void:
    """Take a credit back: whatever it holds becomes nothing, for ever."""

    key: str
    actor: str
    credit_id: UUID
    occurred_at: datetime
    reason: str
    origin: Origin
    request: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Claim:
    """Link an unclaimed credit to a customer who proved who they are, and activate it."""

    key: str
    actor: str
    credit_id: UUID
    owner: UUID
    occurred_at: datetime


@dataclass(frozen=True, slots=True)
class Facts:
    """What never changes about a credit, and what its hops look at. `amount` is what was issued."""

    kind: str
    bucket: str
    last4: str
    amount: Money


@dataclass(frozen=True, slots=True)
class Work:
    """A posting with what the other systems are to be told of it. `owned` is whether a customer owns the credit."""

    posting: Posting
    facts: Facts
    payload: Mapping[str, Any]
    owned: bool

    def collisions(self) -> tuple[object, ...]:
        """What no two of one batch may share."""
        return self.posting.collisions()

    def subject(self) -> object:
        """Commands on one credit are posted in the order in which they came."""
        return self.posting.subject()
