"""The transformations of a hop, each read from its table into its settings."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tillbridge.kernel.money import exponents
from tillbridge.stack.model import Hop, Retailer, System
from tillbridge.stack.rates import read_file, read_listed
from tillbridge.stack.renaming import read_renames
from tillbridge.stack.settings import (
    ClassifyBalance,
    ConvertCurrency,
    RenameFields,
    ResolveCustomer,
    Rounding,
    RouteBucket,
    Transform,
)
from tillbridge.stack.table import Table, choices, nearest, quoted
from tillbridge.stack.terms import BUCKETS, TRANSFORMS

CLASSES: Final[Mapping[str, str]] = {
    "paid": "deferred-revenue",
    "refund": "refund-liability",
    "goodwill": "goodwill-liability",
    "promo": "promo-memo",
}
"""What a balance of each bucket is in the books, where the map says nothing else. What was bought is revenue that is
still to come; a refund and goodwill are owed as well, each on an account of its own; nobody paid for a promo credit, so
that it is noted and not owed."""


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads the transformations of a map's hops. A file of rates is named from `folder`, where the map lies."""

    retailer: Retailer
    authority: str
    systems: Mapping[str, System]
    folder: Path

    def read(self, table: Table, hop: Hop) -> tuple[Transform, ...]:
        """`transform` of a hop, in its order. Raises StackFault."""
        read: list[Transform] = []
        for position, item in enumerate(table.items("transform", "hops.transform", "a list of texts and tables")):
            transform = self._one(item if isinstance(item, Table) else _plain(item, table, position), hop, read)
            problem, mend = self._out_of_place(transform, hop, read)
            if problem:
                raise table.fault("transform", problem, mend, position)
            read.append(transform)
        return tuple(read)

    def _one(self, table: Table, hop: Hop, before: list[Transform]) -> Transform:
        name = table.choice("name", TRANSFORMS)
        own = table.narrowed(f"hops.transform.{name}")
        target = self.systems[hop.target]
        match name:
            case ResolveCustomer.name:
                return self._customer(own, hop)
            case ConvertCurrency.name:
                return self._currency(own, target)
            case RouteBucket.name:
                return _buckets(own, target)
            case ClassifyBalance.name:
                return ClassifyBalance({bucket: own.text(bucket, usual) for bucket, usual in CLASSES.items()})
        return read_renames(own, tuple(transform.name for transform in before))

    def _out_of_place(self, transform: Transform, hop: Hop, before: list[Transform]) -> tuple[str, str]:
        """What is wrong with a transformation behind those before it on this hop, and the mend; blank when nothing."""
        if transform.name in (other.name for other in before):
            return f'"{transform.name}" stands twice', "Make one of them."
        if before and isinstance(before[-1], RenameFields):
            problem = f'"{transform.name}" stands behind "rename-fields" and would not find its fields'
            return problem, 'Put "rename-fields" last.'
        if hop.target == self.authority and not isinstance(transform, ResolveCustomer):
            problem = (
                f'"{transform.name}" changes nothing on the way into {hop.target}: a credit is booked as it was given'
            )
            return problem, "Leave it out here, and put it on the hop that leads to who needs it."
        return "", ""

    def _customer(self, table: Table, hop: Hop) -> ResolveCustomer:
        if hop.target == self.authority and (said := [key for key in table.values if key != "name"]):
            problem = f"{quoted(said[0])} says nothing on the way into {hop.target}: there the customer is looked for"
            raise table.fault(said[0], problem, 'Write it plain: "resolve-customer".')
        system = table.choice("system", self.systems) if "system" in table.values else hop.target
        return ResolveCustomer(system, _otherwise(table, "send"))

    def _currency(self, table: Table, target: System) -> ConvertCurrency:
        alone = target.currencies[0] if len(target.currencies) == 1 else self.retailer.currency
        to = table.choice("to", exponents()) if "to" in table.values else alone
        if target.currencies and to not in target.currencies:
            problem = f"{target.name} does not accept {to}, only {', '.join(target.currencies)}"
            key = "to" if "to" in table.values else "name"
            raise table.fault(key, problem, f"Write to = {choices(target.currencies)}.")
        rounding = Rounding(table.choice("rounding", list(Rounding)) if "rounding" in table.values else Rounding.DOWN)
        file = table.text("file")
        rates = read_listed(table, to)
        if file:
            rates = read_file(table, self.folder, to, rates)
        return ConvertCurrency(to, rounding, rates, file)


def _plain(name: str, table: Table, position: int) -> Table:
    """A transformation that was written as its name alone, as a table without settings."""
    if name not in TRANSFORMS:
        mend = nearest(name, TRANSFORMS, f"Use one of {', '.join(TRANSFORMS)}.")
        raise table.fault("transform", f"{quoted(name)} is no transformation", mend, position)
    return table.item("transform", position, {"name": name}, "hops.transform")


def _buckets(table: Table, target: System) -> RouteBucket:
    words = {bucket: table.text(bucket) for bucket in BUCKETS if bucket in table.values}
    for bucket, word in words.items():
        if word in BUCKETS and target.buckets and word not in target.buckets:
            problem = f"{target.name} does not accept the bucket {word}, only {', '.join(target.buckets)}"
            raise table.fault(bucket, problem, "Name one of those, or the target's own word.")
    return RouteBucket(words, _otherwise(table, "keep"))


def _otherwise(table: Table, usual: str) -> bool:
    """Whether what has no place is refused; `usual` is the other word."""
    return "otherwise" in table.values and table.choice("otherwise", (usual, "reject")) == "reject"
