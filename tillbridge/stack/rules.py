"""The retailer's rules in a map, each optional: where its stores are, burn order, limits, and what needs approval."""

from collections.abc import Collection
from typing import Final

from tillbridge.kernel.money import exponents
from tillbridge.stack.model import Approval, Burn, Limit, Per
from tillbridge.stack.table import Table, choices, quoted
from tillbridge.stack.terms import BUCKETS, CRITERIA, LIMITED_VERBS, PERS

_MOST_TIMES: Final = 1_000_000
_LONGEST_STORE: Final = 100
_MANUAL: Final = ("goodwill",)


def read_places(top: Table) -> dict[str, str]:
    """`[stores.NAME]`: the place of each store by its name. Raises StackFault."""
    if "stores" not in top.values:
        return {}
    stores = top.table("stores", "stores")
    for name in stores.values:
        if not name.strip() or name != name.strip() or not name.isprintable() or len(name) > _LONGEST_STORE:
            mend = 'Write its name or number as the registers send it: [stores.006] or [stores."Pier 39"].'
            raise stores.fault(name, f"{quoted(name)} cannot be the name of a store", mend)
    return {name: stores.table(name, "stores.NAME").place("place") for name in stores.values}


def read_burn(top: Table) -> Burn:
    """`[burn]`, or the default order. Raises StackFault."""
    if "burn" not in top.values:
        return Burn()
    table = top.table("burn", "burn")
    order = table.chosen("order", CRITERIA, "Leave the key out for the usual order.")
    buckets = table.chosen("buckets", BUCKETS, "Leave the key out for the usual order.")
    left_out = [bucket for bucket in BUCKETS if bucket not in buckets]
    if buckets and left_out:
        problem = f'"buckets" of {table.title} leaves out {quoted(left_out[0])}'
        raise table.fault("buckets", problem, f"Name all four in the order you want: {choices(tuple(BUCKETS))}.")
    usual = Burn()
    return Burn(order or usual.order, buckets or usual.buckets)


def read_limits(top: Table, currency: str) -> tuple[Limit, ...]:
    """`[[limits]]`; `currency` is the retailer's. Raises StackFault."""
    limits: list[Limit] = []
    for table in top.tables("limits", "limits"):
        limit = _limit(table, currency)
        if any(limit.counted() == other.counted() for other in limits):
            problem = "two [[limits]] count the same: their per, verbs, buckets and currency are equal"
            raise table.fault(None, problem, "Make one of them, with an amount, a count or both.")
        limits.append(limit)
    return tuple(limits)


def read_approval(top: Table, currency: str) -> Approval | None:
    """`[approval]`; `currency` is the retailer's. None where no credit waits. Raises StackFault."""
    if "approval" not in top.values:
        return None
    table = top.table("approval", "approval")
    above = table.amount("above", currency)
    if above is None:
        raise table.missing("above", "it says which credits wait.")
    buckets = table.chosen("buckets", BUCKETS, 'Leave the key out for "goodwill" alone.')
    return Approval(above.minor, _in_order(buckets or _MANUAL, BUCKETS))


def _limit(table: Table, currency: str) -> Limit:
    per = Per(table.choice("per", PERS))
    verbs = table.chosen("verbs", LIMITED_VERBS, f"Name at least one of {choices(tuple(LIMITED_VERBS))}.")
    buckets = table.chosen("buckets", BUCKETS)
    if "currency" in table.values:
        currency = table.choice("currency", exponents())
    amount = table.amount("amount", currency)
    if amount is not None and amount.minor == 0:
        raise table.fault("amount", f'"amount" of {table.title} lets nothing through', "Write an amount above zero.")
    count = table.whole("count", 1, 1, _MOST_TIMES) if "count" in table.values else None
    if amount is None and count is None:
        mend = 'Add the most in a day: amount = "500.00", count = 20, or both.'
        raise table.fault(None, f'{table.title} has neither "amount" nor "count"', mend)
    minor = None if amount is None else amount.minor
    return Limit(per, _in_order(verbs, LIMITED_VERBS), _in_order(buckets, BUCKETS), currency, minor, count)


def _in_order(words: Collection[str], known: Collection[str]) -> tuple[str, ...]:
    """The same words in the order in which they are known, so that two rows that mean the same are equal."""
    return tuple(word for word in known if word in words)
