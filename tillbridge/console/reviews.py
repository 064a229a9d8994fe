"""Whose credit is it? The queue, one review with its candidates side by side, and the decision of a person."""

from typing import Final
from uuid import UUID

from aiohttp import web

from tillbridge.console.pages import Notice, conflict_page, review_page, reviews_page
from tillbridge.console.staff import NO_CURSOR, staff_only
from tillbridge.console.views import ConflictLine, ReviewView, Said
from tillbridge.console.visit import Refused, Visit
from tillbridge.kernel.errors import BadInput, NotFound
from tillbridge.kernel.ids import secret_token

DECISIONS: Final = ("link", "leave", "same-person", "belongs-to", "shared")
_SAID: Final = {"link": "linked", "leave": "left"}
_MAY_NOT: Final = Notice(
    "Your key may not decide",
    ("Nothing was changed. Ask somebody whose key has the review right.",),
    ("To the reviews", "/reviews"),
)


@staff_only
async def get_reviews(visit: Visit) -> web.Response:
    """`GET /reviews?cursor=`: whose credit is it?"""
    try:
        page = await visit.port.reviews(visit.request.query.get("cursor", ""))
    except BadInput:
        raise Refused(400, NO_CURSOR) from None
    return visit.html(reviews_page(visit.frame("reviews"), page))


@staff_only
async def get_review(visit: Visit) -> web.Response:
    """`GET /reviews/{id}`: what the register sent, and who it may be, side by side."""
    return _shown(visit, await _view(visit))


@staff_only
async def post_review(visit: Visit) -> web.Response:
    """`POST /reviews/{id}`: decide, on evidence."""
    fields = await visit.form()
    view = await _view(visit)
    decision, evidence = fields.get("decision", ""), fields.get("evidence", "")
    said = _said(visit, fields.get("key", ""), evidence)
    # A button says the decision and, after a blank, the customer whom it is for.
    word, _, customer = decision.partition(" ")
    if word not in DECISIONS or not said.key:
        raise NotFound("decision", decision)
    if not evidence:
        return _shown(visit, view, "Say on what evidence you decide: it is kept with the decision.", evidence, 422)
    problem = await visit.port.decide(_id(visit), word, customer, said)
    if problem:
        return _shown(visit, await _view(visit), problem, evidence, 409)
    if isinstance(view, ReviewView):
        return visit.see(f"/credits/{view.line.credit_id}?said={_SAID[word]}")
    return visit.see("/reviews")


@staff_only
async def post_undo(visit: Visit) -> web.Response:
    """`POST /reviews/{id}/undo`: take the decision back, as long as nothing was spent."""
    fields = await visit.form()
    view = await _view(visit)
    evidence = fields.get("evidence", "")
    said = _said(visit, fields.get("key", ""), evidence)
    if not said.key:
        raise NotFound("decision", "")
    if not evidence:
        return _shown(visit, view, "Say why it is taken back: it is kept with the decision.", evidence, 422)
    problem = await visit.port.undo(_id(visit), said)
    if problem:
        return _shown(visit, await _view(visit), problem, evidence, 409)
    return visit.see("/reviews")


async def _view(visit: Visit) -> ReviewView | ConflictLine:
    view = await visit.port.review(_id(visit))
    if view is None:
        raise NotFound("review", visit.request.match_info["id"])
    return view


def _id(visit: Visit) -> UUID:
    return UUID(visit.request.match_info["id"])


def _said(visit: Visit, key: str, evidence: str) -> Said:
    """Who decides. Raises Refused without the right."""
    if visit.staff is None or not visit.staff.may_review:
        raise Refused(403, _MAY_NOT)
    return Said(key[:64], evidence[:500], visit.staff)


def _shown(
    visit: Visit, view: ReviewView | ConflictLine, problem: str = "", typed: str = "", status: int = 200
) -> web.Response:  # fmt: skip
    frame, key = visit.frame("reviews"), secret_token(18)
    if isinstance(view, ConflictLine):
        return visit.html(conflict_page(frame, view, key, problem, typed), status)
    return visit.html(review_page(frame, view, key, problem, typed), status)
