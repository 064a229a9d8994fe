"""The lines of a receipt: how far a credit is on each hop, as a cashier's screen can show it."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Final
from zoneinfo import ZoneInfo

from tillbridge.checkpoint.model import HopLine, LineState
from tillbridge.handoff.model import CLAIM, HandoffView, NewHandoff
from tillbridge.handoff.route import route
from tillbridge.kernel.money import Money
from tillbridge.ledger.model import Posted, State
from tillbridge.stack.model import Hop, Stack

_STATE_ON_RECEIPT: Final[Mapping[str, LineState]] = {
    "waiting": "pending",
    "due": "pending",
    "sending": "pending",
    "unknown": "pending",
    "parked": "pending",
    "confirmed": "confirmed",
    "dead": "failed",
}


def entry_lines(stack: Stack, took: timedelta | None) -> tuple[HopLine, ...]:
    """The hops into the ledger: the answer itself is their confirmation. `took` is None on a replay."""
    return tuple(HopLine(hop.name, hop.source, hop.target, "confirmed", hop.sla, took) for hop in stack.entries()[:1])


def routed_lines(stack: Stack, posted: Posted, amount: Money, bucket: str) -> tuple[HopLine, ...]:
    """The hops behind the ledger, right after the commit: nothing has been sent yet."""
    new = route(
        stack,
        posted.recorded_at,
        owned=posted.owner is not None,
        currency=amount.currency,
        bucket=bucket,
        amount=amount,
        born_on=posted.occurred_at.astimezone(ZoneInfo(stack.retailer.time_zone)).date(),
    )
    # What belongs to whoever has it is in nobody's account: no store front is told of it.
    bearer = posted.owner is None and posted.state is State.ACTIVE
    return tuple(_new_line(stack.hop(one.hop), one) for one in new if not (bearer and CLAIM in one.waits_for.split()))


def kept_lines(stack: Stack, kept: Sequence[HandoffView]) -> tuple[HopLine, ...]:
    """The hops behind the ledger as they are now, in the order of the map."""
    by_hop = {one.hop: one for one in kept}
    return tuple(_kept_line(hop, by_hop[hop.name]) for hop in stack.deliveries() if hop.name in by_hop)


def _new_line(hop: Hop, new: NewHandoff) -> HopLine:
    state = _STATE_ON_RECEIPT[new.state]
    reason = new.reason or (_waiting_words(new.waits_for) if new.state == "waiting" else "")
    deadline = None if new.state == "waiting" else new.deadline
    return HopLine(hop.name, hop.source, hop.target, state, hop.sla, None, deadline, reason)


def _kept_line(hop: Hop, kept: HandoffView) -> HopLine:
    state = _STATE_ON_RECEIPT[kept.state]
    took = kept.confirmed_at - kept.ready_at if kept.confirmed_at and kept.ready_at else None
    reason = kept.reason or (_waiting_words(kept.waits_for) if kept.state == "waiting" else "")
    deadline = None if state == "confirmed" else kept.deadline
    return HopLine(
        hop.name, hop.source, hop.target, state, hop.sla, took, deadline, "" if state == "confirmed" else reason
    )


def _waiting_words(waits_for: str) -> str:
    return "waits for the claim" if waits_for == "claim" else f"waits for {waits_for}"
