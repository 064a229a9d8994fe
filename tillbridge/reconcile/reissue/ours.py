"""Void and reissue on the built-in ledger: one command on two credits, in one commit, with the steps beside it.

The freeze comes first, because the ledger alone cannot be asked what a web store shows, and asking takes time: while a
channel is asked, nobody can spend, claim or hold the credit. The reissue is written only if nothing at all has happened
to the credit since our freeze; else the freeze is taken back. What stands in for the credit is not frozen: the freeze
was ours.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final
from uuid import UUID

from tillbridge.credit.desk import Desk
from tillbridge.credit.model import Freeze, Reissue, Unfreeze
from tillbridge.handoff import store as handoffs
from tillbridge.handoff.model import STUCK, HandoffView
from tillbridge.handoff.model import State as Standing
from tillbridge.identity import store as people
from tillbridge.kernel.clock import Clock
from tillbridge.kernel.db import Db, Tx
from tillbridge.kernel.errors import Refusal
from tillbridge.kernel.money import Money
from tillbridge.ledger import store as ledger
from tillbridge.ledger.model import CreditNow, Origin, Posted
from tillbridge.ledger.model import State as Ledger
from tillbridge.reconcile.reissue import store
from tillbridge.reconcile.reissue.model import Against, Item, Move, Reason, State
from tillbridge.reconcile.reissue.ports import Arrival, Frozen, Reissued, Thawed, Unsure, Written
from tillbridge.reconcile.reissue.way import not_taken
from tillbridge.stack.model import Role, Stack

Along = Callable[[Tx, UUID, datetime, str], Awaitable[object]]
"""Writes what else is over with a credit (its id, when, by whom), in the transaction that voids it: its review."""

_OF_REFUSAL: Final[Mapping[str, Reason]] = {
    "unknown-credit": Reason.UNKNOWN_CREDIT,
    "credit-frozen": Reason.FROZEN,
    "credit-void": Reason.VOID,
    "credit-expired": Reason.EXPIRED,
    "credit-held": Reason.HELD,
    "not-as-expected": Reason.SPENT,
    "not-enough-available": Reason.SPENT,
}
"""What the ledger's refusals mean here; whatever else it says, the credit has changed."""


class OurBook:
    """The built-in ledger. `along` finishes the review that the old credit waited in."""

    def __init__(self, db: Db, desk: Desk, stack: Stack, clock: Clock, along: Along) -> None:
        self._db = db
        self._desk = desk
        self._stack = stack
        self._clock = clock
        self._along = along
        self._shops = tuple(
            hop.name for hop in stack.deliveries() if stack.systems[hop.target].role is Role.STOREFRONT
        )  # fmt: skip

    async def freeze(self, item: Item, by: str) -> Frozen | Against | Unsure:
        """Freeze the credit, unless it cannot be spent anyway, or the map refuses it by now. What was spent of it is
        seen right after. Raises DatabaseError."""
        now = await ledger.credit_now(self._db, UUID(item.credit))
        # One that is frozen may be so by us, from a run that died: it goes on, and `look` lets it go again.
        if (
            now is not None
            and now.state is not Ledger.FROZEN
            and (against := not_taken(self._stack, now, item.money, item.system))
        ):
            return against
        # A repeat must be told its first answer: whatever the credit looks like by now, the key comes first.
        answer = await self._desk.post(
            Freeze(
                key=_key(item, "freeze"),
                actor=by,
                occurred_at=_began(item),
                credit_id=UUID(item.credit),
                reason=_why(item),
            )
        )
        if isinstance(answer.result, Refusal):
            return _refused(answer.result)
        held = Money(answer.result.balance, answer.result.currency)
        return Frozen(answer.result.version, f"Frozen at version {answer.result.version}, holding {held}.")

    async def look(self, item: Item) -> Frozen | Against | Unsure:
        """Whether nothing happened to the credit since our freeze, it holds what was planned, and the map takes it.
        Raises DatabaseError."""
        now = await ledger.credit_now(self._db, UUID(item.credit))
        if now is None:
            return Against(Reason.UNKNOWN_CREDIT)
        ids = await people.same_person(self._db, item.customer_id) if item.customer_id else ()
        against = since_freeze(item, now, ids, self._clock.now()) or not_taken(
            self._stack, now, item.money, item.system
        )
        return against or Frozen(now.version, f"The ledger holds {item.money}, frozen, unspent and unheld.")

    async def void(self, item: Item, by: str) -> Reissued | Written | Against | Unsure:
        """Void it and issue the new one, with both steps, in one commit. Raises DatabaseError."""
        credit_id = UUID(item.credit)
        now = await ledger.credit_now(self._db, credit_id)
        if now is None:
            return Against(Reason.UNKNOWN_CREDIT)
        command = Reissue(
            key=f"reissue:{item.credit}:{item.frozen_version}",
            actor=by,
            occurred_at=_began(item),
            # The new credit is of the same sale.
            origin=Origin(now.origin.store, now.origin.register, now.origin.operator, now.origin.transaction_id),
            credit_id=credit_id,
            owner=item.customer_id,
            reason=_why(item),
            cause=f"reissue:{item.credit}",
            expected=item.money,
        )

        async def along(tx: Tx, posted: Posted) -> None:
            await self._in_the_same_commit(tx, item, posted, by)

        try:
            answer = await self._desk.reissue(command, along, thaw=True)
        except _Stopped as stopped:
            return stopped.against or Written()
        if isinstance(answer.result, Refusal):
            return _refused(answer.result)
        # A replay: whoever was first has written the steps with it.
        return Written()

    async def _in_the_same_commit(self, tx: Tx, item: Item, posted: Posted, by: str) -> None:
        """What has to hold when the money moves, and the steps. Raises _Stopped: then nothing is written."""
        if item.frozen_version is None or posted.version != item.frozen_version + 1:
            raise _Stopped(Against(Reason.CHANGED))
        if not await self._is_theirs(tx, item):
            raise _Stopped(Against(Reason.UNKNOWN_ACCOUNT, f"{item.system}:{item.account_id} is another's by now."))
        (new,) = posted.parts
        at, voided = self._clock.now(), Move(State.VOIDED, f"Void: {item.money} taken back.")
        fresh = await ledger.credit_now(tx, new.credit_id)
        made = Move(
            State.REISSUED,
            f"{Money(new.balance, new.currency)} to {item.system}:{item.account_id}.",
            new_credit=str(new.credit_id),
            new_last4=fresh.code_last4 if fresh else "",
        )
        between = replace(item, state=State.VOIDED)
        if not (await store.move(tx, item, voided, at, by) and await store.move(tx, between, made, at, by)):
            raise _Stopped(None)
        await self._along(tx, UUID(item.credit), at, by)

    async def _is_theirs(self, tx: Tx, item: Item) -> bool:
        """Whether the account still is the customer's to whom the plan gives the credit."""
        owner = await people.customer_by_reference(tx, item.system, item.account_id)
        if owner is None or item.customer_id is None:
            return False
        ids = await people.same_person(tx, item.customer_id)
        held = await people.references(tx, ids)
        return owner in ids and any((one.system, one.account_id) == (item.system, item.account_id)
                                    for each in held.values() for one in each)  # fmt: skip

    async def issue(self, item: Item, _: str) -> Reissued | Unsure:
        """Never asked for: on this ledger the new credit comes with the void."""
        return Unsure(f"Item {item.number} is void without its new credit, which this ledger does not do.")

    async def thaw(self, item: Item, by: str) -> Thawed | Unsure:
        """Take our freeze back. Somebody may have done so before. Raises DatabaseError."""
        answer = await self._desk.post(
            Unfreeze(
                key=_key(item, "unfreeze"),
                actor=by,
                occurred_at=_began(item),
                credit_id=UUID(item.credit),
                reason=_why(item),
            )
        )
        return Thawed("It was not frozen any more." if isinstance(answer.result, Refusal) else "Let go again.")

    async def arrived(self, item: Item) -> Arrival:
        """Whether every web store of the map has confirmed the new credit. Raises DatabaseError."""
        kept = await handoffs.of_credit(self._db, UUID(item.new_credit))
        return arrival([one for one in kept if one.hop in self._shops], self._clock.now())


