"""Endpoints on handoffs: what is on its way, what is stuck, and setting it going again."""

from datetime import datetime
from typing import Final

from aiohttp import web

from tillbridge.api import shapes
from tillbridge.api.bodies.handoffs import ConclusionBody, ReplaysBody
from tillbridge.api.requests import Asked, answer
from tillbridge.handoff import conclude, replay
from tillbridge.handoff import store as handoffs
from tillbridge.handoff.model import OVER, Conclusion, HandoffView, State
from tillbridge.handoff.replay import Selection
from tillbridge.kernel.errors import BadInput, NotFound

LATE: Final = "late"
LISTED: Final = (LATE, *(state.value for state in State if state not in OVER))
"""What `state` may be: every state in which something is owed, and late."""


async def get_handoffs(asked: Asked) -> web.Response:
    """Handoffs in one state, a page at a time."""
    state, limit = asked.query("state") or "dead", asked.limit()
    if state not in LISTED:
        raise BadInput("state", f"{state!r} is no state that is listed", f"Send one of {', '.join(LISTED)}.")
    now, wanted = asked.hub.clock.now(), None if state == LATE else State(state)
    page, following = await handoffs.page(asked.hub.db, now, wanted, asked.query("hop"), asked.query("cursor"), limit)
    return answer({"handoffs": [shapes.handoff(one, now) for one in page], "next": following or None})


async def post_replay(asked: Asked) -> web.Response:
    """Set a dead or parked handoff going again, with the same key as ever."""
    kept = await _kept(asked)
    now = asked.hub.clock.now()
    replayed = await replay.replay_one(asked.hub.db, now, kept.credit_id, kept.hop, kept.version)
    asked.hub.deliverer.wake([kept.hop])
    return answer({"id": asked.path("id"), "replayed": replayed}, status=202)


async def post_replays(asked: Asked) -> web.Response:
    """Set all that fit a description going again, or say which those are."""
    body: ReplaysBody = await asked.body(ReplaysBody)
    chosen = Selection(
        replay.states_of(body.state),
        body.hop,
        body.since,
        body.until,
        body.reason_code,
        tuple(replay.read_id(text) for text in body.ids) if body.ids else None,
    )
    hub, now = asked.hub, asked.hub.clock.now()
    if body.dry_run:
        seen = await replay.preview(hub.db, chosen)
        counts = [
            {"hop": one.hop, "state": one.state.value, "reason_code": one.reason_code or None, "count": one.count}
            for one in seen.counts
        ]
        first = [shapes.handoff(one, now) for one in seen.first]
        return answer({"dry_run": True, "count": seen.count, "counts": counts, "first": first}, status=202)
    replayed = await replay.replay_selected(hub.db, now, chosen)
    hub.deliverer.wake()
    return answer({"dry_run": False, "replayed": replayed}, status=202)


async def post_conclude(asked: Asked) -> web.Response:
    """Write down what a person found out about a handoff: it is there, or it is not."""
    body: ConclusionBody = await asked.body(ConclusionBody)
    if body.there and body.give_up:
        raise BadInput("give_up", "what is there cannot be given up", "Send one of the two.")
    kept, hub, now = await _kept(asked), asked.hub, asked.hub.clock.now()
    if not body.there and not body.give_up:
        changed = await replay.replay_one(hub.db, now, kept.credit_id, kept.hop, kept.version)
        hub.deliverer.wake([kept.hop])
        state = State.DUE if changed else kept.state
    else:
        said = await _said(asked, kept, body, now)
        hub.deliverer.note(said)
        changed, state = said.changed, said.settled.state
    return answer({"id": asked.path("id"), "changed": changed, "state": state.value})


async def _said(asked: Asked, kept: HandoffView, body: ConclusionBody, now: datetime) -> Conclusion:
    hub, who = asked.hub, asked.actor.name
    if body.there:
        said = await conclude.confirm_by_hand(
            hub.db, hub.stack, kept.event_id, kept.hop, now, who, body.reference, body.note
        )
    else:
        said = await conclude.give_up_by_hand(hub.db, kept.event_id, kept.hop, now, who, body.note)
    if said is None:
        raise NotFound("handoff", asked.path("id"))
    return said


async def _kept(asked: Asked) -> HandoffView:
    """The handoff in the path. Raises BadInput, NotFound."""
    credit_id, hop, version = replay.read_id(asked.path("id"))
    for one in await handoffs.of_credit(asked.hub.db, credit_id):
        if one.version == version and one.hop == hop:
            return one
    raise NotFound("handoff", asked.path("id"))
