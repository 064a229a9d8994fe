"""What the fields of a body take, and what every body has."""

from datetime import datetime, timedelta
from typing import Annotated, Final

from msgspec import Meta, Struct

BODY_MAX: Final = 64 * 1024
"""The largest body, in bytes: far above any honest one."""

LONG_BODY_MAX: Final = 1024 * 1024
"""The largest body of what comes in hundreds, a system's events and batches of commands, in bytes."""

HOLD_MAX: Final = timedelta(days=31)
"""The longest that an amount may be held."""

_SAFE: Final = r"^[^\x00-\x1f\x7f]*\Z"
Word = Annotated[str, Meta(min_length=1, max_length=64, pattern=_SAFE)]
MaybeWord = Annotated[str, Meta(max_length=64, pattern=_SAFE)]
Typed = Annotated[str, Meta(max_length=320, pattern=_SAFE)]
Reason = Annotated[str, Meta(min_length=1, max_length=500, pattern=_SAFE)]
MaybeReason = Annotated[str, Meta(max_length=500, pattern=_SAFE)]
Amount = Annotated[str, Meta(max_length=40, description="decimal in quotes, such as `88.00`; no separators")]
CurrencyCode = Annotated[str, Meta(pattern=r"^[A-Z]{3}\Z", description="ISO 4217 code, such as `USD`")]
Moment = Annotated[datetime, Meta(tz=True)]
Priority = Annotated[int, Meta(ge=0, le=10_000, description="number from 0 to 10000; the lower is spent first")]
Customer = Annotated[str, Meta(max_length=320, pattern=_SAFE, description="our id of a customer, or `system:account`")]
Place = Annotated[
    str, Meta(max_length=64, pattern=_SAFE, description="a country or a part of one as in ISO 3166-2, such as `US-CA`")
]


class Strict(Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """A body with no room for unknown fields: a misspelt one is told, not passed over."""


class PlacedBody(Strict, frozen=True, kw_only=True):
    """What every command says of where it comes from. A key that is for one store or register fills it in."""

    occurred_at: Moment
    transaction_id: MaybeWord = ""
    store: MaybeWord = ""
    register: MaybeWord = ""
    operator: MaybeWord = ""


class SaleBody(PlacedBody, frozen=True, kw_only=True):
    """A command that belongs to a transaction at a register, or to an order."""

    transaction_id: Word


class ExpectedBody(Strict, frozen=True, kw_only=True):
    """The balance that the caller looked at."""

    amount: Amount
    currency: CurrencyCode
