"""What becomes of a handoff after an answer, or after none. Pure: it does not wait, log or send."""

from datetime import datetime, timedelta
from random import Random
from typing import Final

from tillbridge.handoff.model import ACCEPTED, CODE_MAX, Decision, Lease, State, plain_text
from tillbridge.handoff.ports import (
    Accepted,
    CannotTell,
    Confirmed,
    Found,
    NotSent,
    NotThere,
    NotYet,
    Outcome,
    Refused,
    There,
    Unknown,
)
from tillbridge.stack.model import Hop

ANSWER_LOST: Final = "answer-lost"
NOT_SENT: Final = "not-sent"
NOT_BEGUN: Final = "not-begun"
CANNOT_ASK: Final = "cannot-ask"
NOT_THERE: Final = "not-there"

ACCEPTED_WAIT: Final = timedelta(seconds=2)
"""How long a target that said it will confirm by itself is given before it is asked."""

RETRY_AFTER_MAX: Final = timedelta(days=1)
"""A target that asks to be left alone for longer is asked again after this."""

_DOUBLINGS_MAX: Final = 30


def decide(lease: Lease, answer: Outcome | Found, hop: Hop, at: datetime, chance: Random) -> Decision:
    """What becomes of the handoff, given what the lease came to at `at`."""
    if lease.kind == "probe":
        return _after_probe(lease, answer, hop, at, chance)
    return _after_send(lease, answer, hop, at, chance)


def pause(hop: Hop, number: int, chance: Random) -> timedelta:
    """How long to wait after the `number`th failure (from 1): anything from nothing to a ceiling that doubles.

    The full range keeps workers and handoffs that failed together from coming back together.
    """
    return ceiling(hop, number) * chance.random()


def ceiling(hop: Hop, number: int) -> timedelta:
    """The longest pause after the `number`th failure (from 1): doubles each time, up to the hop's own limit."""
    # In seconds as a float: the doubled duration may be longer than a timedelta can hold.
    doubled = hop.backoff.total_seconds() * 2.0 ** min(max(number, 1) - 1, _DOUBLINGS_MAX)
    return timedelta(seconds=min(hop.backoff_max.total_seconds(), doubled))


def asked_pause(retry_after: float | None) -> timedelta:
    """The pause that a target asked for, in seconds, within reason; none when it asked for nothing that is a time."""
    # The order of the arguments matters: what is no number compares as smaller, and becomes zero.
    return timedelta(seconds=min(max(0.0, retry_after or 0.0), RETRY_AFTER_MAX.total_seconds()))


def _after_send(lease: Lease, answer: Outcome | Found, hop: Hop, at: datetime, chance: Random) -> Decision:
    match answer:
        case Confirmed(reference):
            return Decision(State.CONFIRMED, "confirmed", reference=plain_text(reference))
        case Accepted():
            reason = f"{hop.target} has taken it in and will confirm it by itself."
            return Decision(State.UNKNOWN, "accepted", at + ACCEPTED_WAIT, ACCEPTED, reason)
        case Refused(code, sentence, final, retry_after):
            decision = Decision(State.DEAD, "refused", None, plain_text(code, CODE_MAX), plain_text(sentence))
            return decision if final else _again(lease, decision, retry_after, hop, at, chance)
        case NotSent(sentence, begun=False):
            # No attempt: it can neither be the last one nor make the next pause longer.
            due_at = at + pause(hop, 1, chance)
            return Decision(State.DUE, NOT_BEGUN, due_at, NOT_SENT, plain_text(sentence))
        case NotSent(sentence):
            decision = Decision(State.DEAD, "not-sent", None, NOT_SENT, plain_text(sentence))
            return _again(lease, decision, None, hop, at, chance)
        case Unknown(sentence):
            reason = plain_text(sentence)
        case _:
            reason = f"An answer of another kind came back: {type(answer).__name__}."
    due_at = at + pause(hop, lease.attempt, chance)
    return Decision(State.UNKNOWN, "unknown", due_at, ANSWER_LOST, reason)


def _again(
    lease: Lease, given_up: Decision, retry_after: float | None, hop: Hop, at: datetime, chance: Random
) -> Decision:
    """Due again after a pause, and not before the target is ready; given up after the last attempt."""
    asked = asked_pause(retry_after)
    if lease.attempt >= hop.attempts:
        reason = plain_text(f"Given up after {_times(lease.attempt)}: {given_up.reason}")
        return Decision(State.DEAD, given_up.outcome, None, given_up.reason_code, reason, retry_after=retry_after)
    due_at = at + asked + pause(hop, lease.attempt, chance)
    return Decision(State.DUE, given_up.outcome, due_at, given_up.reason_code, given_up.reason, retry_after=retry_after)


def _after_probe(lease: Lease, answer: Outcome | Found, hop: Hop, at: datetime, chance: Random) -> Decision:
    later = at + pause(hop, lease.probes, chance)
    # A target that works on its own time stays known as such, whatever asking it in between comes to.
    code = lease.reason_code or ANSWER_LOST
    match answer:
        case There(reference):
            return Decision(State.CONFIRMED, "there", reference=plain_text(reference))
        case NotThere():
            return _not_there(lease, hop, at, later)
        case NotYet(sentence):
            return Decision(State.UNKNOWN, "not-yet", later, ACCEPTED, plain_text(sentence))
        case CannotTell(sentence) if code == ACCEPTED and lease.probes < hop.attempts:
            return Decision(State.UNKNOWN, "cannot-tell", later, code, plain_text(sentence))
        case CannotTell(sentence):
            reason = plain_text(f"It was sent, no answer came, and {hop.target} cannot be asked: {sentence}")
            return Decision(State.PARKED, "cannot-tell", None, CANNOT_ASK, reason)
        case NotSent(sentence):
            reason = plain_text(sentence)
        case _:
            reason = f"An answer of another kind came back: {type(answer).__name__}."
    return Decision(State.UNKNOWN, "not-asked", later, code, reason)


def _not_there(lease: Lease, hop: Hop, at: datetime, later: datetime) -> Decision:
    """Send again: at once when the delivery was lost, after a pause when the target said it would see to it."""
    if lease.attempt >= hop.attempts:
        reason = f"Given up after {_times(lease.attempt)}: {hop.target} has not got it."
        return Decision(State.DEAD, "not-there", None, NOT_THERE, reason)
    reason = f"{hop.target} was asked and has not got it: it is sent again."
    return Decision(State.DUE, "not-there", later if lease.reason_code == ACCEPTED else at, NOT_THERE, reason)


def _times(attempts: int) -> str:
    return "1 attempt" if attempts == 1 else f"{attempts} attempts"
