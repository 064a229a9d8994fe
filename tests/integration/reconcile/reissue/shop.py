"""A hub whose registers issued credits that no account can reach, findings about them, and a repair in short."""

import json
import random
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from tests.acceptance.conftest import QUIET_MAP
from tillbridge.checkpoint.store import finish_review
from tillbridge.credit.codes import Codes
from tillbridge.credit.desk import Desk
from tillbridge.credit.model import Claim, Issue, PlaceHold, Redeem
from tillbridge.handoff import store as handoffs
from tillbridge.handoff.model import Decision, Result, Room
from tillbridge.handoff.model import State as Handoff
from tillbridge.identity.directory import profile_of
from tillbridge.identity.model import Given, Profile
from tillbridge.identity.store import take_in
from tillbridge.kernel.clock import SetClock
from tillbridge.kernel.db import Db, Tx
from tillbridge.kernel.ids import Ids
from tillbridge.kernel.money import Money
from tillbridge.ledger import store as ledger
from tillbridge.ledger.model import CreditNow, Origin, Posted
from tillbridge.ledger.model import State as Ledger
from tillbridge.reconcile.reissue import store
from tillbridge.reconcile.reissue.channels import HubChannels
from tillbridge.reconcile.reissue.model import Item, Plan
from tillbridge.reconcile.reissue.ours import OurBook
from tillbridge.reconcile.reissue.plan import Planner, Ruling
from tillbridge.reconcile.reissue.ports import NotThere, Sight
from tillbridge.reconcile.reissue.reading import findings_of
from tillbridge.reconcile.reissue.run import Repair
from tillbridge.stack.load import parse

START = datetime(2026, 11, 21, 19, 0, tzinfo=UTC)


def usd(minor: int) -> Money:
    return Money(minor, "USD")


@dataclass
class Way:
    """A channel that says what it is told to, by credit, and does something before it answers."""

    says: dict[str, Sight] = field(default_factory=dict)
    first: Callable[[str], Any] | None = None
    otherwise: Sight = field(default_factory=NotThere)

    async def shows(self, credit: str) -> Sight:
        if self.first is not None:
            await self.first(credit)
        return self.says.get(credit, self.otherwise)