class _Stopped(Exception):
    """Something speaks against it, or (None) another run was first: the transaction is to leave nothing behind."""

    def __init__(self, against: Against | None) -> None:
        super().__init__()
        self.against = against


def since_freeze(item: Item, now: CreditNow, ids: Sequence[UUID], at: datetime) -> Against | None:
    """What speaks against reissuing a credit that we have frozen, as it stands now: it must be as it was planned but
    for our freeze. `ids` are those of the customer who is to get it. Pure."""
    ours = now.version == item.frozen_version and now.state is Ledger.FROZEN
    untouched = item.version is not None and now.version == item.version + 1
    balance = f"The ledger holds {Money(now.balance, now.currency)}."
    checks = (
        (now.state is Ledger.VOID, Reason.VOID, ""),
        (now.state_at(at) is Ledger.EXPIRED, Reason.EXPIRED, ""),
        (now.held > 0, Reason.HELD, f"{Money(now.held, now.currency)} of it is held."),
        (now.balance < item.amount, Reason.SPENT, balance),
        (now.balance > item.amount, Reason.CHANGED, balance),
        (now.owner is not None and now.owner not in ids, Reason.OTHER_OWNER, ""),
        (not (ours and untouched), Reason.CHANGED, ""),
    )
    return next((Against(reason, seen) for holds, reason, seen in checks if holds), None)


def arrival(kept: list[HandoffView], at: datetime) -> Arrival:
    """How a new credit gets to the web stores, from its handoffs to them. Pure."""
    if not kept:
        return Arrival(True, "No web store of the map is told of it.")
    open_ = [one for one in kept if one.state is not Standing.CONFIRMED]
    if not open_:
        return Arrival(True, " ".join(f"{one.hop} confirmed it." for one in kept))
    stuck = [one for one in open_ if one.state in STUCK]
    if stuck:
        seen = f"{stuck[0].hop} gave it up: {stuck[0].reason or stuck[0].reason_code}"
        return Arrival(False, f"{seen.rstrip('.')}. Send it again with 'tillbridge replay handoffs'.", stuck=True)
    late = [one for one in open_ if one.late(at)]
    if late:
        return Arrival(False, f"{late[0].hop} is late: it was due by {late[0].deadline:%Y-%m-%d %H:%M} UTC.", late=True)
    return Arrival(False, f"On its way over {', '.join(one.hop for one in open_)}.")


def _refused(refusal: Refusal) -> Against:
    return Against(_OF_REFUSAL.get(refusal.code, Reason.CHANGED), f"{refusal.engineer.rstrip('.')}.")


def _key(item: Item, what: str) -> str:
    return f"reissue:{item.credit}:{item.name}:{what}"


def _began(item: Item) -> datetime:
    """When the work on an item began: the moment of all its commands, so that a repeat is the same command."""
    if item.began_at is None:
        raise ValueError("an item is begun before anything is done to it")
    return item.began_at


def _why(item: Item) -> str:
    return f"Orphan, finding {item.finding_id}: plan {item.plan_id}, item {item.number}."
