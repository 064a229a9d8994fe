"""What each transformation of a hop is told, as values. `reading` makes them, `transforms` carries them out."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import ClassVar


class Rounding(StrEnum):
    """What becomes of a part of the smallest unit when a balance is converted."""

    DOWN = "down"
    HALF_EVEN = "half-even"
    HALF_UP = "half-up"


@dataclass(frozen=True, slots=True)
class Rate:
    """What one unit of a currency is worth in the currency it is converted into, from a day on until the next rate."""

    since: date
    rate: Decimal


@dataclass(frozen=True, slots=True)
class ResolveCustomer:
    """Name the customer as `system` knows them. `reject`: refuse a customer without an account there, rather than send
    the credit with nobody named."""

    name: ClassVar = "resolve-customer"
    system: str
    reject: bool


@dataclass(frozen=True, slots=True)
class ConvertCurrency:
    """Write amounts in `to`. `rates` by currency, oldest first; `file` is where some of them were read, or blank."""

    name: ClassVar = "convert-currency"
    to: str
    rounding: Rounding
    rates: Mapping[str, tuple[Rate, ...]] = field(hash=False)
    file: str = ""


@dataclass(frozen=True, slots=True)
class RouteBucket:
    """Write `words[bucket]` for the bucket. `reject`: refuse a bucket that has no word, rather than keep it."""

    name: ClassVar = "route-bucket"
    words: Mapping[str, str] = field(hash=False)
    reject: bool


@dataclass(frozen=True, slots=True)
class ClassifyBalance:
    """Say which kind of balance each bucket is in the books; `classes` has all four."""

    name: ClassVar = "classify-balance"
    classes: Mapping[str, str] = field(hash=False)


@dataclass(frozen=True, slots=True)
class RenameFields:
    """Move fields of the body: pairs of our dotted name and the target's. `drop` are those that are not sent."""

    name: ClassVar = "rename-fields"
    names: tuple[tuple[str, str], ...]
    drop: tuple[str, ...]


Transform = ResolveCustomer | ConvertCurrency | RouteBucket | ClassifyBalance | RenameFields
"""A transformation with its settings. `name` is what it is called in the map."""
