"""Where an event goes: which hops, what each waits for, when it is due and by when it should be confirmed.

Pure: values in, values out.
"""

from datetime import datetime
from decimal import Decimal
from typing import Final
from zoneinfo import ZoneInfo

from tillbridge.handoff.model import CLAIM, MAPPING_REJECTED, NewHandoff, Onward, State
from tillbridge.kernel.money import Money
from tillbridge.stack.model import Hop, Role, Stack, System
from tillbridge.stack.schedule import next_run

ANY: Final = "*"
"""Stands for a currency or bucket that no system names."""


def route(
    stack: Stack, at: datetime, *, owned: bool, currency: str, bucket: str, amount: Money | None = None
) -> tuple[NewHandoff, ...]:
    """One handoff for each of the stack's deliveries, in their order, for an event confirmed at `at`.

    `owned` is whether the credit has an owner: without one, nothing goes to a storefront before the claim. `amount`
    is what the credit was issued for; None leaves a target's limits unchecked. A target that does not accept the
    credit makes its handoff dead at once, with a sentence that says what is not accepted.
    """
    return tuple(_new(stack, hop, at, owned, currency, bucket, amount) for hop in stack.deliveries())


def on_claim(stack: Stack, at: datetime) -> tuple[NewHandoff, ...]:
    """The hops that wait for a claim, with due time and deadline for a claim at `at`."""
    return tuple(
        NewHandoff(hop.name, State.DUE, "", *times(stack, hop, at))
        for hop in stack.deliveries()
        if _needs_owner(stack, hop)
    )


def onward(stack: Stack, at: datetime) -> tuple[Onward, ...]:
    """Every delivery that another delivery feeds, with due time and deadline for one that confirms at `at`."""
    return tuple(
        Onward(fed_by, hop.name, *times(stack, hop, at))
        for hop in stack.deliveries()
        if (fed_by := _fed_by(stack, hop))
    )


def times(stack: Stack, hop: Hop, at: datetime) -> tuple[datetime, datetime]:
    """Due time and deadline of a handoff that becomes ready at `at`.

    The SLA counts from `at`; a hop with a timetable is never late before its next run.
    """
    due_at = next_run(hop, at, ZoneInfo(stack.retailer.time_zone))
    return due_at, max(at + hop.sla, due_at)


def not_accepted(system: System, currency: str, bucket: str, amount: Money | None) -> str:
    """What about a credit this system does not accept, as a sentence; blank when it accepts it.

    `amount` is in the currency of the system's limits; None leaves them unchecked.
    """
    if system.currencies and currency not in system.currencies:
        which = "this currency" if currency == ANY else f"the currency {currency}"
        return f"{system.name} does not accept {which}, only {', '.join(system.currencies)}."
    if system.buckets and bucket not in (*system.buckets, ANY):
        return f"{system.name} does not accept the bucket {bucket}, only {', '.join(system.buckets)}."
    if amount is None:
        return ""
    if system.amount_min and amount.decimal() < Decimal(system.amount_min):
        return f"{system.name} does not accept {amount}: it is below its minimum of {system.amount_min}."
    if system.amount_max and amount.decimal() > Decimal(system.amount_max):
        return f"{system.name} does not accept {amount}: it is above its maximum of {system.amount_max}."
    return ""


def _new(
    stack: Stack, hop: Hop, at: datetime, owned: bool, currency: str, bucket: str, amount: Money | None
) -> NewHandoff:
    needs = [_fed_by(stack, hop)]
    if not owned and _needs_owner(stack, hop):
        needs.append(CLAIM)
    waits_for = " ".join(need for need in needs if need)
    # A system's limits are in the retailer's currency: an amount in another one cannot be held against them.
    limited = amount if amount and amount.currency == stack.retailer.currency else None
    problem = not_accepted(stack.systems[hop.target], currency, bucket, limited)
    if problem:
        return NewHandoff(hop.name, State.DEAD, waits_for, None, None, MAPPING_REJECTED, problem)
    if waits_for == CLAIM:
        # The times are for a credit that turns out to be claimed when it is posted.
        return NewHandoff(hop.name, State.WAITING, waits_for, *times(stack, hop, at))
    if waits_for:
        return NewHandoff(hop.name, State.WAITING, waits_for, None, None)
    return NewHandoff(hop.name, State.DUE, "", *times(stack, hop, at))


def _needs_owner(stack: Stack, hop: Hop) -> bool:
    return stack.systems[hop.target].role is Role.STOREFRONT


def _fed_by(stack: Stack, hop: Hop) -> str:
    """The name of the hop that feeds this one; blank when the authority does."""
    feeding = stack.upstream(hop)
    return feeding.name if feeding else ""
