"""What a person decides about a credit: whose it is, that it stays nobody's, that a link was wrong; and the undo.

Each decision is kept with its evidence in the transaction that carries it out, under the key it was asked with. Money
moves by reversal only: the credit is void and another stands in for it, so that every system is told of both.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final
from uuid import UUID

from tillbridge.checkpoint import store
from tillbridge.checkpoint.store import Decision
from tillbridge.checkpoint.tokens import claim_code, token_hash
from tillbridge.credit.approval import waits
from tillbridge.credit.codes import Codes
from tillbridge.credit.desk import Desk
from tillbridge.credit.keys import claim_key, unlink_key
from tillbridge.credit.model import Claim, Reissue
from tillbridge.identity import store as people
from tillbridge.identity.model import Reference
from tillbridge.kernel.clock import Clock
from tillbridge.kernel.db import Db, Tx
from tillbridge.kernel.errors import (
    BadInput,
    Conflict,
    DatabaseFault,
    Decided,
    NotAllowed,
    NotFound,
    Refusal,
    TillbridgeError,
)
from tillbridge.kernel.ids import Ids
from tillbridge.kernel.money import Money
from tillbridge.ledger import store as ledger
from tillbridge.ledger.model import CreditNow, Posted, State, first_difference
from tillbridge.stack.model import Stack

SPENT: Final = "Nothing is left of this credit to move: it has been spent."
SPENT_SINCE: Final = (
    "Something of this credit has been spent since, or was moved or put on. Take back what is left with a decision of "
    "its own."
)
AT_ONCE: Final = "Somebody else decided about this at the same moment. Look at it again."
CLAIMED_SINCE: Final = "The credit is not waiting any more: it was claimed or taken back since."

_TWICE: Final = frozenset({"decision_key_key", "decision_undoes_key"})
"""What a decision meets that was made at the same moment."""


@dataclass(frozen=True, slots=True)
class Asked:
    """Who decides, on what evidence, and under which idempotency key. `store` is the one that the key is for, blank
    for all."""

    key: str
    by: str
    evidence: str
    store: str = ""


@dataclass(frozen=True, slots=True)
class Done:
    """A decision as it was kept, and whether this is the first answer again."""

    decision: Decision
    replay: bool = False


class Decisions:
    """Decides about credits. Made once per hub."""

    def __init__(self, db: Db, desk: Desk, stack: Stack, codes: Codes, clock: Clock, ids: Ids) -> None:
        self._db = db
        self._stack = stack
        self._desk = desk
        self._codes = codes
        self._clock = clock
        self._ids = ids

    async def link(self, review_id: UUID, customer: UUID | Reference, asked: Asked) -> Done | Refusal:
        """The credit of a review is this customer's: it is claimed for the person whom the customer is, and only if
        that is still so when it is written.

        Raises NotFound, BadInput for one who has no account, NotAllowed, Decided when the review is done, Conflict,
        DatabaseError.
        """
        request = {"decision": "link", "review": str(review_id), "customer": _name(customer)}
        if kept := await self.kept(asked, request):
            return kept
        review = await self._open_review(review_id)
        now = await self._credit(review.credit_id, asked)
        await self._check_second_person(now, asked)
        owner = await self._person(self._db, customer)
        decision = self.new("link", asked, request, review_id=review_id, credit_id=review.credit_id)
        decision = replace(decision, customer_id=owner)
        command = Claim(
            key=claim_key(review.credit_id, decision.decision_id),
            actor=asked.by,
            credit_id=review.credit_id,
            owner=owner,
            occurred_at=decision.decided_at,
        )

        async def along(tx: Tx) -> None:
            if not await store.claimed_by_decision(tx, review.credit_id, decision.decided_at, asked.by):
                raise Decided("already-decided", AT_ONCE)
            if await self._person(tx, customer) != owner:
                raise Decided("already-decided", AT_ONCE)
            await store.keep_decision(tx, decision)

        try:
            answer = await self._desk.claim(command, along)
        except DatabaseFault as fault:
            return await self.kept_at_once(asked, request, fault)
        if isinstance(answer.result, Refusal):
            return await self.kept(asked, request) or answer.result
        return Done(decision)

    async def leave(self, review_id: UUID, asked: Asked) -> Done:
        """Nobody can be found: the credit stays nobody's, and its voucher can be claimed as before.

        Raises NotFound, NotAllowed, Decided when the review is done, Conflict, DatabaseError.
        """
        request = {"decision": "leave", "review": str(review_id)}
        if kept := await self.kept(asked, request):
            return kept
        review = await self._open_review(review_id)
        await self._credit(review.credit_id, asked)
        decision = self.new("leave", asked, request, review_id=review_id, credit_id=review.credit_id)
        try:
            async with self._db.transaction() as tx:
                if not await store.finish_review(tx, review.credit_id, decision.decided_at, asked.by):
                    raise Decided("already-decided", AT_ONCE)
                await store.keep_decision(tx, decision)
        except (DatabaseFault, Decided) as problem:
            return await self.kept_at_once(asked, request, problem)
        return Done(decision)

    async def move(self, credit_id: UUID, to: UUID | None, asked: Asked) -> Done | Refusal:
        """The credit was linked to the wrong customer: what is left of it goes to another one, or to nobody, to be
        claimed. More than the map lets one person give goes to nobody only, and a second person links it.

        Raises NotFound, NotAllowed, Decided when nothing is left, BadInput, Conflict, DatabaseError."""
        request = {"decision": "move", "credit": str(credit_id), "customer": str(to) if to else ""}
        if kept := await self.kept(asked, request):
            return kept
        now = await self._credit(credit_id, asked)
        if now.owner is None:
            raise BadInput("id", "this credit is linked to nobody", "Name a credit that has an owner.")
        head = None
        if to is not None:
            head = await self._person(self._db, to)
            if now.owner in await people.same_person(self._db, head):
                raise BadInput("customer", "the credit is theirs", "Name another customer, or nobody.")
            if waits(self._stack, Money(now.balance, now.currency)):
                raise NotAllowed(self._two(), known=True, reason="needs-approval", who=asked.by)
        if now.balance == 0 and now.state_at(self._clock.now()) in (State.ACTIVE, State.FROZEN):
            raise Decided("already-spent", SPENT)
        decision = replace(self.new("move", asked, request, credit_id=credit_id), customer_id=head)
        return await self._reverse(now, head, decision, unlink_key(decision.decision_id, now.version))

    async def undo(self, decision_id: UUID, asked: Asked) -> Done | Refusal:
        """Take back a `link` or a `leave`. A link is taken back by reversal: the credit is nobody's again, with a new
        voucher and a new review, as long as it holds what it held then and no money came or went on it.

        Raises NotFound, NotAllowed, Decided when it was taken back or spent, Conflict, DatabaseError.
        """
        request = {"decision": "undo", "undoes": str(decision_id)}
        if kept := await self.kept(asked, request):
            return kept
        first = await store.decision(self._db, decision_id)
        if first is None or first.credit_id is None or first.what not in ("link", "leave"):
            raise NotFound("decision about a review", str(decision_id))
        await self.not_undone(decision_id)
        now = await self._credit(first.credit_id, asked)
        undo = self.new("undo", asked, request, review_id=first.review_id, credit_id=first.credit_id)
        undo = replace(undo, undoes=decision_id, customer_id=first.customer_id)
        if first.what == "leave":
            return await self._wait_again(first, undo, asked)
        held, moved = await ledger.since_claim(self._db, now.credit_id)
        if moved:
            raise Decided("already-spent", SPENT if now.balance == 0 else SPENT_SINCE)
        # The key is made of what is undone, and of how the credit stands: what a hold or a freeze kept from being
        # undone may be tried again. A second undo is refused by the database, however many try.
        key = unlink_key(decision_id, now.version)
        return await self._reverse(now, None, undo, key, Money(held, now.currency))

    def new(
        self, what: str, asked: Asked, request: Mapping[str, Any], **about: UUID | None
    ) -> Decision:  # fmt: skip
        """A decision that is made now."""
        ids: dict[str, UUID | None] = {
            "review_id": None,
            "credit_id": None,
            "customer_id": None,
            "undoes": None,
            **about,
        }
        return Decision(
            decision_id=self._ids.new(),
            key=asked.key,
            request={**request, "evidence": asked.evidence},
            what=what,
            new_credit_id=None,
            evidence=asked.evidence,
            decided_by=asked.by,
            decided_at=self._clock.now(),
            **ids,
        )

    async def kept(self, asked: Asked, request: Mapping[str, Any]) -> Done | None:
        """What was decided under this key before, if it was this. Raises Conflict, DatabaseError."""
        found = await store.decision_of_key(self._db, asked.key)
        if found is None:
            return None
        if field := first_difference(found.request, {**request, "evidence": asked.evidence}):
            raise Conflict(asked.key, field, found.credit_id)
        return Done(found, replay=True)

    async def kept_at_once(
        self, asked: Asked, request: Mapping[str, Any], problem: TillbridgeError
    ) -> Done:  # fmt: skip
        """What was decided under this key at the same moment; else the problem is raised that came up, Decided for two
        undos. Raises Conflict, DatabaseError."""
        if isinstance(problem, DatabaseFault) and problem.constraint not in _TWICE:
            raise problem
        if kept := await self.kept(asked, request):
            return kept
        raise Decided("already-decided", AT_ONCE) if isinstance(problem, DatabaseFault) else problem

    async def not_undone(self, decision_id: UUID) -> None:
        """Raises Decided when a decision was taken back."""
        undone = await store.undo_of(self._db, decision_id)
        if undone is not None:
            raise Decided("already-decided", f"This was taken back by {undone.decided_by}: {undone.evidence}")

    async def _open_review(self, review_id: UUID) -> store.Review:
        review = await store.review(self._db, review_id)
        if review is None:
            raise NotFound("review", str(review_id))
        if review.state != "open":
            raise Decided("already-decided", f"This review is done since {review.done_at}, by {review.done_by}.")
        return review

    async def _credit(self, credit_id: UUID, asked: Asked) -> CreditNow:
        """A credit as it stands. Raises NotAllowed when who asks is for another store."""
        now = await ledger.credit_now(self._db, credit_id)
        if now is None:
            raise NotFound("credit", str(credit_id))
        if asked.store and asked.store != now.issuer:
            sentence = f"The key {asked.by} is for store {asked.store} only. Use a key of the store of this credit."
            raise NotAllowed(sentence, known=True, reason="other-store", who=asked.by)
        return now

    async def _person(self, tx: Db | Tx, customer: UUID | Reference) -> UUID:
        """The person whom a customer or an account is right now. Raises NotFound, and BadInput for one who has no
        account: nobody could ever spend the credit, or somebody who got the id."""
        if isinstance(customer, Reference):
            found = await people.customer_by_reference(tx, customer.system, customer.account_id)
        else:
            found = customer
        ids = await people.same_person(tx, found) if found else ()
        if not ids:
            raise NotFound("customer", _name(customer))
        live = [one for held in (await people.references(tx, ids)).values() for one in held]
        if not live or (isinstance(customer, Reference) and customer not in live):
            mend = "Look at the accounts as they are now, or leave the credit to its voucher."
            raise BadInput("customer", "this customer has no such account any more", mend)
        return ids[0]

    async def _check_second_person(self, now: CreditNow, asked: Asked) -> None:
        """Whoever took a credit from its customer is not who gives it to another one, above the map's limit. Raises
        NotAllowed."""
        if not waits(self._stack, Money(now.balance, now.currency)):
            return
        made = await store.decisions_of_credit(self._db, now.credit_id)
        if any(one.new_credit_id == now.credit_id and one.decided_by == asked.by for one in made):
            raise NotAllowed(self._two(), known=True, reason="needs-approval", who=asked.by)

    def _two(self) -> str:
        approval, currency = self._stack.approval, self._stack.retailer.currency
        above = Money(approval.above if approval else 0, currency)
        return (
            f"Moving a credit of more than {above} to another customer needs the approval of a second person: take it "
            "from its customer without naming another one, and have another key link the review of what stands in."
        )

    async def _wait_again(self, first: Decision, undo: Decision, asked: Asked) -> Done:
        assert first.review_id is not None  # noqa: S101 - a leave is always about a review, for the type checker
        try:
            async with self._db.transaction() as tx:
                await store.keep_decision(tx, undo)
                if not await store.reopen_review(tx, first.review_id):
                    raise Decided("already-decided", CLAIMED_SINCE)
        except (DatabaseFault, Decided) as problem:
            return await self.kept_at_once(asked, {"decision": "undo", "undoes": str(first.decision_id)}, problem)
        return Done(undo)

    async def _reverse(
        self, now: CreditNow, to: UUID | None, decision: Decision, key: str, expected: Money | None = None
    ) -> Done | Refusal:
        """Void and reissue what is left of a credit to another customer, or to nobody with a voucher and a review.
        With `expected`, only if the credit holds that and no money came or went on it since it was claimed."""
        command = Reissue(
            key=key,
            actor=decision.decided_by,
            occurred_at=decision.decided_at,
            credit_id=now.credit_id,
            owner=to,
            unclaimed=to is None,
            reason=decision.evidence,
            cause=key,
            expected=expected,
        )
        done: list[Decision] = []

        async def along(tx: Tx, posted: Posted) -> None:
            if expected is not None and (await ledger.since_claim(tx, now.credit_id, posted.version))[1]:
                raise Decided("already-spent", SPENT_SINCE)
            if to is not None and await self._person(tx, to) != to:
                raise Decided("already-decided", AT_ONCE)
            (new,) = posted.parts
            kept = replace(decision, new_credit_id=new.credit_id)
            await store.keep_decision(tx, kept)
            if to is None:
                await self._wait_for_claim(tx, now.credit_id, new.credit_id)
            done.append(kept)

        asked = Asked(decision.key, decision.decided_by, decision.evidence)
        try:
            answer = await self._desk.reissue(command, along)
        except DatabaseFault as fault:
            # Somebody took it back, or used the key, at the same moment; the transaction left nothing behind.
            return await self.kept_at_once(asked, decision.request, fault)
        if isinstance(answer.result, Refusal):
            if answer.result.code == "not-as-expected":
                raise Decided("already-spent", SPENT_SINCE)
            return await self.kept(asked, decision.request) or answer.result
        if not done:
            return await self.kept_at_once(asked, decision.request, Decided("already-decided", AT_ONCE))
        return Done(done[0])

    async def _wait_for_claim(self, tx: Tx, old: UUID, new: UUID) -> None:
        """A voucher and a review for a credit that is nobody's again, with what the register sent of the old one."""
        at = self._clock.now()
        before = await store.review_of_credit(tx, old)
        review = store.Review(
            self._ids.new(),
            new,
            before.cause if before else "identifier-mismatch",
            "It was linked to somebody else, and that was taken back.",
            before.given if before else {},
            before.candidates if before else (),
            "open",
            at,
            None,
            "",
        )
        await store.open_voucher(tx, token_hash(self._codes, claim_code(self._codes, new)), new, at)
        await store.open_review(tx, review)


def _name(customer: UUID | Reference) -> str:
    """A customer as they were named: by it a repeat is told, whoever the account belongs to by now."""
    return f"{customer.system}:{customer.account_id}" if isinstance(customer, Reference) else str(customer)
