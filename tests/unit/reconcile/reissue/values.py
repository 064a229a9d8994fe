"""Values for the tests, each with changes."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from tillbridge.reconcile.reissue.model import Item, Plan, State

AT = datetime(2026, 11, 21, 19, 0, tzinfo=UTC)

_ITEM = Item(
    plan_id=1,
    number=1,
    finding_id="F-1",
    kind="orphan",
    cause="lost-in-hop",
    transaction_id="T-1",
    store="006",
    credit=str(UUID(int=1)),
    last4="1187",
    amount=2500,
    currency="USD",
    system="web",
    account_id="A1",
    customer_id=UUID(int=9),
    state=State.PLANNED,
    reason="",
    sentence="",
    evidence=(),
    candidates=(),
    planned_by="ann",
    began_at=AT,
)


def item(**changes: Any) -> Item:
    """An item of 25.00 USD that is to be reissued."""
    return replace(_ITEM, **changes)


def plan(above: int = 0) -> Plan:
    """A plan of ann's with a limit."""
    return Plan(1, "ann", AT, "findings.json", "print", above, "USD")
