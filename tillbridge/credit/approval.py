"""What waits for a second person: which commands do, and what is kept of them. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final
from uuid import UUID

from tillbridge.kernel.money import Money
from tillbridge.stack.model import Stack


class Decision(StrEnum):
    """Where a command stands that waits, or waited, for a second person. DECISIONS has a sentence for each."""

    WAITING = "waiting"
    APPROVED = "approved"
    TURNED_DOWN = "turned-down"


DECISIONS: Final[Mapping[Decision, str]] = {
    Decision.WAITING: "Nothing has been done yet.",
    Decision.APPROVED: "A second person agreed, and it was carried out.",
    Decision.TURNED_DOWN: "A second person refused: it will never be done.",
}


@dataclass(frozen=True, slots=True)
class Approval:
    """A command that waits, or waited. `request` is what was asked, personal texts as digests. `command` is what is to
    be carried out, None when it has been or never will be; then `credit_id` and `refusal` are what came of it."""

    approval_id: UUID
    key: str
    request: Mapping[str, Any]
    command: Mapping[str, Any] | None
    asked_by: str
    asked_at: datetime
    state: Decision
    decided_by: str
    decided_at: datetime | None
    reason: str
    credit_id: UUID | None
    refusal: str


def manual(stack: Stack, verb: str, bucket: str = "") -> bool:
    """Whether this is a manual credit by the map: an issue, a load or an activation in one of its buckets, or an
    adjustment upwards (verb `adjust`)."""
    return stack.approval is not None and (verb == "adjust" or bucket in stack.approval.buckets)


def waits(stack: Stack, amount: Money) -> bool:
    """Whether a manual credit of this amount waits for a second person. The map states the limit in the retailer's
    currency; an amount in another one cannot be held against it, and waits. Nothing and less than nothing never wait:
    the ledger refuses them."""
    if stack.approval is None or amount.minor <= 0:
        return False
    return amount.currency != stack.retailer.currency or amount.minor > stack.approval.above
