"""One hop's share of a deliverer: how much it may carry at once, and whether it is let through."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from random import Random
from typing import Final

from tillbridge.handoff.body import event_body
from tillbridge.handoff.breaker import Breaker, admits, after, tried
from tillbridge.handoff.changed import as_sent
from tillbridge.handoff.model import MAPPING_REJECTED, Claimed, Room, delivery_key
from tillbridge.handoff.ports import (
    BatchConnector,
    Connector,
    Delivery,
    Found,
    NotSent,
    Outcome,
    Refused,
    Unknown,
)
from tillbridge.handoff.route import unaccepted_on
from tillbridge.handoff.trace import KEY, header_of, span_of
from tillbridge.kernel.money import Money
from tillbridge.stack.duration import TIMEOUT_LONGEST
from tillbridge.stack.model import Hop, System

LEASE_SPARE: Final = timedelta(seconds=5)
"""How much longer a lease holds than its delivery may take: time to write down what came of it."""

LEASE_LONGEST: Final = 2 * TIMEOUT_LONGEST + LEASE_SPARE
"""No lease of any map holds longer: another process may run on another map than this one."""

REFILL_MIN: Final = 0.05
"""Seconds between looks whether a system that has a rate may be sent more."""

BATCHES_AT_ONCE: Final = 4
"""Requests with many events under way on one hop: one at the target, one on its way there, two in the database."""

PRESSED_MAX: Final = 4
"""Requests under way per hop while registers wait; one where each carries many events."""


class Lane:
    """A hop, the way to its target, and what is under way on it. `in_flight` counts until the result is written.

    `home` is the currency of the systems' limits, blank where amounts are not to be held against them. `batch` is how
    many events go in one request; `patience` is how long the connector may take over them.
    """

    def __init__(
        self,
        hop: Hop,
        connector: Connector,
        concurrency: int,
        downstream: tuple[str, ...],
        system: System,
        home: str = "",
    ) -> None:
        self.hop = hop
        self.connector = connector
        self.downstream = downstream
        self.batch = system.batch if isinstance(connector, BatchConnector) else 1
        self.rate = system.rate
        self._system = system
        self._home = home
        self.breaker = Breaker()
        self.woken = False
        self.in_flight = 0
        self._limit = concurrency if self.batch == 1 else self.batch * BATCHES_AT_ONCE
        # A batch that is refused as a whole goes one by one, in as much time again.
        self.patience = hop.timeout * (1 if self.batch == 1 else 2)
        self._lease = self.patience + LEASE_SPARE

    @property
    def lease(self) -> timedelta:
        """How long a lease on this hop holds."""
        return self._lease

    @property
    def refill(self) -> timedelta:
        """After how long a system that may not be sent more right now may be sent some again."""
        return timedelta(seconds=max(REFILL_MIN, 1 / self.rate if self.rate else 0))

    def room(self, at: datetime, freed: int, *, pressed: bool = False) -> Room | None:
        """What can be claimed now, when `freed` of those in flight are settled in the same breath; only a few while
        registers wait."""
        in_flight = self.in_flight - freed
        limit = min(self._limit, max(PRESSED_MAX, self.batch)) if pressed else self._limit
        count = admits(self.breaker, at, in_flight, limit - in_flight)
        if count <= 0:
            return None
        return Room(self.hop.name, count, at + self._lease, self.hop.target, self.rate, at + self.hop.sla)

    def start(self, at: datetime, count: int = 1) -> bool:
        """Count deliveries in; whether that moved the breaker (to half open: it is the trial)."""
        self.in_flight += count
        return self._move(tried(self.breaker, at))

    def answered(self, answer: Outcome | Found, at: datetime, chance: Random) -> bool:
        """Take note of an answer; whether that moved the breaker."""
        return self._move(after(self.breaker, answer, self.hop, at, chance))

    def portions(self, claimed: Sequence[Claimed]) -> Iterator[Sequence[Claimed]]:
        """What goes out together: things to send and things to ask, each by as many as the target takes at once."""
        for kind in ("send", "probe"):
            alike = [one for one in claimed if one.lease.kind == kind]
            for start in range(0, len(alike), self.batch):
                yield alike[start : start + self.batch]

    async def carry(self, claimed: Sequence[Claimed]) -> Sequence[Outcome | Found]:
        """Send, or ask about, what goes out together: an answer for each, in order. What the hop's transformations do
        not let through is refused here, and the rest goes out without it. Raises what goes wrong here."""
        made = [self.delivery(one) for one in claimed]
        deliveries = [one for one in made if isinstance(one, Delivery)]
        answers = await self._exchange(deliveries, asking=claimed[0].lease.kind == "probe") if deliveries else ()
        if len(answers) != len(deliveries):
            raise ValueError(f"{len(answers)} answers to {len(deliveries)} events")
        said = iter(answers)
        return [next(said) if isinstance(one, Delivery) else one for one in made]

    async def _exchange(self, deliveries: Sequence[Delivery], *, asking: bool) -> Sequence[Outcome | Found]:
        if self.batch > 1 and isinstance(self.connector, BatchConnector):
            connector = self.connector
            return await (connector.probe_many(deliveries) if asking else connector.deliver_many(deliveries))
        (delivery,) = deliveries
        return [await (self.connector.probe(delivery) if asking else self.connector.deliver(delivery))]

    def _unaccepted(self, claimed: Claimed) -> str:
        # What a credit was issued for is held against the target's limits, what it is spent on is not.
        amount = Money(claimed.amount, claimed.currency) if claimed.lease.version == 1 else None
        return unaccepted_on(
            self.hop, self._system, self._home, claimed.currency, claimed.bucket, amount, claimed.born_on
        )

    def _move(self, breaker: Breaker) -> bool:
        moved = breaker.state is not self.breaker.state
        self.breaker = breaker
        return moved

    def delivery(self, claimed: Claimed) -> Delivery | Refused:
        """What is sent for a claimed handoff, or why the hop's transformations do not let it through."""
        lease = claimed.lease
        sent = as_sent(self.hop, claimed, event_body(claimed))
        if isinstance(sent, Refused):
            return sent
        if lease.replay and lease.kind == "send" and (problem := self._unaccepted(claimed)):
            # It may be dead because the map said so, and the map may say so still.
            return Refused(MAPPING_REJECTED, problem, final=True, unasked=True)
        span_id = span_of(claimed.event_id, lease.hop, lease.token)
        return Delivery(
            credit_id=lease.credit_id,
            version=lease.version,
            event_id=claimed.event_id,
            hop=lease.hop,
            key=delivery_key(claimed.event_id, lease.hop),
            type=str(claimed.payload.get("type", "")),
            body=sent,
            attempt=lease.attempt,
            replay=lease.replay,
            timeout=self.hop.timeout.total_seconds(),
            trace=header_of(lease.credit_id, claimed.payload.get(KEY), span_id),
        )


def no_answer(kind: str, sentence: str) -> Outcome | Found:
    """What it comes to when the connector itself gave no answer: a send is unknown, a question can be repeated."""
    return NotSent(sentence) if kind == "probe" else Unknown(sentence)
