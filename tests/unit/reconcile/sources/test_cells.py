"""Amounts, times and codes as exports spell them, to values; each by itself."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tillbridge.diagnose.model import Side
from tillbridge.kernel.money import Money, exponents
from tillbridge.reconcile.sources.amounts import minor
from tillbridge.reconcile.sources.cells import code_of
from tillbridge.reconcile.sources.layout import canonical
from tillbridge.reconcile.sources.model import Complaint
from tillbridge.reconcile.sources.natural import text_of
from tillbridge.reconcile.sources.times import Moment, moment

PLAIN = canonical(Side.POS)


@pytest.mark.parametrize(
    ("text", "decimal", "thousands", "units"),
    [
        ("1.234,50", ",", ".", 123450),
        ("1234,5", ",", ".", 123450),
        ("1,234,567.89", ".", ",", 123456789),
        ("1 234.50", ".", " ", 123450),
        ("1\u202f234,50", ",", " ", 123450),
        ("1’234.50", ".", "'", 123450),
        ("7", ",", "", 700),
    ],
)
def test_amounts_as_the_layout_says(text: str, decimal: str, thousands: str, units: int) -> None:
    assert minor("amount", text, "EUR", replace(PLAIN, decimal=decimal, thousands=thousands)) == units


@pytest.mark.parametrize("text", ["12,34,50", "1,23.50", "1234,567.00", "1.5", ",5", "5,", "1,,234"])
def test_groups_that_do_not_fit_are_no_amount(text: str) -> None:
    layout = replace(PLAIN, decimal=",", thousands=".") if text == "1.5" else replace(PLAIN, thousands=",")
    assert isinstance(minor("amount", text, "EUR", layout), Complaint)


@given(st.integers(0, 10**12), st.sampled_from(sorted(exponents())))
def test_every_amount_that_we_write_is_read(units: int, currency: str) -> None:
    assert minor("amount", Money(units, currency).text(), currency, PLAIN) == units


@pytest.mark.parametrize(
    ("text", "dates", "at"),
    [
        ("05.11.2026 22:27", "dmy", datetime(2026, 11, 5, 21, 27, tzinfo=UTC)),
        ("5/11/2026 10:27:10 PM", "dmy", datetime(2026, 11, 5, 21, 27, 10, tzinfo=UTC)),
        ("11/05/2026 12:00 am", "mdy", datetime(2026, 11, 4, 23, 0, tzinfo=UTC)),
        ("2026-11-05", "dmy", datetime(2026, 11, 4, 23, 0, tzinfo=UTC)),
        ("2026-11-05T10:27:10Z", "mdy", datetime(2026, 11, 5, 10, 27, 10, tzinfo=UTC)),
    ],
)
def test_times_as_the_layout_says(text: str, dates: str, at: datetime) -> None:
    layout = replace(PLAIN, dates=dates, time_zone="Europe/Berlin")
    assert moment("occurred_at", text, layout) == Moment(at)


@pytest.mark.parametrize("text", ["31.02.2026 10:00", "05.11/2026 10:00", "05.11.2026 13:00 PM", "05.11.2026 0:00 AM"])
def test_times_that_no_clock_shows(text: str) -> None:
    layout = replace(PLAIN, dates="dmy", time_zone="Europe/Berlin")
    assert isinstance(moment("occurred_at", text, layout), Complaint)


def test_an_hour_that_comes_twice_is_taken_as_the_first() -> None:
    layout = replace(PLAIN, time_zone="America/New_York")
    first = datetime(2026, 11, 1, 5, 30, tzinfo=UTC)
    assert moment("occurred_at", "2026-11-01T01:30:00", layout) == Moment(first, twice=True)
    assert moment("occurred_at", "2026-11-01T02:30:00", layout) == Moment(datetime(2026, 11, 1, 7, 30, tzinfo=UTC))


@pytest.mark.parametrize("text", ["gift-60 05", "GIFT\u00a06005", " g i f t\u20116005"])
def test_codes_are_compared_without_what_people_put_between(text: str) -> None:
    assert code_of(text) == "GIFT6005"


def test_numbers_of_a_spreadsheet() -> None:
    assert text_of(0.1 + 0.2, "amount") == "0.3"
    assert text_of(25.0, "amount") == "25"
    assert text_of(19.99, "amount") == "19.99"
    assert text_of(628167017000230.0, "code") == "628167017000230"
    assert text_of(6281670170002304.0, "code") == "6.281670E+15"
    assert text_of(float("nan"), "amount") == ""
    assert text_of(6281670170002304, "code") == "6281670170002304"
