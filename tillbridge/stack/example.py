"""An event to show a hop by: a real one, or a worked one. What is shown of it is masked."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from tillbridge.kernel.money import Money
from tillbridge.stack.model import Hop, Stack

_PERSONAL: Final = frozenset(
    "email phone loyalty_id customer_id account_id code operator approver name first_name last_name address".split()
)
_PERSONAL_TABLES: Final = frozenset({"accounts", "contacts"})
_TYPED: Final = frozenset({"reason", "note", "comment"})
_LOOKS_PERSONAL: Final = re.compile(r"[^@\s]+@[^@\s]+|\+?\d[\d ()-]{6,}")
_SHORTEST: Final = 3


@dataclass(frozen=True, slots=True)
class Example:
    """An event's body as the hub has it, and what else a transformation may know: what it did to the balance (minor
    units), the credit's bucket, and the day the credit is of in the retailer's zone. `real` tells an event of the
    database from a worked one."""

    body: Mapping[str, Any]
    recorded_at: datetime
    change: int
    bucket: str
    born_on: date
    real: bool


def worked_example(stack: Stack, hop: Hop, at: datetime) -> Example:
    """An event such as the hub would send over this hop for a sale a minute ago."""
    sold_at, currency = at.replace(microsecond=0) - timedelta(minutes=1), stack.retailer.currency
    target = stack.systems[hop.target]
    bucket = "refund" if "refund" in target.buckets or not target.buckets else target.buckets[0]
    amount = Money(8800, currency)
    body = {
        "type": "credit.issued",
        "occurred_at": sold_at.isoformat(),
        "transaction_id": "T0063-118",
        "store": "006",
        "register": "3",
        "operator": "op07",
        "reason": "",
        "event_id": "019aa7f4-0c3e-7c52-8d3b-5c5f0f2a9a41",
        "recorded_at": sold_at.isoformat(),
        "amount": amount.text(),
        "customer": {
            "customer_id": "019aa7f2-91c4-7f6e-a1d0-7e0f3b9c5d22",
            "accounts": {name: "A0001440" for name, one in stack.systems.items() if one.role.value == "storefront"},
        },
        "credit": {
            "id": "019aa7f4-0c3e-7a0d-9b1e-0d4f6d7c2b10",
            "kind": "store_credit",
            "bucket": bucket,
            "currency": currency,
            "last4": "1187",
        },
        "hop": hop.name,
        "version": 1,
        "state": "active",
        "balance": amount.text(),
    }
    born_on = sold_at.astimezone(ZoneInfo(stack.retailer.time_zone)).date()
    return Example(body, sold_at, amount.minor, bucket, born_on, real=False)


def register_example(stack: Stack, at: datetime) -> Mapping[str, Any]:
    """What a register sends to the authority, worked: there is no other record of it than the event that it becomes."""
    sold_at = at.replace(microsecond=0) - timedelta(minutes=1)
    return {
        "kind": "store_credit",
        "bucket": "refund",
        "amount": Money(8800, stack.retailer.currency).text(),
        "currency": stack.retailer.currency,
        "store": "006",
        "register": "3",
        "operator": "op07",
        "transaction_id": "T0063-118",
        "occurred_at": sold_at.isoformat(),
        "customer": {"email": "a.customer@shop.example", "phone": "", "loyalty_id": ""},
    }


class Mask:
    """Hides people and codes in a body, and the same texts wherever they turn up behind a transformation."""

    def __init__(self, body: Mapping[str, Any]) -> None:
        found = {text for text in _personal(body, hidden=False) if len(text) >= _SHORTEST}
        self._known = sorted(found, key=len, reverse=True)

    def of(self, value: Any, name: str = "") -> Any:
        """The same value, masked: `…1440`."""
        if isinstance(value, Mapping):
            return {key: self.of(inner, name if name in _PERSONAL_TABLES else str(key)) for key, inner in value.items()}
        if isinstance(value, list | tuple):
            return [self.of(inner, name) for inner in value]
        return self._text(value, name) if isinstance(value, str) else value

    def _text(self, text: str, name: str) -> str:
        if name in _TYPED:
            return "…" if text else ""
        if text and (name in _PERSONAL or name in _PERSONAL_TABLES or _LOOKS_PERSONAL.fullmatch(text)):
            return _masked(text)
        for known in self._known:
            text = text.replace(known, _masked(known))
        return text


def _masked(text: str) -> str:
    """The last four letters of a longer text; nothing of a short one."""
    return f"…{text[-4:]}" if len(text) > 7 and "@" not in text else "…"


def _personal(value: Any, *, hidden: bool) -> Iterator[str]:
    """Every text of a body that is about a person, or is a way to the money."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _personal(inner, hidden=hidden or key in _PERSONAL or key in _PERSONAL_TABLES)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _personal(inner, hidden=hidden)
    elif isinstance(value, str) and hidden:
        yield value
