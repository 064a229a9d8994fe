"""One event on its way over one hop: its states, and the values that describe it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Any, Final
from uuid import UUID

from tillbridge.stack.transforms import facts


class State(StrEnum):
    """Where a handoff stands. Late is no state: it is one whose deadline has passed before it was confirmed."""

    WAITING = "waiting"
    DUE = "due"
    SENDING = "sending"
    UNKNOWN = "unknown"
    PARKED = "parked"
    CONFIRMED = "confirmed"
    DEAD = "dead"
    ENDED = "ended"


SENTENCES: Final[Mapping[State, str]] = {
    State.WAITING: "Something has to happen first: an earlier system confirms, the credit is claimed, or an earlier "
    "event of this credit gets through.",
    State.DUE: "Ready to be sent, now or at its due time.",
    State.SENDING: "A worker has it and is sending it or asking about it.",
    State.UNKNOWN: "Sent, and the answer is missing: the target is asked before anything is sent again.",
    State.PARKED: "Sent, the answer is missing, and the target cannot be asked: a person decides.",
    State.CONFIRMED: "The target has it and said so.",
    State.DEAD: "Given up, after the last attempt or because it was refused for good; it can be replayed.",
    State.ENDED: "There is nothing to tell any more: the credit was over before anybody claimed it.",
}
"""Every state in a sentence for a person."""

OVER: Final = frozenset({State.CONFIRMED, State.ENDED})
"""The states in which nothing is owed to the target any more."""

STUCK: Final = frozenset({State.DEAD, State.PARKED})
"""The states that nothing leaves by itself: a person or a replay has to act."""

CLAIM: Final = "claim"
"""What a handoff waits for when the credit has no owner yet."""

EARLIER: Final = "earlier"
"""What a handoff waits for when an earlier event of the credit has not arrived on the same hop."""

MAPPING_REJECTED: Final = facts.MAPPING_REJECTED
"""Reason code of a handoff that the target would not accept, its currency, bucket or amount, or that the hop's
transformations do not let through."""

ACCEPTED: Final = "accepted"
"""Reason code of a handoff that the target has taken in and will confirm by a call of its own."""


@dataclass(frozen=True, slots=True)
class NewHandoff:
    """A handoff to be written down with its event.

    `state` is `due`, `waiting` or `dead`. `waits_for` lists, separated by spaces, what has to happen first: names of
    hops, `claim`, `earlier`; times are None until then, but for one that waits for the claim
    alone. A dead one says why in `reason_code` and `reason`. `waits_past` is what it waits for where the hops that wait
    for a claim are left out, because nobody owns the credit and nobody will.
    """

    hop: str
    state: State
    waits_for: str
    due_at: datetime | None
    deadline: datetime | None
    reason_code: str = ""
    reason: str = ""
    waits_past: str = ""


@dataclass(frozen=True, slots=True)
class Onward:
    """A hop that starts where the hop `after` ends, and what a handoff on it is given when that happens now."""

    after: str
    hop: str
    due_at: datetime
    deadline: datetime


@dataclass(frozen=True, slots=True)
class Lease:
    """A handoff taken by a worker, for one send or one question (`kind` is `send` or `probe`).

    `token` is never given twice. `attempt` counts the sends of this replay, `probes` the questions since the last
    send. `reason_code` is what the handoff carried when it was taken.
    """

    credit_id: UUID
    hop: str
    version: int
    token: int
    kind: str
    attempt: int
    probes: int
    replay: int
    reason_code: str


@dataclass(frozen=True, slots=True)
class Decision:
    """What is to become of a handoff. `outcome` names what happened, `retry_after` (seconds) what the target asked."""

    state: State
    outcome: str
    due_at: datetime | None = None
    reason_code: str = ""
    reason: str = ""
    reference: str = ""
    retry_after: float | None = None


@dataclass(frozen=True, slots=True)
class Result:
    """What one lease came to."""

    lease: Lease
    started_at: datetime
    ended_at: datetime
    decision: Decision


@dataclass(frozen=True, slots=True)
class Room:
    """A hop that can take `count` more deliveries now, each leased until `lease_until`. `rate` is what its system may
    be sent in a second; 0 is any number. `deadline` is for what has none."""

    hop: str
    count: int
    lease_until: datetime
    system: str = ""
    rate: float = 0.0
    deadline: datetime | None = None


@dataclass(frozen=True, slots=True)
class Settled:
    """A handoff whose state has been written: it is `state` now."""

    credit_id: UUID
    version: int
    hop: str
    state: State


@dataclass(frozen=True, slots=True)
class Claimed:
    """A lease, and the message it is for. Amounts are in minor units; `customer` is who owns the credit, as the other
    systems know them; `payload` is the rest of the message's body.

    `change` is what the event did to the balance. `born_on` is the day the credit is of, in the retailer's zone; a
    reissue keeps that of the credit it stands in for.
    """

    lease: Lease
    event_id: UUID
    event_state: str
    amount: int
    balance: int
    currency: str
    credit_kind: str
    bucket: str
    last4: str
    recorded_at: datetime
    customer: Mapping[str, Any] | None
    payload: Mapping[str, Any]
    change: int
    born_on: date


@dataclass(frozen=True, slots=True)
class Turned:
    """What a turn came to: what was settled, what was claimed, the hops that should have another turn at once (`more`),
    and those whose system may not be sent more right now (`limited`)."""

    settled: Sequence[Settled]
    claimed: Sequence[Claimed]
    more: frozenset[str] = frozenset()
    limited: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Conclusion:
    """What came of a system's own word, or a person's, about a handoff.

    `changed` is false when it changed nothing: it stood as said, was confirmed before, or has never been sent.
    """

    settled: Settled
    changed: bool


@dataclass(frozen=True, slots=True)
class AttemptView:
    """One attempt, as it was.

    `kind` is `send`, `probe`, `answer` (the system's own call) or `person`. `stale` marks an answer that came after
    its lease had passed to another worker, and changed nothing. `retry_after` is in seconds.
    """

    replay: int
    attempt: int
    lease: int
    kind: str
    started_at: datetime
    ended_at: datetime
    outcome: str
    reason_code: str
    reason: str
    retry_after: float | None
    stale: bool


@dataclass(frozen=True, slots=True)
class HandoffView:
    """A handoff as it stands. `attempts` counts those of this replay; `history` holds all there ever were."""

    credit_id: UUID
    hop: str
    version: int
    event_id: UUID
    state: State
    waits_for: str
    recorded_at: datetime
    ready_at: datetime | None
    due_at: datetime | None
    deadline: datetime | None
    attempts: int
    replay: int
    reason_code: str
    reason: str
    reference: str
    sent_at: datetime | None
    confirmed_at: datetime | None
    history: tuple[AttemptView, ...] = ()

    @property
    def key(self) -> str:
        """The key of every delivery of it, `event:hop`, the same for ever."""
        return delivery_key(self.event_id, self.hop)

    def late(self, at: datetime) -> bool:
        """Whether it was, or is by now, confirmed after its deadline."""
        return self.deadline is not None and (self.confirmed_at or at) > self.deadline


@dataclass(frozen=True, slots=True)
class HopCount:
    """How many handoffs of one hop are in one state, how many of them are past their deadline, and the oldest due."""

    hop: str
    state: State
    count: int
    late: int
    oldest_due: datetime | None


@dataclass(frozen=True, slots=True)
class HopSigns:
    """How a hop is doing: its handoffs by open state, those past their deadline, when the oldest that is due was due,
    how many leases ran out before their worker said what came of them (ever), and its breaker's state."""

    hop: str
    states: Mapping[State, int]
    late: int
    oldest_due: datetime | None
    lost: int
    breaker: str


@dataclass(frozen=True, slots=True)
class Ripe:
    """A span of recorded time, `begin` to before `end`, whose handoffs on a hop should be confirmed by now."""

    hop: str
    begin: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class Kept:
    """Of a hop's handoffs whose deadline has passed (`due`), how many were confirmed before it (`kept`)."""

    hop: str
    due: int
    kept: int


@dataclass(frozen=True, slots=True)
class StuckCount:
    """How many handoffs of one hop are given up for one reason."""

    hop: str
    state: State
    reason_code: str
    count: int


@dataclass(frozen=True, slots=True)
class Latency:
    """From recorded to confirmed, in milliseconds, of the handoffs of one hop; zeros when there are none."""

    hop: str
    count: int
    p50_ms: int
    p95_ms: int
    p99_ms: int
    max_ms: int


TEXT_MAX: Final = 500
"""Characters kept of a sentence, and CODE_MAX of a code, that a target sent."""
CODE_MAX: Final = 64


def plain_text(text: str, length: int = TEXT_MAX) -> str:
    """What a target sent, fit to be stored and shown: one line, no control characters, cut to `length`."""
    whole = text[: length * 4].encode("utf-8", "replace").decode()
    printable = "".join(sign if sign.isprintable() else " " for sign in whole)
    return " ".join(printable.split())[:length]


def delivery_key(event_id: UUID, hop: str) -> str:
    """The stable key of a delivery."""
    return f"{event_id}:{hop}"


def read_key(key: str) -> tuple[UUID, str]:
    """A delivery's key to event and hop. Raises ValueError when it is none."""
    event, colon, hop = key.partition(":")
    if not colon or not hop:
        raise ValueError("a delivery's key is event:hop")
    return UUID(event), hop
