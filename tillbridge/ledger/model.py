"""The ledger's values: what is asked of it and what it answers.

What passes through in thousands a second is a frozen Struct, which is made five times as fast as a frozen dataclass,
and which the collector of garbage need not look at: it cannot be part of a circle.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from msgspec import Struct

from tillbridge.kernel.errors import Refusal
from tillbridge.kernel.money import Money
from tillbridge.ledger.refusals import REFUSAL_BY_CODE, REFUSALS
from tillbridge.ledger.states import STATES, VERBS, State, Verb


class Origin(Struct, frozen=True, gc=False):
    """Where an event came from at the source. Blank texts where it is not known."""

    store: str = ""
    register: str = ""
    operator: str = ""
    transaction_id: str = ""


class Birth(Struct, frozen=True, gc=False):
    """What makes a credit what it is. `owner` is None exactly when `state` is unclaimed or pending, or for a gift card
    that belongs to whoever has it. A reissue takes kind, bucket, cohort date and priority from the old credit, and
    where `state` is None its state and owner as well."""

    kind: str
    bucket: str
    state: State | None
    code_hash: bytes
    code_last4: str
    cohort_date: date
    owner: UUID | None = None
    pin_hash: bytes | None = None
    priority: int = 100


class Use(Struct, frozen=True, gc=False):
    """A limit on a command: the counter `subject` takes at most so many minor units, and commands, on `day`. With a
    `credit_id`, what the command takes of that credit alone."""

    subject: str
    day: date
    amount_max: int | None = None
    count_max: int | None = None
    credit_id: UUID | None = None


class Posting(Struct, frozen=True, kw_only=True, gc=False):
    """One command to the ledger.

    `amount` is in minor units of `currency`; None where the verb moves what there is (void, expire, chargeback,
    reissue, and where it may: cash-out, transfer, capture) or nothing (claim, freeze). `house` is the account of the
    other leg. `request` is what the caller asked, for telling a repeat from a conflict. Then, where the verb takes it:

    - `birth`: issue, import, reissue; `owner`: claim, activate; `expires_at`: issue, activate, load, and expire: not
      before that moment, whatever the credit says
    - `ceiling`: the most that a credit may hold after issue, activate, load, transfer, or may hold to be cashed out;
      None is no ceiling, and no right to cash
    - `uses`: limits that the command counts against
    - `hold_id`, `hold_ends`: hold, capture, release, lapse; `whole`: a capture lets the rest of the hold go
    - `down`: an adjustment downwards; `expected`: the balance that the caller looked at
    - `other_id`: the new credit of a reissue, the target of a transfer; `others`: further credits to redeem from, in
      order; `other_events`: ids for the events on these, one each
    - `cause`: what a refund, a reissue or an expiry answers to; `approver`: who agreed
    - `trace`: what the credit is traced by elsewhere (issue, activate); nothing to the ledger itself
    """

    key: str
    verb: Verb
    credit_id: UUID
    event_id: UUID
    request: Mapping[str, Any]
    actor: str
    occurred_at: datetime
    amount: Money | None = None
    house: str = ""
    origin: Origin = Origin()
    reason: str = ""
    cause: str = ""
    approver: str = ""
    birth: Birth | None = None
    owner: UUID | None = None
    expires_at: datetime | None = None
    ceiling: int | None = None
    uses: tuple[Use, ...] = ()
    hold_id: UUID | None = None
    hold_ends: datetime | None = None
    whole: bool = False
    down: bool = False
    expected: int | None = None
    other_id: UUID | None = None
    others: tuple[UUID, ...] = ()
    other_events: tuple[UUID, ...] = ()
    trace: str = ""

    def collisions(self) -> tuple[object, ...]:
        """What no two postings of one batch may share: the key, the code of a new credit, a hold."""
        if self.birth is not None:
            return (self.key, self.birth.code_hash)
        return (self.key,) if self.hold_id is None else (self.key, self.hold_id)

    def subjects(self) -> tuple[UUID, ...]:
        """Commands on one credit are posted in the order in which they came."""
        if self.other_id is None and not self.others:
            return (self.credit_id,)
        return (self.credit_id, *self.others, *(() if self.other_id is None else (self.other_id,)))

    def alone(self) -> bool:
        """Whether what came before it on its credit must be committed first: a refund looks at what was redeemed."""
        return self.verb is Verb.REFUND


class Posted(Struct, frozen=True, gc=False):
    """What an event did: amounts in minor units, as they were right after it. `change` is what it did to the balance.

    `parts` are the same for the further credits of a command on several.
    """

    credit_id: UUID
    event_id: UUID
    version: int
    verb: Verb
    amount: int
    change: int
    balance: int
    held: int
    state: State
    owner: UUID | None
    expires_at: datetime | None
    hold_id: UUID | None
    hold_left: int | None
    currency: str
    occurred_at: datetime
    recorded_at: datetime
    parts: tuple["Posted", ...] = ()


class Answer(Struct, frozen=True, gc=False):
    """The answer to a posting: what it did or why it was refused, and whether this is the first answer again.

    `request` is what the first request said, on a replay; else empty. `elsewhere` are credit and version of the
    further parts of a replay, for whoever wants them read.
    """

    key: str
    credit_id: UUID
    result: Posted | Refusal
    replay: bool
    request: Mapping[str, Any] = {}
    elsewhere: tuple[tuple[UUID, int], ...] = ()


@dataclass(frozen=True, slots=True)
class CreditNow:
    """A credit as it stands. Amounts in minor units of `currency`. `issuer` is the store that owes it; a credit with a
    lower `priority` is spent first."""

    credit_id: UUID
    kind: str
    bucket: str
    currency: str
    code_last4: str
    cohort_date: date
    priority: int
    issuer: str
    replaces: UUID | None
    expires_at: datetime | None
    version: int
    balance: int
    held: int
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
        """What can be spent at a moment, in minor units: nothing unless the credit is active, and nothing of what is
        held."""
        return self.balance - self.held if self.state_at(at) is State.ACTIVE else 0


@dataclass(frozen=True, slots=True)
class Fixed:
    """What a command has to know of its credit before it is put together."""

    kind: str
    bucket: str
    expires_at: datetime | None


@dataclass(frozen=True, slots=True)
class Past:
    """What a credit has been through: all that was put on it, in minor units, and whether something was ever spent."""

    put_on: int
    used: bool


@dataclass(frozen=True, slots=True)
class KeptCode:
    """What is kept of a code: its credit, the keyed hash of its PIN if it has one, and who owns the credit now."""

    credit_id: UUID
    pin_hash: bytes | None
    owner: UUID | None


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a statement: an event with its money, in minor units."""

    version: int
    event_id: UUID
    verb: Verb
    amount: int
    change: int
    balance: int
    held: int
    currency: str
    state: State
    owner: UUID | None
    hold_id: UUID | None
    house: str
    key: str
    origin: Origin
    cause: str
    reason: str
    actor: str
    approver: str
    occurred_at: datetime
    recorded_at: datetime


