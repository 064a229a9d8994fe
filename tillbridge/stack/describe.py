"""A map in plain words: what each hop does, what the register waits for, and what a reader should know."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Final

from tillbridge.kernel.money import Money
from tillbridge.stack.draw import schedule_words, span_words
from tillbridge.stack.model import Burn, Hop, Limit, Role, Stack, System, Trigger

_STORES_SHOWN: Final = 5


def trigger_words(hop: Hop) -> str:
    """`at once`, `every 12 h` or `daily 02:00`."""
    if hop.trigger is Trigger.POLL and hop.interval is not None:
        return f"every {span_words(hop.interval)}"
    if hop.trigger is Trigger.BATCH:
        return schedule_words(hop.schedule)
    return "at once"


def accepted_words(system: System, currency: str) -> str:
    """What a system takes: `USD · paid, refund · 0.01 to 500.00 USD`; `everything` when the map does not say."""
    amount = _amount_words(system, currency)
    only = f"only {', '.join(system.denominations)} {currency}" if system.denominations else ""
    said = (", ".join(system.currencies), ", ".join(system.buckets), amount, only)
    return " · ".join(part for part in said if part) or "everything"


def pace_words(system: System) -> str:
    """How much a system is sent at once: `100 events in a request, at most 50 a second`."""
    together = "one event in a request" if system.batch == 1 else f"{system.batch:,} events in a request"
    return f"{together}, at most {system.rate:,g} a second" if system.rate else together


def checkpoint_words(stack: Stack) -> str:
    """What the register waits for before the customer leaves."""
    names = [f"{hop.name} (within {span_words(hop.sla)})" for hop in stack.hops if hop.checkpoint]
    if not names:
        return f"The register waits for {stack.authority} alone: no hop is marked as a checkpoint."
    return f"Before the customer leaves, the register waits for {' and '.join(names)}."


def rule_words(stack: Stack) -> tuple[str, ...]:
    """What the retailer's own rules say, a sentence each; nothing about a rule that the map leaves out."""
    return tuple(_rules(stack))


def remarks(stack: Stack) -> tuple[str, ...]:
    """What is allowed and worth knowing, in the order of the map."""
    return tuple(_remarks(stack))


def longest_way(stack: Stack) -> timedelta | None:
    """How long a credit may take from the authority to the web stores if every promise is just kept.

    None when no web store is reached.
    """
    arrival: dict[str, timedelta] = {stack.authority: timedelta(0)}
    for hop in stack.deliveries():
        arrival.setdefault(hop.target, arrival[hop.source] + hop.sla)
    stores = [arrival[name] for name, system in stack.systems.items() if _is_store(system) and name in arrival]
    return max(stores, default=None)


def _is_store(system: System) -> bool:
    return system.role is Role.STOREFRONT


def _amount_words(system: System, currency: str) -> str:
    if system.amount_min and system.amount_max:
        return f"{system.amount_min} to {system.amount_max} {currency}"
    if system.amount_min:
        return f"from {system.amount_min} {currency}"
    return f"up to {system.amount_max} {currency}" if system.amount_max else ""


def _rules(stack: Stack) -> Iterator[str]:
    if stack.burn != Burn():
        yield f"Credits are spent by {', '.join(stack.burn.order)}; of buckets {', '.join(stack.burn.buckets)}."
    yield from (f"Limit: {_limit_words(limit)}." for limit in stack.limits)
    if stack.approval is not None:
        above = Money(stack.approval.above, stack.retailer.currency)
        manual = " or ".join(stack.approval.buckets)
        yield f"An issue of {manual} or an adjustment upwards of more than {above} waits for a second person."
    places = [stack.retailer.place, *stack.places.values()]
    if set(places) != {stack.retailer.country}:
        named = ", ".join(f"{store} in {place}" for store, place in list(stack.places.items())[:_STORES_SHOWN])
        more = f" and {len(stack.places) - _STORES_SHOWN} more" if len(stack.places) > _STORES_SHOWN else ""
        stores = f"{named}{more}; any other in" if named else "Every store is in"
        yield f"{'Stores: ' if named else ''}{stores} {stack.retailer.place}."


def _limit_words(limit: Limit) -> str:
    """`one operator, issue and load, at most 500.00 USD and 20 times a day`."""
    amount = "" if limit.amount is None else str(Money(limit.amount, limit.currency))
    count = "" if limit.count is None else f"{limit.count:,} {'time' if limit.count == 1 else 'times'}"
    if not amount:
        count += f" in {limit.currency}"
    most = " and ".join(part for part in (amount, count) if part)
    buckets = f" of {', '.join(limit.buckets)}" if limit.buckets else ""
    return f"one {limit.per}, {' and '.join(limit.verbs)}{buckets}, at most {most} a day"


def _remarks(stack: Stack) -> Iterator[str]:
    yield from _about_targets(stack)
    carried = (*stack.entries(), *stack.deliveries())
    for hop in stack.hops:
        if hop not in carried:
            yield f"{hop.name} goes past {stack.authority}: the hub does not carry it."
        if hop.interval is not None and hop.interval > hop.sla:
            pace = f"every {span_words(hop.interval)} and promises {span_words(hop.sla)}"
            yield f"{hop.name} runs {pace}: it will be late."
    if longest_way(stack) is None:
        yield "No web store is reached: nobody sees a credit online."
    ends = {name for hop in stack.hops for name in (hop.source, hop.target)}
    for name in stack.systems:
        if name not in ends:
            yield f"{name} is on no hop."


def _about_targets(stack: Stack) -> Iterator[str]:
    """What the hub can and cannot do towards the systems it delivers to."""
    targets = [stack.systems[name] for name in dict.fromkeys(hop.target for hop in stack.deliveries())]
    offline = [system.name for system in targets if system.connector == "csv"]
    if offline:
        yield f"Without a live connection (csv): {', '.join(offline)}. The hub cannot deliver there."
    other = [one.name for one in targets if one.connector == "built-in" and one.name != stack.authority]
    if other:
        yield f"No way to reach: {', '.join(other)}. The built-in ledger is {stack.authority}; nothing goes there."
    unsigned = [system.name for system in targets if system.connector == "http" and not system.secret]
    if unsigned:
        yield f"Without a secret: {', '.join(unsigned)}. What the hub sends there is not signed."
