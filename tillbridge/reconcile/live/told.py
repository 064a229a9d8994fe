"""A row that a system told, as a row of its side: typed, or what is wrong with it. Pure.

A system may tell a credit by `credit_id`, the hub's id that every handoff carried, or by `code`.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final

from tillbridge.diagnose.model import Side
from tillbridge.kernel.clock import parse_time
from tillbridge.kernel.errors import BadInput
from tillbridge.kernel.money import AmountFault, parse
from tillbridge.reconcile.columns import COLUMNS
from tillbridge.reconcile.live.book import Values
from tillbridge.reconcile.live.keys import plain

_TEXT_MAX: Final = 1000
_STATUS: Final = ("posted", "error")


def shown_row(said: Mapping[str, Any]) -> Values:
    """A row of the storefront's side. Raises BadInput with the field."""
    account_id, code = _needed(said, "account_id"), _credit(said)
    currency = _text(said, "currency").upper()
    available = _amount(said, "available", currency) if code else 0
    return (
        account_id,
        _text(said, "email"),
        _text(said, "phone"),
        _text(said, "loyalty_id"),
        code,
        available if code else None,
        currency,
        _moment(said, "updated_at"),
    )


def booked_row(said: Mapping[str, Any]) -> Values:
    """A row of the ERP's side. Raises BadInput with the field."""
    document_id, status = _needed(said, "document_id"), _needed(said, "status").lower()
    if status not in _STATUS:
        raise BadInput("status", f"{status!r} is neither posted nor error", "Tell one of the two.")
    transaction_id, code, currency = _text(said, "transaction_id"), _credit(said), _text(said, "currency").upper()
    posted_at = _moment(said, "posted_at")
    blank = not _text(said, "amount")
    if status == "posted":
        if posted_at is None:
            raise BadInput("posted_at", "it is blank", "Tell when it was posted.")
        if not transaction_id and not code:
            raise BadInput("credit_id", "neither a credit nor a receipt is named", "Tell credit_id or transaction_id.")
    amount = None if blank and status == "error" else _amount(said, "amount", currency)
    return (document_id, transaction_id, code, posted_at, amount, currency, status, _text(said, "error"))


ROW_OF: Final[Mapping[Side, Callable[[Mapping[str, Any]], Values]]] = {
    Side.STOREFRONT: shown_row,
    Side.ERP: booked_row,
}
"""What a told row becomes, for the sides that systems tell."""


def name_of(side: Side, said: Mapping[str, Any]) -> str:
    """The name of a row that cannot be read, as far as it has one that can."""
    first = "account_id" if side is Side.STOREFRONT else "document_id"
    for field in (first, "credit_id", "code", "transaction_id"):
        value = said.get(field)
        if isinstance(value, str) and value.strip():
            return value.strip()[:64]
    return ""


def fields_of(side: Side) -> tuple[str, ...]:
    """The fields a system tells of a side: the columns of its export, and `credit_id`."""
    columns = list(COLUMNS[side])
    columns.insert(columns.index("code"), "credit_id")
    return tuple(columns)


def _credit(said: Mapping[str, Any]) -> str:
    return plain(_text(said, "credit_id") or _text(said, "code"))


def _text(said: Mapping[str, Any], field: str) -> str:
    value = said.get(field)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise BadInput(field, f"it is {type(value).__name__}, not a text", "Tell every field as a text.")
    if len(value) > _TEXT_MAX or not value.isprintable():
        raise BadInput(field, "it is too long, or holds control characters", "Tell a short text of one line.")
    return value.strip()


def _needed(said: Mapping[str, Any], field: str) -> str:
    text = _text(said, field)
    if not text:
        raise BadInput(field, "it is blank", "Tell it in every row.")
    return text


def _amount(said: Mapping[str, Any], field: str, currency: str) -> int:
    text = _needed(said, field)
    try:
        return parse(text, currency).minor
    except AmountFault as fault:
        named = "currency" if fault.code == "unknown-currency" else field
        mend = "Tell a decimal text such as 88.00, and a currency such as USD."
        raise BadInput(named, str(fault), mend) from None


def _moment(said: Mapping[str, Any], field: str) -> datetime | None:
    text = _text(said, field)
    if not text:
        return None
    try:
        return parse_time(text)
    except (ValueError, OverflowError):
        mend = "Tell ISO 8601 with an offset, such as 2026-11-21T14:02:11-05:00."
        raise BadInput(field, f"{text[:40]!r} is no time with a zone", mend) from None
