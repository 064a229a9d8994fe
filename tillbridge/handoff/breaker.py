"""Whether a hop is let through. A target that answers nothing is left alone, and its handoffs burn no attempts."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from random import Random
from typing import Final

from tillbridge.handoff.ports import Found, NotSent, Outcome, Refused, Unknown
from tillbridge.handoff.retry import asked_pause, ceiling
from tillbridge.stack.model import Hop

FAILURES_TO_OPEN: Final = 5
"""Failures of transport in a row, after which a hop is closed to deliveries for a while."""


class Gate(StrEnum):
    """The three positions, in the words of electricity: a closed circuit lets everything through."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half-open"


@dataclass(frozen=True, slots=True)
class Breaker:
    """One hop's breaker: failures in a row, and while it is open, since when and until when."""

    state: Gate = Gate.CLOSED
    failures: int = 0
    opened_at: datetime | None = None
    until: datetime | None = None


def is_failure(answer: Outcome | Found) -> bool:
    """Whether an answer says that the target as a whole does not work. A refusal of one event does not."""
    return isinstance(answer, NotSent | Unknown) or (isinstance(answer, Refused) and answer.everything)


def admits(breaker: Breaker, at: datetime, in_flight: int, room: int) -> int:
    """How many of `room` deliveries may start: all, none, or one as a trial once the time is up."""
    if breaker.state is Gate.CLOSED:
        return room
    if breaker.state is Gate.OPEN and breaker.until is not None and at < breaker.until:
        return 0
    return min(room, max(0, 1 - in_flight))


def tried(breaker: Breaker, at: datetime) -> Breaker:
    """The breaker once a delivery starts: an open one whose time is up is half open while the trial runs."""
    if breaker.state is Gate.OPEN and (breaker.until is None or at >= breaker.until):
        return replace(breaker, state=Gate.HALF_OPEN)
    return breaker


def after(breaker: Breaker, answer: Outcome | Found, hop: Hop, at: datetime, chance: Random) -> Breaker:
    """The breaker after an answer: any sign of life closes it, the fifth failure in a row opens it."""
    if isinstance(answer, Refused) and answer.unasked:
        return breaker
    if not is_failure(answer):
        return Breaker()
    if breaker.state is Gate.OPEN:
        # A delivery that was under way when it opened says nothing new.
        return breaker
    failures = breaker.failures + 1
    asked = _asked(answer)
    if asked > timedelta(0) and failures < FAILURES_TO_OPEN:
        # It said for how long it wants to be left alone: that is for every event, not for this one.
        return Breaker(Gate.OPEN, failures, breaker.opened_at or at, at + asked)
    if breaker.state is Gate.CLOSED and failures < FAILURES_TO_OPEN:
        return replace(breaker, failures=failures)
    closed_for = ceiling(hop, failures - FAILURES_TO_OPEN + 1) * (1 + chance.random()) / 2
    until = at + max(closed_for, asked)
    return Breaker(Gate.OPEN, failures, breaker.opened_at or at, until)


def _asked(answer: Outcome | Found) -> timedelta:
    """For how long the target asked to be left alone."""
    return asked_pause(answer.retry_after if isinstance(answer, Refused) else None)
