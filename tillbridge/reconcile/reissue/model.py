"""A plan to void and reissue, as frozen values: its items, where each can stand, and why one is left or waits.

States and reasons are written once, with a sentence each; the CHECK in schema.sql and docs/howto/reissue.md have the
same words, and a test keeps the three equal. Money is in minor units of the item's currency.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final
from uuid import UUID

import msgspec

from tillbridge.kernel.money import Money


class State(StrEnum):
    """Where an item stands. STATES has a sentence for each."""

    PLANNED = "planned"
    PERSON = "person"
    FROZEN = "frozen"
    PROVED = "proved"
    VOIDED = "voided"
    REISSUED = "reissued"
    HANDED = "handed"
    CONFIRMED = "confirmed"
    RELEASING = "releasing"
    LEFT = "left"


STATES: Final[Mapping[State, str]] = {
    State.PLANNED: "It is to be reissued, and nothing has been done to it yet.",
    State.PERSON: "A person has to decide about it.",
    State.FROZEN: "It is frozen, so that nobody can spend it while it is looked at.",
    State.PROVED: "The ledger and every channel that can be asked say that it is unspent.",
    State.VOIDED: "It is void; its money is owed, and the new credit comes next.",
    State.REISSUED: "The new credit is there, and belongs to the validated account.",
    State.HANDED: "The new credit is on its way to the web store.",
    State.CONFIRMED: "The web store has the new credit and said so.",
    State.RELEASING: "Something spoke against it: our freeze is being taken back.",
    State.LEFT: "It is left alone.",
}

NEXT: Final[Mapping[State, tuple[State, ...]]] = {
    State.PLANNED: (State.FROZEN, State.LEFT, State.PERSON),
    State.PERSON: (State.PLANNED, State.LEFT),
    State.FROZEN: (State.PROVED, State.RELEASING),
    State.PROVED: (State.VOIDED, State.RELEASING),
    State.VOIDED: (State.REISSUED,),
    State.REISSUED: (State.HANDED,),
    State.HANDED: (State.CONFIRMED,),
    State.CONFIRMED: (),
    State.RELEASING: (State.LEFT, State.PERSON),
    State.LEFT: (),
}
"""From which state to which. On the built-in ledger voided and reissued are one commit."""

WORKING: Final = frozenset(
    {State.PLANNED, State.FROZEN, State.PROVED, State.VOIDED, State.REISSUED, State.RELEASING}
)  # fmt: skip
"""The states that a run moves an item out of."""

GOES: Final = frozenset(State) - {State.PERSON, State.LEFT}
"""The states of an item that is to be reissued, is being, or was."""


class Reason(StrEnum):
    """Why an item is left alone, or waits for a person. REASONS has a sentence for each."""

    OTHER_MEND = "other-mend"
    ON_ITS_WAY = "on-its-way"
    UNKNOWN_CREDIT = "unknown-credit"
    IN_A_PLAN = "in-a-plan"
    SPENT = "spent"
    VOID = "void"
    EXPIRED = "expired"
    NOT_ACTIVE = "not-active"
    FROZEN = "frozen"
    HELD = "held"
    ARRIVED = "arrived"
    CHANGED = "changed"
    DECIDED = "decided"
    NO_ACCOUNT = "no-account"
    UNKNOWN_ACCOUNT = "unknown-account"
    SEVERAL_CREDITS = "several-credits"
    OTHER_OWNER = "other-owner"
    BEARER = "bearer"
    PARTLY_SPENT = "partly-spent"
    OTHER_AMOUNT = "other-amount"
    ELSEWHERE = "elsewhere"
    SILENT = "silent"


REASONS: Final[Mapping[Reason, str]] = {
    Reason.OTHER_MEND: "Another mend comes first.",
    Reason.ON_ITS_WAY: "It is on its way, and will be there by itself.",
    Reason.UNKNOWN_CREDIT: "The ledger does not know it: replay the sale first ('tillbridge replay sales').",
    Reason.IN_A_PLAN: "It is in another plan already.",
    Reason.SPENT: "It has been spent.",
    Reason.VOID: "It was taken back already.",
    Reason.EXPIRED: "Its last day has passed.",
    Reason.NOT_ACTIVE: "It is a card that was never activated.",
    Reason.FROZEN: "Somebody holds it back: it has to be unfrozen first.",
    Reason.HELD: "A sale that is not over holds some of it: plan it again when that is over.",
    Reason.ARRIVED: "The account shows it by now.",
    Reason.CHANGED: "Something happened to it while it was looked at: plan it again.",
    Reason.DECIDED: "A person decided to leave it.",
    Reason.NO_ACCOUNT: "No account is proved to be its customer's.",
    Reason.UNKNOWN_ACCOUNT: "Our directory does not know this account as a customer's.",
    Reason.SEVERAL_CREDITS: "Several credits of this sale are live: name the one by its code.",
    Reason.OTHER_OWNER: "On the ledger it belongs to another customer.",
    Reason.BEARER: "It belongs to whoever has the card in hand.",
    Reason.PARTLY_SPENT: "Some of it was spent: somebody uses it as it is.",
    Reason.OTHER_AMOUNT: "The findings and the ledger do not agree on what it is worth.",
    Reason.ELSEWHERE: "A channel shows it to another account.",
    Reason.SILENT: "A channel that may have it cannot tell whether it was spent there.",
}

FOR_A_PERSON: Final = frozenset(
    {
        Reason.NO_ACCOUNT, Reason.UNKNOWN_ACCOUNT, Reason.OTHER_OWNER, Reason.BEARER, Reason.PARTLY_SPENT,
        Reason.OTHER_AMOUNT, Reason.ELSEWHERE, Reason.SILENT,
    }
)  # fmt: skip
"""What a person can decide; for every other reason the item is left."""


def home_of(reason: Reason) -> State:
    """Where an item goes for this reason."""
    return State.PERSON if reason in FOR_A_PERSON else State.LEFT


@dataclass(frozen=True, slots=True)
class Against:
    """What speaks against reissuing a credit, and what was seen of it, as a sentence."""

    reason: Reason
    seen: str = ""

    @property
    def sentence(self) -> str:
        """Why, and what was seen."""
        return f"{REASONS[self.reason]} {self.seen}".strip()


@dataclass(frozen=True, slots=True)
class Item:
    """One finding of a plan, and what becomes of its credit. `sentence` is the newest that was seen of it; `version`
    is the credit's when it was planned; `tries` counts the decisions of persons about it; `vouched` means that a person
    looked where a channel cannot tell."""

    plan_id: int
    number: int
    finding_id: str
    kind: str
    cause: str
    transaction_id: str
    store: str
    credit: str
    last4: str
    amount: int
    currency: str
    system: str
    account_id: str
    customer_id: UUID | None
    state: State
    reason: str
    sentence: str
    evidence: Sequence[Mapping[str, Any]]
    candidates: Sequence[Mapping[str, Any]]
    planned_by: str
    decided_by: str = ""
    vouched: bool = False
    approved_by: str = ""
    approved_print: str = ""
    tries: int = 0
    version: int | None = None
    began_at: datetime | None = None
    frozen_version: int | None = None
    new_credit: str = ""
    new_last4: str = ""

    @property
    def money(self) -> Money:
        """What it held when it was planned: what is to be reissued."""
        return Money(self.amount, self.currency)

    @property
    def name(self) -> str:
        """`PLAN.ITEM.TRY`, in keys of commands."""
        return f"{self.plan_id}.{self.number}.{self.tries}"

    @property
    def print(self) -> str:
        """A print of what would be done: which credit, how much, to whom, on whose word. Nothing else is approved."""
        said = [self.plan_id, self.number, self.tries, self.credit, self.amount, self.currency, self.system]
        said += [self.account_id, str(self.customer_id), self.planned_by, self.decided_by]
        return hashlib.sha256(msgspec.json.encode(said)).hexdigest()

    @property
    def approved(self) -> bool:
        """Whether a second person approved it as it is now."""
        return self.approved_by != "" and self.approved_print == self.print


@dataclass(frozen=True, slots=True)
class Plan:
    """Who planned, from which findings, and above what a second person has to approve: more than `above` minor units of
    `currency`, for one credit or for the whole plan."""

    plan_id: int
    made_by: str
    made_at: datetime
    source: str
    source_print: str
    above: int
    currency: str


@dataclass(frozen=True, slots=True)
class Step:
    """One step of an item, as it was: what, when, by whom, and what was seen."""

    number: int
    what: str
    at: datetime
    by: str
    seen: str


@dataclass(frozen=True, slots=True)
class Move:
    """From where an item moves on to where, and what was seen."""

    to: State
    seen: str
    reason: str = ""
    frozen_version: int | None = None
    new_credit: str | None = None
    new_last4: str | None = None


def needs_second_person(plan: Plan, items: Sequence[Item]) -> bool:
    """Whether this much may not be given by one person alone: one credit, or all that is to be reissued together, is
    above the plan's limit. An amount in another currency cannot be held against it, and always needs one."""
    going = [item for item in items if item.state in GOES]
    if any(item.currency != plan.currency for item in going):
        return True
    return sum(item.amount for item in going) > plan.above


def unapproved(plan: Plan, items: Sequence[Item]) -> tuple[Item, ...]:
    """The items that a run may not begin before a second person approved them."""
    if not needs_second_person(plan, items):
        return ()
    return tuple(item for item in items if item.state is State.PLANNED and not item.approved)


def why_second_person(plan: Plan, items: Sequence[Item]) -> str:
    """Why this much may not be given by one person alone, as the rest of a sentence; only where `needs_second_person`
    says so."""
    if not plan.above:
        return "every plan does here, as no limit is set"
    foreign = sorted({item.currency for item in items if item.state in GOES} - {plan.currency})
    limit = Money(plan.above, plan.currency)
    if foreign:
        return f"{', '.join(foreign)} cannot be held against the limit of {limit}"
    return f"it gives more than {limit}"
