"""Who is asking, and what they may do."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Right(StrEnum):
    """One thing that can be granted: the closed list. Which role has which is data (`api.role`)."""

    ISSUE = "issue"
    ACTIVATE = "activate"
    LOAD = "load"
    REDEEM = "redeem"
    HOLD = "hold"
    REFUND = "refund"
    CASH_OUT = "cash-out"
    CARD_PRESENT = "card-present"
    READ = "read"
    BATCH = "batch"
    VOID = "void"
    REISSUE = "reissue"
    TRANSFER = "transfer"
    EXPIRE = "expire"
    ADJUST = "adjust"
    FREEZE = "freeze"
    APPROVE = "approve"
    IMPORT = "import"
    CHARGEBACK = "chargeback"
    EVENTS = "events"
    REPLAY = "replay"
    REVIEW = "review"
    CONSOLE = "console"
    METRICS = "metrics"


RIGHTS: Final[Mapping[Right, str]] = {
    Right.ISSUE: "Issue a credit.",
    Right.ACTIVATE: "Activate a card that was imported as a number only.",
    Right.LOAD: "Put money on a credit.",
    Right.REDEEM: "Spend from a credit.",
    Right.HOLD: "Hold an amount of a credit back, capture it and release it.",
    Right.REFUND: "Give back to a credit what was spent from it.",
    Right.CASH_OUT: "Pay out in cash what is left on a credit.",
    Right.CARD_PRESENT: "Look up a card without its PIN: it is in the hand of whoever asks.",
    Right.READ: "Read credits, statements and trails, and look up codes.",
    Right.BATCH: "Send many commands in one request; each still needs its own right.",
    Right.VOID: "Take a credit back.",
    Right.REISSUE: "Void a credit and issue another in its place.",
    Right.TRANSFER: "Move what a credit holds to another one.",
    Right.EXPIRE: "Expire a credit.",
    Right.ADJUST: "Correct a balance up or down, with a reason.",
    Right.FREEZE: "Freeze a credit and unfreeze it.",
    Right.APPROVE: "Be the second person for what waits for one.",
    Right.IMPORT: "Bring in numbers of cards that are not active yet.",
    Right.CHARGEBACK: "Take back what was bought with a payment that was charged back.",
    Right.EVENTS: "Tell the hub what happened in the system that the key speaks for.",
    Right.REPLAY: "Set dead or parked handoffs going again, and say what became of them.",
    Right.REVIEW: "Decide whose a credit is and who is one person, with evidence, and take that back.",
    Right.CONSOLE: "See the pages for people, handoffs and reviews.",
    Right.METRICS: "Read how the hub and its hops are doing.",
}
"""What each right lets its holder do."""


@dataclass(frozen=True, slots=True)
class Actor:
    """Someone or something known by a key. `system` names the stack's system it speaks for, where it does; `store` and
    `register` the one place it may act for, blank where it is not narrowed to one."""

    name: str
    rights: frozenset[Right]
    system: str | None = None
    store: str = ""
    register: str = ""

    def may(self, right: Right) -> bool:
        """Whether this actor holds the right."""
        return right in self.rights
