"""Values as workbooks and Parquet files hold them, as the texts that a CSV would have."""

from datetime import date, datetime, time
from decimal import Decimal
from typing import Final

from tillbridge.reconcile.columns import AMOUNTS
from tillbridge.reconcile.sources.model import SPACES

_EXACT: Final = 10**15
"""From here on a spreadsheet does not know every digit of a number any more."""


def text_of(value: object, column: str) -> str:
    """A value of one of our columns as a text without spaces around it."""
    if isinstance(value, str):
        return value.strip(SPACES)
    if value is None:
        return ""
    if isinstance(value, datetime):
        return value.isoformat(" ")
    if isinstance(value, Decimal):
        return _plain(value)
    if isinstance(value, float):
        return _number(value, column)
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, bytes):
        return value.decode("utf-8", "surrogateescape").strip(SPACES)
    return str(value)


def _number(value: float, column: str) -> str:
    """A binary number: of an amount the 15 digits that a spreadsheet shows, so that 0.1 + 0.2 is 0.30; of anything else
    a whole number, written so that it is seen when digits were lost."""
    exact = Decimal(repr(value))
    if not exact.is_finite():
        return ""
    if column in AMOUNTS:
        return _plain(Decimal(format(value, ".15g")))
    if abs(exact) >= _EXACT:
        return format(value, ".6E")
    return _plain(exact)


def _plain(value: Decimal) -> str:
    if not value.is_finite():
        return ""
    text = format(value, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text
