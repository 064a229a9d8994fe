"""Burn order: the promised order, total and the same however the credits were found; and what is taken from each."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from random import Random
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from tillbridge.credit.burn import PRIORITY, Spendable, order
from tillbridge.stack.model import Burn
from tillbridge.stack.terms import BUCKETS, CRITERIA

USUAL = Burn()
NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
DAY = timedelta(days=1)


def credit(
    number: int,
    *,
    priority: int = PRIORITY,
    expires: int | None = None,
    bucket: str = "paid",
    age: int = 0,
    available: int = 1000,
) -> Spendable:
    expires_at = None if expires is None else NOON + expires * DAY
    return Spendable(UUID(int=number), priority, expires_at, bucket, NOON - age * DAY, available)


def numbers(credits: tuple[Spendable, ...]) -> list[int]:
    return [one.credit_id.int for one in credits]


SPENDABLE = st.builds(
    credit,
    st.integers(1, 10**6),
    priority=st.integers(99, 101),
    expires=st.none() | st.integers(1, 3),
    bucket=st.sampled_from(sorted(BUCKETS)),
    age=st.integers(0, 2),
    available=st.integers(0, 50),
)
CREDITS = st.lists(SPENDABLE, max_size=12, unique_by=lambda one: one.credit_id)
POLICY = st.builds(
    Burn,
    st.lists(st.sampled_from(sorted(CRITERIA)), min_size=1, unique=True).map(tuple),
    st.permutations(sorted(BUCKETS)).map(tuple),
)


def test_the_lower_priority_goes_before_everything() -> None:
    credits = [credit(1, expires=1, bucket="promo", age=9), credit(2, priority=10)]
    assert numbers(order(credits, USUAL)) == [2, 1]


def test_then_what_expires_soonest_and_never_last() -> None:
    credits = [credit(1, bucket="promo"), credit(2, expires=30), credit(3, expires=2)]
    assert numbers(order(credits, USUAL)) == [3, 2, 1]


def test_then_what_was_not_paid_for() -> None:
    credits = [credit(place, bucket=bucket, age=place) for place, bucket in enumerate(BUCKETS)]
    assert [one.bucket for one in order(credits, USUAL)] == ["promo", "goodwill", "refund", "paid"]


def test_then_the_oldest_and_of_one_moment_the_lower_id() -> None:
    credits = [credit(3), credit(2), credit(9, age=1)]
    assert numbers(order(credits, USUAL)) == [9, 2, 3]


def test_a_policy_turns_it_round() -> None:
    credits = [credit(1, bucket="promo", expires=30), credit(2, bucket="paid", expires=2), credit(3, bucket="refund")]
    by_bucket = Burn(order=("bucket",), buckets=("paid", "refund", "goodwill", "promo"))
    assert numbers(order(credits, by_bucket)) == [2, 3, 1]
    assert numbers(order(credits, Burn(order=("age",)))) == [1, 2, 3]


def test_moments_are_compared_whatever_their_zone() -> None:
    early = Spendable(UUID(int=1), 100, datetime.fromisoformat("2026-11-21T23:00:00-05:00"), "paid", NOON, 1)
    late = Spendable(UUID(int=2), 100, datetime.fromisoformat("2026-11-22T05:00:00+00:00"), "paid", NOON, 1)
    assert numbers(order([late, early], USUAL)) == [1, 2]


def test_a_bucket_without_a_place_goes_last() -> None:
    credits = [credit(1, bucket="paid"), credit(2, bucket="promo")]
    assert numbers(order(credits, Burn(buckets=("paid",)))) == [1, 2]


@given(credits=CREDITS, policy=POLICY, seed=st.integers(0, 99))
def test_the_order_is_the_same_however_the_credits_were_found(
    credits: list[Spendable], policy: Burn, seed: int
) -> None:
    shuffled = list(credits)
    Random(seed).shuffle(shuffled)
    assert order(shuffled, policy) == order(credits, policy)
    assert sorted(numbers(order(credits, policy))) == sorted(one.credit_id.int for one in credits)


@given(credits=CREDITS)
def test_the_usual_order_is_the_promise(credits: list[Spendable]) -> None:
    ordered = order(credits, USUAL)
    for first, second in pairwise(ordered):
        assert first.priority <= second.priority
        if first.priority == second.priority:
            assert first.expires_at or not second.expires_at
            if first.expires_at and second.expires_at:
                assert first.expires_at <= second.expires_at


@given(first=SPENDABLE, second=SPENDABLE, policy=POLICY)
def test_leaving_a_credit_out_never_turns_two_others_round(first: Spendable, second: Spendable, policy: Burn) -> None:
    third = credit(10**7, bucket="goodwill", expires=2)
    pair = numbers(order([first, second], policy))
    assert [number for number in numbers(order([first, second, third], policy)) if number != 10**7] == pair
