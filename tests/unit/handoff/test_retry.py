"""What becomes of a handoff after an answer, or after none."""

from datetime import timedelta
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.handoff.maps import AT, hop_with, lease, seconds
from tillbridge.handoff.model import CODE_MAX, TEXT_MAX, State
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
from tillbridge.handoff.retry import ACCEPTED_WAIT, RETRY_AFTER_MAX, ceiling, decide, pause

HOP = hop_with()
LAST = hop_with(attempts=3)


@pytest.mark.parametrize(
    ("answer", "state", "outcome", "code"),
    [
        (Confirmed("r"), State.CONFIRMED, "confirmed", ""),
        (Accepted(), State.UNKNOWN, "accepted", "accepted"),
        (Refused("schema", "No.", True), State.DEAD, "refused", "schema"),
        (Refused("locked", "No.", False), State.DUE, "refused", "locked"),
        (Unknown("Lost."), State.UNKNOWN, "unknown", "answer-lost"),
        (NotSent("Down."), State.DUE, "not-sent", "not-sent"),
        (There("r"), State.UNKNOWN, "unknown", "answer-lost"),
    ],
)
def test_after_a_send(answer: Outcome | Found, state: State, outcome: str, code: str) -> None:
    decision = decide(lease(), answer, HOP, AT, Random(1))
    assert (decision.state, decision.outcome, decision.reason_code) == (state, outcome, code)


@pytest.mark.parametrize(
    ("answer", "state", "outcome", "code"),
    [
        (There("r"), State.CONFIRMED, "there", ""),
        (NotThere(), State.DUE, "not-there", "not-there"),
        (NotYet("Queued."), State.UNKNOWN, "not-yet", "accepted"),
        (CannotTell("No."), State.PARKED, "cannot-tell", "cannot-ask"),
        (NotSent("Down."), State.UNKNOWN, "not-asked", "answer-lost"),
        (Confirmed("r"), State.UNKNOWN, "not-asked", "answer-lost"),
    ],
)
def test_after_a_question(answer: Outcome | Found, state: State, outcome: str, code: str) -> None:
    decision = decide(lease("probe", probes=1), answer, HOP, AT, Random(1))
    assert (decision.state, decision.outcome, decision.reason_code) == (state, outcome, code)


def test_what_was_lost_is_sent_again_at_once() -> None:
    assert decide(lease("probe", probes=1), NotThere(), HOP, AT, Random(1)).due_at == AT


@pytest.mark.parametrize("answer", [Refused("locked", "Busy.", False), NotSent("Down.")])
def test_the_last_attempt_is_the_last(answer: Outcome) -> None:
    assert decide(lease(attempt=2), answer, LAST, AT, Random(1)).state is State.DUE
    dead = decide(lease(attempt=3), answer, LAST, AT, Random(1))
    assert dead.state is State.DEAD
    assert dead.reason.startswith("Given up after 3 attempts: ")


def test_an_answer_lost_on_the_last_attempt_is_asked_for_before_it_is_given_up() -> None:
    assert decide(lease(attempt=3), Unknown("Lost."), LAST, AT, Random(1)).state is State.UNKNOWN
    assert decide(lease("probe", attempt=3, probes=1), There(), LAST, AT, Random(1)).state is State.CONFIRMED
    dead = decide(lease("probe", attempt=3, probes=1), NotThere(), LAST, AT, Random(1))
    assert (dead.state, dead.reason_code) == (State.DEAD, "not-there")


def test_a_target_that_works_on_its_own_time_is_given_time() -> None:
    assert decide(lease(), Accepted(), HOP, AT, Random(1)).due_at == AT + ACCEPTED_WAIT
    asked = lease("probe", probes=3, reason_code="accepted")
    again = decide(asked, NotThere(), HOP, AT, Random(1))
    assert again.state is State.DUE
    assert again.due_at is not None
    assert again.due_at > AT
    # Whoever cannot be asked may still call; only when that has not come for long does a person look.
    assert decide(asked, CannotTell("No."), HOP, AT, Random(1)).state is State.UNKNOWN
    tired = lease("probe", probes=HOP.attempts, reason_code="accepted")
    assert decide(tired, CannotTell("No."), HOP, AT, Random(1)).state is State.PARKED


def test_pauses_double_up_to_the_hops_own_limit() -> None:
    ceilings = [ceiling(HOP, number).total_seconds() for number in range(1, 12)]
    assert ceilings == [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300]
    assert ceiling(hop_with(backoff=86400 * 366, backoff_max=86400 * 366), 10**9) == timedelta(days=366)


@given(number=st.integers(-5, 10**6), seed=st.integers(), backoff=st.floats(0.001, 60), top=st.floats(60, 3600))
def test_a_pause_is_anything_from_nothing_to_its_ceiling(number: int, seed: int, backoff: float, top: float) -> None:
    hop = hop_with(backoff=backoff, backoff_max=top)
    assert timedelta(0) <= pause(hop, number, Random(seed)) <= ceiling(hop, number) <= hop.backoff_max


def test_pauses_are_spread_over_their_whole_range() -> None:
    chance = Random(7)
    spans = [pause(HOP, 4, chance).total_seconds() for _ in range(2000)]
    assert min(spans) < 0.1
    assert max(spans) > 7.9
    assert 3.7 < sum(spans) / len(spans) < 4.3


@given(asked=st.floats(), attempt=st.integers(1, 11), seed=st.integers())
def test_retry_after_is_honoured_within_reason(asked: float, attempt: int, seed: int) -> None:
    answer = Refused("busy", "Later.", False, asked)
    decision = decide(lease(attempt=attempt), answer, HOP, AT, Random(seed))
    assert decision.due_at is not None
    least = min(asked, RETRY_AFTER_MAX.total_seconds()) if asked > 0 else 0
    assert seconds(least) <= decision.due_at - AT <= seconds(least) + ceiling(HOP, attempt) + seconds(1e-5)


ANSWERS = st.one_of(
    st.builds(Confirmed, st.text()),
    st.builds(Accepted),
    st.builds(Refused, st.text(), st.text(), st.booleans(), st.none() | st.floats(), st.booleans()),
    st.builds(Unknown, st.text()),
    st.builds(NotSent, st.text()),
    st.builds(There, st.text()),
    st.builds(NotThere),
    st.builds(NotYet, st.text()),
    st.builds(CannotTell, st.text()),
)


@given(
    answer=ANSWERS,
    kind=st.sampled_from(["send", "probe"]),
    attempt=st.integers(1, 20),
    probes=st.integers(0, 50),
    reason_code=st.sampled_from(["", "accepted", "answer-lost", "lease-expired"]),
)
def test_every_answer_leads_somewhere_that_can_be_written_down(
    answer: Outcome | Found, kind: str, attempt: int, probes: int, reason_code: str
) -> None:
    decision = decide(lease(kind, attempt, probes, reason_code), answer, HOP, AT, Random(2))
    if decision.state in {State.DUE, State.UNKNOWN}:
        assert decision.due_at is not None
        assert decision.due_at >= AT
    else:
        assert decision.due_at is None
    if decision.state is not State.CONFIRMED:
        assert decision.reason or isinstance(answer, Refused | Unknown | NotSent | NotYet | CannotTell)
    for text, limit in ((decision.reason, TEXT_MAX), (decision.reference, TEXT_MAX), (decision.reason_code, CODE_MAX)):
        assert len(text) <= limit
        assert text.isprintable()
        text.encode()
