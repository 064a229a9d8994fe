"""Amounts in another currency: exact until they are rounded, once, and never more than there was."""

from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.stack.transforms.hops import DAY, body_of, facts, hop_of, into
from tillbridge.kernel.money import Money, exponent
from tillbridge.stack.settings import ConvertCurrency, Rounding
from tillbridge.stack.transforms import Facts, Rejected, apply
from tillbridge.stack.transforms.currency import convert, converted, rate_on

CODES = st.sampled_from(["USD", "EUR", "JPY", "KWD", "CLF", "HUF"])
RATES = st.decimals("0.000001", "999999", places=6).map(lambda rate: f"{rate:f}")
MINOR = st.integers(0, 10**17)


def told(settings: ConvertCurrency, balance: int, change: int, currency: str) -> dict[str, Any]:
    """What is sent of an event that changed a balance to this."""
    body = body_of(
        amount=Money(abs(change), currency).text(),
        balance=Money(balance, currency).text(),
        credit={**body_of()["credit"], "currency": currency},
    )
    after = convert(settings, body, facts(change))
    assert not isinstance(after, Rejected)
    return dict(after)


def exact(minor: int, rate: str, currency: str, to: str) -> Fraction:
    """The product, in smallest units of the target's currency."""
    return Fraction(minor) * Fraction(rate) * Fraction(10) ** (exponent(to) - exponent(currency))


@given(RATES, CODES, CODES, st.sampled_from(Rounding), st.lists(MINOR, min_size=1, max_size=12))
def test_the_amounts_of_a_life_add_up_to_the_converted_balance(
    rate: str, currency: str, to: str, rounding: Rounding, balances: list[int]
) -> None:
    settings = into(to, {currency: rate}, rounding)
    total, before = 0, 0
    for balance in balances:
        sent = told(settings, balance, balance - before, currency)
        amount = units(sent["amount"], sent["credit"]["currency"])
        total += amount if balance >= before else -amount
        before = balance
        assert units(sent["balance"], sent["credit"]["currency"]) == total
        assert amount >= 0


@given(RATES, CODES, CODES, MINOR)
def test_rounded_down_it_is_never_more_than_the_exact_product_nor_a_unit_less(
    rate: str, currency: str, to: str, minor: int
) -> None:
    settings = into(to, {currency: rate})
    known = rate_on(settings, currency, DAY)
    assert known
    product = exact(minor, rate, currency, to)
    assert product - 1 < converted(Money(minor, currency), settings, known).minor <= product


@given(RATES, CODES, CODES, MINOR, st.sampled_from([Rounding.HALF_EVEN, Rounding.HALF_UP]))
def test_rounded_to_the_nearest_it_is_at_most_half_a_unit_away(
    rate: str, currency: str, to: str, minor: int, rounding: Rounding
) -> None:
    settings = into(to, {currency: rate}, rounding)
    known = rate_on(settings, currency, DAY)
    assert known
    away = converted(Money(minor, currency), settings, known).minor - exact(minor, rate, currency, to)
    assert abs(away) <= Fraction(1, 2)


@given(CODES, CODES, MINOR, RATES, st.decimals("0", "1", places=6))
def test_there_and_back_never_gives_more_than_it_began_with(
    currency: str, to: str, minor: int, rate: str, share: Decimal
) -> None:
    # The way back is at the inverse rate, as far as twelve decimals can say it, or worse.
    inverse = Fraction(10**12) / Fraction(rate) * Fraction(share)
    back = f"{Decimal(int(inverse)).scaleb(-12):f}"
    if Decimal(back) == 0:
        return
    there = converted_by(into(to, {currency: rate}), Money(minor, currency))
    assert converted_by(into(currency, {to: back}), there).minor <= minor


def converted_by(settings: ConvertCurrency, amount: Money) -> Money:
    known = rate_on(settings, amount.currency, DAY)
    assert known
    return converted(amount, settings, known)


@given(st.integers(0, 10**12), st.sampled_from(["2", "4", "0.5", "1.25", "10"]))
def test_where_nothing_is_rounded_there_and_back_is_the_same(minor: int, rate: str) -> None:
    there = converted_by(into("KWD", {"EUR": rate}), Money(minor * 100, "EUR"))
    assert converted_by(into("EUR", {"KWD": f"{1 / Decimal(rate):f}"}), there).minor == minor * 100


