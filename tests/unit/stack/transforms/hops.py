"""One hop to a web store, with the transformations of a test, and an event to send over it."""

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tillbridge.kernel.errors import StackFault
from tillbridge.stack.load import parse
from tillbridge.stack.model import Hop, Stack
from tillbridge.stack.settings import ConvertCurrency, Rate, Rounding
from tillbridge.stack.transforms import Facts

DAY = date(2026, 11, 21)
Rates = Mapping[str, str] | Mapping[str, Mapping[date, str]]
HEAD = """\
[retailer]
name = "Harbor & Pine"
country = "US"
currency = "USD"
time_zone = "America/New_York"
[authority]
system = "platform"
[systems.registers]
role = "pos"
connector = "csv"
[systems.platform]
role = "platform"
connector = "built-in"
[systems.erp]
role = "erp"
connector = "csv"
[systems.web]
role = "storefront"
connector = "csv"
{system}
[[hops]]
from = "registers"
to = "platform"
trigger = "webhook"
sla = "2s"
{entry}
[[hops]]
from = "platform"
to = "web"
trigger = "webhook"
sla = "5s"
transform = [
{transform}
]
"""


def text_of(transform: str, system: str = "", entry: str = "") -> str:
    """The map with these transformations, each on a line of its own, and these keys of the web store."""
    return HEAD.format(transform=transform, system=system, entry=entry)


def stack_of(transform: str, system: str = "", folder: Path = Path()) -> Stack:
    """The map, read, as if it lay in a folder."""
    return parse(text_of(transform, system), str(folder / "stack.toml"), {})


def hop_of(transform: str, system: str = "", folder: Path = Path()) -> Hop:
    """The hop to the web store."""
    return stack_of(transform, system, folder).hop("platform-web")


def fault_of(transform: str, system: str = "", entry: str = "", folder: Path = Path()) -> StackFault:
    """The fault that the map is refused with."""
    with pytest.raises(StackFault) as caught:
        parse(text_of(transform, system, entry), str(folder / "stack.toml"), {})
    return caught.value


def body_of(**other: Any) -> dict[str, Any]:
    """The body of an event: 88.00 in EUR have been issued."""
    return {
        "type": "credit.issued",
        "event_id": "019aa7f4-0c3e-7c52-8d3b-5c5f0f2a9a41",
        "occurred_at": "2026-11-21T19:02:11+00:00",
        "recorded_at": "2026-11-21T19:02:11.912+00:00",
        "amount": "88.00",
        "balance": "88.00",
        "customer": {"customer_id": "c-1", "accounts": {"web": "A1", "erp": "D77"}},
        "credit": {"id": "k-1", "kind": "store_credit", "bucket": "refund", "currency": "EUR", "last4": "1187"},
        "transaction_id": "T0063-118",
        "store": "006",
        "register": "3",
        "operator": "op07",
        "reason": "",
        "state": "active",
        "hop": "platform-web",
        "version": 1,
        **other,
    }


def facts(change: int = 8800, born_on: date = DAY, bucket: str = "refund") -> Facts:
    """What is known of that event."""
    return Facts(born_on, change, bucket)


def into(to: str, rates: Rates | None = None, rounding: Rounding = Rounding.DOWN) -> ConvertCurrency:
    """Settings of a conversion: by currency the rate that always held, or rates by their first day."""
    by_day = {
        code: rate if isinstance(rate, Mapping) else {date(2000, 1, 1): rate} for code, rate in (rates or {}).items()
    }
    known = {code: tuple(Rate(day, Decimal(rate[day])) for day in sorted(rate)) for code, rate in by_day.items()}
    return ConvertCurrency(to, rounding, known)
