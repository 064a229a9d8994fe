"""One hop's share of a deliverer: how much it may carry at once, and whether it is let through."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from random import Random
from typing import Any, Final

from tillbridge.handoff.breaker import Breaker, admits, after, tried
from tillbridge.handoff.model import Claimed, Room, delivery_key
from tillbridge.handoff.ports import Connector, Delivery, Found, NotSent, Outcome, Unknown
from tillbridge.kernel.clock import time_text
from tillbridge.kernel.money import Money
from tillbridge.stack.model import Hop

LEASE_SPARE: Final = timedelta(seconds=5)
"""How much longer a lease holds than its delivery may take: time to write down what came of it."""


class Lane:
    """A hop, the way to its target, and what is under way on it. `in_flight` counts until the result is written."""

    def __init__(self, hop: Hop, connector: Connector, concurrency: int, downstream: tuple[str, ...]) -> None:
        self.hop = hop
        self.connector = connector
        self.downstream = downstream
        self.breaker = Breaker()
        self.woken = False
        self.in_flight = 0
        self._concurrency = concurrency
        self._lease = hop.timeout + LEASE_SPARE

    @property
    def lease(self) -> timedelta:
        """How long a lease on this hop holds."""
        return self._lease

    def room(self, at: datetime, freed: int, most: int | None = None) -> Room | None:
        """What can be claimed now, when `freed` of those in flight are settled in the same breath; no more than brings
        it to `most` under way."""
        in_flight = self.in_flight - freed
        limit = self._concurrency if most is None else min(most, self._concurrency)
        count = admits(self.breaker, at, in_flight, limit - in_flight)
        return Room(self.hop.name, count, at + self._lease) if count > 0 else None

    def start(self, at: datetime) -> bool:
        """Count one delivery in; whether that moved the breaker (to half open: it is the trial)."""
        self.in_flight += 1
        return self._move(tried(self.breaker, at))

    def answered(self, answer: Outcome | Found, at: datetime, chance: Random) -> bool:
        """Take note of an answer; whether that moved the breaker."""
        return self._move(after(self.breaker, answer, self.hop, at, chance))

    def _move(self, breaker: Breaker) -> bool:
        moved = breaker.state is not self.breaker.state
        self.breaker = breaker
        return moved

    def delivery(self, claimed: Claimed) -> Delivery:
        """What is sent for a claimed handoff."""
        lease = claimed.lease
        body: Mapping[str, Any] = {
            **claimed.payload,
            "event_id": str(claimed.event_id),
            "recorded_at": time_text(claimed.recorded_at),
            "amount": Money(claimed.amount, claimed.currency).text(),
            "customer": claimed.customer,
            "credit": {
                "id": str(claimed.lease.credit_id),
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
        return Delivery(
            credit_id=lease.credit_id,
            version=lease.version,
            event_id=claimed.event_id,
            hop=lease.hop,
            key=delivery_key(claimed.event_id, lease.hop),
            type=str(claimed.payload.get("type", "")),
            body=body,
            attempt=lease.attempt,
            replay=lease.replay,
            timeout=self.hop.timeout.total_seconds(),
        )


def no_answer(kind: str, sentence: str) -> Outcome | Found:
    """What it comes to when the connector itself gave no answer: a send is unknown, a question can be repeated."""
    return NotSent(sentence) if kind == "probe" else Unknown(sentence)
