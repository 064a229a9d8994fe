"""The trail of one credit: every fact in order, and where it is late or lost. Pure: facts in, lines out."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final, Literal

from tillbridge.diagnose.inquiry import Explanation
from tillbridge.handoff.model import OVER, AttemptView, HandoffView, State
from tillbridge.kernel.money import Money
from tillbridge.ledger.model import Line, RefusedRequest, Verb
from tillbridge.ledger.model import State as CreditState
from tillbridge.stack.draw import place, span_words
from tillbridge.stack.model import Stack

Mark = Literal["confirmed", "pending", "late", "dead", "unknown", "refused", ""]
"""The state of a line as a word; blank for a plain fact. `refused` is a command that the ledger turned down; the others
but `confirmed` are words of handoffs."""


@dataclass(frozen=True, slots=True)
class Fact:
    """One line of a trail.

    `what` is a short sentence, `detail` what an engineer adds to it. `hop` is blank for facts of the ledger and of
    people. `took` is the hop's time against `promise`, where it has one.
    """

    at: datetime
    what: str
    detail: str = ""
    mark: Mark = ""
    hop: str = ""
    took: timedelta | None = None
    promise: timedelta | None = None
    occurred_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """Where the credit is: in two or three words, in a sentence that says whether the money is safe, and what to do;
    and the hops that are late or stuck."""

    mark: Mark
    heading: str
    sentence: str
    mend: str
    hops: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Trail:
    """All that is known of a credit, in order of time, and what it comes to: `verdict` says where it is, `explanation`
    why. By `trace_id` it is known to whoever traces requests; blank where nobody asked."""

    facts: tuple[Fact, ...]
    verdict: Verdict
    trace_id: str = ""
    explanation: Explanation | None = None


_DONE: Final[Mapping[Verb, str]] = {
    Verb.IMPORT: "Made known: a card that is not sold yet",
    Verb.ISSUE: "Issued at the register and confirmed on the ledger: {amount}",
    Verb.ACTIVATE: "Activated: {amount} put on the card",
    Verb.LOAD: "Loaded: {amount}, {left} on it now",
    Verb.REDEEM: "Redeemed: {amount}, {left} left",
    Verb.HOLD: "Held for a sale: {amount} of {left}",
    Verb.CAPTURE: "Redeemed from a hold: {amount}, {left} left",
    Verb.RELEASE: "Hold let go: {amount} can be spent again",
    Verb.LAPSE: "Hold ran out: {amount} can be spent again",
    Verb.REFUND: "Refunded: {amount}, {left} on it now",
    Verb.VOID: "Voided: {amount} taken back",
    Verb.CLAIM: "Claimed: linked to the customer's account",
    Verb.REISSUE: "Reissued: {amount} taken back, and a new credit stands in for it",
    Verb.TRANSFER: "Transferred to another credit: {amount}, {left} left",
    Verb.EXPIRE: "Expired: {amount} is no longer owed",
    Verb.CASH_OUT: "Paid out in cash: {amount}",
    Verb.ADJUST: "Corrected by hand, up: {amount}, {left} on it now",
    Verb.FREEZE: "Frozen: it cannot be spent",
    Verb.UNFREEZE: "Unfrozen: it stands as before",
    Verb.CHARGEBACK: "Charged back: {amount} taken back",
}

_OTHER_WAY: Final[Mapping[tuple[Verb, bool], str]] = {
    (Verb.REISSUE, True): "Issued in place of another credit: {amount}",
    (Verb.TRANSFER, True): "Transferred from another credit: {amount}, {left} on it now",
    (Verb.ADJUST, False): "Corrected by hand, down: {amount}, {left} left",
}
"""What is said of a verb that moves money both ways, where the money goes the other way: whether it came in."""

_OUTCOMES: Final[Mapping[str, str]] = {
    "confirmed": "{target} has it",
    "there": "{target} has it: asked after its answer was lost",
    "accepted": "{target} took it in and will confirm later",
    "refused": "{target} refused it",
    "unknown": "{target}'s answer was lost after sending",
    "not-sent": "{target} could not be reached",
    "not-begun": "its batch went one by one, and its turn had not come",
    "not-there": "{target} does not have it: it is sent again",
    "not-yet": "{target} is still at work on it",
    "cannot-tell": "{target} cannot say whether it has it",
    "expired": "The worker that was sending to {target} gave no sign any more: {target} is asked",
    "not-asked": "{target} could not be asked whether it has it: it is asked again",
}


def trail(
    stack: Stack,
    state: CreditState,
    lines: Sequence[Line],
    handoffs: Sequence[HandoffView],
    others: Iterable[Fact],
    now: datetime,
) -> Trail:
    """The trail of a credit in this state, from its statement, its handoffs and other facts (refusals, vouchers,
    claims)."""
    facts = _of_lines(lines)
    for handoff in handoffs:
        way = _way(stack, handoff.hop)
        facts.extend(_of_attempt(handoff, way, attempt) for attempt in handoff.history)
        facts.extend(_as_it_stands(handoff, way, now))
    facts.extend(others)
    return Trail(tuple(sorted(facts, key=lambda fact: fact.at)), verdict(stack, state, handoffs, now))


def refused_fact(refused: RefusedRequest) -> Fact:
    """A refusal as a line of the trail."""
    detail = _joined(f"to {refused.verb.value}", refused.refusal.code, refused.refusal.engineer, f"key {refused.key}")
    return Fact(refused.recorded_at, f"Refused: {refused.refusal.cashier}", detail, "refused")


def _of_lines(lines: Sequence[Line]) -> list[Fact]:
    """The statement in the order of the ledger. Where the clocks of two hubs differ, a line is not put before the one
    that it came after."""
    facts: list[Fact] = []
    for fact in map(_of_line, lines):
        facts.append(replace(fact, at=max(fact.at, facts[-1].at)) if facts else fact)
    return facts


def _of_line(line: Line) -> Fact:
    origin = line.origin
    where = ", ".join(
        f"{name} {value}"
        for name, value in (("store", origin.store), ("register", origin.register), ("by", origin.operator))
        if value
    )
    parts = (where, f"receipt {origin.transaction_id}" if origin.transaction_id else "", line.reason, f"key {line.key}")
    words = _OTHER_WAY.get((line.verb, line.change > 0), _DONE[line.verb])
    what = words.format(amount=Money(line.amount, line.currency), left=Money(line.balance, line.currency))
    if line.verb is Verb.ISSUE and line.state is CreditState.UNCLAIMED:
        what += "; no customer could be named"
    detail = ", ".join(part for part in parts if part)
    return Fact(line.recorded_at, what, detail, "confirmed", occurred_at=line.occurred_at)


@dataclass(frozen=True, slots=True)
class _Way:
    """A hop as a trail names it: its target for people, and its promise where the map still has the hop."""

    target: str
    promise: timedelta | None


def _way(stack: Stack, name: str) -> _Way:
    hop = next((one for one in stack.hops if one.name == name), None)
    return _Way(name, None) if hop is None else _Way(place(stack, hop.target).label, hop.sla)


def _of_attempt(handoff: HandoffView, way: _Way, attempt: AttemptView) -> Fact:
    what = _OUTCOMES.get(attempt.outcome, "{target}: " + attempt.outcome).format(target=way.target)
    number = f"attempt {attempt.attempt}" + (f" of replay {attempt.replay}" if attempt.replay else "")
    stale = "came too late to count" if attempt.stale and attempt.outcome != "accepted" else ""
    detail = _joined(number, attempt.reason_code, attempt.reason, stale)
    good = attempt.outcome in ("confirmed", "there") and not attempt.stale
    took = attempt.ended_at - handoff.ready_at if good and handoff.ready_at else None
    promise = way.promise if good else None
    mark = _mark_of(attempt.outcome)
    if took is not None and promise is not None and took > promise:
        mark = "late"
    return Fact(attempt.ended_at, what, detail, mark, handoff.hop, took, promise)


def _joined(*parts: str) -> str:
    return ", ".join(part.rstrip(".") for part in parts if part)


def _mark_of(outcome: str) -> Mark:
    if outcome in ("confirmed", "there"):
        return "confirmed"
    return "unknown" if outcome in ("unknown", "cannot-tell", "expired", "not-asked") else "pending"


def _as_it_stands(handoff: HandoffView, way: _Way, now: datetime) -> list[Fact]:
    """What has not come to an end, as it is now."""
    if handoff.state is State.CONFIRMED:
        return []
    if handoff.state is State.ENDED:
        return [Fact(now, f"Not sent to {way.target}", handoff.reason, "", handoff.hop, None, way.promise)]
    mark, words = _standing(handoff, way.target, now)
    promised = f"promised within {span_words(way.promise)}" if way.promise and handoff.deadline else ""
    detail = _joined(promised, handoff.reason_code, handoff.reason)
    return [Fact(now, words, detail, mark, handoff.hop, None, way.promise)]


def _standing(handoff: HandoffView, target: str, now: datetime) -> tuple[Mark, str]:
    if handoff.state is State.DEAD:
        return "dead", f"Given up on {target}"
    if handoff.state is State.PARKED:
        return "unknown", f"Whether {target} has it is not known: a person decides"
    if handoff.state is State.WAITING:
        return "pending", f"Not sent to {target} yet: waits for {_things(handoff.waits_for)}"
    if handoff.late(now):
        return "late", f"Late on the way to {target}"
    if handoff.state is State.UNKNOWN:
        return "unknown", f"Asking {target} whether it has it"
    return "pending", f"On its way to {target}"


def _things(waits_for: str) -> str:
    words = {"claim": "the claim", "earlier": "an earlier event of this credit"}
    return " and ".join(words.get(item, item) for item in waits_for.split())


def verdict(stack: Stack, state: CreditState, handoffs: Sequence[HandoffView], now: datetime) -> Verdict:
    """What the facts come to, the gravest first."""
    stuck = _names(handoffs, lambda one: one.state in (State.DEAD, State.PARKED))
    late = _names(handoffs, lambda one: one.state not in OVER and one.late(now))
    if stuck:
        return _stuck(stack, handoffs, stuck)
    if late:
        sentence = f"{_targets(stack, late)} should have it by now. The ledger has it, and the hub keeps trying."
        return Verdict("late", "Late", sentence, "Wait, or look at the system that does not answer.", late)
    if state is CreditState.UNCLAIMED:
        sentence = "Safe on the ledger, in nobody's account."
        return Verdict("pending", "Waits for the claim", sentence, "The customer claims it with the voucher.")
    if state is CreditState.EXPIRED:
        return Verdict("confirmed", "Expired", "Its last day has passed: it cannot be spent.", "Nothing to do.")
    if state is CreditState.VOID:
        return Verdict("confirmed", "Taken back", "It is worth nothing, and never will be again.", "Nothing to do.")
    moving = _names(handoffs, lambda one: one.state not in OVER)
    if moving:
        sentence = f"{_targets(stack, moving)} will have it in time."
        return Verdict("pending", "On its way", sentence, "Nothing to do yet.", moving)
    return Verdict("confirmed", "Everywhere it should be", "Every system has it.", "Nothing to do.")


def _stuck(stack: Stack, handoffs: Sequence[HandoffView], stuck: tuple[str, ...]) -> Verdict:
    first = next(one for one in handoffs if one.hop == stuck[0] and one.state in (State.DEAD, State.PARKED))
    target = _way(stack, first.hop).target
    if first.state is State.PARKED:
        sentence = f"Whether {target} has it is not known: its answer was lost and it cannot be asked."
        mend = f"Look it up in {target}, then replay it or let it be."
        return Verdict("unknown", "An answer was lost", f"{sentence} The ledger has it.", mend, stuck)
    why = (first.reason or first.reason_code).rstrip(".")
    sentence = f"{_targets(stack, stuck)} did not take it: {why}. It is safe on the ledger, and nothing was paid twice."
    return Verdict("dead", "Lost on the way", sentence, f"Mend what {target} refused, then replay.", stuck)


def _targets(stack: Stack, hops: Sequence[str]) -> str:
    return _listed(tuple(dict.fromkeys(_way(stack, name).target for name in hops)))


def _names(handoffs: Sequence[HandoffView], wanted: Callable[[HandoffView], bool]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(one.hop for one in handoffs if wanted(one)))


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
