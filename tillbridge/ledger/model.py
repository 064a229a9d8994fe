"""The ledger's values: states, refusals, what is asked of it and what it answers."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Any, Final
from uuid import UUID

from tillbridge.kernel.errors import Refusal
from tillbridge.kernel.money import Money


class Verb(StrEnum):
    """What can be done to a credit."""

    ISSUE = "issue"
    REDEEM = "redeem"
    VOID = "void"
    CLAIM = "claim"


class State(StrEnum):
    """Where a credit stands. STATES has a sentence for each."""

    PENDING = "pending"
    UNCLAIMED = "unclaimed"
    ACTIVE = "active"
    FROZEN = "frozen"
    VOID = "void"
    EXPIRED = "expired"


STATES: Final[Mapping[State, str]] = {
    State.PENDING: "Issued, but not activated yet: it cannot be spent.",
    State.UNCLAIMED: "Owed, but linked to no customer: it can be spent once it has been claimed.",
    State.ACTIVE: "It can be spent.",
    State.FROZEN: "Held back by a person: it cannot be spent until it is unfrozen.",
    State.VOID: "Taken back: it is worth nothing and never will be again.",
    State.EXPIRED: "Its last day has passed: it cannot be spent.",
}

REFUSALS: Final[tuple[Refusal, ...]] = (
    Refusal(
        "amount-not-positive",
        "The amount must be more than zero.",
        "amount is zero or negative; send a positive decimal string",
        "new_key",
        "amount",
    ),
    Refusal(
        "amount-too-fine",
        "The amount has too many decimals for this currency.",
        "amount is finer than the minor unit of its currency; round it before sending",
        "new_key",
        "amount",
    ),
    Refusal(
        "unknown-credit",
        "This credit is not known. Check the code and try again.",
        "no credit has this id or code",
        "never",
        "credit",
    ),
    Refusal(
        "code-taken",
        "This code belongs to another credit. Take a new card or voucher.",
        "another credit was issued with this code; send another code, or none to have one made",
        "new_key",
        "code",
    ),
    Refusal(
        "other-currency",
        "This credit is in another currency and cannot be used here.",
        "currency differs from the credit's; a credit holds one currency for ever",
        "never",
        "currency",
    ),
    Refusal(
        "credit-pending",
        "This credit is not ready to be spent yet. It must be claimed or activated first.",
        "the credit is pending or unclaimed; try again with a new key once it is active",
        "new_key",
        "credit",
    ),
    Refusal(
        "already-claimed",
        "This credit was claimed before. It is in the account that claimed it.",
        "the credit is active already; a claim links once",
        "never",
        "credit",
    ),
    Refusal(
        "credit-frozen",
        "This credit is on hold. Please ask the support team.",
        "the credit is frozen; unfreeze it, then send a new key",
        "new_key",
        "credit",
    ),
    Refusal(
        "credit-void",
        "This credit was taken back and is worth nothing.",
        "the credit is void",
        "never",
        "credit",
    ),
    Refusal(
        "credit-expired",
        "This credit has expired.",
        "expires_at has passed",
        "never",
        "credit",
    ),
    Refusal(
        "over-limit",
        "This amount is above the limit for one credit.",
        "amount is above `amount.max` of the authority in the stack map",
        "new_key",
        "amount",
    ),
    Refusal(
        "not-enough-available",
        "There is not enough left on this credit.",
        "amount is more than the available balance; redeem less with a new key",
        "new_key",
        "amount",
    ),
)
"""Every refusal, in order of precedence: the same order as the enum `ledger.refusal` in schema.sql."""

REFUSAL_BY_CODE: Final[Mapping[str, Refusal]] = {refusal.code: refusal for refusal in REFUSALS}


@dataclass(frozen=True, slots=True)
class Origin:
    """Where an event came from at the source. Blank texts where it is not known."""

    store: str = ""
    register: str = ""
    operator: str = ""
    transaction_id: str = ""


@dataclass(frozen=True, slots=True)
class Issued:
    """What only an issue says: the credit to be. `owner` is None exactly when `state` is unclaimed or pending."""

    kind: str
    bucket: str
    state: State
    owner: UUID | None
    code_hash: bytes
    code_last4: str
    expires_at: datetime | None
    cohort_date: date
    ceiling: int | None


@dataclass(frozen=True, slots=True)
class Posting:
    """One command to the ledger.

    `amount` is in minor units of `currency`; None where the verb moves what there is (void) or nothing (claim).
    `house` is the account of the other leg. `request` is what the caller asked, for telling a repeat from a conflict.
    """

    key: str
    verb: Verb
    credit_id: UUID
    event_id: UUID
    amount: Money | None
    house: str
    request: Mapping[str, Any]
    actor: str
    occurred_at: datetime
    origin: Origin = Origin()
    reason: str = ""
    issued: Issued | None = None
    owner: UUID | None = None

    def collisions(self) -> tuple[object, ...]:
        """What no two postings of one batch may share: the key, and the code of a new credit."""
        return (self.key,) if self.issued is None else (self.key, self.issued.code_hash)

    def subject(self) -> object:
        """Commands on one credit are posted in the order in which they came."""
        return self.credit_id


@dataclass(frozen=True, slots=True)
class Posted:
    """What an event did: balances in minor units, as they were right after it."""

    credit_id: UUID
    event_id: UUID
    version: int
    verb: Verb
    amount: int
    balance: int
    state: State
    owner: UUID | None
    occurred_at: datetime
    recorded_at: datetime


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer to a posting: what it did or why it was refused, and whether this is the first answer again."""

    key: str
    credit_id: UUID
    result: Posted | Refusal
    replay: bool
    request: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class CreditNow:
    """A credit as it stands. Amounts in minor units of `currency`."""

    credit_id: UUID
    kind: str
    bucket: str
    currency: str
    code_last4: str
    expires_at: datetime | None
    version: int
    balance: int
    issued: int
    state: State
    owner: UUID | None
    issue_event_id: UUID
    issue_key: str
    origin: Origin
    occurred_at: datetime
    recorded_at: datetime

    def state_at(self, at: datetime) -> State:
        """How it stands at a moment: one whose last moment has passed is expired, whatever was recorded before."""
        over = self.expires_at is not None and self.expires_at <= at
        return State.EXPIRED if over and self.state is not State.VOID else self.state

    def available(self, at: datetime) -> int:
        """What can be spent at a moment, in minor units: nothing unless the credit is active."""
        return self.balance if self.state_at(at) is State.ACTIVE else 0


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a statement: an event with its money, in minor units."""

    version: int
    event_id: UUID
    verb: Verb
    amount: int
    balance: int
    currency: str
    state: State
    owner: UUID | None
    house: str
    key: str
    origin: Origin
    reason: str
    actor: str
    occurred_at: datetime
    recorded_at: datetime


@dataclass(frozen=True, slots=True)
class RefusedRequest:
    """A command that was refused, as it was stored."""

    key: str
    verb: Verb
    refusal: Refusal
    recorded_at: datetime


@dataclass(frozen=True, slots=True)
class Total:
    """What an account holds, in minor units: positive is owed to customers."""

    account: str
    currency: str
    amount: int
    entries: int


def first_difference(first: Mapping[str, Any], second: Mapping[str, Any]) -> str | None:
    """The name of the first field in which two requests differ, in the order of the second; None if they are equal."""
    for field in (*second, *(name for name in first if name not in second)):
        if first.get(field) != second.get(field):
            return field
    return None
