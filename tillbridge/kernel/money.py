"""Money is an integer of minor units with an ISO 4217 currency. Never a float."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from typing import Final

from iso4217 import Currency

MINOR_MAX: Final = 10**15
"""The largest amount in minor units that is taken in: far above any credit, far below what BIGINT holds."""

_PLAIN: Final = re.compile(r"-?[0-9]{1,18}(\.[0-9]{1,9})?")


class AmountFault(ValueError):
    """The text is no amount of this currency. `code` is one of `not-a-number`, `too-fine`, `too-large`,
    `unknown-currency`."""

    def __init__(self, code: str, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code


@cache
def exponents() -> Mapping[str, int]:
    """Decimals of each ISO 4217 currency that has minor units: USD 2, JPY 0, KWD 3."""
    return {currency.code: currency.exponent for currency in Currency if currency.exponent is not None}


def exponent(currency: str) -> int:
    """Decimals of a currency. Raises AmountFault `unknown-currency`."""
    try:
        return exponents()[currency]
    except KeyError:
        raise AmountFault("unknown-currency", f"{currency!r} is no ISO 4217 currency") from None


@dataclass(frozen=True, slots=True, order=True)
class Money:
    """An amount: `minor` units (cents for USD) of a `currency`. It may be zero or negative."""

    minor: int
    currency: str

    def decimal(self) -> Decimal:
        """The amount in major units, exact, with the currency's decimals."""
        return Decimal(self.minor).scaleb(-exponent(self.currency))

    def text(self) -> str:
        """The decimal string of the wire: `88.00`, `-3.50`, `1200` for JPY."""
        decimals = exponent(self.currency)
        if not decimals:
            return str(self.minor)
        whole, part = divmod(abs(self.minor), 10**decimals)
        return f"{'-' if self.minor < 0 else ''}{whole}.{part:0{decimals}d}"

    def __str__(self) -> str:
        return f"{self.text()} {self.currency}"


def parse(text: str, currency: str) -> Money:
    """A decimal string in major units to Money.

    Zero and negative amounts are read: whether they are allowed is the ledger's refusal, not a reading error.
    Raises AmountFault: not a plain decimal (`1,000.00`, `1e3`, blank), finer than the currency (`10.005` USD,
    `10.5` JPY), too large, or an unknown currency.
    """
    decimals = exponent(currency)
    if not _PLAIN.fullmatch(text):
        raise AmountFault("not-a-number", f"{text!r} is no plain decimal number")
    scaled = Decimal(text).scaleb(decimals)
    if scaled != scaled.to_integral_value():
        raise AmountFault("too-fine", f"{text} is finer than {currency} allows ({decimals} decimals)")
    minor = int(scaled)
    if abs(minor) > MINOR_MAX:
        raise AmountFault("too-large", f"{text} {currency} is larger than any credit")
    return Money(minor, currency)
