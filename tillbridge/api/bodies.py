"""Request bodies: their shapes, and how what is wrong with one becomes the name of a field and its mend."""

import re
from datetime import UTC, datetime, timedelta
from typing import Annotated, Final, Literal, TypeVar

import msgspec
from msgspec import Meta, Struct

from tillbridge.credit.codes import plain_code
from tillbridge.credit.keys import KEY_MAX, plain_key
from tillbridge.kernel.errors import BadInput
from tillbridge.kernel.money import AmountFault, Money, parse

BODY_MAX: Final = 64 * 1024
"""The largest body, in bytes: far above any honest one."""

EVENTS_MAX: Final = 1024 * 1024
"""The largest body of a system's events, in bytes: 500 customers and room to spare."""

AHEAD_MAX: Final = timedelta(minutes=5)
"""How far a register's clock may run ahead of ours."""

OLDEST: Final = datetime(2000, 1, 1, tzinfo=UTC)
"""A time before this is a broken clock."""

_SAFE: Final = r"^[^\x00-\x1f\x7f]*\Z"
Word = Annotated[str, Meta(min_length=1, max_length=64, pattern=_SAFE)]
MaybeWord = Annotated[str, Meta(max_length=64, pattern=_SAFE)]
Typed = Annotated[str, Meta(max_length=320, pattern=_SAFE)]
Reason = Annotated[str, Meta(min_length=1, max_length=500, pattern=_SAFE)]
Amount = Annotated[str, Meta(max_length=40, description="decimal in quotes, such as `88.00`; no separators")]
CurrencyCode = Annotated[str, Meta(pattern=r"^[A-Z]{3}\Z", description="ISO 4217 code, such as `USD`")]
Moment = Annotated[datetime, Meta(tz=True)]


