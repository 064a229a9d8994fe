"""From bytes to a body, and from texts to values: what is wrong becomes the name of a field and its mend."""

import re
from datetime import datetime
from typing import Final, TypeVar
from uuid import UUID

import msgspec

from tillbridge.api.bodies.fields import HOLD_MAX
from tillbridge.credit.keys import plain_key
from tillbridge.credit.reading import read_amount, read_moment
from tillbridge.kernel.errors import BadInput
from tillbridge.kernel.money import Money
from tillbridge.stack.terms import is_place

NESTED_MAX: Final = 64
"""How deep lists and objects are looked into; no body of ours goes deeper than four."""

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
    ("Invalid UUID", "Send the id as the hub answered it."),
    ("`uuid`", "Send the id as the hub answered it, in quotes."),
    ("`bool`", "Send true or false."),
    ("`int`", "Send a whole number, without quotes."),
    (" >= ", "Send a number in the range that the documentation says."),
    (" <= ", "Send a number in the range that the documentation says."),
    ("xpected `array`", "Send a list."),
    ("xpected `object`", "Send a JSON object."),
    ("Invalid value", "Send one of the values that the documentation lists for this field."),
    ("`datetime`", "Send ISO 8601 with an offset, such as 2026-11-21T14:02:11-05:00."),
    ("`str", 'Send text in quotes, such as "88.00" for an amount.'),
)


def read_body(raw: bytes, shape: type[T] | object) -> T:
    """A JSON body as its shape. Raises BadInput naming the field and the mend; field `body` when it is no JSON."""
    try:
        try:
            return msgspec.json.decode(raw, type=shape)
        except RecursionError:
            return msgspec.json.decode(_shallow(raw), type=shape)
    except msgspec.ValidationError as error:
        raise bad_field(str(error)) from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BadInput("body", f"the body is no JSON ({error})", "Send one JSON object in UTF-8.") from error


_MARK: Final = re.compile(rb'"(?:[^"\\]|\\.)*"|[][{}]', re.DOTALL)


def _shallow(raw: bytes) -> bytes:
    """JSON whose lists and objects deeper than NESTED_MAX are replaced by a 0, so that the decoder can name the field
    that they are in, and one such command does not spoil a batch."""
    kept, depth, start = bytearray(), 0, 0
    for mark in _MARK.finditer(raw):
        if mark[0] in (b"[", b"{"):
            depth += 1
            if depth == NESTED_MAX + 1:
                kept += raw[start : mark.start()] + b"0"
        elif mark[0] in (b"]", b"}"):
            depth -= 1
            if depth == NESTED_MAX:
                start = mark.end()
    return bytes(kept) + raw[start:] if depth == 0 else b""


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


def read_some(text: str | None, currency: str | None) -> Money | None:
    """An amount that may be left out, with its currency, for all there is. Raises BadInput when one of the two is
    there without the other."""
    if text is None and currency is None:
        return None
    if text is None or currency is None:
        missing, given = ("amount", "currency") if text is None else ("currency", "amount")
        raise BadInput(missing, f"{given} is there without it", "Send both, or neither for all there is.")
    return read_amount(text, currency)


def read_hold_end(moment: datetime, now: datetime) -> datetime:
    """The end of a hold in UTC. Raises BadInput for one that has passed or is further off than a hold may last."""
    ends = read_moment(moment, "ends")
    if ends <= now:
        raise BadInput("ends", "this moment has passed", "Send a moment in the future.")
    if ends > now + HOLD_MAX:
        raise BadInput("ends", "a hold lasts 31 days at most", "Send a sooner moment; make another hold after it.")
    return ends


def read_place(text: str) -> str:
    """Where cash was asked for: a country or a part of one, or blank for the store's. Raises BadInput."""
    if text and not is_place(text):
        mend = "Send a country or a part of one as in ISO 3166-2, such as US-CA, or nothing for the store's place."
        raise BadInput("place", f"{text!r} is no place", mend)
    return text


def read_batch_key(text: str) -> str:
    """The idempotency key of a command in a batch. Raises BadInput when it is blank, too long or not plain ASCII."""
    try:
        return plain_key(text.strip())
    except ValueError as error:
        raise BadInput("key", str(error), _KEY_MEND) from error


def read_id(text: str, what: str, field: str = "id") -> UUID:
    """An id, of the address unless `field` names another place. Raises BadInput when it is none."""
    try:
        return UUID(text)
    except ValueError:
        mend = f"Use the id that the hub answered when the {what} was made."
        raise BadInput(field, f"this is no id of a {what}", mend) from None


_KEY_MEND: Final = "Send one for every change, such as store-register-timestamp: 006-3-2026-11-21T14:02:11-05:00."


def read_key(header: str | None) -> str:
    """The idempotency key of a request. Raises BadInput when it is missing, too long or not plain ASCII."""
    key = (header or "").strip()
    if len(key) > 1 and key.startswith('"') and key.endswith('"'):
        key = key[1:-1]
    if not key:
        raise BadInput("Idempotency-Key", "the header is missing", _KEY_MEND)
    try:
        return plain_key(key)
    except ValueError as error:
        raise BadInput("Idempotency-Key", str(error), _KEY_MEND) from error
