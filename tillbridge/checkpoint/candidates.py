"""Whom a review may be about, with their accounts as of now: between the sale and the look an account may have gone, or
have turned out to be somebody else's."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from tillbridge.checkpoint.store import Review
from tillbridge.identity import store as people
from tillbridge.kernel.db import Db


async def as_of_now(db: Db, reviews: Sequence[Review]) -> list[list[Mapping[str, Any]]]:
    """The candidates of each review, in their order: those who have an account. One round trip for all of them. Raises
    DatabaseError."""
    ids = {UUID(one["customer_id"]) for review in reviews for one in review.candidates}
    known = await people.customers(db, ids) if ids else {}
    accounts = {
        str(who): [f"{account.system}:{account.account_id}" for account in one.references] for who, one in known.items()
    }
    return [
        [
            {**one, "accounts": accounts[one["customer_id"]]}
            for one in review.candidates
            if accounts.get(one["customer_id"])
        ]
        for review in reviews
    ]
