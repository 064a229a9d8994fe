"""When a hop is let through."""

from datetime import datetime
from itertools import pairwise
from random import Random

import pytest

from tests.unit.handoff.maps import AT, hop_with, seconds
from tillbridge.handoff.breaker import FAILURES_TO_OPEN, Breaker, Gate, admits, after, is_failure, tried
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

HOP = hop_with(backoff=2, backoff_max=60)
DOWN = NotSent("Connection refused.")


def failed(times: int, at: datetime = AT, answer: Outcome = DOWN) -> Breaker:
    breaker = Breaker()
    for _ in range(times):
        breaker = after(breaker, answer, HOP, at, Random(1))
    return breaker


@pytest.mark.parametrize(
    ("answer", "failure"),
    [
        (NotSent(""), True),
        (Unknown(""), True),
        (Refused("unavailable", "", False, None, everything=True), True),
        (Refused("locked", "", False), False),
        (Refused("schema", "", True), False),
        (Confirmed(), False),
        (Accepted(), False),
        (There(), False),
        (NotThere(), False),
        (NotYet(""), False),
        (CannotTell(""), False),
    ],
)
def test_only_what_concerns_the_whole_system_is_a_failure(answer: Outcome | Found, failure: bool) -> None:
    assert is_failure(answer) is failure


def test_it_opens_at_the_fifth_failure_in_a_row() -> None:
    assert failed(FAILURES_TO_OPEN - 1) == Breaker(Gate.CLOSED, 4)
    opened = failed(FAILURES_TO_OPEN)
    assert (opened.state, opened.opened_at) == (Gate.OPEN, AT)
    assert opened.until is not None
    assert seconds(1) <= opened.until - AT <= seconds(2)


def test_any_sign_of_life_starts_the_count_anew() -> None:
    alive = after(failed(4), Refused("locked", "", False), HOP, AT, Random(1))
    assert alive == Breaker()
    assert after(failed(9), Confirmed(), HOP, AT, Random(1)) == Breaker()


def test_an_open_one_lets_nothing_through_until_its_time_and_then_one() -> None:
    opened = failed(5)
    assert opened.until is not None
    assert admits(opened, AT, 0, 32) == 0
    assert admits(opened, opened.until, 0, 32) == 1
    assert admits(opened, opened.until, 1, 31) == 0
    assert tried(opened, AT) is opened
    trial = tried(opened, opened.until)
    assert trial.state is Gate.HALF_OPEN
    assert admits(trial, opened.until, 0, 32) == 1
    assert admits(trial, opened.until, 1, 31) == 0
    assert admits(Breaker(), AT, 31, 1) == 1


def test_a_failed_trial_closes_the_hop_for_longer() -> None:
    breaker, opened = failed(5), list[datetime]()
    for _ in range(8):
        assert breaker.until is not None
        breaker = after(tried(breaker, breaker.until), DOWN, HOP, breaker.until, Random(1))
        assert (breaker.state, breaker.opened_at) == (Gate.OPEN, AT)
        assert breaker.until is not None
        opened.append(breaker.until)
    steps = [(later - earlier).total_seconds() for earlier, later in pairwise(opened)]
    assert steps == sorted(steps)
    assert 30 <= steps[-1] <= 60


def test_what_was_under_way_when_it_opened_says_nothing_new() -> None:
    opened = failed(5)
    assert after(opened, DOWN, HOP, AT + seconds(1), Random(1)) is opened


def test_it_stays_closed_to_deliveries_for_as_long_as_the_target_asked() -> None:
    opened = failed(5, answer=Refused("unavailable", "", False, 45.0, everything=True))
    assert opened.until is not None
    assert opened.until - AT == seconds(45)


def test_what_was_never_sent_says_nothing_of_the_target() -> None:
    ours = Refused("mapping-rejected", "The map has no rate.", True, unasked=True)
    for breaker in (failed(3), failed(5), tried(failed(5), AT + seconds(3600))):
        assert after(breaker, ours, HOP, AT, Random(1)) == breaker
    half_open = tried(failed(5), AT + seconds(3600))
    assert half_open.state is Gate.HALF_OPEN
    # The trial is still to come.
    assert admits(after(half_open, ours, HOP, AT, Random(1)), AT, 0, 8) == 1


def test_a_pause_that_was_asked_for_holds_for_the_hop_at_once() -> None:
    asked = Refused("too-many-requests", "Later.", False, 3.0, everything=True)
    breaker = after(Breaker(), asked, HOP, AT, Random(1))
    assert (breaker.state, breaker.until) == (Gate.OPEN, AT + seconds(3))
    assert admits(breaker, AT + seconds(2), 0, 32) == 0
    assert admits(breaker, AT + seconds(3), 0, 32) == 1
    # Said of one event alone, it is about that event.
    assert after(Breaker(), Refused("locked", "Later.", False, 3.0), HOP, AT, Random(1)) == Breaker()
