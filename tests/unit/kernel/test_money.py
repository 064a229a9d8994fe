"""Money: exact, in minor units, for every currency."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tillbridge.kernel.money import MINOR_MAX, AmountFault, Money, exponent, exponents, parse

CURRENCIES = st.sampled_from(sorted(exponents()))


@given(st.integers(-MINOR_MAX, MINOR_MAX), CURRENCIES)
def test_what_is_written_reads_back(minor: int, currency: str) -> None:
    money = Money(minor, currency)
    assert parse(money.text(), currency) == money
    assert Decimal(money.text()) == money.decimal()


@given(st.integers(0, 10**12), CURRENCIES, st.integers(1, 9))
def test_finer_than_the_currency_is_refused_and_never_rounded(minor: int, currency: str, digit: int) -> None:
    text = Money(minor, currency).text()
    finer = f"{text}{digit}" if "." in text else f"{text}.{digit}"
    with pytest.raises(AmountFault) as refused:
        parse(finer, currency)
    assert refused.value.code == "too-fine"


@given(st.text(max_size=12))
def test_any_text_is_an_amount_or_a_fault(text: str) -> None:
    try:
        money = parse(text, "USD")
    except AmountFault:
        return
    assert abs(money.decimal() - Decimal(text)) == 0


@pytest.mark.parametrize(
    ("text", "currency", "code"),
    [
        ("1,000.00", "USD", "not-a-number"),
        ("1e3", "USD", "not-a-number"),
        ("", "USD", "not-a-number"),
        ("+5", "USD", "not-a-number"),
        (".50", "USD", "not-a-number"),
        ("5.", "USD", "not-a-number"),
        ("Infinity", "USD", "not-a-number"),
        ("5\n", "USD", "not-a-number"),
        ("10.005", "USD", "too-fine"),
        ("10.5", "JPY", "too-fine"),
        ("10.00000001", "USD", "too-fine"),
        ("99999999999999999", "USD", "too-large"),
        ("5", "usd", "unknown-currency"),
        ("5", "", "unknown-currency"),
    ],
)
def test_what_is_refused_and_as_what(text: str, currency: str, code: str) -> None:
    with pytest.raises(AmountFault) as refused:
        parse(text, currency)
    assert refused.value.code == code


def test_trailing_zeros_are_the_same_amount() -> None:
    assert parse("10.500", "USD") == parse("10.5", "USD") == Money(1050, "USD")
    assert (exponent("USD"), exponent("JPY"), exponent("KWD")) == (2, 0, 3)
    assert str(Money(1050, "USD")) == "10.50 USD"
