"""The page of the map, answered by a running hub."""

import asyncio
from collections.abc import Mapping
from datetime import timedelta
from pathlib import PurePath
from typing import Final

from tillbridge.console.map_views import HopLine, MapView
from tillbridge.console.views import Badge
from tillbridge.handoff.measure.facts import facts
from tillbridge.handoff.measure.sheet import spec_now
from tillbridge.handoff.traffic import live_traffic
from tillbridge.kernel.errors import StackFault
from tillbridge.stack import store as editions
from tillbridge.stack.assess import assess
from tillbridge.stack.draw import (
    STYLE,
    Mark,
    Traffic,
    changes_words,
    live_views,
    path_svg,
    place_of_loss,
    promise,
    span_words,
    truth_of,
)
from tillbridge.stack.model import Hop, Stack
from tillbridge.stack.sheet.html import spec_html
from tillbridge.stack.sheet.pdf import spec_pdf
from tillbridge.wiring import Hub

WEEK: Final = timedelta(days=7)
"""What the verdicts rest on."""

HISTORY_MAX: Final = 50


async def map_view(hub: Hub) -> MapView:
    """The map that is in force, as of now. Raises DatabaseError."""
    at, stack = hub.clock.now(), hub.stack
    traffic, measured, history = await asyncio.gather(
        live_traffic(hub.db, stack, at), facts(hub.db, at - WEEK, at), editions.editions(hub.db, HISTORY_MAX)
    )
    lost = place_of_loss(traffic)
    return MapView(
        at=at,
        authority=stack.authority,
        edition=hub.edition,
        hops=live_views(stack, traffic),
        lines=tuple(_line(stack, hop, traffic, lost) for hop in stack.hops),
        assessment=assess(stack, measured),
        history=history,
        refused=refused_words(hub.refused_map()),
    )


def refused_words(fault: StackFault | None) -> str:
    """Why a newer text of the map is not in force: file, line, problem and mend; blank where it is."""
    if fault is None:
        return ""
    return f"{PurePath(fault.file).name}, line {fault.line}: {fault.problem}. {fault.mend}"


async def map_svg(hub: Hub) -> bytes:
    """The live drawing as a file. Raises DatabaseError."""
    traffic = await live_traffic(hub.db, hub.stack, hub.clock.now())
    return (path_svg(live_views(hub.stack, traffic), STYLE) + "\n").encode()


async def map_spec(hub: Hub, form: str) -> bytes:
    """The spec sheet as `html` or `pdf`. Raises DatabaseError."""
    spec = await spec_now(hub.db, hub.stack, hub.clock.now())
    return spec_html(spec).encode() if form == "html" else await asyncio.to_thread(spec_pdf, spec)


def _line(stack: Stack, hop: Hop, traffic: Mapping[str, Traffic], lost: str) -> HopLine:
    carried = hop.name in traffic
    here = traffic.get(hop.name, Traffic())
    truth = truth_of(hop, here)
    if hop.target == stack.authority:
        badge = Badge(Mark.CONFIRMED, "at once")
    elif not carried:
        badge = Badge(Mark.QUIET, "not carried")
    else:
        badge = Badge(truth.mark, truth.mark.value if truth.mark is not Mark.QUIET else "nothing yet")
    return HopLine(
        name=hop.name,
        words=f"{hop.source} to {hop.target}",
        promise=promise(hop),
        changes=changes_words(hop),
        badge=badge,
        in_flight=here.waiting,
        late=here.late,
        dead=here.dead,
        unknown=here.unknown,
        p95="" if here.p95 is None else f"{span_words(here.p95)} of {span_words(hop.sla)}",
        carried=carried,
        lost=hop.name == lost,
    )
