"""Endpoints on what a person decides: reviews, conflicts, merges and unlinks, and taking them back."""

from typing import Any
from uuid import UUID

from aiohttp import web

from tillbridge.api import shapes
from tillbridge.api.bodies.reviews import EvidenceBody, MergeBody, ReviewBody, UnlinkBody, UnlinkCreditBody
from tillbridge.api.intake import customer_of
from tillbridge.api.problems import refused
from tillbridge.api.requests import Asked, answer
from tillbridge.checkpoint import decisions
from tillbridge.checkpoint import store as checkpoint
from tillbridge.checkpoint.candidates import as_of_now
from tillbridge.checkpoint.persons import account_of, kind_of, named_customer
from tillbridge.handoff import store as handoffs
from tillbridge.handoff.model import State
from tillbridge.identity import normalise
from tillbridge.identity import store as people
from tillbridge.identity.model import Kind, Unusable
from tillbridge.kernel.errors import BadInput, NotFound, Refusal

HISTORY_MAX = 100


async def get_reviews(asked: Asked) -> web.Response:
    """What waits for a person, oldest first: unidentified customers with ranked candidates; values that two people have
    proved; handoffs whose outcome is unknown."""
    limit = asked.limit()
    reviews = await checkpoint.open_reviews(asked.hub.db, checkpoint.read_place(asked.query("cursor")), limit)
    candidates = await as_of_now(asked.hub.db, reviews)
    now = asked.hub.clock.now()
    place = checkpoint.read_place(asked.query("conflicts_cursor"), "conflicts_cursor")
    conflicts = await people.open_conflicts(asked.hub.db, limit, place)
    behind = asked.query("outcomes_cursor")
    parked, parked_on = await handoffs.page(asked.hub.db, now, State.PARKED, cursor=behind, limit=limit)
    last, clash = reviews[-1:], conflicts[-1:]
    following = [checkpoint.write_place(one.opened_at, one.review_id) for one in last if len(reviews) == limit]
    clashing = [checkpoint.write_place(one.opened_at, one.conflict_id) for one in clash if len(conflicts) == limit]
    return answer(
        {
            "reviews": [shapes.review(one, who) for one, who in zip(reviews, candidates, strict=True)],
            "conflicts": [shapes.conflict(one) for one in conflicts],
            "unknown_outcomes": [shapes.handoff(one, now) for one in parked],
            "next": following[0] if following else None,
            "next_conflicts": clashing[0] if clashing else None,
            "next_outcomes": parked_on or None,
        }
    )


async def post_decision(asked: Asked) -> web.Response:
    """Decide about a review or a conflict, once."""
    body: ReviewBody = await asked.body(ReviewBody)
    review_id, who = asked.path_id("review"), _who(asked, body.evidence)
    if body.decision == "leave":
        return await _told(asked, await asked.hub.decisions.leave(review_id, who))
    if body.decision == "link":
        return await _told(asked, await asked.hub.decisions.link(review_id, named_customer(body.customer), who))
    customer = await customer_of(asked.hub, body.customer, "customer") if body.customer else None
    conflict = await people.conflict(asked.hub.db, review_id)
    if conflict is None:
        raise NotFound("conflict", str(review_id))
    head = None if customer is None else (await people.same_person(asked.hub.db, customer))[0]
    return await _told(asked, await asked.hub.persons.settle(conflict, body.decision, head, who))


async def post_undo_review(asked: Asked) -> web.Response:
    """Take back the last decision about a review or a conflict."""
    body: EvidenceBody = await asked.body(EvidenceBody)
    review_id, key = asked.path_id("review"), asked.key()
    kept = await checkpoint.decision_of_key(asked.hub.db, key)
    made = [one for one in await checkpoint.decisions_of_review(asked.hub.db, review_id) if one.what != "undo"]
    if not made:
        raise NotFound("decision about the review", str(review_id))
    # A repeat means what it meant the first time, whatever was decided since.
    undone = kept.undoes if kept is not None and kept.undoes is not None else made[0].decision_id
    return await _undo(asked, undone, body.evidence)


