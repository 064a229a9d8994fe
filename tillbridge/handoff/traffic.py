"""What is on its way over each hop right now, for the drawing of the map."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

from tillbridge.handoff import store
from tillbridge.handoff.measure import store as measure
from tillbridge.handoff.measure.model import Span
from tillbridge.handoff.model import HopCount, State
from tillbridge.kernel.db import Db
from tillbridge.stack.draw import Traffic
from tillbridge.stack.model import Stack

DAY: Final = timedelta(days=1)
"""How far back the p95 looks."""


async def live_traffic(db: Db, stack: Stack, at: datetime) -> Mapping[str, Traffic]:
    """The traffic of every hop that the hub carries, as of `at`. Raises DatabaseError."""
    counts = await store.counts(db, at, at)
    return traffic_of(stack, counts, await measure.spans(db, at - DAY), at)


def traffic_of(stack: Stack, counts: Sequence[HopCount], spans: Iterable[Span], at: datetime) -> Mapping[str, Traffic]:
    """The traffic of every hop that the hub carries, by the hop's name."""
    measured = {one.hop: one for one in spans}
    return {
        hop.name: _traffic([one for one in counts if one.hop == hop.name], measured.get(hop.name), at)
        for hop in stack.deliveries()
    }


def _traffic(counts: Sequence[HopCount], span: Span | None, at: datetime) -> Traffic:
    def total(*states: State) -> int:
        return sum(one.count for one in counts if one.state in states)

    late = [one for one in counts if one.state not in (State.CONFIRMED, State.DEAD) and one.late]
    oldest = min((one.oldest_due for one in late if one.oldest_due), default=None)
    return Traffic(
        typical=span.p50 if span else None,
        p95=span.p95 if span else None,
        confirmed=span.count if span else 0,
        waiting=total(State.WAITING, State.DUE, State.SENDING),
        late=sum(one.late for one in late),
        dead=total(State.DEAD),
        unknown=total(State.UNKNOWN, State.PARKED),
        oldest=at - oldest if oldest else None,
    )
