"""The synchronous confirmation at the register: who is it, issue, and a receipt before the customer leaves."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from tillbridge.checkpoint import store
from tillbridge.checkpoint.accepts import not_taken
from tillbridge.checkpoint.model import HopLine, Receipt, Sale, Turned, VoucherLink, personal
from tillbridge.checkpoint.receipt import entry_lines, kept_lines, routed_lines
from tillbridge.checkpoint.sentences import sentence
from tillbridge.checkpoint.tokens import claim_code, token_hash, voucher_link
from tillbridge.checkpoint.voucher import amount_words
from tillbridge.checkpoint.wait import Awaited, Settlements
from tillbridge.credit.codes import Codes
from tillbridge.credit.desk import Desk
from tillbridge.credit.model import Issue
from tillbridge.handoff import store as handoffs
from tillbridge.handoff.model import CLAIM
from tillbridge.handoff.model import State as HandoffState
from tillbridge.identity.model import Given, Linked, Resolution, Unresolved
from tillbridge.identity.recognise import candidates_for, recognise
from tillbridge.kernel.clock import Clock, time_text
from tillbridge.kernel.db import Db
from tillbridge.kernel.errors import BadInput, Refusal
from tillbridge.kernel.ids import Ids
from tillbridge.kernel.money import Money
from tillbridge.ledger import store as ledger
from tillbridge.ledger.gather import Gather
from tillbridge.ledger.model import Posted, State
from tillbridge.stack.model import Role, Stack

MAKE_UP_AFTER: Final = timedelta(minutes=1)
MAKE_UP_BACK: Final = timedelta(days=30)
"""The age of unclaimed credits without a voucher that are made up for."""

MOVING: Final = frozenset({HandoffState.DUE, HandoffState.SENDING, HandoffState.UNKNOWN})
"""States of a handoff that may confirm while the register waits."""


@dataclass(frozen=True, slots=True)
class _Asked:
    """One look-up of a customer, on its way to be asked together with others."""

    given: Given

    def collisions(self) -> tuple[object, ...]:
        """Any number of look-ups go together."""
        return ()

    def subject(self) -> object:
        """In any order."""
        return None


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

        Raises Conflict, and DatabaseError when the ledger cannot confirm: then the register tries again with its key.
        """
        began = self._clock.now()
        await self._check_accepted(sale)
        resolution = await self._who.submit(_Asked(sale.given))
        owner = resolution.customer_id if isinstance(resolution, Linked) else None
        answer = await self._desk.issue(self._command(sale, owner))
        if isinstance(answer.result, Refusal):
            return Turned(answer.result, answer.replay)
        posted = answer.result
        if posted.state is State.UNCLAIMED:
            await self._queue(sale, posted, resolution)
        lines = await self._lines(sale, posted, began, patience, replay=answer.replay)
        return self._receipt(sale, posted, lines, replay=answer.replay)

    async def make_up(self) -> int:
        """Open the vouchers that a hub which died had no time to open, and close what is settled; how many were
        opened. A register that is still trying gets a minute to bring what only it knows."""
        now = self._clock.now()
        await store.close_settled(self._db, now)
        missing = await store.without_voucher(self._db, now - MAKE_UP_BACK, now - MAKE_UP_AFTER)
        nothing = Unresolved("no-customer", "The hub stopped before it could keep what the register sent.")
        for credit_id in missing:
            await self._open(credit_id, Given(), nothing)
        return len(missing)

    async def drained(self) -> None:
        """Wait until every look-up under way has been answered."""
        await self._who.drained()

    async def _check_accepted(self, sale: Sale) -> None:
        """Raises BadInput for a credit that the authority does not take, unless it has taken it before: the first
        answer stays, whatever the map says now."""
        wrong = not_taken(self._stack, sale.amount, sale.bucket)
        if wrong and await ledger.credit_of_key(self._db, sale.key) is None:
            raise BadInput(*wrong, "Send what the authority in the stack map takes.")

    def _command(self, sale: Sale, owner: Any) -> Issue:
        return Issue(
            key=sale.key,
            actor=sale.actor,
            kind=sale.kind,
            bucket=sale.bucket,
            amount=sale.amount,
            occurred_at=sale.occurred_at,
            origin=sale.origin,
            owner=owner,
            code=sale.code,
            expires_at=sale.expires_at,
            request=self._request(sale),
        )

    def _request(self, sale: Sale) -> Mapping[str, Any]:
        """What tells a repeat from a conflict. Personal texts are kept as digests: the ledger never forgets."""
        digests = {f"customer.{name}": self._codes.digest(text) for name, text in personal(sale.given).items()}
        return {
            "command": "issue",
            "kind": sale.kind,
            "bucket": sale.bucket,
            "amount": sale.amount.text(),
            "currency": sale.amount.currency,
            "store": sale.origin.store,
            "register": sale.origin.register,
            "operator": sale.origin.operator,
            "transaction_id": sale.origin.transaction_id,
            "occurred_at": time_text(sale.occurred_at),
            "code": self._codes.digest(sale.code),
            "expires_at": time_text(sale.expires_at) if sale.expires_at else "",
            **digests,
        }

    async def _recognise(self, asked: Sequence[_Asked]) -> list[Resolution]:
        return await recognise(self._db, self._stack.retailer.country, [one.given for one in asked], ranked=False)

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
        candidates = [
            {
                "customer_id": str(one.customer_id),
                "accounts": [f"{account.system}:{account.account_id}" for account in one.accounts],
                "score": one.score,
                "reasons": [reason.sentence for reason in one.reasons],
            }
            for one in ranked
        ]
        code = claim_code(self._codes, credit_id)
        review = store.Review(
            self._ids.new(), credit_id, why.cause, why.sentence, personal(given), candidates, "open", now, None, ""
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
        voucher: VoucherLink | None = None
        if unclaimed:
            voucher = voucher_link(self._public_url, claim_code(self._codes, posted.credit_id))
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
            sentence=sentence("unclaimed" if unclaimed else self._outcome(lines), amount=amount),
            replay=replay,
        )

    def _outcome(self, lines: Sequence[HopLine]) -> str:
        """What the customer may be told: a credit that a web store turned down is not in the account."""
        roles = {line.target: self._stack.systems[line.target].role for line in lines}
        lost = any(line.state == "failed" and roles[line.target] is Role.STOREFRONT for line in lines)
        return "not-online" if lost else "issued"
