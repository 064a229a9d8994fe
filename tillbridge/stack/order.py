"""The hops put in order, and everything that would keep them from running."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from tillbridge.kernel.errors import StackFault
from tillbridge.stack.model import Hop, Role, Stack, System, Trigger
from tillbridge.stack.table import Table, choices, nearest, quoted


@dataclass(frozen=True, slots=True)
class Drawn:
    """The hops as they stand in the file, each with its table beside it, before they are in order."""

    authority: str
    systems: Mapping[str, System]
    hops: Sequence[Hop]
    tables: Sequence[Table]


def put_in_order(drawn: Drawn) -> tuple[Hop, ...]:
    """The hops in topological order, else in the order of the file. Raises the first fault of `CHECKS`."""
    for check in CHECKS:
        fault = check(drawn)
        if fault is not None:
            raise fault
    return _ordered(drawn.hops)


def ends_exist(drawn: Drawn) -> StackFault | None:
    """Both ends of every hop are systems of the map."""
    for hop, table in zip(drawn.hops, drawn.tables, strict=True):
        for key, name in (("from", hop.source), ("to", hop.target)):
            if name not in drawn.systems:
                mend = nearest(name, drawn.systems, f"Use {choices(tuple(drawn.systems)[:12])}.")
                return table.fault(key, f"there is no system {quoted(name)}", mend)
    return None


def no_hop_to_itself(drawn: Drawn) -> StackFault | None:
    """A hop joins two systems."""
    for hop, table in zip(drawn.hops, drawn.tables, strict=True):
        if hop.source == hop.target:
            return table.fault("to", f'the hop goes from "{hop.source}" to itself', "Name another system.")
    return None


def each_hop_once(drawn: Drawn) -> StackFault | None:
    """No two hops join the same systems, or are called the same (`a-b` to `c`, and `a` to `b-c`)."""
    seen: dict[str, Hop] = {}
    for hop, table in zip(drawn.hops, drawn.tables, strict=True):
        first = seen.setdefault(hop.name, hop)
        if first is hop:
            continue
        if (first.source, first.target) == (hop.source, hop.target):
            problem = f'there are two hops from "{hop.source}" to "{hop.target}"'
            return table.fault(None, problem, "Make one hop of them.")
        mend = "Rename one of the systems, without the hyphen."
        return table.fault(None, f'two hops are both called "{hop.name}"', mend)
    return None


def no_circle(drawn: Drawn) -> StackFault | None:
    """Following the hops never leads back. The fault is at the last hop of the circle in the file."""
    circle = _circle(drawn.hops)
    if not circle:
        return None
    # Turned so that it ends with the hop that was written last: most likely the one that is too many.
    last = max(range(len(circle)), key=lambda position: circle[position])
    turned = [drawn.hops[index] for index in circle[last + 1 :] + circle[: last + 1]]
    path = " → ".join([hop.source for hop in turned] + [turned[-1].target])
    problem = f"the hops go round in a circle: {path}"
    return drawn.tables[circle[last]].fault(None, problem, "Take out one hop of the circle.")


def registers_reach_the_authority(drawn: Drawn) -> StackFault | None:
    """A credit gets onto the ledger by a hop from a register."""
    for hop in drawn.hops:
        if hop.target == drawn.authority and drawn.systems[hop.source].role is Role.POS:
            return None
    problem = f'no hop leads from a system of role pos to "{drawn.authority}"'
    return drawn.tables[0].fault(None, problem, "Add the hop over which the registers' credits arrive.")


def every_hop_is_fed(drawn: Drawn) -> StackFault | None:
    """What a hop carries comes from a register, from the authority, or over another hop."""
    fed = {drawn.authority} | {name for name, system in drawn.systems.items() if system.role is Role.POS}
    for hop in _ordered(drawn.hops):
        if hop.source in fed:
            fed.add(hop.target)
    for hop, table in zip(drawn.hops, drawn.tables, strict=True):
        if hop.source not in fed:
            problem = f'nothing feeds the hop from "{hop.source}": no hop from a register or the platform leads there'
            return table.fault("from", problem, f'Add a hop to "{hop.source}", or take this one out.')
    return None


CHECKS: Final[tuple[Callable[[Drawn], StackFault | None], ...]] = (
    ends_exist,
    no_hop_to_itself,
    each_hop_once,
    no_circle,
    registers_reach_the_authority,
    every_hop_is_fed,
)
"""What must hold of the hops together; each check may rely on those before it."""


def check_checkpoints(stack: Stack, tables: Mapping[str, Table]) -> None:
    """The register can wait only for what follows the sale at once. `tables` by the name of their hop.

    Raises StackFault.
    """
    within_reach = (*stack.entries(), *stack.deliveries())
    for hop in stack.hops:
        if not hop.checkpoint:
            continue
        if hop not in within_reach:
            problem = f"the register cannot wait for {hop.name}: the hub does not carry it"
            raise tables[hop.name].fault("checkpoint", problem, "Leave out checkpoint, or start the hop elsewhere.")
        before = stack.upstream(hop)
        while before is not None:
            if before.trigger is not Trigger.WEBHOOK:
                problem = f"the register cannot wait for {hop.name}: {before.name} before it is a {before.trigger} hop"
                raise tables[hop.name].fault("checkpoint", problem, "Leave out checkpoint.")
            before = stack.upstream(before)


def _ordered(hops: Sequence[Hop]) -> tuple[Hop, ...]:
    """Always the first hop of the file that nothing outstanding feeds. There must be no circle."""
    outstanding = list(hops)
    ordered: list[Hop] = []
    while outstanding:
        targets = {hop.target for hop in outstanding}
        following = next(hop for hop in outstanding if hop.source not in targets)
        outstanding.remove(following)
        ordered.append(following)
    return tuple(ordered)


def _circle(hops: Sequence[Hop]) -> list[int]:
    """The positions of the hops of one circle, in its order; empty when there is none."""
    left = dict(enumerate(hops))
    while True:
        targets = {hop.target for hop in left.values()}
        startless = [index for index, hop in left.items() if hop.source not in targets]
        if not startless:
            break
        for index in startless:
            del left[index]
    if not left:
        return []
    # Every hop that is left is fed by another that is left: walking backwards must come to a hop for the second time.
    walked: list[int] = [next(iter(left))]
    while True:
        source = left[walked[-1]].source
        before = next(index for index, hop in left.items() if hop.target == source)
        if before in walked:
            return walked[walked.index(before) :][::-1]
        walked.append(before)
