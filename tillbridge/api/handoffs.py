"""Endpoints on handoffs and reviews: what is on its way, what is stuck, and setting it going again."""

from typing import Final
from uuid import UUID

from aiohttp import web

from tillbridge.api import shapes
from tillbridge.api.requests import Asked, answer
from tillbridge.checkpoint import store as checkpoint
from tillbridge.handoff import replay
from tillbridge.handoff import store as handoffs
from tillbridge.handoff.model import State
from tillbridge.kernel.errors import BadInput, NotFound

LATE: Final = "late"
LISTED: Final = (LATE, *(state.value for state in State if state is not State.CONFIRMED))
"""What `state` may be: every state but confirmed, and late."""


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
    credit_id, version, hop = _place(asked.path("id"))
    kept = [
        one for one in await handoffs.of_credit(asked.hub.db, credit_id) if one.version == version and one.hop == hop
    ]
    if not kept:
        raise NotFound("handoff", asked.path("id"))
    replayed = await replay.replay_one(asked.hub.db, asked.hub.clock.now(), credit_id, hop, version)
    asked.hub.deliverer.wake([hop])
    return answer({"id": asked.path("id"), "replayed": bool(replayed)}, status=202)


def _place(text: str) -> tuple[UUID, int, str]:
    credit, _, rest = text.partition(".")
    version, _, hop = rest.partition(".")
    try:
        return UUID(credit), int(version), hop
    except ValueError:
        raise BadInput("id", "this is no id of a handoff", "Use the id that GET /v1/handoffs answers.") from None


async def get_reviews(asked: Asked) -> web.Response:
    """What waits for a person, oldest first: unidentified customers, then handoffs whose outcome is unknown."""
    limit = asked.limit()
    reviews = await checkpoint.open_reviews(asked.hub.db, checkpoint.read_place(asked.query("cursor")), limit)
    now = asked.hub.clock.now()
    parked, _ = await handoffs.page(asked.hub.db, now, State.PARKED, limit=limit)
    following = checkpoint.write_place(reviews[-1]) if len(reviews) == limit else None
    return answer(
        {
            "reviews": [shapes.review(one) for one in reviews],
            "unknown_outcomes": [shapes.handoff(one, now) for one in parked],
            "next": following,
        }
    )
