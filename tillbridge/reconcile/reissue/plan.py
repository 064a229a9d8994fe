"""Plans: made from findings, decided on by persons where a person is needed, approved by a second one.

A plan changes no credit. What is looked at here may be otherwise when it is run: then every look is taken again.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final
from uuid import UUID

from tillbridge.credit.codes import Codes, plain_code
from tillbridge.identity import store as people
from tillbridge.kernel.clock import Clock
from tillbridge.kernel.db import Db
from tillbridge.kernel.errors import BadInput, Decided, NotAllowed
from tillbridge.kernel.money import Money
from tillbridge.ledger import store as ledger
from tillbridge.ledger.model import CreditNow
from tillbridge.reconcile.reissue import store
from tillbridge.reconcile.reissue.judge import (
    Account,
    Facts,
    against_credit,
    needs_a_person,
    other_mend,
    others,
    the_one,
)
from tillbridge.reconcile.reissue.model import (
    Against,
    Item,
    Plan,
    Reason,
    State,
    home_of,
    unapproved,
    why_second_person,
)
from tillbridge.reconcile.reissue.reading import Findings, Found
from tillbridge.reconcile.reissue.way import not_taken
from tillbridge.stack.model import Role, Stack

AT_ONCE: Final = 6
"""How many findings are looked up at once."""

_NAME_MAX: Final = 100


@dataclass(frozen=True, slots=True)
class Ruling:
    """What a person rules about an item, on what evidence: the account that gets it, or None to leave it alone."""

    by: str
    evidence: str
    account_id: str | None


class Planner:
    """Makes, decides and approves plans. Made once per command."""

    def __init__(self, db: Db, stack: Stack, codes: Codes, clock: Clock) -> None:
        self._db = db
        self._stack = stack
        self._codes = codes
        self._clock = clock
        self._shops = tuple(system.name for system in stack.systems.values() if system.role is Role.STOREFRONT)

    async def make(self, findings: Findings, by: str, limit: Money | None) -> tuple[Plan, list[Item]]:
        """A plan of who would get what, kept. The lower one of `limit` and the map's own limit is what one person may
        give; without either nothing is given by one person alone.

        Raises BadInput for a limit in another currency than the retailer's, DatabaseError.
        """
        by = named(by)
        currency = self._stack.retailer.currency
        plan = Plan(0, by, self._clock.now(), findings.name, findings.print, self._above(limit), currency)
        free = asyncio.Semaphore(AT_ONCE)

        async def judged(place: int, found: Found) -> Item:
            async with free:
                return await self._judged(place, found, by)

        made = await asyncio.gather(*(judged(place, found) for place, found in enumerate(findings.found, start=1)))
        async with self._db.transaction() as tx:
            plan = replace(plan, plan_id=await store.keep_plan(tx, plan))
            items = [replace(item, plan_id=plan.plan_id) for item in made]
            for place, item in enumerate(items):
                if not await store.keep_item(tx, item, plan.made_at):
                    items[place] = _left(item, Against(Reason.IN_A_PLAN))
                    await store.keep_item(tx, items[place], plan.made_at)
        return plan, items

    async def decide(self, plan_id: int, number: int, ruling: Ruling) -> Item:
        """A person rules about an item that waits for one, or leaves one that is planned and not begun; the item as it
        is then. What was approved of it is void.

        Raises NotFound, Decided when it does not wait or the map refuses it, BadInput for an account that nobody has,
        DatabaseError.
        """
        by = named(ruling.by)
        if not ruling.evidence.strip():
            raise BadInput("--evidence", "it is blank", "Say what you saw that proves it.")
        item = await store.item(self._db, plan_id, number)
        leaves = ruling.account_id is None and item.state is State.PLANNED and item.began_at is None
        if item.state is not State.PERSON and not leaves:
            stands = "begun" if item.state is State.PLANNED and item.began_at else item.state.value
            raise Decided("already-decided", f"Item {number} does not wait for a person: it is {stands}.")
        ruled = await self._ruled(item, by, ruling)
        if not await store.decide(self._db, ruled, self._clock.now()):
            raise Decided(
                "already-decided", f"Item {number} was begun, or decided by somebody else, at the same moment."
            )
        return await store.item(self._db, plan_id, number)

    async def approve(self, plan_id: int, by: str) -> list[Item]:
        """A second person approves all that a plan is to reissue and that is not approved; the items as they are then.

        Raises NotFound, NotAllowed for whoever planned or decided any of it, Decided when there is nothing to approve
        or it was changed meanwhile, DatabaseError.
        """
        by = named(by)
        plan = await store.plan(self._db, plan_id)
        shown = [
            item
            for item in await store.items(self._db, plan_id)
            if item.state is State.PLANNED and not item.approved
        ]  # fmt: skip
        for own in (plan.made_by, *(item.decided_by for item in shown)):
            if own.casefold() == by.casefold():
                sentence = f"{by} planned this, or decided on some of it. Another person has to approve it."
                raise NotAllowed(sentence, known=True, reason="own-command", who=by)
        if not shown:
            raise Decided("already-decided", f"Nothing of plan {plan_id} waits for an approval.")
        at = self._clock.now()
        async with self._db.transaction() as tx:
            for item in shown:
                if not await store.approve(tx, item, by, at):
                    sentence = f"Item {item.number} was changed meanwhile. Look at the plan again."
                    raise Decided("already-decided", sentence)
        return await store.items(self._db, plan_id)

    def _above(self, limit: Money | None) -> int:
        approval, currency = self._stack.approval, self._stack.retailer.currency
        if limit is not None and (limit.currency != currency or limit.minor < 0):
            raise BadInput("--limit", f"{limit} is no limit in {currency}", f"Give an amount in {currency}.")
        known = [
            one for one in (limit.minor if limit else None, approval.above if approval else None) if one is not None
        ]
        return min(known, default=0)

    async def _judged(self, place: int, found: Found, by: str) -> Item:
        item = _blank(place, found, by, self._stack.retailer.currency)
        if against := other_mend(found):
            return _left(item, against)
        at = self._clock.now()
        named_ = await self._credits(found)
        credit = the_one(named_, at)
        if isinstance(credit, Against):
            return _left(item, credit)
        item = replace(
            item, credit=str(credit.credit_id), last4=credit.code_last4, amount=credit.balance,
            currency=credit.currency,
            version=credit.version,
        )  # fmt: skip
        facts = await self._facts(found, credit)
        shop = facts.accounts[0].system if len(facts.accounts) == 1 else ""
        against = (
            against_credit(credit, facts, at)
            or not_taken(self._stack, credit, item.money, shop)
            or needs_a_person(found, credit, facts)
        )
        if against:
            return _left(item, against)
        (account,) = facts.accounts
        why = f"{Money(credit.balance, credit.currency)} to {account.system}:{account.account_id}."
        return replace(
            item, system=account.system, account_id=account.account_id, customer_id=account.customer_id, sentence=why
        )

    async def _credits(self, found: Found) -> tuple[CreditNow, ...]:
        ids: list[UUID] = []
        if found.code:
            ids = await self._by_code(found.code)
        if not ids and found.transaction_id:
            ids = await ledger.credits_of_transaction(self._db, found.transaction_id)
        seen = [await ledger.credit_now(self._db, one) for one in ids]
        return tuple(one for one in seen if one is not None)

    async def _by_code(self, code: str) -> list[UUID]:
        """The credit of a code; or of an id, which is what a live hub names it by."""
        try:
            known = await ledger.credit_of_code(self._db, self._codes.hash(plain_code(code)))
            return [known or UUID(code)]
        except ValueError:
            return []

    async def _facts(self, found: Found, credit: CreditNow) -> Facts:
        kept = await store.plan_of_credit(self._db, str(credit.credit_id))
        used = (await ledger.past(self._db, credit.credit_id)).used
        accounts = await self._accounts(found.account_id) if found.account_id else ()
        return Facts((credit,), used, kept[0] if kept else 0, accounts)

    async def _accounts(self, name: str) -> tuple[Account, ...]:
        """The accounts of web stores that go by a name: an account id, or our own id of a customer."""
        found: list[Account] = []
        for system in self._shops:
            customer = await people.customer_by_reference(self._db, system, name)
            if customer is not None:
                found += await self._live(customer, system, name)
        if not found and (customer_id := _as_id(name)) is not None:
            found = await self._live(customer_id, "", "")
        return tuple(found)

    async def _live(self, customer: UUID, system: str, account_id: str) -> list[Account]:
        """A customer's account, if it is theirs now; of no account in particular, their only one."""
        ids = await people.same_person(self._db, customer)
        held = [one for each in (await people.references(self._db, ids)).values() for one in each] if ids else []
        shops = [one for one in held if one.system in self._shops]
        wanted = [one for one in shops if not account_id or (one.system, one.account_id) == (system, account_id)]
        return [Account(one.system, one.account_id, ids[0], frozenset(ids)) for one in wanted]

    async def _ruled(self, item: Item, by: str, ruling: Ruling) -> Item:
        said = f"{by}: {ruling.evidence.strip()}"
        if ruling.account_id is None:
            left = Against(Reason.DECIDED, said)
            return replace(item, state=State.LEFT, reason=left.reason, sentence=left.sentence, decided_by=by)
        accounts = await self._accounts(ruling.account_id.strip())
        if len(accounts) != 1:
            mend = "Name the one account of a web store that our directory knows."
            problem = f"{len(accounts) or 'no'} accounts go by {ruling.account_id!r}"
            raise BadInput("--account", problem, mend)
        credit = await ledger.credit_now(self._db, UUID(item.credit))
        if credit is None:
            raise Decided("already-decided", f"The credit of item {item.number} is gone.")
        # A credit that somebody owns is theirs: to move it is a decision of its own, with its own right. What the map
        # refuses nobody can bring through.
        if against := (
            against_credit(credit, Facts((credit,)), self._clock.now())
            or not_taken(self._stack, credit, Money(credit.balance, credit.currency), accounts[0].system)
            or others(credit, accounts[0])
        ):
            raise Decided("already-decided", against.sentence)
        account = accounts[0]
        return replace(
            item,
            state=State.PLANNED,
            reason="",
            sentence=f"{Money(credit.balance, credit.currency)} to {account.system}:{account.account_id}. {said}",
            system=account.system,
            account_id=account.account_id,
            customer_id=account.customer_id,
            amount=credit.balance,
            version=credit.version,
            decided_by=by,
            vouched=item.reason == Reason.SILENT,
        )


