"""Law: what may be cashed out and when a credit may expire, by place and day; in doubt for the customer."""

from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tillbridge.credit.law import Facts, Law, Row, earliest_expiry, most_in_cash, warnings
from tillbridge.credit.lawbook import load_law
from tillbridge.kernel.money import Money
from tillbridge.stack.terms import BUCKETS

LAW = load_law(None)
TODAY = date(2026, 11, 22)


def row(**changes: Any) -> Row:
    """A row about cash in Florida, where there is none."""
    plain = Row(
        id="x",
        place="US-FL",
        topic="cash_out",
        buckets=("paid",),
        operator="<=",
        value="5.00",
        unit="money",
        currency="USD",
        valid_from=None,
        valid_to=None,
        when={},
        source="a test",
        source_date="",
        mark="",
        note="",
        file="a test",
    )
    return replace(plain, **changes)


def cash(place: str, bucket: str = "paid", day: date = TODAY, currency: str = "USD", facts: Facts = Facts()) -> str:  # noqa: B008 - frozen
    most = most_in_cash(LAW, place, bucket, day, currency, facts)
    return most.text() if most else ""


def test_what_california_pays_out_changes_on_its_day() -> None:
    assert cash("US-CA", day=date(2007, 12, 31)) == ""
    assert cash("US-CA", day=date(2008, 1, 1)) == "9.99"
    assert cash("US-CA", day=date(2026, 3, 31)) == "9.99"
    assert cash("US-CA", day=date(2026, 4, 1)) == "14.99"


@pytest.mark.parametrize(
    ("place", "most"),
    [
        ("US-CO", "5.00"),
        ("US-CT", "2.99"),
        ("US-FL", ""),
        ("US-ME", "4.99"),
        ("US-MT", "4.99"),
        ("US-NJ", "4.99"),
        ("US-OR", "4.99"),
        ("US-WA", "4.99"),
        ("US-NY", "4.99"),
        ("US-RI", "0.99"),
        ("US-VT", "0.99"),
        ("US-TX", "2.49"),
        ("US-PR", "5.00"),
        ("PR", "5.00"),
        ("US-MO", "4.99"),
        ("US-MA", "5.00"),
        ("US", ""),
        ("GB", ""),
        ("CA-QC", ""),
    ],
)
def test_the_largest_balance_by_place(place: str, most: str) -> None:
    assert cash(place) == most


def test_a_right_is_in_its_own_currency() -> None:
    assert cash("CA-QC", currency="CAD") == "4.99"
    assert cash("US-CA", currency="EUR") == ""


@pytest.mark.parametrize(
    ("place", "facts", "most"),
    [
        ("US-CT", Facts(used=False), ""),
        ("US-CT", Facts(used=True), "2.99"),
        ("US-TX", Facts(in_person=False), ""),
        ("US-TX", Facts(in_person=True), "2.49"),
        ("US-NY", Facts(issued_on=date(2022, 12, 9)), ""),
        ("US-NY", Facts(issued_on=date(2022, 12, 10)), "4.99"),
        ("US-MA", Facts(reloadable=True, put_on=Money(20_000, "USD")), "5.00"),
        ("US-MA", Facts(reloadable=False, put_on=Money(20_000, "USD")), "20.00"),
        ("US-MA", Facts(reloadable=False, put_on=Money(2_005, "USD")), "2.00"),
        ("US-MA", Facts(reloadable=False, put_on=Money(20_000, "EUR")), ""),
        ("US-MA", Facts(reloadable=False), ""),
        ("US-MA", Facts(put_on=Money(20_000, "USD")), "20.00"),
    ],
)
def test_what_is_known_may_take_a_right_away(place: str, facts: Facts, most: str) -> None:
    assert cash(place, facts=facts) == most


def test_which_buckets_are_covered() -> None:
    assert [cash("US-MA", bucket) for bucket in BUCKETS] == ["5.00", "5.00", "", ""]
    assert [cash("US-NJ", bucket) for bucket in BUCKETS] == ["4.99", "", "", ""]
    # The exemption of refund credits could not be verified, so it is not relied on.
    assert [cash("US-CA", bucket) for bucket in BUCKETS] == ["14.99", "14.99", "", ""]


@pytest.mark.parametrize(
    ("place", "bucket", "issued", "earliest"),
    [
        ("US", "paid", date(2026, 11, 22), date(2031, 11, 22)),
        ("US-TX", "paid", date(2024, 2, 29), date(2029, 3, 1)),
        ("US", "promo", date(2026, 11, 22), date(2026, 11, 22)),
        ("US-CA", "paid", date(2026, 11, 22), None),
        ("US-CA", "refund", date(2026, 11, 22), None),
        ("US-FL", "refund", date(2026, 11, 22), None),
        ("US-NY", "paid", date(2026, 11, 22), date(2035, 11, 22)),
        ("US-NY", "paid", date(2022, 12, 9), date(2027, 12, 9)),
        ("PR", "paid", date(2026, 11, 22), date(2031, 11, 22)),
        ("IE", "paid", date(2019, 12, 1), date(2019, 12, 1)),
        ("IE", "paid", date(2019, 12, 2), date(2024, 12, 2)),
        ("AU-NSW", "paid", date(2026, 11, 22), date(2029, 11, 22)),
        ("NZ", "paid", date(2026, 3, 16), date(2029, 3, 16)),
        ("NZ", "refund", date(2026, 3, 16), date(2026, 3, 16)),
        ("CA-ON", "paid", date(2026, 11, 22), None),
        ("CA-AB", "paid", date(2026, 11, 22), date(2026, 11, 22)),
        ("GB", "paid", date(2026, 11, 22), date(2026, 11, 22)),
        ("US", "paid", date(9999, 1, 1), date.max),
    ],
)
def test_the_earliest_last_day(place: str, bucket: str, issued: date, earliest: date | None) -> None:
    assert earliest_expiry(LAW, place, bucket, issued) == earliest


