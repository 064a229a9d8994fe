"""The body of an event as every system is told of it, before a hop changes anything."""

from collections.abc import Mapping
from typing import Any

from tillbridge.handoff.model import Claimed
from tillbridge.handoff.trace import KEY
from tillbridge.kernel.clock import time_text
from tillbridge.kernel.money import Money


def event_body(claimed: Claimed) -> Mapping[str, Any]:
    """Decimals are texts, times ISO 8601 in UTC."""
    lease = claimed.lease
    return {
        # A trace goes beside the body, in a header.
        **{name: value for name, value in claimed.payload.items() if name != KEY},
        "event_id": str(claimed.event_id),
        "recorded_at": time_text(claimed.recorded_at),
        "amount": Money(claimed.amount, claimed.currency).text(),
        "customer": claimed.customer,
        "credit": {
            "id": str(lease.credit_id),
            "kind": claimed.credit_kind,
            "bucket": claimed.bucket,
            "currency": claimed.currency,
            "last4": claimed.last4,
        },
        "hop": lease.hop,
        "version": lease.version,
        "state": claimed.event_state,
        "balance": Money(claimed.balance, claimed.currency).text(),
    }
