"""The desk: every verb of stored value, one way down to the ledger.

Single commands and batches take the same path. Money and messages meet in one commit.
"""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from tillbridge.credit import claim as claims
from tillbridge.credit import issue as issues
from tillbridge.credit import redeem as redemptions
from tillbridge.credit import store
from tillbridge.credit import void as voids
from tillbridge.credit.codes import Codes
from tillbridge.credit.model import Claim, Facts, Issue, Redeem, Void, Work
from tillbridge.handoff.model import NewHandoff
from tillbridge.handoff.route import on_claim, route
from tillbridge.kernel.clock import Clock
from tillbridge.kernel.db import Db, Tx
from tillbridge.kernel.errors import Conflict
from tillbridge.kernel.ids import Ids
from tillbridge.kernel.money import Money, parse
from tillbridge.ledger import store as ledger
from tillbridge.ledger.gather import Gather
from tillbridge.ledger.model import Answer, CreditNow, Posted, Posting, first_difference
from tillbridge.stack.model import Stack

Wake = Callable[[Iterable[str]], None]
"""Told the names of the hops that have something to do, right after a commit."""


class Desk:
    """Issue, redeem, void and claim. Made once per hub; `stack` says where each event goes."""

    def __init__(self, db: Db, stack: Stack, clock: Clock, ids: Ids, codes: Codes, wake: Wake) -> None:
        self._db = db
        self._stack = stack
        self._clock = clock
        self._ids = ids
        self._codes = codes
        self._wake = wake
        self._zone = ZoneInfo(stack.retailer.time_zone)
        most = stack.systems[stack.authority].amount_max
        self._ceiling = parse(most, stack.retailer.currency) if most else None
        self._gather: Gather[Work, Answer] = Gather(self._commit)

    async def issue(self, command: Issue) -> Answer:
        """Issue a credit. Raises Conflict when the key was used for another request, DatabaseError."""
        # The map states the ceiling in the retailer's currency; it says nothing about amounts in another.
        ceiling = self._ceiling.minor if self._ceiling and command.amount.currency == self._ceiling.currency else None
        return await self._submit(issues.work_for(command, self._ids.new, self._codes, self._zone, ceiling))

    async def redeem(self, command: Redeem) -> Answer:
        """Spend from a credit. Raises Conflict, DatabaseError."""
        now = await ledger.credit_now(self._db, command.credit_id)
        facts = _facts(now) if now else Facts("", "", "", command.amount)
        return await self._submit(redemptions.work_for(command, self._ids.new(), facts))

    async def void(self, command: Void) -> Answer:
        """Take a credit back. Raises Conflict, DatabaseError."""
        now = await ledger.credit_now(self._db, command.credit_id)
        facts = _facts(now) if now else Facts("", "", "", Money(0, self._stack.retailer.currency))
        owned = now is not None and now.owner is not None
        return await self._submit(voids.work_for(command, self._ids.new(), facts, owned=owned))

    async def claim(self, command: Claim, along: Callable[[Tx], Awaitable[None]]) -> Answer:
        """Link an unclaimed credit to its customer, activate it, and send what waited for that, in one transaction;
        `along` writes in it too, when the claim is through.

        A claim of a credit that was claimed is refused as `already-claimed`. Raises Conflict, DatabaseError.
        """
        posting = claims.posting_for(command, self._ids.new())
        at = self._clock.now()
        async with self._db.transaction() as tx:
            (answer,) = await ledger.post(tx, at, [posting])
            if isinstance(answer.result, Posted) and not answer.replay:
                await store.release_claim(tx, at, command.credit_id, command.owner, on_claim(self._stack, at))
                await along(tx)
        self._wake(hop.name for hop in self._stack.deliveries())
        return _first(answer, posting)

    def pressed(self) -> bool:
        """Whether many registers wait for an answer right now."""
        return self._gather.pressed()

    async def drained(self) -> None:
        """Wait until every command under way has been answered."""
        await self._gather.drained()

    async def _submit(self, work: Work) -> Answer:
        return _first(await self._gather.submit(work), work.posting)

    async def _commit(self, works: Sequence[Work]) -> list[Answer]:
        at = self._clock.now()
        handoffs = [self._route(work, at) for work in works]
        answers = await store.commit_batch(self._db, at, works, handoffs)
        self._wake({new.hop for mine in handoffs for new in mine})
        return answers

    def _route(self, work: Work, at: datetime) -> Sequence[NewHandoff]:
        facts = work.facts
        currency = facts.amount.currency
        return route(self._stack, at, owned=work.owned, currency=currency, bucket=facts.bucket, amount=facts.amount)


def _first(answer: Answer, posting: Posting) -> Answer:
    """The answer, if it is to this request. Raises Conflict when the key was used for another."""
    if answer.replay and (field := first_difference(answer.request, posting.request)):
        raise Conflict(posting.key, field, answer.credit_id)
    return answer


def _facts(now: CreditNow) -> Facts:
    return Facts(now.kind, now.bucket, now.code_last4, Money(now.issued, now.currency))
