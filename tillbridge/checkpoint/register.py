"""The synchronous confirmation at the register: who is it, issue, and a receipt before the customer leaves."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from tillbridge.checkpoint import store
from tillbridge.checkpoint.accepts import not_taken
from tillbridge.checkpoint.command import command_of, for_bearer
from tillbridge.checkpoint.model import (
    HopLine,
    Prepared,
    Receipt,
    Sale,
    Turned,
    VoucherLink,
    kept_candidate,
    personal,
)
from tillbridge.checkpoint.receipt import entry_lines, kept_lines, routed_lines
from tillbridge.checkpoint.sentences import plain_reason, sentence
from tillbridge.checkpoint.tokens import claim_code, token_hash, voucher_link
from tillbridge.checkpoint.voucher import amount_words
from tillbridge.checkpoint.wait import Awaited, Settlements
from tillbridge.credit.codes import Codes
from tillbridge.credit.desk import Desk
from tillbridge.handoff import store as handoffs
from tillbridge.handoff.model import CLAIM
from tillbridge.handoff.model import State as HandoffState
from tillbridge.identity.model import Given, Linked, Resolution, Unresolved
from tillbridge.identity.recognise import candidates_for, recognise
from tillbridge.kernel.clock import Clock
from tillbridge.kernel.db import Db
from tillbridge.kernel.errors import BadInput, Refusal
from tillbridge.kernel.ids import Ids
from tillbridge.kernel.money import Money
from tillbridge.ledger import store as ledger
from tillbridge.ledger.gather import Gather
from tillbridge.ledger.model import Answer, Posted, State
from tillbridge.stack.model import Role, Stack

MAKE_UP_AFTER: Final = timedelta(minutes=1)
MAKE_UP_BACK: Final = timedelta(days=30)
"""The age of unclaimed credits without a voucher that are made up for."""

CONTACTS_KEPT: Final = timedelta(days=1)
GIVEN_KEPT: Final = timedelta(days=30)
"""For how long the address of a one-time code is kept, and what a register sent, after its review was done."""

_BEARER: Final = Unresolved("no-customer", "It belongs to whoever has it.")

MOVING: Final = frozenset({HandoffState.DUE, HandoffState.SENDING, HandoffState.UNKNOWN})
"""States of a handoff that may confirm while the register waits."""


@dataclass(frozen=True, slots=True)
class _Asked:
    """One look-up of a customer, on its way to be asked together with others."""

    given: Given

    def collisions(self) -> tuple[object, ...]:
        """Any number of look-ups go together."""
        return ()

    def subjects(self) -> tuple[object, ...]:
        """In any order."""
        return ()

    def alone(self) -> bool:
        """None waits for another."""
        return False


class Checkpoint:
    """Issues at the register. Made once per hub."""

    def __init__(
        self,
        db: Db,
        desk: Desk,
        stack: Stack,
        clock: Clock,
        ids: Ids,
        codes: Codes,
        waits: Settlements,
        public_url: str,
    ) -> None:
        self._db = db
        self._desk = desk
        self._stack = stack
        self._clock = clock
        self._ids = ids
        self._codes = codes
        self._waits = waits
        self._public_url = public_url
        self._who: Gather[_Asked, Resolution] = Gather(self._recognise, lanes=2)

    async def issue(self, sale: Sale, patience: timedelta) -> Receipt | Turned:
        """Confirm a sale on the ledger and answer with its receipt; hold the answer up to `patience` for the hops
        that the checkpoint waits for.

        Raises BadInput for what the authority does not take, Conflict, and DatabaseError when the ledger cannot
        confirm: then the register tries again with its key.
        """
        (prepared,) = await self.prepare((sale,))
        if isinstance(prepared, BaseException):
            raise prepared
        return await self.settle(prepared, await self._desk.post(prepared.command), patience)

    async def prepare(self, sales: Sequence[Sale]) -> list[Prepared | BaseException]:
        """Find out who the customers of sales are, all at once; for each the command to be posted, or what was raised
        for it: BadInput for what the authority does not take, DatabaseError."""
        began = self._clock.now()
        wrong = [await self._refused_by_map(sale) for sale in sales]
        asked = [
            (place, sale) for place, sale in enumerate(sales) if wrong[place] is None and not for_bearer(sale)
        ]  # fmt: skip
        found = await self._who.submit_all([_Asked(sale.given) for _, sale in asked])
        known = dict(zip((place for place, _ in asked), found, strict=True))
        return [
            refused or self._prepared(sale, known.get(place, _BEARER), began)
            for place, (sale, refused) in enumerate(zip(sales, wrong, strict=True))
        ]

    async def settle(
        self, prepared: Prepared, answer: Answer, patience: timedelta = timedelta()
    ) -> Receipt | Turned:  # fmt: skip
        """What the register is told of a sale that the ledger has answered; a voucher is kept where nobody owns the
        credit. Raises DatabaseError."""
        sale = prepared.sale
        if isinstance(answer.result, Refusal):
            return Turned(answer.result, answer.replay)
        posted = answer.result
        if posted.state is State.UNCLAIMED:
            await self._queue(sale, posted, prepared.resolution)
        lines = await self._lines(sale, posted, prepared.began, patience, replay=answer.replay)
        return self._receipt(sale, posted, lines, replay=answer.replay)

    async def voucher(self, credit_id: UUID, *, keep: bool) -> VoucherLink:
        """The voucher of a credit that was issued again and that nobody owns; `keep` opens it, with a review. Raises
        DatabaseError."""
        if keep:
            why = Unresolved("no-customer", "It was issued again, and the credit before had no owner.")
            await self._open(credit_id, Given(), why)
        return self._link(credit_id)

    async def make_up(self) -> int:
        """Open the vouchers that a hub which died had no time to open, close what is settled, and blank what is not
        needed any more; how many were opened. A register that is still trying gets a minute to bring what only it
        knows."""
        now = self._clock.now()
        await store.close_settled(self._db, now)
        await store.forget(self._db, now - CONTACTS_KEPT, now - GIVEN_KEPT)
        missing = await store.without_voucher(self._db, now - MAKE_UP_BACK, now - MAKE_UP_AFTER)
        nothing = Unresolved("no-customer", "The hub stopped before it could keep what the register sent.")
        for credit_id in missing:
            await self._open(credit_id, Given(), nothing)
        return len(missing)

    async def drained(self) -> None:
        """Wait until every look-up under way has been answered."""
        await self._who.drained()

    async def _refused_by_map(self, sale: Sale) -> BadInput | None:
        """What is wrong with a credit that the authority does not take, unless it has taken it before: the first
        answer stays, whatever the map says now."""
        wrong = not_taken(self._stack, sale.amount, sale.bucket)
        if wrong and await ledger.credit_of_key(self._db, sale.key) is None:
            return BadInput(*wrong, "Send what the authority in the stack map takes.")
        return None

    def _prepared(self, sale: Sale, found: Resolution | BaseException, began: datetime) -> Prepared | BaseException:
        if isinstance(found, BaseException):
            return found
        owner = found.customer_id if isinstance(found, Linked) else None
        return Prepared(sale, found, command_of(sale, owner, self._codes), began)

    async def _recognise(self, asked: Sequence[_Asked]) -> list[Resolution]:
        given = [one.given for one in asked]
        return await recognise(self._db, self._stack.retailer.country, given, self._clock.now(), ranked=False)

    async def _queue(self, sale: Sale, posted: Posted, resolution: Resolution) -> None:
        """Keep the voucher and queue a review. Done again on a replay, because the hub may have died in between."""
        if isinstance(resolution, Unresolved):
            why = resolution
        else:
            why = Unresolved("identifier-mismatch", "Nobody was known by these identifiers when it was issued.")
        await self._open(posted.credit_id, sale.given, why)

    async def _open(self, credit_id: Any, given: Given, why: Unresolved) -> None:
        now = self._clock.now()
        ranked = await candidates_for(self._db, self._stack.retailer.country, given) if personal(given) else ()
        candidates = [kept_candidate(one) for one in ranked]
        code = claim_code(self._codes, credit_id)
        review = store.Review(
            self._ids.new(), credit_id, why.cause, plain_reason(why), personal(given), candidates, "open", now, None, ""
        )
        async with self._db.transaction() as tx:
            await store.open_voucher(tx, token_hash(self._codes, code), credit_id, now)
            await store.open_review(tx, review)

    async def _lines(
        self, sale: Sale, posted: Posted, began: datetime, patience: timedelta, *, replay: bool
    ) -> tuple[HopLine, ...]:
        entry = entry_lines(self._stack, posted.recorded_at - began if not replay else None)
        awaited = [hop.name for hop in self._stack.deliveries() if hop.checkpoint]
        if not replay and not (patience and awaited):
            return entry + routed_lines(self._stack, posted, sale.amount, sale.bucket)
        if patience and awaited:
            await self._wait(posted, awaited, patience)
        kept = await handoffs.of_credit(self._db, posted.credit_id)
        return entry + kept_lines(self._stack, [one for one in kept if one.version == posted.version])

    async def _wait(self, posted: Posted, hops: Sequence[str], patience: timedelta) -> None:
        """Wait for those of the hops that have not settled yet. What waits for a claim is not waited for."""

        async def still_open() -> Collection[Awaited]:
            kept = await handoffs.of_credit(self._db, posted.credit_id)
            return {
                (one.credit_id, one.version, one.hop)
                for one in kept
                if one.state in MOVING or (one.state is HandoffState.WAITING and CLAIM not in one.waits_for.split())
            }

        awaited = [(posted.credit_id, posted.version, hop) for hop in hops]
        await self._waits.wait(awaited, patience, still_open)

    def _receipt(self, sale: Sale, posted: Posted, lines: tuple[HopLine, ...], *, replay: bool) -> Receipt:
        unclaimed = posted.state is State.UNCLAIMED
        voucher = self._link(posted.credit_id) if unclaimed else None
        amount = amount_words(Money(posted.amount, sale.amount.currency), self._stack.retailer.country)
        return Receipt(
            key=sale.key,
            posted=posted,
            kind=sale.kind,
            bucket=sale.bucket,
            currency=sale.amount.currency,
            code=sale.code or self._codes.make(sale.key),
            transaction_id=sale.origin.transaction_id,
            hops=lines,
            voucher=voucher,
            sentence=sentence("unclaimed" if unclaimed else self._outcome(posted, lines), amount=amount),
            replay=replay,
        )

    def _link(self, credit_id: UUID) -> VoucherLink:
        return voucher_link(self._public_url, claim_code(self._codes, credit_id))

    def _outcome(self, posted: Posted, lines: Sequence[HopLine]) -> str:
        """What the customer may be told: a credit that a web store turned down is not in the account, and one that
        belongs to whoever has it is in nobody's."""
        if posted.owner is None:
            return "issued-bearer"
        roles = {line.target: self._stack.systems[line.target].role for line in lines}
        lost = any(line.state == "failed" and roles[line.target] is Role.STOREFRONT for line in lines)
        return "not-online" if lost else "issued"
