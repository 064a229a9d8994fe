"""The trail: every fact in order, and the gravest thing as the verdict."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from tests.acceptance.conftest import QUIET_MAP
from tillbridge.diagnose.trail import trail
from tillbridge.handoff.model import AttemptView, HandoffView, State
from tillbridge.ledger.model import Line, Origin, Verb
from tillbridge.ledger.model import State as CreditState
from tillbridge.stack.load import parse

START = datetime(2026, 11, 21, 19, 0, tzinfo=UTC)
STACK = parse(QUIET_MAP, "stack.toml", {})
CREDIT, EVENT, OWNER = UUID(int=1), UUID(int=2), UUID(int=3)


def after(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def line(verb: Verb = Verb.ISSUE, state: CreditState = CreditState.ACTIVE, at: float = 0.0) -> Line:
    owner = None if state is CreditState.UNCLAIMED else OWNER
    origin = Origin("006", "3", "op07", "T0063-118")
    balance = 8800 if verb is Verb.ISSUE else 0
    times = (after(at - 1), after(at))
    change = 8800 if verb is Verb.ISSUE else -8800
    said = ("returns", "k1", origin, "", "", "till", "")
    return Line(1, EVENT, verb, 8800, change, balance, 0, "USD", state, owner, None, *said, *times)


def attempt(outcome: str, at: float, **changes: object) -> AttemptView:
    plain = {
        "replay": 0,
        "attempt": 1,
        "lease": 1,
        "kind": "send",
        "started_at": after(at - 0.1),
        "ended_at": after(at),
        "outcome": outcome,
        "reason_code": "",
        "reason": "",
        "retry_after": None,
        "stale": False,
    }
    return AttemptView(**{**plain, **changes})  # type: ignore[arg-type]


def handoff(state: State, hop: str = "platform-web", **changes: object) -> HandoffView:
    plain = {
        "credit_id": CREDIT,
        "hop": hop,
        "version": 1,
        "event_id": EVENT,
        "state": state,
        "waits_for": "",
        "recorded_at": START,
        "ready_at": START,
        "due_at": START,
        "deadline": after(60),
        "attempts": 1,
        "replay": 0,
        "reason_code": "",
        "reason": "",
        "reference": "",
        "sent_at": None,
        "confirmed_at": after(1) if state is State.CONFIRMED else None,
    }
    return HandoffView(**{**plain, **changes})  # type: ignore[arg-type]


def changed(state: State, changes: dict[str, object]) -> HandoffView:
    return replace(handoff(state), **changes)  # type: ignore[arg-type]


def test_facts_stand_in_order_of_time_with_what_they_took() -> None:
    kept = handoff(State.CONFIRMED, history=(attempt("unknown", 0.5), attempt("there", 1.0, attempt=2, kind="probe")))
    found = trail(STACK, CreditState.ACTIVE, [line()], [kept], [], after(10))
    assert [fact.at for fact in found.facts] == [after(0), after(0.5), after(1.0)]
    issued, lost, there = found.facts
    assert issued.what == "Issued at the register and confirmed on the ledger: 88.00 USD"
    assert issued.occurred_at == after(-1)
    assert "receipt T0063-118" in issued.detail
    assert (lost.what, lost.mark) == ("Web store's answer was lost after sending", "unknown")
    assert (there.mark, there.took, there.promise) == ("confirmed", timedelta(seconds=1), timedelta(seconds=60))
    assert found.verdict.heading == "Everywhere it should be"


@pytest.mark.parametrize(
    ("state", "changes", "mark", "heading", "words"),
    [
        (State.DUE, {}, "pending", "On its way", "Web store will have it in time"),
        (State.DUE, {"deadline": after(5)}, "late", "Late", "Web store should have it by now"),
        (
            State.DEAD,
            {"reason": "Credits in CAD are refused."},
            "dead",
            "Lost on the way",
            "Credits in CAD are refused. It",
        ),
        (State.PARKED, {}, "unknown", "An answer was lost", "cannot be asked"),
        (State.WAITING, {"waits_for": "claim", "deadline": None}, "pending", "On its way", "Web store"),
    ],
)
def test_the_verdict(state: State, changes: dict[str, object], mark: str, heading: str, words: str) -> None:
    found = trail(STACK, CreditState.ACTIVE, [line()], [changed(state, changes)], [], after(10))
    assert (found.verdict.mark, found.verdict.heading) == (mark, heading)
    assert words in found.verdict.sentence
    assert found.verdict.mend
    assert found.verdict.hops == ("platform-web",)
    assert found.facts[-1].mark == mark


def test_the_gravest_comes_first() -> None:
    kept = [handoff(State.DUE, "platform-erp", deadline=after(5)), handoff(State.DEAD, reason="no")]
    found = trail(STACK, CreditState.ACTIVE, [line()], kept, [], after(10))
    assert (found.verdict.mark, found.verdict.hops) == ("dead", ("platform-web",))


def test_unclaimed_and_void_say_so() -> None:
    waits = handoff(State.WAITING, waits_for="claim", deadline=None, ready_at=None)
    unclaimed = trail(STACK, CreditState.UNCLAIMED, [line(state=CreditState.UNCLAIMED)], [waits], [], after(10))
    assert unclaimed.verdict.heading == "Waits for the claim"
    assert "no customer could be named" in unclaimed.facts[0].what
    assert "waits for the claim" in unclaimed.facts[1].what
    void = trail(
        STACK,
        CreditState.VOID,
        [line(), line(Verb.VOID, CreditState.VOID, 2)],
        [handoff(State.CONFIRMED)],
        [],
        after(10),
    )
    assert void.verdict.heading == "Taken back"


def test_late_answers_and_stale_ones_are_told_apart() -> None:
    kept = handoff(
        State.CONFIRMED,
        confirmed_at=after(90),
        history=(attempt("confirmed", 90), attempt("confirmed", 95, stale=True)),
    )
    found = trail(STACK, CreditState.ACTIVE, [line()], [kept], [], after(100))
    assert [fact.mark for fact in found.facts[1:]] == ["late", "confirmed"]
    assert "came too late to count" in found.facts[2].detail
    assert found.facts[2].took is None


def test_a_hop_that_the_map_no_longer_has_is_still_told() -> None:
    found = trail(
        STACK, CreditState.ACTIVE, [line()], [handoff(State.DEAD, "platform-gone", reason="no")], [], after(10)
    )
    assert "platform-gone did not take it" in found.verdict.sentence


@pytest.mark.parametrize("verb", list(Verb))
@pytest.mark.parametrize("change", [-8800, 0, 8800])
def test_every_verb_has_its_words(verb: Verb, change: int) -> None:
    one = replace(line(), verb=verb, change=change)
    (fact,) = trail(STACK, CreditState.ACTIVE, [one], [], [], after(10)).facts
    assert fact.what
    assert "{" not in fact.what


@pytest.mark.parametrize(
    ("verb", "change", "said"),
    [
        (Verb.TRANSFER, 8800, "from another credit"),
        (Verb.TRANSFER, -8800, "to another credit"),
        (Verb.REISSUE, 8800, "in place of another credit"),
        (Verb.REISSUE, -8800, "a new credit stands in for it"),
        (Verb.ADJUST, 8800, "by hand, up"),
        (Verb.ADJUST, -8800, "by hand, down"),
    ],
)
def test_a_verb_that_moves_money_both_ways_says_which(verb: Verb, change: int, said: str) -> None:
    (fact,) = trail(STACK, CreditState.ACTIVE, [replace(line(), verb=verb, change=change)], [], [], after(10)).facts
    assert said in fact.what
