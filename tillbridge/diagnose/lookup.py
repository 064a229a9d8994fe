"""Fetch the facts on one credit and lay them out as its trail; find credits by what people have in hand."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from typing import Final
from uuid import UUID

from tillbridge.diagnose.inquiry import Doubt, Known, Seen, explain
from tillbridge.diagnose.trail import Fact, Trail, refused_fact, trail
from tillbridge.handoff import store as handoffs
from tillbridge.kernel.db import Db
from tillbridge.ledger import store as ledger
from tillbridge.ledger.model import CreditNow, Line
from tillbridge.stack.model import Stack

PAGE: Final = 1000


async def trail_of(
    db: Db,
    stack: Stack,
    credit: CreditNow,
    at: datetime,
    others: Iterable[Fact] = (),
    doubt: Doubt | None = None,
    seen: tuple[Seen, ...] = (),
) -> Trail:
    """The trail of a credit from live data at a moment, and what explains how it stands; with facts of other books, the
    doubt about its owner, and what web stores say of it, added. Raises DatabaseError."""
    lines = await whole_statement(db, credit.credit_id)
    kept = await handoffs.of_credit(db, credit.credit_id)
    refusals = await ledger.refusals_of_credit(db, credit.credit_id)
    found = trail(stack, credit.state_at(at), lines, kept, [*map(refused_fact, refusals), *others], at)
    explanation = explain(Known(stack, credit, lines, kept, refusals, doubt, at, seen))
    trace = await handoffs.trace(db, credit.credit_id)
    return replace(found, trace_id=trace.trace_id, explanation=explanation)


async def whole_statement(db: Db, credit_id: UUID) -> list[Line]:
    """Every line of a credit's statement, oldest first. Raises DatabaseError."""
    lines: list[Line] = []
    while page := await ledger.statement(db, credit_id, lines[-1].version if lines else 0, PAGE):
        lines += page
    return lines


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
