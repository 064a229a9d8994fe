"""The desk: every verb of stored value, one way down to the ledger.

Single commands and batches take the same path. Money and messages meet in one commit.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from tillbridge.credit import store
from tillbridge.credit.codes import Codes
from tillbridge.credit.model import CashOut, Claim, Freeze, RedeemOver, Reissue, Submitted
from tillbridge.credit.notices import FIRST, Sorter
from tillbridge.credit.postings import Clerk
from tillbridge.credit.terms import Rules, needs_a_look
from tillbridge.handoff.route import on_claim
from tillbridge.handoff.trace import SCOPE, Written
from tillbridge.kernel.clock import Clock
from tillbridge.kernel.db import Db, Tx
from tillbridge.kernel.errors import Conflict
from tillbridge.kernel.ids import Ids
from tillbridge.ledger import store as ledger
from tillbridge.ledger.gather import Gather
from tillbridge.ledger.model import Answer, Posted, Posting, State, first_difference
from tillbridge.stack.model import Stack

Wake = Callable[[Iterable[str]], None]
"""Told the names of the hops that have something to do, right after a commit."""


class Desk:
    """Every verb of stored value. Made once per hub; the stack map says where each event goes and what is allowed."""

    def __init__(
        self, db: Db, stack: Stack, clock: Clock, ids: Ids, codes: Codes, wake: Wake, rules: Rules | None = None
    ) -> None:
        self._db = db
        self._stack = stack
        self._clock = clock
        self._wake = wake
        self._rules = rules or Rules(stack)
        self._clerk = Clerk(ids.new, codes, ZoneInfo(stack.retailer.time_zone))
        self._sorter = Sorter(stack)
        self._hops = tuple(hop.name for hop in stack.deliveries())
        self._gather: Gather[Posting, Answer] = Gather(self._commit)
        self._tell_batch: Callable[[int], None] = lambda _: None

    async def post(self, command: Submitted) -> Answer:
        """Carry out one command. Raises Conflict when its key was used for another request, DatabaseError."""
        (answer,) = await self.submit((command,))
        if isinstance(answer, BaseException):
            raise answer
        return answer

    async def submit(self, commands: Sequence[Submitted]) -> list[Answer | BaseException]:
        """Carry out commands, in order within a credit; for each its answer or what was raised for it: Conflict when
        its key was used for another request, DatabaseError, or what was wrong with it before it was posted."""
        made = [await self._made(command) for command in commands]
        postings = [one for one in made if isinstance(one, Posting)]
        began = self._clock.now()
        answers = await self._gather.submit_all(postings)
        self._note(postings, answers, began)
        plain = not any(isinstance(answer, BaseException) or answer.replay for answer in answers)
        if plain and len(answers) == len(made):
            return answers
        given = iter(answers)
        return [await self._first(next(given), one) if isinstance(one, Posting) else one for one in made]

    async def claim(self, command: Claim, along: Callable[[Tx], Awaitable[None]]) -> Answer:
        """Link an unclaimed credit to its customer, activate it, and send what waited for that, in one transaction;
        `along` writes in it too, when the claim is through.

        A claim of a credit that was claimed is refused as `already-claimed`. Raises Conflict, DatabaseError.
        """
        posting = self._clerk.posting_of(command)
        at = self._clock.now()
        async with self._db.transaction() as tx:
            (answer,) = await ledger.post(tx, at, [posting])
            if isinstance(answer.result, Posted) and not answer.replay:
                await store.release_claim(tx, at, command.credit_id, command.owner, on_claim(self._stack, at))
                await along(tx)
        self._wake(self._hops)
        return _same(answer, posting)

    async def reissue(
        self, command: Reissue, along: Callable[[Tx, Posted], Awaitable[None]], *, thaw: bool = False
    ) -> Answer:
        """Void a credit and issue another in its place, in one transaction in which `along` writes too, when the
        reissue is through. What stands in for a frozen credit is frozen as well, unless the freeze was for this alone
        (`thaw`). A repeat writes nothing. Raises Conflict, DatabaseError."""
        posting = await self._posting(command)
        at = self._clock.now()
        mail = self._sorter.mail(at, [posting])
        async with self._db.transaction() as tx:
            (answer,) = await store.commit_batch(tx, at, [posting], mail)
            if isinstance(answer.result, Posted) and not answer.replay:
                await along(tx, answer.result)
                before = await ledger.state_before(tx, command.credit_id, answer.result.version)
                if before is State.FROZEN and not thaw:
                    await self._freeze(tx, at, command, answer.result.parts[0].credit_id)
        self._wake(self._hops)
        return answer

    async def _freeze(self, tx: Tx, at: datetime, cause: Reissue, credit_id: UUID) -> None:
        """A credit that was just made stands in for a frozen one."""
        command = Freeze(
            key=f"{cause.key}:frozen",
            actor=cause.actor,
            occurred_at=cause.occurred_at,
            credit_id=credit_id,
            reason="It stands in for a credit that was frozen.",
        )
        posting = self._clerk.posting_of(command)
        await store.commit_batch(tx, at, [posting], self._sorter.mail(at, [posting]))

    def request_of(self, command: Submitted) -> Mapping[str, Any]:
        """What is kept of a command with its key, to tell a repeat from a conflict."""
        return self._clerk.posting_of(command).request

    async def may_end(self, credit_id: UUID, at: datetime) -> bool:
        """Whether the law lets a credit expire at a moment. Raises DatabaseError."""
        now = await ledger.credit_now(self._db, credit_id)
        return now is not None and self._rules.may_end(now, at)

    def tell_batches(self, listener: Callable[[int], None]) -> None:
        """Tell a listener of every commit how many postings were in it."""
        self._tell_batch = listener

    def pressed(self) -> bool:
        """Whether many registers wait for an answer right now."""
        return self._gather.pressed()

    async def drained(self) -> None:
        """Wait until every command under way has been answered."""
        await self._gather.drained()

    async def _made(self, command: Submitted) -> Posting | BaseException:
        """A command as a posting, or what was raised for it: that spoils none of the others."""
        try:
            return await self._posting(command)
        except Exception as error:
            return error

    async def _posting(self, command: Submitted) -> Posting:
        """A command as a posting. Most need no look at the book before they are posted."""
        at = self._clock.now()
        if not needs_a_look(command, self._stack):
            return self._clerk.posting_of(command, self._rules.terms_of(command, (), at))
        credits = command.credits if isinstance(command, RedeemOver) else (getattr(command, "credit_id", None),)
        looked = [await ledger.credit_now(self._db, credit) for credit in credits if credit is not None]
        seen = [one for one in looked if one is not None]
        past = await ledger.past(self._db, seen[0].credit_id) if seen and isinstance(command, CashOut) else None
        return self._clerk.posting_of(command, self._rules.terms_of(command, seen, at, past))

    async def _commit(self, postings: Sequence[Posting]) -> list[Answer]:
        at = self._clock.now()
        mail = self._sorter.mail(at, postings)
        answers = await store.commit_batch(self._db, at, postings, mail)
        self._wake(self._hops)
        self._tell_batch(len(postings))
        return answers

    def _note(self, postings: Sequence[Posting], answers: Sequence[Answer | BaseException], began: datetime) -> None:
        """Tell the request at hand, if it is one, what was written for it."""
        request = SCOPE.get()
        if request is None:
            return
        ended = self._clock.now()
        for posting, answer in zip(postings, answers, strict=True):
            if isinstance(answer, Answer) and isinstance(answer.result, Posted) and not answer.replay:
                done = answer.result
                first, kept = posting.verb in FIRST, posting.trace
                request.write(Written(posting.verb.value, done.credit_id, done.event_id, kept, began, ended, first))

    async def _first(self, answer: Answer | BaseException, posting: Posting) -> Answer | BaseException:
        """The answer with all its parts, if it is to this request."""
        if isinstance(answer, BaseException) or not answer.replay:
            return answer
        try:
            return await ledger.whole(self._db, _same(answer, posting))
        except Conflict as conflict:
            return conflict


def _same(answer: Answer, posting: Posting) -> Answer:
    """The answer, if it is to this request. Raises Conflict when the key was used for another."""
    if answer.replay and (field := first_difference(answer.request, posting.request)):
        raise Conflict(posting.key, field, answer.credit_id)
    return answer
