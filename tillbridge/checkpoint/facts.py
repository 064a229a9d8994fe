"""What the checkpoint adds to the trail of a credit: its voucher, its review, and the codes that were asked for."""

from collections.abc import Mapping
from typing import Final
from uuid import UUID

from tillbridge.checkpoint import store
from tillbridge.diagnose.trail import Fact
from tillbridge.kernel.db import Db


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
