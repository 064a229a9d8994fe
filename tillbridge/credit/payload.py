"""What other systems are told of an event. Amount, balance, state and customer are added where they are decided."""

from collections.abc import Mapping
from datetime import UTC
from typing import Any, Final

from tillbridge.credit.model import Facts
from tillbridge.ledger.model import Posting, Verb

EVENT_TYPE: Final[Mapping[Verb, str]] = {
    Verb.ISSUE: "credit.issued",
    Verb.REDEEM: "credit.redeemed",
    Verb.VOID: "credit.voided",
}


def payload_of(posting: Posting, facts: Facts) -> Mapping[str, Any]:
    """The body of the message about this posting, with what is known before it is posted."""
    return {
        "type": EVENT_TYPE[posting.verb],
        "event_id": str(posting.event_id),
        "occurred_at": posting.occurred_at.astimezone(UTC).isoformat(),
        "credit": {
            "id": str(posting.credit_id),
            "kind": facts.kind,
            "bucket": facts.bucket,
            "currency": facts.amount.currency,
            "last4": facts.last4,
        },
        "transaction_id": posting.origin.transaction_id,
        "store": posting.origin.store,
        "register": posting.origin.register,
        "operator": posting.origin.operator,
        "reason": posting.reason,
    }
