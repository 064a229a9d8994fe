"""What other systems are told of an event. Credit, amount, balance, state and customer are added where they are
decided."""

from collections.abc import Mapping
from datetime import UTC
from typing import Any, Final

from tillbridge.handoff.trace import KEY
from tillbridge.ledger.model import Posting, Verb

EVENT_TYPE: Final[Mapping[Verb, str]] = {
    Verb.ISSUE: "credit.issued",
    Verb.ACTIVATE: "credit.activated",
    Verb.LOAD: "credit.loaded",
    Verb.REDEEM: "credit.redeemed",
    Verb.CAPTURE: "credit.redeemed",
    Verb.REFUND: "credit.refunded",
    Verb.VOID: "credit.voided",
    Verb.CHARGEBACK: "credit.voided",
    Verb.REISSUE: "credit.voided",
    Verb.TRANSFER: "credit.transferred-out",
    Verb.EXPIRE: "credit.expired",
    Verb.CASH_OUT: "credit.cashed-out",
    Verb.ADJUST: "credit.adjusted",
    Verb.FREEZE: "credit.frozen",
    Verb.UNFREEZE: "credit.unfrozen",
}
"""What the first credit of a command is said to be. Of the other verbs nobody is told: cards that are not sold yet,
holds, which the hub itself answers for, and claims, which send what waited for them."""

SECOND_TYPE: Final[Mapping[Verb, str]] = {
    Verb.REDEEM: "credit.redeemed",
    Verb.REISSUE: "credit.issued",
    Verb.TRANSFER: "credit.transferred-in",
}
"""What the further credits of a command are said to be."""


def payload_of(posting: Posting, type_: str) -> Mapping[str, Any]:
    """The body of the message about one event of a posting, with what is known before it is posted."""
    origin = posting.origin
    body: dict[str, Any] = {
        "type": type_,
        "occurred_at": posting.occurred_at.astimezone(UTC),
        "transaction_id": origin.transaction_id,
        "store": origin.store,
        "register": origin.register,
        "operator": origin.operator,
        "reason": posting.reason,
    }
    if posting.verb is Verb.ADJUST:
        body["direction"] = "down" if posting.down else "up"
    elif posting.cause:
        body["cause"] = posting.cause
    if posting.other_id is not None:
        body["from"], body["to"] = posting.credit_id, posting.other_id
    if posting.trace:
        body[KEY] = posting.trace
    return body
