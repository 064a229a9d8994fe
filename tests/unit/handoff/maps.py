"""Stack maps for the tests: a chain, a star, and one of each trigger."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from random import Random

from tillbridge.handoff.model import Lease
from tillbridge.kernel.clock import SetClock
from tillbridge.kernel.ids import Ids
from tillbridge.stack.load import parse
from tillbridge.stack.model import Hop, Stack

AT = datetime(2026, 11, 21, 16, 0, tzinfo=UTC)
CREDIT = Ids(SetClock(AT), Random(1)).new()

_HEAD = """
[retailer]
name = "Harbor & Pine"
country = "US"
currency = "USD"
time_zone = "Etc/GMT+5"
[authority]
system = "platform"
[systems.registers]
role = "pos"
connector = "csv"
[systems.platform]
role = "platform"
connector = "built-in"
[systems.pay]
role = "payments"
connector = "csv"
[systems.erp]
role = "erp"
connector = "csv"
buckets = ["paid", "refund"]
[systems.web]
role = "storefront"
connector = "csv"
currencies = ["USD", "JPY"]
amount = { min = "5.00", max = "500.00" }
[[hops]]
from = "registers"
to = "platform"
trigger = "webhook"
sla = "2s"
"""
_HOP = """
[[hops]]
from = "{}"
to = "{}"
{}
"""
WEBHOOK = 'trigger = "webhook"\nsla = "30s"'
NIGHTLY = 'trigger = "batch"\nschedule = "0 2 * * *"\nsla = "26h"'
HOURLY = 'trigger = "poll"\ninterval = "1h"\nsla = "10m"'


def stack_of(*hops: tuple[str, str, str]) -> Stack:
    """The systems above, and these hops."""
    return parse(_HEAD + "".join(_HOP.format(*hop) for hop in hops), "stack.toml", {})


CHAIN = stack_of(("platform", "pay", WEBHOOK), ("pay", "erp", NIGHTLY), ("erp", "web", HOURLY))
STAR = stack_of(("platform", "pay", WEBHOOK), ("platform", "erp", NIGHTLY), ("platform", "web", HOURLY))
MIX = stack_of(("platform", "pay", WEBHOOK), ("platform", "web", WEBHOOK), ("pay", "erp", WEBHOOK))


def hop_with(attempts: int = 12, backoff: float = 1.0, backoff_max: float = 300.0) -> Hop:
    """A webhook hop to the ERP; pauses in seconds."""
    hop = stack_of(("platform", "erp", WEBHOOK)).hop("platform-erp")
    return replace(hop, attempts=attempts, backoff=seconds(backoff), backoff_max=seconds(backoff_max))


def lease(kind: str = "send", attempt: int = 1, probes: int = 0, reason_code: str = "") -> Lease:
    """A lease on a handoff over that hop."""
    return Lease(CREDIT, "platform-erp", 1, 7, kind, attempt, probes, 0, reason_code)


def seconds(number: float) -> timedelta:
    """A span."""
    return timedelta(seconds=number)
