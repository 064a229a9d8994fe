"""Daily limits as counters: which apply, what they are called, and that no two are mixed up."""

from dataclasses import replace
from datetime import date
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tillbridge.credit.limits import Attempt, uses_of
from tillbridge.ledger.model import Use
from tillbridge.stack.model import Limit, Per
from tillbridge.stack.terms import BUCKETS, LIMITED_VERBS

CREDIT, CUSTOMER = UUID(int=7), UUID(int=8)
ISSUE = Attempt("issue", "goodwill", "USD", CREDIT, CUSTOMER, "op07", "02", "006", date(2026, 11, 22))


def limit(
    per: Per = Per.OPERATOR,
    verbs: tuple[str, ...] = ("issue", "load"),
    buckets: tuple[str, ...] = (),
    currency: str = "USD",
    amount: int | None = 50_000,
    count: int | None = 20,
) -> Limit:
    return Limit(per, verbs, buckets, currency, amount, count)


def test_a_counter_says_whose_and_what_it_is() -> None:
    (use,) = uses_of([limit()], ISSUE)
    assert use == Use("operator:op07:issue+load:any:USD:2026-11-22", date(2026, 11, 22), 50_000, 20)
    (use,) = uses_of([limit(buckets=("goodwill", "promo"), count=None)], ISSUE)
    assert use == Use("operator:op07:issue+load:goodwill+promo:USD:2026-11-22", date(2026, 11, 22), 50_000, None)


@pytest.mark.parametrize(
    ("per", "who"),
    [
        (Per.CREDIT, str(CREDIT)),
        (Per.CUSTOMER, str(CUSTOMER)),
        (Per.OPERATOR, "op07"),
        (Per.REGISTER, "006/02"),
        (Per.STORE, "006"),
    ],
)
def test_each_is_counted_apart(per: Per, who: str) -> None:
    (use,) = uses_of([limit(per)], ISSUE)
    assert use.subject == f"{per}:{who}:issue+load:any:USD:2026-11-22"


def test_verbs_of_one_limit_share_a_counter() -> None:
    assert uses_of([limit()], ISSUE) == uses_of([limit()], replace(ISSUE, verb="load", bucket="paid"))


@pytest.mark.parametrize(
    "attempt",
    [
        replace(ISSUE, verb="redeem"),
        replace(ISSUE, bucket="paid"),
        replace(ISSUE, currency="EUR"),
    ],
)
def test_what_a_limit_does_not_name_is_not_counted(attempt: Attempt) -> None:
    assert uses_of([limit(buckets=("goodwill",))], attempt) == ()


@pytest.mark.parametrize(
    ("per", "attempt"),
    [
        (Per.CUSTOMER, replace(ISSUE, customer=None)),
        (Per.OPERATOR, replace(ISSUE, operator="")),
        (Per.REGISTER, replace(ISSUE, register="")),
        (Per.STORE, replace(ISSUE, store="")),
    ],
)
def test_who_is_not_known_is_not_limited(per: Per, attempt: Attempt) -> None:
    assert uses_of([limit(per)], attempt) == ()
    assert uses_of([limit(Per.CREDIT)], attempt)


def test_every_limit_that_applies_is_used_in_order() -> None:
    limits = [limit(Per.STORE, amount=900_000), limit(Per.CREDIT, verbs=("redeem",)), limit(Per.OPERATOR)]
    assert [use.subject.split(":")[0] for use in uses_of(limits, ISSUE)] == ["store", "operator"]
    assert uses_of([], ISSUE) == ()


def test_a_register_is_another_one_in_another_store() -> None:
    limits = [limit(Per.REGISTER)]
    assert uses_of(limits, ISSUE) != uses_of(limits, replace(ISSUE, store="007"))


def subsets(words: list[str], least: int) -> st.SearchStrategy[tuple[str, ...]]:
    """Words in their order, at least so many."""
    chosen = st.sets(st.sampled_from(words), min_size=least)
    return chosen.map(lambda some: tuple(word for word in words if word in some))


NAME = st.text(st.sampled_from("a1:/%+ é2F"), min_size=1, max_size=6)
LIMITS = st.builds(
    limit, st.sampled_from(Per), subsets(list(LIMITED_VERBS), 1), subsets(list(BUCKETS), 0), st.just("USD")
)
ATTEMPTS = st.builds(
    lambda operator, register, store, day: replace(ISSUE, operator=operator, register=register, store=store, day=day),
    NAME,
    NAME,
    NAME,
    st.dates(),
)


def whose(per: Per, attempt: Attempt) -> object:
    """What tells the counters of one limit apart, within a day."""
    return {
        Per.CREDIT: attempt.credit_id,
        Per.CUSTOMER: attempt.customer,
        Per.OPERATOR: attempt.operator,
        Per.REGISTER: (attempt.store, attempt.register),
        Per.STORE: attempt.store,
    }[per]


@given(one=LIMITS, other=LIMITS, here=ATTEMPTS, there=ATTEMPTS)
def test_two_counters_are_never_mixed_up(one: Limit, other: Limit, here: Attempt, there: Attempt) -> None:
    same = one.counted() == other.counted() and whose(one.per, here) == whose(one.per, there) and here.day == there.day
    first = {use.subject for use in uses_of([one], here)}
    second = {use.subject for use in uses_of([other], there)}
    if first and second:
        assert (first == second) == same
