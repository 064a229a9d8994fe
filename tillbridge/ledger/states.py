"""What can be done to a credit, where it can stand, and how one leads to the other: written once, with words.

`ledger.becomes` in schema.sql is the same table for the database; a test keeps the two equal.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final


class Verb(StrEnum):
    """What can be done to a credit. VERBS has a sentence for each."""

    IMPORT = "import"
    ISSUE = "issue"
    ACTIVATE = "activate"
    LOAD = "load"
    REDEEM = "redeem"
    HOLD = "hold"
    CAPTURE = "capture"
    RELEASE = "release"
    LAPSE = "lapse"
    REFUND = "refund"
    VOID = "void"
    CLAIM = "claim"
    REISSUE = "reissue"
    TRANSFER = "transfer"
    EXPIRE = "expire"
    CASH_OUT = "cash-out"
    ADJUST = "adjust"
    FREEZE = "freeze"
    UNFREEZE = "unfreeze"
    CHARGEBACK = "chargeback"


class State(StrEnum):
    """Where a credit stands. STATES has a sentence for each."""

    PENDING = "pending"
    UNCLAIMED = "unclaimed"
    ACTIVE = "active"
    FROZEN = "frozen"
    VOID = "void"
    EXPIRED = "expired"


VERBS: Final[Mapping[Verb, str]] = {
    Verb.IMPORT: "A card's number is made known before it is sold: it is worth nothing yet.",
    Verb.ISSUE: "A credit comes into being, and the retailer owes it.",
    Verb.ACTIVATE: "A card that was imported is sold: it gets its money and can be spent.",
    Verb.LOAD: "More money is put on it.",
    Verb.REDEEM: "It is spent, whole or in part.",
    Verb.HOLD: "Part of it is set aside for a sale; nobody else can spend that part.",
    Verb.CAPTURE: "What was set aside is spent, whole or in part.",
    Verb.RELEASE: "What was set aside is let go.",
    Verb.LAPSE: "The time of a hold is up: what it set aside is let go.",
    Verb.REFUND: "What was spent in a sale is given back to the same credit.",
    Verb.VOID: "It is taken back: whatever it held is worth nothing, for ever.",
    Verb.CLAIM: "Its customer proved who they are: it is linked to their account and can be spent.",
    Verb.REISSUE: "It is taken back and a new credit stands in for it: same money, same terms, same age.",
    Verb.TRANSFER: "Money moves from one credit of a customer to another.",
    Verb.EXPIRE: "Its last day has passed: what is left is no longer owed.",
    Verb.CASH_OUT: "What is left is paid out in cash, as the law or the retailer allows.",
    Verb.ADJUST: "A person corrects its balance, up or down, with a reason.",
    Verb.FREEZE: "A person holds it back.",
    Verb.UNFREEZE: "A person lets it go again: it stands as before it was frozen.",
    Verb.CHARGEBACK: "Its purchase was charged back: it is taken back at once, with whatever a sale held of it.",
}

STATES: Final[Mapping[State, str]] = {
    State.PENDING: "Issued, but not activated yet: it cannot be spent.",
    State.UNCLAIMED: "Owed, but linked to no customer: it can be spent once it has been claimed.",
    State.ACTIVE: "It can be spent.",
    State.FROZEN: "Held back by a person: it cannot be spent until it is unfrozen.",
    State.VOID: "Taken back: it is worth nothing and never will be again.",
    State.EXPIRED: "Its last day has passed: it cannot be spent.",
}

BIRTHS: Final[Mapping[Verb, tuple[State, ...]]] = {
    Verb.IMPORT: (State.PENDING,),
    Verb.ISSUE: (State.UNCLAIMED, State.ACTIVE),
    Verb.REISSUE: (State.UNCLAIMED, State.ACTIVE),
}
"""The verbs by which a credit comes into being, and how it can stand then."""

_STAYS_ACTIVE: Final = {State.ACTIVE: State.ACTIVE}
_STAYS: Final = {**_STAYS_ACTIVE, State.FROZEN: State.FROZEN}
_ENDS: Final = dict.fromkeys((State.PENDING, State.UNCLAIMED, State.ACTIVE, State.FROZEN), State.VOID)  # fmt: skip

TRANSITIONS: Final[Mapping[Verb, Mapping[State, State]]] = {
    Verb.ACTIVATE: {State.PENDING: State.ACTIVE},
    Verb.LOAD: _STAYS_ACTIVE,
    Verb.REDEEM: _STAYS_ACTIVE,
    Verb.HOLD: _STAYS_ACTIVE,
    Verb.CAPTURE: _STAYS_ACTIVE,
    Verb.RELEASE: _STAYS,
    Verb.LAPSE: _STAYS,
    Verb.REFUND: _STAYS,
    Verb.VOID: _ENDS,
    Verb.CLAIM: {State.UNCLAIMED: State.ACTIVE},
    Verb.REISSUE: dict.fromkeys((State.UNCLAIMED, State.ACTIVE, State.FROZEN), State.VOID),
    Verb.TRANSFER: _STAYS_ACTIVE,
    Verb.EXPIRE: dict.fromkeys((State.PENDING, State.UNCLAIMED, State.ACTIVE), State.EXPIRED),
    Verb.CASH_OUT: _STAYS_ACTIVE,
    Verb.ADJUST: {**_STAYS, State.UNCLAIMED: State.UNCLAIMED},
    Verb.FREEZE: dict.fromkeys((State.PENDING, State.UNCLAIMED, State.ACTIVE), State.FROZEN),
    Verb.CHARGEBACK: _ENDS,
}
"""From which state to which. A verb does not apply in a state that is not listed. Unfreeze leads back to the state
before the freeze and is not listed for that reason."""


def becomes(verb: Verb, state: State, before_freeze: State | None = None) -> State | None:
    """How a credit stands after a verb; None where the verb does not apply. `before_freeze` is for a frozen one."""
    if verb is Verb.UNFREEZE:
        return before_freeze if state is State.FROZEN else None
    return TRANSITIONS.get(verb, {}).get(state)
