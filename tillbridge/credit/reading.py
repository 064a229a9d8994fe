"""From texts to values of the trade: what is wrong becomes the name of a field and its mend. Pure.

Whoever brings a credit in, over HTTP, in a file or by a feed, is held to the same.
"""

from datetime import UTC, datetime, timedelta
from typing import Final

from tillbridge.credit.codes import plain_code, plain_pin
from tillbridge.kernel.errors import BadInput
from tillbridge.kernel.money import AmountFault, Money, parse

AHEAD_MAX: Final = timedelta(minutes=5)
"""How far a register's clock may run ahead of ours."""

OLDEST: Final = datetime(2000, 1, 1, tzinfo=UTC)
"""A time before this is a broken clock."""

LAST_YEAR: Final = 9998
"""A time after this year is a broken clock, and may have no name in the retailer's zone."""


def read_amount(text: str, currency: str, inside: str = "") -> Money:
    """An amount and its currency as money. Raises BadInput for what no currency could mean; `inside` is the field that
    holds the two, blank for the body itself.

    Zero and negative amounts come through: the ledger refuses them with a code.
    """
    try:
        return parse(text, currency)
    except AmountFault as fault:
        field = _inside(inside, "currency" if fault.code == "unknown-currency" else "amount")
        code = "amount-too-fine" if fault.code == "too-fine" else "bad-input"
        raise BadInput(field, str(fault), _AMOUNT_MENDS[fault.code], code) from fault


def _inside(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


_AMOUNT_MENDS: Final = {
    "not-a-number": 'Send a plain decimal with a point and no separators, such as "1234.50".',
    "too-fine": "Round it to the decimals of its currency: two for USD, none for JPY.",
    "too-large": "Check the amount: it is larger than any credit.",
    "unknown-currency": "Send an ISO 4217 code, such as USD.",
}


def read_moment(moment: datetime, field: str) -> datetime:
    """A moment in UTC. Raises BadInput for one so near the end of time that UTC has no name for it."""
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        mend = "Send a moment before the year 9999; leave an expiry out that never comes."
        raise BadInput(field, "this moment lies beyond the calendar", mend) from None


def check_calendar(moment: datetime) -> None:
    """Raises BadInput for a time at the source that is absurd, whatever time it is."""
    if moment < OLDEST:
        raise BadInput("occurred_at", f"{moment.isoformat()} is before the year 2000", "Set the register's clock.")
    if moment.year > LAST_YEAR:
        mend = "Set the register's clock: events cannot come from the future."
        raise BadInput("occurred_at", f"{moment.isoformat()} is at the end of the calendar", mend)


def check_occurred(moment: datetime, now: datetime) -> None:
    """Raises BadInput for a time at the source that lies further ahead than clocks may differ."""
    if moment > now + AHEAD_MAX:
        mend = "Set the register's clock: events cannot come from the future."
        raise BadInput("occurred_at", f"{moment.isoformat()} is in the future", mend)


def check_expiry(moment: datetime | None, now: datetime) -> None:
    """Raises BadInput for an expiry that has passed."""
    if moment is not None and moment <= now:
        raise BadInput("expires_at", "this moment has passed", "Send a moment in the future, or leave it out.")


def read_code(text: str, field: str = "code") -> str:
    """A code as typed, plain. Raises BadInput when it can be no code."""
    try:
        return plain_code(text)
    except ValueError as error:
        raise BadInput(field, str(error), "Check the code and type it again.") from error


def read_pin(text: str) -> str:
    """A PIN as typed, plain; blank for none. Raises BadInput when it can be no PIN."""
    try:
        return plain_pin(text) if text else ""
    except ValueError as error:
        raise BadInput("pin", str(error), "Check the PIN and type it again.") from error
