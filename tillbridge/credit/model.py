"""What the verbs of stored value are asked. Amounts are Money; `origin` says where it happened; a blank code or PIN
means to have a code made, and no PIN."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from msgspec import Struct

from tillbridge.kernel.money import Money
from tillbridge.ledger.model import Origin

KINDS: Final = ("store_credit", "gift_card")
BUCKETS: Final = ("paid", "refund", "goodwill", "promo")


class Command(Struct, frozen=True, kw_only=True, gc=False):
    """What every command says: its idempotency key, who asks, when it happened at the source, and where."""

    key: str
    actor: str
    occurred_at: datetime
    origin: Origin = Origin()


class Issue(Command, frozen=True, kw_only=True, gc=False):
    """Issue one credit. Without an owner it is booked as unclaimed, unless `bearer` says that whoever has it may spend
    it. `code` is plain. `request` is what the caller sent, personal texts as digests. `trace` is the traceparent that
    came with it, or blank."""

    kind: str
    bucket: str
    amount: Money
    owner: UUID | None
    code: str
    expires_at: datetime | None
    request: Mapping[str, Any]
    bearer: bool = False
    pin: str = ""
    priority: int = 100
    reason: str = ""
    approver: str = ""
    trace: str = ""


class Import(Command, frozen=True, kw_only=True, gc=False):
    """Make a card's number known before it is sold: an inactive gift card, worth nothing yet."""

    currency: str
    code: str
    bucket: str = "paid"
    pin: str = ""
    expires_at: datetime | None = None


class Activate(Command, frozen=True, kw_only=True, gc=False):
    """Sell an imported card: it gets its money, and its owner if it has one. `named` is what the caller said of the
    owner, by which a repeat is told; blank where that is the owner itself. `approver` agreed, where somebody had to.
    `trace` is as in Issue."""

    credit_id: UUID
    amount: Money
    owner: UUID | None = None
    expires_at: datetime | None = None
    named: str = ""
    approver: str = ""
    trace: str = ""


class Load(Command, frozen=True, kw_only=True, gc=False):
    """Put more money on a credit. `expires_at` may put its last moment off, never forward. `approver` agreed, where
    somebody had to."""

    credit_id: UUID
    amount: Money
    expires_at: datetime | None = None
    approver: str = ""


class Redeem(Command, frozen=True, kw_only=True, gc=False):
    """Spend `amount` of a credit."""

    credit_id: UUID
    amount: Money


class RedeemOver(Command, frozen=True, kw_only=True, gc=False):
    """Spend `amount` from several credits of a customer, in the order given, all or nothing. `named` is what the caller
    said of the customer, by which a repeat is told; blank where that is the customer itself."""

    customer: UUID
    credits: tuple[UUID, ...]
    amount: Money
    named: str = ""


class PlaceHold(Command, frozen=True, kw_only=True, gc=False):
    """Set `amount` of a credit aside until a moment."""

    credit_id: UUID
    amount: Money
    ends: datetime


class Capture(Command, frozen=True, kw_only=True, gc=False):
    """Spend what a hold set aside: `amount`, or all of it. The rest is let go, unless `more` is to come."""

    hold_id: UUID
    credit_id: UUID
    amount: Money | None = None
    more: bool = False


class Release(Command, frozen=True, kw_only=True, gc=False):
    """Let go what a hold set aside."""

    hold_id: UUID
    credit_id: UUID


class Lapse(Command, frozen=True, kw_only=True, gc=False):
    """Let go what a hold set aside whose time is up."""

    hold_id: UUID
    credit_id: UUID


class Refund(Command, frozen=True, kw_only=True, gc=False):
    """Give back to the same credit what was spent of it in the transaction `cause`, or part of it."""

    credit_id: UUID
    amount: Money
    cause: str


class Void(Command, frozen=True, kw_only=True, gc=False):
    """Take a credit back: whatever it holds becomes nothing, for ever. With `expected`, only if it holds that."""

    credit_id: UUID
    reason: str
    expected: Money | None = None


class Chargeback(Command, frozen=True, kw_only=True, gc=False):
    """Take back a credit whose purchase was charged back, at once, whatever a sale holds of it."""

    credit_id: UUID
    reason: str


class Expire(Command, frozen=True, kw_only=True, gc=False):
    """End a credit whose last moment has passed."""

    credit_id: UUID


class Reissue(Command, frozen=True, kw_only=True, gc=False):
    """Take a credit back and issue a new one for what it holds, as one event. Expiry, cohort date, issuer, kind, bucket
    and priority are inherited, and the owner too where none is given: it stays whose it is, or whoever's has it.
    `bearer` makes it the latter; `unclaimed` makes it nobody's, to be claimed. `customer` is what the caller said of
    the owner, by which a repeat is told; None where that is the owner itself."""

    credit_id: UUID
    owner: UUID | None
    reason: str
    code: str = ""
    pin: str = ""
    cause: str = ""
    bearer: bool = False
    unclaimed: bool = False
    customer: str | None = None
    expected: Money | None = None


class Transfer(Command, frozen=True, kw_only=True, gc=False):
    """Move `amount`, or all that is available, to another credit of the same bucket and customer."""

    credit_id: UUID
    to: UUID
    amount: Money | None = None
    reason: str = ""


class CashOut(Command, frozen=True, kw_only=True, gc=False):
    """Pay out in cash what a credit holds. `place` (ISO 3166-2) is where it was asked for: its law says whether."""

    credit_id: UUID
    place: str


class Adjust(Command, frozen=True, kw_only=True, gc=False):
    """Correct a balance by hand, up or `down`. `approver` agreed, where somebody had to."""

    credit_id: UUID
    amount: Money
    down: bool
    reason: str
    approver: str = ""


class Freeze(Command, frozen=True, kw_only=True, gc=False):
    """Hold a credit back."""

    credit_id: UUID
    reason: str


class Unfreeze(Command, frozen=True, kw_only=True, gc=False):
    """Let a frozen credit go again."""

    credit_id: UUID
    reason: str


class Claim(Command, frozen=True, kw_only=True, gc=False):
    """Link an unclaimed credit to a customer who proved who they are, and activate it."""

    credit_id: UUID
    owner: UUID


Submitted = (
    Issue | Import | Activate | Load | Redeem | RedeemOver | PlaceHold | Capture | Release | Lapse | Refund | Void
    | Chargeback | Expire | Reissue | Transfer | CashOut | Adjust | Freeze | Unfreeze
)  # fmt: skip
"""Everything that the desk takes. A claim comes in by a door of its own."""