class Strict(Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """A body with no room for unknown fields: a misspelt one is told, not passed over."""


class CustomerBody(Strict, frozen=True):
    """Who the customer is, as typed at the register. Any of these, or none."""

    email: Typed = ""
    phone: Typed = ""
    loyalty_id: Typed = ""
    account_id: Typed = ""


class IssueBody(Strict, frozen=True):
    """Issue one credit."""

    kind: Literal["store_credit", "gift_card"]
    bucket: Literal["paid", "refund", "goodwill", "promo"]
    amount: Amount
    currency: CurrencyCode
    store: Word
    register: Word
    operator: Word
    transaction_id: Word
    occurred_at: Moment
    customer: CustomerBody = CustomerBody()
    code: MaybeWord = ""
    expires_at: Moment | None = None


class RedeemBody(Strict, frozen=True):
    """Spend from a credit."""

    amount: Amount
    currency: CurrencyCode
    occurred_at: Moment
    transaction_id: Word
    store: MaybeWord = ""
    register: MaybeWord = ""
    operator: MaybeWord = ""


class VoidBody(Strict, frozen=True):
    """Take a credit back."""

    occurred_at: Moment
    reason: Reason
    transaction_id: MaybeWord = ""
    store: MaybeWord = ""
    register: MaybeWord = ""
    operator: MaybeWord = ""


class InquiryBody(Strict, frozen=True):
    """Ask what a code is worth."""

    code: Word


class ProfileBody(Strict, frozen=True):
    """An online account, as the storefront knows it."""

    account_id: Word
    email: Typed = ""
    phone: Typed = ""
    loyalty_id: Typed = ""
    email_verified: bool = False
    phone_verified: bool = False


class CustomerUpdated(Strict, frozen=True, tag="customer.updated"):
    """One account is new or has changed."""

    customer: ProfileBody


class CustomersUpdated(Strict, frozen=True, tag="customers.updated"):
    """Up to 500 accounts are new or have changed."""

    customers: Annotated[list[ProfileBody], Meta(min_length=1, max_length=500)]


class HandoffConfirmed(Strict, frozen=True, tag="handoff.confirmed"):
    """The system has applied the event of this key."""

    key: Annotated[str, Meta(min_length=1, max_length=KEY_MAX)]
    reference: MaybeWord = ""


class HandoffRefused(Strict, frozen=True, tag="handoff.refused"):
    """The system will not apply the event of this key."""

    key: Annotated[str, Meta(min_length=1, max_length=KEY_MAX)]
    code: Word
    message: Annotated[str, Meta(max_length=500)] = ""


SystemEvent = CustomerUpdated | CustomersUpdated | HandoffConfirmed | HandoffRefused

T = TypeVar("T")

_AT = re.compile(r" - at `(?:key in )?\$(.*)`$")
_MISSING = re.compile(r"missing required field `([^`]+)`")
_UNKNOWN = re.compile(r"contains unknown field `([^`]+)`")
_MENDS: Final[tuple[tuple[str, str], ...]] = (
    ("timezone component", "Send ISO 8601 with an offset, such as 2026-11-21T14:02:11-05:00."),
    ("RFC3339", "Send ISO 8601 with an offset, such as 2026-11-21T14:02:11-05:00."),
    ("length <=", "Shorten it."),
    ("length >=", "It must not be empty."),
    ("matching regex '^[A-Z]{3}", "Send an ISO 4217 code in capitals, such as USD."),
    ("matching regex", "Leave out control characters such as line breaks and NUL."),
    ("Invalid enum value", "Send one of the values that the documentation lists for this field."),
    ("`bool`", "Send true or false."),
    ("`object`", "Send a JSON object."),
    ("Invalid value", "Send one of the values that the documentation lists for this field."),
    ("`datetime`", "Send ISO 8601 with an offset, such as 2026-11-21T14:02:11-05:00."),
    ("`str", 'Send text in quotes, such as "88.00" for an amount.'),
)


def read_body(raw: bytes, shape: type[T] | object) -> T:
    """A JSON body as its shape. Raises BadInput naming the field and the mend; field `body` when it is no JSON."""
    try:
        return msgspec.json.decode(raw, type=shape)
    except msgspec.ValidationError as error:
        raise bad_field(str(error)) from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BadInput("body", f"the body is no JSON ({error})", "Send one JSON object in UTF-8.") from error


def bad_field(message: str) -> BadInput:
    """What the decoder found wrong, as the name of a field and its mend."""
    at = _AT.search(message)
    path = at.group(1).lstrip(".") if at else ""
    problem = _AT.sub("", message)
    if missing := _MISSING.search(problem):
        return BadInput(_join(path, missing.group(1)), "this field is missing", "Send it.")
    if unknown := _UNKNOWN.search(problem):
        return BadInput(_join(path, unknown.group(1)), "no such field is known", "Check its spelling or leave it out.")
    mend = next((mend for mark, mend in _MENDS if mark in problem), "See the documentation for what this field takes.")
    return BadInput(path or "body", problem[0].lower() + problem[1:], mend)


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def read_amount(text: str, currency: str) -> Money:
    """An amount and its currency as money. Raises BadInput for what no currency could mean.

    Zero and negative amounts come through: the ledger refuses them with a code.
    """
    try:
        return parse(text, currency)
    except AmountFault as fault:
        field = "currency" if fault.code == "unknown-currency" else "amount"
        code = "amount-too-fine" if fault.code == "too-fine" else "bad-input"
        raise BadInput(field, str(fault), _AMOUNT_MENDS[fault.code], code) from fault


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


def check_occurred(moment: datetime, now: datetime) -> None:
    """Raises BadInput for a time at the source that lies further ahead than clocks may differ, or is absurd."""
    if moment > now + AHEAD_MAX:
        mend = "Set the register's clock: events cannot come from the future."
        raise BadInput("occurred_at", f"{moment.isoformat()} is in the future", mend)
    if moment < OLDEST:
        raise BadInput("occurred_at", f"{moment.isoformat()} is before the year 2000", "Set the register's clock.")


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


def read_key(header: str | None) -> str:
    """The idempotency key of a request. Raises BadInput when it is missing, too long or not plain ASCII."""
    key = (header or "").strip()
    if len(key) > 1 and key.startswith('"') and key.endswith('"'):
        key = key[1:-1]
    if not key:
        mend = "Send one for every change, such as store-register-timestamp: 006-3-2026-11-21T14:02:11-05:00."
        raise BadInput("Idempotency-Key", "the header is missing", mend)
    try:
        return plain_key(key)
    except ValueError as error:
        mend = "Send one such as store-register-timestamp: 006-3-2026-11-21T14:02:11-05:00."
        raise BadInput("Idempotency-Key", str(error), mend) from error