async def post_undo(asked: Asked) -> web.Response:
    """Take back a decision."""
    body: EvidenceBody = await asked.body(EvidenceBody)
    return await _undo(asked, asked.path_id("decision"), body.evidence)


async def _undo(asked: Asked, decision_id: UUID, evidence: str) -> web.Response:
    first = await checkpoint.decision(asked.hub.db, decision_id)
    if first is None:
        raise NotFound("decision", str(decision_id))
    if first.what in ("move", "undo"):
        mend = "Move the credit again with a decision of its own." if first.what == "move" else "Decide anew."
        raise BadInput("id", "such a decision is not taken back", mend)
    doer = asked.hub.decisions if first.what in ("link", "leave") else asked.hub.persons
    return await _told(asked, await doer.undo(decision_id, _who(asked, evidence)))


async def post_merge(asked: Asked) -> web.Response:
    """Two customers are one person."""
    body: MergeBody = await asked.body(MergeBody)
    customer = await customer_of(asked.hub, asked.path("id"), "id")
    into = await customer_of(asked.hub, body.into, "into")
    return await _told(asked, await asked.hub.persons.merge(customer, into, _who(asked, body.evidence)))


async def post_unlink(asked: Asked) -> web.Response:
    """An account or an identifier is not this customer's."""
    body: UnlinkBody = await asked.body(UnlinkBody)
    customer = await customer_of(asked.hub, asked.path("id"), "id")
    who = _who(asked, body.evidence)
    if bool(body.account) == bool(body.value):
        raise BadInput("account", "one thing is unlinked at a time", "Send an account, or kind and value.")
    if body.account:
        to = await customer_of(asked.hub, body.to, "to") if body.to else None
        return await _told(asked, await asked.hub.persons.unlink_account(account_of(body.account), to, who, customer))
    kind = kind_of(body.kind or "")
    value = _value(kind, body.value, asked.hub.stack.retailer.country)
    return await _told(asked, await asked.hub.persons.unlink_identifier(customer, (kind, value), who))


async def post_unlink_credit(asked: Asked) -> web.Response:
    """A credit was linked to the wrong customer: what is left of it moves, by void-and-reissue."""
    body: UnlinkCreditBody = await asked.body(UnlinkCreditBody)
    to = await customer_of(asked.hub, body.customer, "customer") if body.customer else None
    return await _told(asked, await asked.hub.decisions.move(asked.path_id("credit"), to, _who(asked, body.evidence)))


async def get_customer(asked: Asked) -> web.Response:
    """Who a customer is, all ids of the person, and what became of them."""
    customer_id = await customer_of(asked.hub, asked.path("id"), "id")
    ids = await people.same_person(asked.hub.db, customer_id)
    found = await people.customer(asked.hub.db, ids[0])
    if found is None:
        raise NotFound("customer", asked.path("id"))
    lines = await people.history_of(asked.hub.db, ids, HISTORY_MAX)
    return answer(shapes.person(found, lines))


def _who(asked: Asked, evidence: str) -> decisions.Asked:
    return decisions.Asked(asked.key(), asked.actor.name, evidence, asked.actor.store)


def _value(kind: Kind, text: str, country: str) -> str:
    """An identifier in its one spelling. Raises BadInput."""
    if kind is Kind.EMAIL:
        heard = normalise.email(text)
    else:
        heard = normalise.phone(text, country) if kind is Kind.PHONE else normalise.loyalty(text)
    if isinstance(heard, Unusable):
        raise BadInput("value", heard.sentence, "Send it as the profile has it.")
    return heard.value


async def _told(asked: Asked, done: decisions.Done | Refusal) -> web.Response:
    if isinstance(done, Refusal):
        return refused(done)
    made = done.decision
    left = await asked.hub.persons.left(made)
    # Only what was moved to nobody has a voucher of its own.
    kept = made.new_credit_id and await checkpoint.voucher_of_credit(asked.hub.db, made.new_credit_id)
    voucher = await asked.hub.checkpoint.voucher(kept.credit_id, keep=False) if kept else None
    body: dict[str, Any] = dict(shapes.decision(made, left, voucher))
    return answer(body, status=200 if done.replay else 201, replay=done.replay)
