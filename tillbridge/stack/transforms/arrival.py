"""As what a credit arrives at a hop's target, as far as that can be known before there is a body."""

from dataclasses import dataclass
from datetime import date
from typing import Final

from tillbridge.kernel.money import Money
from tillbridge.stack.model import Hop
from tillbridge.stack.settings import ConvertCurrency, RouteBucket
from tillbridge.stack.transforms.bucket import routed
from tillbridge.stack.transforms.currency import converted, no_rate, rate_on
from tillbridge.stack.transforms.facts import Rejected, rejected

ANY: Final = "*"
"""Stands for a currency or bucket that no system names."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """Currency and bucket as the target is told them. `amount`, what the credit was issued for, is in that currency;
    None where it is not known."""

    currency: str
    bucket: str
    amount: Money | None


def arrives(
    hop: Hop, currency: str, bucket: str, amount: Money | None = None, born_on: date | None = None
) -> Arrival | Rejected:
    """A credit behind the hop's transformations. Without its day, a currency that has a rate on any day passes."""
    for transform in hop.transform:
        if isinstance(transform, ConvertCurrency) and currency != transform.to:
            at_all = transform.rates if currency == ANY else transform.rates.get(currency)
            rate = rate_on(transform, currency, born_on) if born_on else None
            if not at_all or (born_on and rate is None):
                return _no_rate(transform, currency, born_on)
            amount = converted(amount, transform, rate) if amount and rate else None
            currency = transform.to
        elif isinstance(transform, RouteBucket):
            word = bucket if bucket == ANY else routed(transform, bucket)
            if isinstance(word, Rejected):
                return word
            bucket = word
    return Arrival(currency, bucket, amount)


def _no_rate(settings: ConvertCurrency, currency: str, born_on: date | None) -> Rejected:
    if currency == ANY:
        return rejected(f"The map has no rate from this currency to {settings.to}.")
    return no_rate(settings, currency, born_on)
