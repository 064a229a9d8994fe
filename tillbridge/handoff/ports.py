"""What the delivery loop asks of a connector: send one event, and say whether one has arrived."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Delivery:
    """One event to be handed to one system. `attempt` and `replay` count from 1 and 0; `timeout` is in seconds.

    `key` is the same for every attempt and every replay, so that a target can tell a repeat. `trace` is the traceparent
    of this attempt: the credit's trace, and a span of its own.
    """

    credit_id: UUID
    version: int
    event_id: UUID
    hop: str
    key: str
    type: str
    body: Mapping[str, Any]
    attempt: int
    replay: int
    timeout: float
    trace: str = ""


@dataclass(frozen=True, slots=True)
class Confirmed:
    """The target has it. `reference` is its own name for it, or blank."""

    reference: str = ""


@dataclass(frozen=True, slots=True)
class Accepted:
    """The target has taken it in and will confirm it later by a call of its own."""


@dataclass(frozen=True, slots=True)
class Refused:
    """The target does not take it: for good (`final`), or not now, and not for `retry_after` seconds where it said so.

    `everything` means that it takes nothing at all right now, whatever the event. `unasked` means that the hub itself
    said so: nothing was sent.
    """

    code: str
    sentence: str
    final: bool
    retry_after: float | None = None
    everything: bool = False
    unasked: bool = False


@dataclass(frozen=True, slots=True)
class Unknown:
    """It was sent, or may have been, and no answer tells what became of it."""

    sentence: str


@dataclass(frozen=True, slots=True)
class NotSent:
    """It certainly did not reach the target. `begun` is false when it was not even tried: that is no attempt."""

    sentence: str
    begun: bool = True


@dataclass(frozen=True, slots=True)
class There:
    """Asked by key, the target says it has applied it."""

    reference: str = ""


@dataclass(frozen=True, slots=True)
class NotThere:
    """Asked by key, the target says it has not applied it."""


@dataclass(frozen=True, slots=True)
class NotYet:
    """Asked by key, the target says it is still at work on it."""

    sentence: str


@dataclass(frozen=True, slots=True)
class CannotTell:
    """The target cannot be asked."""

    sentence: str


Outcome = Confirmed | Accepted | Refused | Unknown | NotSent
"""What a delivery came to."""

Found = There | NotThere | NotYet | CannotTell | NotSent
"""What asking the target came to. `NotSent` here: no answer, ask again later."""


class Connector(Protocol):
    """The way to one system. Neither method raises for anything the network or the target does."""

    async def deliver(self, delivery: Delivery) -> Outcome:
        """Hand over one event."""

    async def probe(self, delivery: Delivery) -> Found:
        """Ask whether the event has arrived."""


@runtime_checkable
class BatchConnector(Connector, Protocol):
    """A way that takes many at once. Each event has an outcome of its own, in the order they were given in.

    An event's key is the same alone and among others.
    """

    async def deliver_many(self, deliveries: Sequence[Delivery]) -> Sequence[Outcome]:
        """Hand over several events, at most one of a credit."""

    async def probe_many(self, deliveries: Sequence[Delivery]) -> Sequence[Found]:
        """Ask of each whether it has arrived."""