@dataclass(frozen=True, slots=True)
class Hold:
    """A hold that is open: what is left of it, in minor units, and until when."""

    hold_id: UUID
    credit_id: UUID
    remaining: int
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Ended:
    """A credit whose last moment has passed, as it stands."""

    credit_id: UUID
    version: int
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class RefusedRequest:
    """A command that was refused, as it was stored."""

    key: str
    verb: Verb
    refusal: Refusal
    recorded_at: datetime


@dataclass(frozen=True, slots=True)
class Total:
    """What an account holds, in minor units: positive is owed to customers. `store` issued the credits, `state` is how
    they stand (blank for a house account); both are blank where they were not asked for."""

    account: str
    bucket: str
    currency: str
    store: str
    state: str
    amount: int
    credits: int
    entries: int


def first_difference(first: Mapping[str, Any], second: Mapping[str, Any]) -> str | None:
    """The name of the first field in which two requests differ, in the order of the second; None if they are equal."""
    for field in (*second, *(name for name in first if name not in second)):
        if first.get(field) != second.get(field):
            return field
    return None


__all__ = [
    "REFUSALS",
    "REFUSAL_BY_CODE",
    "STATES",
    "VERBS",
    "Answer",
    "Birth",
    "CreditNow",
    "Ended",
    "Fixed",
    "Hold",
    "KeptCode",
    "Line",
    "Origin",
    "Past",
    "Posted",
    "Posting",
    "RefusedRequest",
    "State",
    "Total",
    "Use",
    "Verb",
    "first_difference",
]