class Shop:
    """One desk, a directory of two accounts and a web store that can be asked."""

    def __init__(self, db: Db, rules: str = "") -> None:
        self.db = db
        self.clock = SetClock(START)
        self.ids = Ids(self.clock, random.Random(11))
        self.stack = parse(QUIET_MAP + rules, "stack.toml", {})
        self.codes = Codes(b"a secret of at least so many bytes")
        self.desk = Desk(db, self.stack, self.clock, self.ids, self.codes, lambda hops: None)
        self.planner = Planner(db, self.stack, self.codes, self.clock)
        self.web = Way()
        self.ways: dict[str, Any] = {"web": self.web}
        self.owners: dict[str, UUID] = {}
        self._numbers = 0

    async def open(self) -> None:
        """Two customers, each with an account of the web store."""
        for account in ("A1", "A2"):
            profile = profile_of("web", Given(email=f"{account}@example.com", account_id=account), "US")
            assert isinstance(profile, Profile)
            (taken,) = await take_in(self.db, [profile], self.clock.now(), self.ids)
            self.owners[account] = taken.customer_id

    @property
    def book(self) -> OurBook:
        return OurBook(self.db, self.desk, self.stack, self.clock, finish_review)

    @property
    def repair(self) -> Repair:
        return Repair(store.Kept(self.db, self.clock), self.book, HubChannels(self.db, self.stack, self.ways))

    def said(self, key: str = "") -> dict[str, Any]:
        self._numbers += 1
        origin = Origin("006", "3", "op07", f"T-{self._numbers}")
        return {
            "key": key or f"k-{self._numbers}", "actor": "till", "occurred_at": self.clock.now(), "origin": origin
        }  # fmt: skip

    async def do(self, command: Any) -> Posted:
        result = (await self.desk.post(command)).result
        assert isinstance(result, Posted), result.code
        return result

    async def credit(self, minor: int = 2500, *, owner: UUID | None = None, **more: Any) -> UUID:
        """A credit that a register issued: nobody's, unless an owner is named."""
        issue = Issue(
            **self.said(), kind="store_credit", bucket="refund", amount=usd(minor), owner=owner, code="",
            expires_at=None, request={}, **more,
        )  # fmt: skip
        return (await self.do(issue)).credit_id

    async def now(self, credit: UUID | str) -> CreditNow:
        found = await ledger.credit_now(self.db, UUID(str(credit)))
        assert found is not None
        return found

    async def spend(self, credit: UUID, minor: int) -> None:
        await self.do(Redeem(**self.said(), credit_id=credit, amount=usd(minor)))

    async def hold(self, credit: UUID, minor: int) -> None:
        ends = self.clock.now().replace(year=2027)
        await self.do(PlaceHold(**self.said(), credit_id=credit, amount=usd(minor), ends=ends))

    async def claim(self, credit: UUID, owner: UUID) -> None:
        async def along(_: Tx) -> None:
            """Nothing more is written with it."""

        command = Claim(**self.said(), credit_id=credit, owner=owner)
        assert isinstance((await self.desk.claim(command, along)).result, Posted)

    def finding(self, credit: UUID | str, amount: str = "25.00", /, **more: Any) -> dict[str, Any]:
        self._numbers += 1
        return {
            "finding_id": f"F-{self._numbers}", "class": more.pop("kind", "orphan"), "cause": "lost-in-hop",
            "code": str(credit),
            "transaction_id": "", "store": "006", "amount": amount, "currency": "USD", "account_id": "A1",
            "action": "Void and reissue it.", "evidence": [{"at": None, "source": "pos", "fact": "Sold."}], **more,
        }  # fmt: skip

    async def plan(
        self, *findings: Mapping[str, Any], by: str = "ann", limit: int | None = 1_000_000
    ) -> tuple[Plan, list[Item]]:
        content = json.dumps({"format": 1, "cut": {}, "findings": findings}).encode()
        return await self.planner.make(findings_of("findings.json", content), by, None if limit is None else usd(limit))

    async def run(self, plan: Plan, by: str = "ann") -> list[Item]:
        await self.repair.run(await store.items(self.db, plan.plan_id), by)
        return await store.items(self.db, plan.plan_id)

    async def confirm(self, hop: str) -> None:
        """The target of a hop takes all that is due on it, and says so."""
        at = self.clock.now()
        room = Room(hop, 100, at + timedelta(minutes=1))
        turned = await handoffs.turn(self.db, at, [], [], [room])
        taken = Decision(Handoff.CONFIRMED, "confirmed", reference="W1")
        results = [Result(one.lease, at, at, taken) for one in turned.claimed]
        assert results
        await handoffs.turn(self.db, at, results, [], [])

    async def rule(self, plan: Plan, number: int, account: str | None, evidence: str, by: str) -> Item:
        return await self.planner.decide(plan.plan_id, number, Ruling(by, evidence, account))

    async def live_heirs(self, credit: UUID) -> list[CreditNow]:
        """The credit and all that stand in for it, as far as they are worth something."""
        seen = await ledger.page_of_credits(self.db, UUID(int=0), 1000)
        line = {credit}
        for _ in seen:
            line |= {one.credit_id for one in seen if one.replaces in line}
        return [one for one in seen if one.credit_id in line and one.state is not Ledger.VOID and one.balance > 0]


@asynccontextmanager
async def open_shop(db: Db, rules: str = "") -> AsyncIterator[Shop]:
    """A shop whose directory is read."""
    shop = Shop(db, rules)
    await shop.open()
    yield shop
    await shop.desk.drained()
