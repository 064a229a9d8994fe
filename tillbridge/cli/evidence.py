"""What a demo or a benchmark is reckoned from: the hub's books read from its database, beside the retailer's own."""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from typing import Final
from uuid import UUID

from tillbridge.cli.rig import Rig
from tillbridge.handoff import store as handoff_store
from tillbridge.handoff.model import HandoffView
from tillbridge.kernel.clock import SystemClock
from tillbridge.kernel.db import Db
from tillbridge.kernel.money import Money
from tillbridge.ledger import store as ledger
from tillbridge.ledger.model import CreditNow
from tillbridge.simulate.evidence import Evidence, HandoffLine, LedgerCredit, evidence_of
from tillbridge.simulate.servers import Retailer
from tillbridge.stack.load import load
from tillbridge.stack.model import Stack

PAGE: Final = 500
LOOK_SECONDS: Final = 0.2
MOVING: Final = frozenset({"due", "sending", "unknown"})


async def moving(db: Db) -> int:
    """How many handoffs are on their way: neither at an end nor waiting for something else."""
    now = SystemClock().now()
    counts = await handoff_store.counts(db, now, now)
    return sum(one.count for one in counts if one.state.value in MOVING)


async def until_still(db: Db, seconds: float) -> None:
    """Wait until nothing moves any more, or for some seconds: what is not done by then is reported as it is."""
    until = time.monotonic() + seconds
    while await moving(db) and time.monotonic() < until:  # noqa: ASYNC110 - another process moves them
        await asyncio.sleep(LOOK_SECONDS)


async def gather_evidence(db: Db, rig: Rig, retailer: Retailer) -> Evidence:
    """Everything that is known after a run."""
    stack = load(rig.settings.stack, rig.environment())
    credits: list[LedgerCredit] = []
    handoffs: list[HandoffLine] = []
    async for page in _pages(db):
        credits += [_credit(one) for one in page]
        for one in page:
            handoffs += [_handoff(kept, stack) for kept in await handoff_store.of_credit(db, one.credit_id)]
    hops = [hop.name for hop in stack.deliveries()]
    return evidence_of(retailer, credits, handoffs, SystemClock().now(), hops)


async def _pages(db: Db) -> AsyncIterator[Sequence[CreditNow]]:
    after = UUID(int=0)
    while page := await ledger.page_of_credits(db, after, PAGE):
        yield page
        after = page[-1].credit_id


def _credit(now: CreditNow) -> LedgerCredit:
    issued = Money(now.issued, now.currency)
    return LedgerCredit(str(now.credit_id), now.origin.transaction_id, now.issue_key, now.state.value, issued)


def _handoff(one: HandoffView, stack: Stack) -> HandoffLine:
    return HandoffLine(
        credit_id=str(one.credit_id),
        version=one.version,
        hop=one.hop,
        target=stack.hop(one.hop).target,
        key=one.key,
        state=one.state.value,
        waits_for=tuple(one.waits_for.split()),
        due_at=one.due_at,
        deadline=one.deadline,
        confirmed_at=one.confirmed_at,
        attempts=one.attempts,
        reason_code=one.reason_code,
    )
