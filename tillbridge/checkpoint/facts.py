"""What the checkpoint adds to the trail of a credit: its voucher, its review, and the codes that were asked for."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from tillbridge.checkpoint import store
from tillbridge.diagnose.inquiry import Doubt, Seen
from tillbridge.diagnose.lookup import trail_of
from tillbridge.diagnose.model import Cause, Nearest
from tillbridge.diagnose.trail import Fact, Trail
from tillbridge.kernel.db import Db
from tillbridge.ledger.model import CreditNow
from tillbridge.stack.model import Stack


async def whole_trail(db: Db, stack: Stack, credit: CreditNow, at: datetime, seen: tuple[Seen, ...] = ()) -> Trail:
    """The trail of a credit with what the checkpoint knows of it, and what explains how it stands; `seen` is what web
    stores say of it, where they were asked. Raises DatabaseError."""
    others = await checkpoint_facts(db, credit.credit_id)
    return await trail_of(db, stack, credit, at, others, await doubt_about(db, credit.credit_id), seen)


async def doubt_about(db: Db, credit_id: UUID) -> Doubt | None:
    """Why nobody owns a credit, where a review of it waits for a person; no address in it. Raises DatabaseError."""
    review = await store.review_of_credit(db, credit_id)
    if review is None or review.done_at is not None:
        return None
    candidates = tuple(_nearest(one) for one in review.candidates)
    return Doubt(Cause(review.cause), review.sentence, review.opened_at, candidates)


def _nearest(kept: Mapping[str, Any]) -> Nearest:
    """A candidate as it is kept with a review."""
    accounts, reasons = kept.get("accounts") or (kept["customer_id"],), kept.get("reasons", ())
    return Nearest(str(accounts[0]), int(kept["score"]), tuple(str(one["sentence"]) for one in reasons))


async def checkpoint_facts(db: Db, credit_id: UUID) -> list[Fact]:
    """The facts that are neither on the ledger nor on a hop; no address, no code. Raises DatabaseError."""
    facts = [
        Fact(one.made_at, f"A one-time code was asked for by {one.contact_kind}", _tries(one.tries), "pending")
        for one in await store.challenges_of_credit(db, credit_id)
    ]
    voucher = await store.voucher_of_credit(db, credit_id)
    if voucher is not None:
        facts.append(Fact(voucher.made_at, "A voucher was made", "", "pending"))
    review = await store.review_of_credit(db, credit_id)
    if review is not None:
        facts.append(Fact(review.opened_at, "A review was opened", f"{review.cause}, {review.sentence}", "pending"))
        if review.done_at is not None:
            facts.append(Fact(review.done_at, "The review was closed", f"by {review.done_by}", "confirmed"))
    for one in await store.decisions_of_credit(db, credit_id):
        what = _DECIDED.get("arrived" if one.new_credit_id == credit_id else one.what)
        if what is not None:
            facts.append(Fact(one.decided_at, what, f"by {one.decided_by}: {one.evidence}", "confirmed"))
    return facts


_DECIDED: Final[Mapping[str, str]] = {
    "link": "A person linked it",
    "leave": "A person left it unclaimed",
    "move": "A person moved it: it was linked to the wrong customer",
    "undo": "A person took the link back",
    "arrived": "A person had it stand in for a credit that was linked wrongly",
}


def _tries(tries: int) -> str:
    return f"tried {tries} times" if tries != 1 else "tried once"
