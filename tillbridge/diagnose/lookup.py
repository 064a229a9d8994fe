"""Fetch the facts on one credit and lay them out as its trail; find credits by what people have in hand."""

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from tillbridge.diagnose.trail import Fact, Trail, trail
from tillbridge.handoff import store as handoffs
from tillbridge.kernel.db import Db
from tillbridge.ledger import store as ledger
from tillbridge.stack.model import Stack


async def trail_of(db: Db, stack: Stack, credit_id: UUID, now: datetime, others: Iterable[Fact] = ()) -> Trail:
    """The trail of a credit from live data, with facts of other books added. Raises DatabaseError."""
    lines = await ledger.statement(db, credit_id, 0, 1000)
    kept = await handoffs.of_credit(db, credit_id)
    return trail(stack, lines, kept, others, now)


async def credits_named(db: Db, name: str, code_hash: bytes | None) -> list[UUID]:
    """The credits that a name in hand stands for: a code (by its hash), an id, a receipt, an idempotency key."""
    if code_hash is not None:
        found = await ledger.credit_of_code(db, code_hash)
        if found is not None:
            return [found]
    by_id = _as_id(name)
    if by_id is not None and await ledger.credit_now(db, by_id) is not None:
        return [by_id]
    by_receipt = await ledger.credits_of_transaction(db, name)
    if by_receipt:
        return by_receipt
    by_key = await ledger.credit_of_key(db, name)
    return [by_key] if by_key is not None and await ledger.credit_now(db, by_key) is not None else []


def _as_id(name: str) -> UUID | None:
    try:
        return UUID(name)
    except ValueError:
        return None
