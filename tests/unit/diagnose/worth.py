"""Cases for the tests of the rules: a credit that agrees on all sides, and the same with something changed."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from tillbridge.diagnose.findings import finding_of
from tillbridge.diagnose.model import Answer, Booked, Case, Cause, Class, Finding, Held, Sale, Shown, Side
from tillbridge.diagnose.view import Scope
from tillbridge.diagnose.way import way_of
from tillbridge.identity.model import Given
from tillbridge.stack.load import load, parse
from tillbridge.stack.model import Stack

CHAIN: Final = load(Path(__file__).parents[2] / "data" / "sample" / "stack.toml", {})
"""Registers, platform, processor, books at 02:00, web store every 12 hours."""

STAR: Final = parse(
    """
[retailer]
name = "Star"
country = "US"
currency = "USD"
time_zone = "UTC"
[authority]
system = "platform"
[systems]
registers = { role = "pos", connector = "csv" }
platform = { role = "platform", connector = "built-in" }
erp = { role = "erp", connector = "csv" }
web = { role = "storefront", connector = "csv" }
[[hops]]
from = "registers"
to = "platform"
trigger = "webhook"
sla = "2s"
[[hops]]
from = "platform"
to = "erp"
trigger = "batch"
schedule = "0 2 * * *"
sla = "26h"
[[hops]]
from = "platform"
to = "web"
trigger = "webhook"
sla = "30s"
""",
    "star.toml",
    {},
)
"""The books and the web store hear of it from the platform, the web store at once."""

AS_OF: Final = datetime(2026, 11, 21, 16, tzinfo=UTC)
SINCE: Final = AS_OF - timedelta(days=30)
BORN: Final = datetime(2026, 11, 10, 15, tzinfo=UTC)
NIGHT: Final = datetime(2026, 11, 11, 7, 5, tzinfo=UTC)
NOON: Final = datetime(2026, 11, 11, 17, 5, tzinfo=UTC)
SPENT: Final = datetime(2026, 11, 14, 12, tzinfo=UTC)

CODE: Final = "6005916370012006"
SALE: Final = Sale(
    "T1", "006", "3", "op07", BORN, "gift_card", "paid", 5000, "USD", CODE, Given(email="ava.reed@example.com")
)
HELD: Final = Held(
    "C1",
    CODE,
    "T1",
    "register",
    BORN + timedelta(seconds=1),
    "active",
    5000,
    5000,
    "USD",
    "paid",
    "",
    Given(email="ava.reed@example.com"),
    BORN + timedelta(seconds=1),
)
BOOKED: Final = Booked("D1", "T1", CODE, NIGHT, 5000, "USD", "posted", "")
SHOWN: Final = Shown("A1", CODE, 5000, "USD", NOON)
CLEAR: Final = Answer(1, ("A1",), "the e-mail belongs to A1")
NOBODY: Final = Answer(0, (), "no usable identifier: nothing was given")
UNKNOWN: Final = Answer(1, (), "the e-mail belongs to no online profile")
SEVERAL: Final = Answer(2, ("A1", "A2"), "the e-mail belongs to A1, the phone to A2")

GOOD: Final = Case(CODE, (SALE,), (HELD,), (SHOWN,), (BOOKED,), None, CLEAR)
"""A credit that all sides have alike."""

_ROWS: Final = {
    "sale": ("sales", SALE),
    "held": ("held", HELD),
    "shown": ("shown", SHOWN),
    "booked": ("booked", BOOKED),
}


def case(**changes: Any) -> Case:
    """The good case with rows changed: None takes the row away, a dict changes it, a list of dicts makes several; other
    names are fields of the case."""
    found: dict[str, Any] = {}
    for name, change in changes.items():
        if name not in _ROWS:
            found[name] = change
            continue
        field, row = _ROWS[name]
        several = [] if change is None else change if isinstance(change, list) else [change]
        found[field] = tuple(_with(row, one) for one in several)
    return replace(GOOD, **found)


def _with(row: Any, changes: dict[str, Any]) -> Any:
    return replace(row, **changes)


def moved(one: Case, by: timedelta) -> Case:
    """The same credit at another time."""

    def later(row: Any, *fields: str) -> Any:
        times = {name: getattr(row, name) for name in fields}
        return replace(row, **{name: at + by for name, at in times.items() if at})

    return replace(
        one,
        sales=tuple(later(row, "occurred_at") for row in one.sales),
        held=tuple(later(row, "issued_at", "last_activity_at") for row in one.held),
        shown=tuple(later(row, "updated_at") for row in one.shown),
        booked=tuple(later(row, "posted_at") for row in one.booked),
    )


def scope(stack: Stack | None = CHAIN, *, read: str = "pos platform storefront erp", **changes: Any) -> Scope:
    """Thirty days, all sides read, on the chain, unless told otherwise."""
    sides = frozenset(Side(name) for name in read.split())
    return replace(Scope(SINCE, AS_OF, AS_OF, way_of(stack, sides), sides), **changes)


def found(one: Case, within: Scope | None = None) -> Finding | None:
    return finding_of(one, within or scope())


def kind(one: Case, within: Scope | None = None) -> Class | None:
    finding = found(one, within)
    return finding.kind if finding else None


def cause(one: Case, within: Scope | None = None) -> Cause | None:
    finding = found(one, within)
    return finding.cause if finding else None
