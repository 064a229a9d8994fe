"""Endpoints on what waits for a second person."""

import base64
import binascii
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

from aiohttp import web

from tillbridge.api import shapes
from tillbridge.api.bodies.repairs import DecisionBody
from tillbridge.api.keys import check_place
from tillbridge.api.outcomes import confirmed, moved
from tillbridge.api.requests import Asked, answer
from tillbridge.api.verbs import DOOR_OF
from tillbridge.checkpoint.model import Receipt, Sale, Turned
from tillbridge.credit.approval import Approval, Decision
from tillbridge.credit.model import Activate, Adjust, Load
from tillbridge.kernel.errors import BadInput

_DONE: Final[Mapping[type, str]] = {
    Adjust: DOOR_OF["adjust"].done,
    Load: DOOR_OF["load"].done,
    Activate: DOOR_OF["activate"].done,
}
_BEGINNING: Final = (datetime(1970, 1, 1, tzinfo=UTC), UUID(int=0))


_NOWHERE: Final = "\0"
"""The place of what names none: no key is narrowed to it."""


async def get_approvals(asked: Asked) -> web.Response:
    """What waits for a second person, oldest first; of the store and register that the key is for, if it is for one."""
    limit, cursor = asked.limit(), _read_place(asked.query("cursor"))
    found = await asked.hub.approvals.waiting(cursor, limit, asked.actor.store, asked.actor.register)
    following = _write_place(found[-1]) if len(found) == limit else None
    return answer({"approvals": [shapes.approval(one) for one in found], "next": following})


async def post_approve(asked: Asked) -> web.Response:
    """Agree to what waits: it is carried out with its own key, and what came of it is answered."""
    approval = await _asked_for(asked)
    decided = await asked.hub.approvals.decide(approval.approval_id, Decision.APPROVED, asked.actor.name)
    done = await asked.hub.approvals.carry_out(decided)
    if done is None:
        return answer({"approval": shapes.approval(decided), "answer": None})
    command, outcome = done
    if isinstance(outcome, Receipt | Turned):
        came = confirmed(outcome)
    else:
        assert not isinstance(command, Sale)  # noqa: S101 - a sale has a receipt, for the type checker
        came = await moved(asked.hub, _DONE[type(command)], command, outcome)
    decided = await asked.hub.approvals.one(decided.approval_id)
    return answer({"approval": shapes.approval(decided), "answer": {"status": came.status, "body": came.body}})


async def post_turn_down(asked: Asked) -> web.Response:
    """Refuse what waits: it will never be done."""
    body: DecisionBody = await asked.body(DecisionBody)
    approval = await _asked_for(asked)
    decided = await asked.hub.approvals.decide(
        approval.approval_id, Decision.TURNED_DOWN, asked.actor.name, body.reason
    )  # fmt: skip
    return answer({"approval": shapes.approval(decided)})


async def _asked_for(asked: Asked) -> Approval:
    """What is to be decided. Raises NotFound, and NotAllowed when it does not name the place that the key is for."""
    approval = await asked.hub.approvals.one(asked.path_id("approval"))
    request = approval.request
    check_place(asked.actor, request.get("store") or _NOWHERE, request.get("register") or _NOWHERE)
    return approval


def _write_place(one: Approval) -> str:
    return base64.urlsafe_b64encode(f"{one.asked_at.isoformat()}|{one.approval_id}".encode()).decode()


def _read_place(cursor: str) -> tuple[datetime, UUID]:
    """A place in the list; the beginning for blank. Raises BadInput."""
    if not cursor:
        return _BEGINNING
    try:
        at, _, approval_id = base64.urlsafe_b64decode(cursor).decode().partition("|")
        moment = datetime.fromisoformat(at)
        return moment.astimezone(UTC), UUID(approval_id)
    except (ValueError, binascii.Error, OverflowError):
        mend = "Send what the page before answered as next, or nothing."
        raise BadInput("cursor", "this is no cursor of ours", mend) from None