@pytest.mark.parametrize(
    ("rounding", "rate", "minor", "gives"),
    [
        (Rounding.DOWN, "1.0825", 8800, 9526),
        (Rounding.DOWN, "0.5", 3, 1),
        (Rounding.HALF_EVEN, "0.5", 3, 2),
        (Rounding.HALF_UP, "0.5", 3, 2),
        (Rounding.DOWN, "0.5", 5, 2),
        (Rounding.HALF_EVEN, "0.5", 5, 2),
        (Rounding.HALF_UP, "0.5", 5, 3),
        (Rounding.HALF_UP, "0.4999", 1, 0),
        (Rounding.HALF_EVEN, "0.5001", 1, 1),
    ],
)
def test_each_rounding(rounding: Rounding, rate: str, minor: int, gives: int) -> None:
    assert converted_by(into("USD", {"EUR": rate}, rounding), Money(minor, "EUR")).minor == gives


@pytest.mark.parametrize(
    ("amount", "to", "rate", "gives"),
    [
        (Money(12345, "JPY"), "USD", "0.0064", "79.00"),
        (Money(7901, "USD"), "JPY", "156.25", "12345"),
        (Money(1, "KWD"), "USD", "3.25", "0.00"),
        (Money(1234, "KWD"), "JPY", "500", "617"),
        (Money(100, "USD"), "KWD", "0.30745", "0.307"),
    ],
)
def test_currencies_without_and_with_three_decimals(amount: Money, to: str, rate: str, gives: str) -> None:
    assert converted_by(into(to, {amount.currency: rate}), amount).text() == gives


def test_the_body_keeps_what_it_was() -> None:
    settings = into("USD", {"EUR": {date(2026, 11, 1): "1.0825", date(2026, 11, 22): "1.10"}})
    body = body_of(amount="29.99", balance="58.01", type="credit.redeemed")
    after = convert(settings, body, facts(-2999))
    assert isinstance(after, dict)
    assert (after["amount"], after["balance"], after["credit"]["currency"]) == ("32.47", "62.79", "USD")
    assert after["converted"] == {
        "amount": "29.99",
        "balance": "58.01",
        "currency": "EUR",
        "rate": "1.0825",
        "from": "2026-11-01",
        "born_on": "2026-11-21",
        "rounding": "down",
    }
    assert body == body_of(amount="29.99", balance="58.01", type="credit.redeemed")


def test_what_is_in_the_targets_currency_stays_as_it_is() -> None:
    body = body_of(credit={**body_of()["credit"], "currency": "USD"})
    assert convert(into("USD"), body, facts()) == body


def test_an_event_that_moves_no_money_moves_none_in_any_currency() -> None:
    assert told(into("USD", {"EUR": "1.0825"}), 8800, 0, "EUR")["amount"] == "0.00"


@given(st.lists(st.integers(0, 3000), min_size=1, max_size=20, unique=True), st.integers(-10, 3010))
def test_a_rate_holds_from_its_day_until_the_next(days: list[int], asked: int) -> None:
    first = date(2020, 1, 1)
    settings = into("USD", {"EUR": {first + timedelta(days=day): str(day + 1) for day in days}})
    rate = rate_on(settings, "EUR", first + timedelta(days=asked))
    held = [day for day in days if day <= asked]
    assert (rate.rate if rate else None) == (max(held) + 1 if held else None)


def test_what_is_spent_goes_at_the_rate_at_which_it_was_given() -> None:
    hop = hop_of(
        '{ name = "convert-currency", rates = [{ currency = "EUR", from = 2026-11-01, rate = "1.10" },'
        ' { currency = "EUR", from = 2026-11-22, rate = "2" }] }'
    )
    old = apply(hop, body_of(balance="0.00"), facts(-8800))
    new = apply(hop, body_of(), Facts(DAY + timedelta(days=1), 8800, "refund"))
    assert not isinstance(old, Rejected)
    assert not isinstance(new, Rejected)
    assert (old["amount"], new["amount"]) == ("96.80", "176.00")


def test_no_rate_names_currency_and_day() -> None:
    settings = into("USD", {"EUR": {date(2026, 11, 22): "1.10"}})
    assert convert(settings, body_of(), facts()) == Rejected(
        "mapping-rejected", "The map has no rate from EUR to USD on 2026-11-21."
    )


def units(text: str, currency: str) -> int:
    """Smallest units; a converted amount may be larger than any that is taken in."""
    return int(Fraction(text) * 10 ** exponent(currency))
