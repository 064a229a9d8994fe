"""`convert-currency`: amounts in the target's currency, at the rate of the day the credit was born.

A balance is converted and rounded; the amount of an event is the difference that it makes to the converted balance. So
the amounts of a credit's life always add up to its converted balance, however each would have been rounded alone: as
long as the map says the same rate of that day. The map's history warns of a rate that was another.
"""

from bisect import bisect_right
from collections.abc import Mapping
from datetime import date
from fractions import Fraction
from math import floor
from typing import Any, Final

from tillbridge.kernel.money import Money, exponent
from tillbridge.stack.settings import ConvertCurrency, Rate, Rounding
from tillbridge.stack.transforms.facts import Facts, Rejected, rejected

_HALF: Final = Fraction(1, 2)


def convert(settings: ConvertCurrency, body: Mapping[str, Any], facts: Facts) -> Mapping[str, Any] | Rejected:
    """Amount and balance in the target's currency, and as they were under `converted`; a body that is in that currency
    stays as it is."""
    currency = body["credit"]["currency"]
    if currency == settings.to:
        return body
    rate = rate_on(settings, currency, facts.born_on)
    if rate is None:
        return no_rate(settings, currency, facts.born_on)
    after = _read(body["balance"], currency)
    before = Money(after.minor - facts.change, currency)
    balance = converted(after, settings, rate)
    amount = abs(balance.minor - converted(before, settings, rate).minor)
    return {
        **body,
        "amount": Money(amount, settings.to).text(),
        "balance": balance.text(),
        "credit": {**body["credit"], "currency": settings.to},
        "converted": {
            "amount": body["amount"],
            "balance": body["balance"],
            "currency": currency,
            "rate": f"{rate.rate:f}",
            "from": rate.since.isoformat(),
            "born_on": facts.born_on.isoformat(),
            "rounding": settings.rounding.value,
        },
    }


def converted(amount: Money, settings: ConvertCurrency, rate: Rate) -> Money:
    """An amount at a rate, exact until it is rounded, once, to a whole smallest unit of the target's currency."""
    shift = exponent(settings.to) - exponent(amount.currency)
    exact = amount.minor * Fraction(rate.rate) * Fraction(10) ** shift
    return Money(_rounded(exact, settings.rounding), settings.to)


def rate_on(settings: ConvertCurrency, currency: str, day: date) -> Rate | None:
    """The rate of a currency that holds on a day: the newest from that day or before. None when there is none."""
    rates = settings.rates.get(currency, ())
    place = bisect_right(rates, day, key=lambda rate: rate.since)
    return rates[place - 1] if place else None


def no_rate(settings: ConvertCurrency, currency: str, day: date | None) -> Rejected:
    """What is said of a currency that cannot be converted, on a day or at all."""
    when = f" on {day.isoformat()}" if day else ""
    return rejected(f"The map has no rate from {currency} to {settings.to}{when}.")


def _read(text: str, currency: str) -> Money:
    """What the hub itself wrote. No bound is asked for: a balance may be larger than any amount that is taken in."""
    return Money(int(Fraction(text) * 10 ** exponent(currency)), currency)


def _rounded(exact: Fraction, rounding: Rounding) -> int:
    match rounding:
        case Rounding.HALF_EVEN:
            return round(exact)
        case Rounding.HALF_UP:
            return floor(exact + _HALF)
    return floor(exact)
