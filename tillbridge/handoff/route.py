"""Where an event goes: which hops, what each waits for, when it is due and by when it should be confirmed.

Pure: values in, values out.
"""

from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from tillbridge.handoff.model import CLAIM, MAPPING_REJECTED, NewHandoff, Onward, State
from tillbridge.kernel.money import Money
from tillbridge.stack.model import Hop, Role, Stack, System
from tillbridge.stack.schedule import next_run
from tillbridge.stack.terms import BUCKETS
from tillbridge.stack.transforms import ANY, Rejected, arrives


def route(
    stack: Stack,
    at: datetime,
    *,
    owned: bool,
    currency: str,
    bucket: str,
    amount: Money | None = None,
    born_on: date | None = None,
) -> tuple[NewHandoff, ...]:
    """One handoff for each of the stack's deliveries, in their order, for an event confirmed at `at`.

    `owned` is whether the credit has an owner: without one, nothing goes to a storefront before the claim. What is not
    accepted, as `unaccepted` says, makes its handoff dead at once.
    """
    return routed(stack, at, owned, unaccepted(stack, currency, bucket, amount, born_on))


def routed(stack: Stack, at: datetime, owned: bool, problems: Sequence[str]) -> tuple[NewHandoff, ...]:
    """One handoff for each of the stack's deliveries, in their order; `problems` are those of `unaccepted`."""
    return tuple(
        _new(stack, hop, at, owned, problem) for hop, problem in zip(stack.deliveries(), problems, strict=True)
    )


def unaccepted(
    stack: Stack, currency: str, bucket: str, amount: Money | None = None, born_on: date | None = None
) -> tuple[str, ...]:
    """For each of the stack's deliveries, in their order, what about a credit is not accepted there, as a sentence;
    blank where it is.

    The credit is judged as the hop's transformations make it. `amount` is what it was issued for; None leaves a
    target's limits unchecked. `born_on`, in the retailer's zone, decides on the rate; None leaves open which holds.
    """
    return tuple(
        unaccepted_on(hop, stack.systems[hop.target], stack.retailer.currency, currency, bucket, amount, born_on)
        for hop in stack.deliveries()
    )


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
    # A word of the target's own is accepted: by it the map says where the target keeps the credit.
    if system.buckets and bucket in BUCKETS and bucket not in system.buckets:
        return f"{system.name} does not accept the bucket {bucket}, only {', '.join(system.buckets)}."
    if amount is None:
        return ""
    if system.amount_min and amount.decimal() < Decimal(system.amount_min):
        return f"{system.name} does not accept {amount}: it is below its minimum of {system.amount_min}."
    if system.amount_max and amount.decimal() > Decimal(system.amount_max):
        return f"{system.name} does not accept {amount}: it is above its maximum of {system.amount_max}."
    if system.denominations and amount.text() not in system.denominations:
        return f"{system.name} does not accept {amount}, only {', '.join(system.denominations)}."
    return ""


def unaccepted_on(
    hop: Hop, system: System, home: str, currency: str, bucket: str, amount: Money | None, born_on: date | None
) -> str:
    """What about a credit the target of this hop does not accept, as a sentence; blank where it accepts it. `home` is
    the currency of its limits."""
    arrival = arrives(hop, currency, bucket, amount, born_on)
    if isinstance(arrival, Rejected):
        return arrival.sentence
    # A system's limits are in the retailer's currency: an amount in another one cannot be held against them.
    return not_accepted(system, arrival.currency, arrival.bucket, arrival.amount if arrival.currency == home else None)


def _new(stack: Stack, hop: Hop, at: datetime, owned: bool, problem: str) -> NewHandoff:
    needs = [_fed_by(stack, hop)]
    if not owned and _needs_owner(stack, hop):
        needs.append(CLAIM)
    waits_for = " ".join(need for need in needs if need)
    past = waits_for if CLAIM in needs else _fed_past(stack, hop)
    if problem:
        return NewHandoff(hop.name, State.DEAD, waits_for, None, None, MAPPING_REJECTED, problem, past)
    if waits_for and waits_for != CLAIM and past:
        return NewHandoff(hop.name, State.WAITING, waits_for, None, None, waits_past=past)
    # The times of one that waits are for a credit that is claimed when it is posted, or that nobody will claim.
    state = State.WAITING if waits_for else State.DUE
    return NewHandoff(hop.name, state, waits_for, *times(stack, hop, at), waits_past=past)


def _fed_past(stack: Stack, hop: Hop) -> str:
    """The name of the hop that feeds this one where those that wait for a claim are left out; blank when the authority
    does."""
    feeding = stack.upstream(hop)
    while feeding and _needs_owner(stack, feeding):
        feeding = stack.upstream(feeding)
    return feeding.name if feeding else ""


def _needs_owner(stack: Stack, hop: Hop) -> bool:
    return stack.systems[hop.target].role is Role.STOREFRONT


def _fed_by(stack: Stack, hop: Hop) -> str:
    """The name of the hop that feeds this one; blank when the authority does."""
    feeding = stack.upstream(hop)
    return feeding.name if feeding else ""
