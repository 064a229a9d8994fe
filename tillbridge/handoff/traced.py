"""A connector whose doings are told: log lines know which handoff they are about, and spans are recorded where somebody
collects them. Otherwise it costs next to nothing."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from tillbridge.handoff.ports import (
    Accepted,
    BatchConnector,
    Confirmed,
    Connector,
    Delivery,
    Found,
    Outcome,
    Refused,
    There,
)
from tillbridge.handoff.trace import SCOPE, Record, Scope, Span, read_trace, span_of
from tillbridge.kernel.clock import Clock

_GOOD: Final = (Confirmed, Accepted, There)
_WORDS: Final = {
    "Confirmed": "confirmed",
    "Accepted": "accepted",
    "Refused": "refused",
    "Unknown": "unknown",
    "NotSent": "not-sent",
    "There": "there",
    "NotThere": "not-there",
    "NotYet": "not-yet",
    "CannotTell": "cannot-tell",
}


class Traced:
    """Stands before the connector of one system."""

    def __init__(self, connector: Connector, clock: Clock, record: Record | None = None) -> None:
        self._connector = connector
        self._clock = clock
        self._record = record

    async def deliver(self, delivery: Delivery) -> Outcome:
        """Hand over one event."""
        _enter(delivery)
        began = self._clock.now()
        outcome = await self._connector.deliver(delivery)
        if self._record is not None:
            self._tell("deliver", delivery, began, outcome)
        return outcome

    async def probe(self, delivery: Delivery) -> Found:
        """Ask whether the event has arrived."""
        _enter(delivery)
        began = self._clock.now()
        found = await self._connector.probe(delivery)
        if self._record is not None:
            self._tell("ask", delivery, began, found)
        return found

    def _tell(self, verb: str, delivery: Delivery, began: datetime, answer: Outcome | Found) -> None:
        place = read_trace(delivery.trace)
        if place is None or self._record is None:
            return
        facts: dict[str, str | int] = {
            "tillbridge.hop": delivery.hop,
            "tillbridge.credit_id": str(delivery.credit_id),
            "tillbridge.event_id": str(delivery.event_id),
            "tillbridge.key": delivery.key,
            "tillbridge.attempt": delivery.attempt,
            "tillbridge.replay": delivery.replay,
            "tillbridge.outcome": _WORDS[type(answer).__name__],
        }
        if isinstance(answer, Refused):
            facts["tillbridge.reason_code"] = answer.code
        self._record(
            Span(
                f"{verb} {delivery.hop}",
                place,
                span_of(delivery.event_id),
                began,
                self._clock.now(),
                "client",
                not isinstance(answer, _GOOD),
                facts,
            )
        )


class TracedBatch(Traced):
    """Stands before a connector that takes many at once: a span for each event, all from the one request."""

    def __init__(self, connector: BatchConnector, clock: Clock, record: Record | None = None) -> None:
        super().__init__(connector, clock, record)
        self._many = connector

    async def deliver_many(self, deliveries: Sequence[Delivery]) -> Sequence[Outcome]:
        """Hand over several events."""
        SCOPE.set(Scope(hop=deliveries[0].hop))
        began = self._clock.now()
        outcomes = await self._many.deliver_many(deliveries)
        self._tell_all("deliver", deliveries, began, outcomes)
        return outcomes

    async def probe_many(self, deliveries: Sequence[Delivery]) -> Sequence[Found]:
        """Ask of each whether it has arrived."""
        SCOPE.set(Scope(hop=deliveries[0].hop))
        began = self._clock.now()
        finds = await self._many.probe_many(deliveries)
        self._tell_all("ask", deliveries, began, finds)
        return finds

    def _tell_all(
        self, verb: str, deliveries: Sequence[Delivery], began: datetime, answers: Sequence[Outcome | Found]
    ) -> None:
        if self._record is not None:
            for delivery, answer in zip(deliveries, answers, strict=False):
                self._tell(verb, delivery, began, answer)


def traced(connector: Connector, clock: Clock, record: Record | None = None) -> Traced:
    """The connector with its doings told; one that takes many at once still does."""
    if isinstance(connector, BatchConnector):
        return TracedBatch(connector, clock, record)
    return Traced(connector, clock, record)


def _enter(delivery: Delivery) -> None:
    """Every line that this task logs from now on is about this handoff; the task is its own."""
    place = read_trace(delivery.trace)
    SCOPE.set(
        Scope(
            trace_id=place.trace_id if place else "",
            credit_id=str(delivery.credit_id),
            event_id=str(delivery.event_id),
            hop=delivery.hop,
        )
    )