def check_approved(plan: Plan, items: Sequence[Item]) -> None:
    """Raises NotAllowed when a plan may not be run before a second person approved it."""
    waiting = unapproved(plan, items)
    if waiting:
        numbers = ", ".join(str(item.number) for item in waiting[:10])
        more = f" and {len(waiting) - 10} more" if len(waiting) > 10 else ""
        sentence = (
            f"Plan {plan.plan_id} needs a second person: {why_second_person(plan, items)}. "
            f"Not approved: item {numbers}{more}. Somebody other than {plan.made_by} runs "
            f"'tillbridge reissue approve {plan.plan_id} --by NAME'."
        )
        raise NotAllowed(sentence, known=True, reason="needs-approval", who=plan.made_by)


def named(by: str) -> str:
    """A person's name in one spelling. Raises BadInput when it is none."""
    name = " ".join(by.split())
    if not name or len(name) > _NAME_MAX or not name.isprintable():
        raise BadInput("--by", f"{by!r} is no name", "Say who you are.")
    return name


def _blank(place: int, found: Found, by: str, currency: str) -> Item:
    amount = found.amount or Money(0, currency)
    return Item(
        plan_id=0,
        number=place,
        finding_id=found.finding_id,
        kind=found.kind.value,
        cause=found.cause.value if found.cause else "",
        transaction_id=found.transaction_id,
        store=found.store,
        credit="",
        last4=found.code[-4:],
        amount=max(amount.minor, 0),
        currency=amount.currency,
        system="",
        account_id="",
        customer_id=None,
        state=State.PLANNED,
        reason="",
        sentence="",
        evidence=found.evidence,
        candidates=found.candidates,
        planned_by=by,
    )


def _left(item: Item, against: Against) -> Item:
    return replace(item, state=home_of(against.reason), reason=against.reason.value, sentence=against.sentence)


def _as_id(name: str) -> UUID | None:
    try:
        return UUID(name)
    except ValueError:
        return None