def test_without_a_date_a_credit_of_massachusetts_lives_for_ever() -> None:
    issued = date(2026, 11, 22)
    assert earliest_expiry(LAW, "US-MA", "refund", issued, Facts(date_shown=True)) == date(2033, 11, 22)
    assert earliest_expiry(LAW, "US-MA", "refund", issued, Facts(date_shown=False)) is None
    assert earliest_expiry(LAW, "US-MA", "refund", issued) is None


def test_months_are_counted_like_years() -> None:
    law = Law((row(topic="min_life", operator=">=", value="18", unit="months", currency=""),))
    assert earliest_expiry(law, "US-FL", "paid", date(2026, 8, 31)) == date(2028, 3, 2)
    assert earliest_expiry(law, "US-FL", "paid", date(2026, 1, 31)) == date(2027, 7, 31)


def test_a_state_goes_before_its_country() -> None:
    law = Law((row(id="c", place="US", value="20.00"), row()))
    assert most_in_cash(law, "US-FL", "paid", TODAY, "USD") == Money(500, "USD")
    assert most_in_cash(law, "US-GA", "paid", TODAY, "USD") == Money(2000, "USD")
    ended = Law((law.rows[0], row(valid_to=date(2026, 11, 21))))
    assert most_in_cash(ended, "US-FL", "paid", TODAY, "USD") == Money(2000, "USD")


def test_what_is_to_be_verified_only_gives_more() -> None:
    country = row(id="c", place="US", value="20.00")
    for value, most in (("5.00", 2000), ("50.00", 5000)):
        law = Law((country, row(value=value, mark="verify")))
        assert most_in_cash(law, "US-FL", "paid", TODAY, "USD") == Money(most, "USD")
    sure = Law((replace(country, mark="verify"), row()))
    assert most_in_cash(sure, "US-FL", "paid", TODAY, "USD") == Money(500, "USD")


def test_less_than_the_smallest_coin_is_no_right() -> None:
    assert most_in_cash(Law((row(operator="<", value="0.01"),)), "US-FL", "paid", TODAY, "USD") is None
    yen = Law((row(operator="<", value="500", currency="JPY"),))
    assert most_in_cash(yen, "US-FL", "paid", TODAY, "JPY") == Money(499, "JPY")
    share = Law((row(operator="<", value="10", unit="percent", currency=""),))
    most = [most_in_cash(share, "US-FL", "paid", TODAY, "USD", Facts(put_on=Money(sum_, "USD"))) for sum_ in (100, 105)]
    assert most == [Money(9, "USD"), Money(10, "USD")]


def test_what_is_to_be_verified_is_warned_of() -> None:
    said = warnings(LAW)
    assert len(said) == sum(one.mark == "verify" for one in LAW.rows) > 10
    assert "Law us-ny-cash-out (cash_out, US-NY) is to be verified: Newsday; General Business Law 396-i." in said
    assert warnings(Law((row(),))) == ()


PLACES = st.sampled_from([*sorted({one.place for one in LAW.rows}), "US-GA", "PR", "GB", "AU-NSW"])
DAYS = st.dates(date(1999, 1, 1), date(2060, 1, 1))
TOLD = st.none() | st.booleans()
FACTS = st.builds(
    Facts,
    TOLD,
    TOLD,
    TOLD,
    TOLD,
    st.none() | DAYS,
    st.none() | st.integers(1, 10**6).map(lambda minor: Money(minor, "USD")),
)


@given(place=PLACES, bucket=st.sampled_from(sorted(BUCKETS)), day=DAYS, facts=FACTS)
def test_to_know_less_of_a_credit_never_takes_from_the_customer(
    place: str, bucket: str, day: date, facts: Facts
) -> None:
    unknown = Facts(put_on=facts.put_on)
    known = most_in_cash(LAW, place, bucket, day, "USD", facts)
    doubtful = most_in_cash(LAW, place, bucket, day, "USD", unknown)
    assert (doubtful.minor if doubtful else 0) >= (known.minor if known else 0)
    lives, in_doubt = (earliest_expiry(LAW, place, bucket, day, what) for what in (facts, unknown))
    assert in_doubt is None or (lives is not None and in_doubt >= lives)


@given(place=PLACES, bucket=st.sampled_from(sorted(BUCKETS)), day=DAYS)
def test_rows_to_be_verified_never_make_less_of_the_sure_ones(place: str, bucket: str, day: date) -> None:
    sure = Law(tuple(one for one in LAW.rows if not one.mark))
    least, all_in = (most_in_cash(law, place, bucket, day, "USD") for law in (sure, LAW))
    assert (all_in.minor if all_in else 0) >= (least.minor if least else 0)
    lives, longer = (earliest_expiry(law, place, bucket, day) for law in (sure, LAW))
    assert longer is None or (lives is not None and longer >= lives >= day)
