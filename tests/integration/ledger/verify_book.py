"""A book with every verb in it, made by the desk as in a hub."""

import random
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from tillbridge.credit.codes import Codes
from tillbridge.credit.desk import Desk
from tillbridge.credit.lawbook import load_law
from tillbridge.credit.model import (
    Activate,
    Adjust,
    Capture,
    CashOut,
    Chargeback,
    Claim,
    Expire,
    Freeze,
    Import,
    Issue,
    Load,
    PlaceHold,
    Redeem,
    RedeemOver,
    Refund,
    Reissue,
    Release,
    Submitted,
    Transfer,
    Unfreeze,
    Void,
)
from tillbridge.credit.terms import Rules
from tillbridge.kernel.clock import SetClock
from tillbridge.kernel.db import Db, Tx
from tillbridge.kernel.ids import Ids
from tillbridge.kernel.money import Money
from tillbridge.ledger import store
from tillbridge.ledger.model import Origin, Posted
from tillbridge.ledger.states import Verb
from tillbridge.stack.load import parse

START = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
MAP = """
[retailer]
name = "Harbor & Pine"
country = "US"
currency = "USD"
time_zone = "America/New_York"

[authority]
system = "platform"

[systems.registers]
role = "pos"
connector = "csv"

[systems.platform]
role = "platform"
connector = "built-in"

[systems.web]
role = "storefront"
connector = "csv"

[[hops]]
from = "registers"
to = "platform"
trigger = "webhook"
sla = "2s"
checkpoint = true

[[hops]]
from = "platform"
to = "web"
trigger = "webhook"
sla = "60s"
"""


class Bookkeeper:
    """Posts commands on a database, each with a key of its own, on a clock that it moves."""

    def __init__(self, db: Db, seed: int = 5) -> None:
        self.db = db
        self.clock = SetClock(START)
        self.ids = Ids(self.clock, random.Random(seed))
        self.owner = self.ids.new()
        stack = parse(MAP, "stack.toml", {})
        codes = Codes(b"a secret of thirty-two characters")
        self.desk = Desk(db, stack, self.clock, self.ids, codes, lambda _: None, Rules(stack, load_law(None)))
        self._seed = seed
        self._keys = 0
        self.credits: dict[str, UUID] = {}
        self.verbs: set[Verb] = set()

    def said(self, transaction: str = "") -> dict[str, Any]:
        """What every command says; keys are `k1`, `k2` and so on in the order of the commands."""
        self._keys += 1
        return {
            "key": f"k{self._keys}" if self._seed == 5 else f"s{self._seed}-{self._keys}",
            "actor": "till",
            "occurred_at": self.clock.now(),
            "origin": Origin("006", "3", "op07", transaction),
        }

    def issue(self, minor: int, *, owner: UUID | None = None, expires_at: datetime | None = None) -> Issue:
        """An issue of a store credit to the owner of this book."""
        said = self.said("T0063-118")
        request = {"amount": str(minor)}
        return Issue(
            kind="store_credit", bucket="refund", amount=usd(minor), owner=owner or self.owner, code="",
            expires_at=expires_at, request=request, **said,
        )  # fmt: skip

    async def do(self, command: Submitted) -> Posted:
        """Post a command that must not be refused."""
        answer = await self.desk.post(command)
        assert isinstance(answer.result, Posted), answer.result
        self.verbs.add(answer.result.verb)
        return answer.result

    async def refused(self, command: Submitted) -> str:
        """Post a command that must be refused; the code."""
        answer = await self.desk.post(command)
        assert not isinstance(answer.result, Posted)
        return answer.result.code


def usd(minor: int) -> Money:
    """An amount in cents."""
    return Money(minor, "USD")


async def every_verb(keeper: Bookkeeper) -> None:
    """Post every verb at least once, with refusals between. The keeper then names 13 credits by what became of them,
    and the hold that is still open."""
    await _spent_and_cashed(keeper)
    await _held(keeper)
    await _ended(keeper)
    await _moved(keeper)


async def _spent_and_cashed(keeper: Bookkeeper) -> None:
    k, said = keeper, keeper.said
    spent = k.credits["spent"] = (await k.do(k.issue(10_000))).credit_id
    await k.do(Redeem(credit_id=spent, amount=usd(2500), **said("W-1")))
    await k.do(Redeem(credit_id=spent, amount=usd(1500), **said("W-2")))
    await k.do(Refund(credit_id=spent, amount=usd(500), cause="W-1", **said()))
    assert await k.refused(Redeem(credit_id=spent, amount=usd(99_999), **said("W-3"))) == "not-enough-available"
    await k.do(Adjust(credit_id=spent, amount=usd(100), down=True, reason="mis-keyed", **said()))
    await k.do(Freeze(credit_id=spent, reason="stolen?", **said()))
    assert await k.refused(Redeem(credit_id=spent, amount=usd(1), **said("W-4"))) == "credit-frozen"
    await k.do(Adjust(credit_id=spent, amount=usd(50), down=False, reason="goodwill", **said()))
    await k.do(Unfreeze(credit_id=spent, reason="found", **said()))

    card = k.credits["card"] = (await k.do(Import(currency="USD", code="6281670170002304", **said()))).credit_id
    year = k.clock.now() + timedelta(days=365)
    await k.do(Activate(credit_id=card, amount=usd(900), owner=k.owner, expires_at=year, **said()))
    await k.do(Load(credit_id=card, amount=usd(100), expires_at=year + timedelta(days=30), **said()))
    await k.do(CashOut(credit_id=card, place="US-CA", **said()))


async def _held(keeper: Bookkeeper) -> None:
    k, said = keeper, keeper.said
    held = k.credits["held"] = (await k.do(k.issue(5000))).credit_id
    hour = k.clock.now() + timedelta(hours=1)
    holds = [await k.do(PlaceHold(credit_id=held, amount=usd(700), ends=hour, **said("W-5"))) for _ in range(4)]
    ids = [one.hold_id for one in holds if one.hold_id is not None]
    await k.do(Capture(hold_id=ids[0], credit_id=held, amount=usd(300), more=True, **said("W-5")))
    await k.do(Capture(hold_id=ids[1], credit_id=held, amount=usd(200), **said("W-6")))
    await k.do(Release(hold_id=ids[2], credit_id=held, **said()))
    k.credits["hold"] = ids[0]
    late = k.credits["late"] = (await k.do(k.issue(800))).credit_id
    minute = k.clock.now() + timedelta(minutes=1)
    await k.do(PlaceHold(credit_id=late, amount=usd(700), ends=minute, **said("W-7")))
    stolen = k.credits["stolen"] = (await k.do(k.issue(2000))).credit_id
    await k.do(PlaceHold(credit_id=stolen, amount=usd(700), ends=hour, **said("W-8")))
    await k.do(Chargeback(credit_id=stolen, reason="charged back", **said()))
    k.clock.move(timedelta(minutes=2))
    # The hold that is over lapses by itself, in the batch of the next command on its credit.
    await k.do(Redeem(credit_id=late, amount=usd(750), **said("W-9")))
    k.verbs.add(Verb.LAPSE)


async def _ended(keeper: Bookkeeper) -> None:
    k, said = keeper, keeper.said
    minute, year = k.clock.now() + timedelta(minutes=1), k.clock.now() + timedelta(days=365)
    ending = k.credits["ending"] = (await k.do(k.issue(400, expires_at=minute))).credit_id
    k.credits["staying"] = (await k.do(k.issue(450, expires_at=year))).credit_id
    k.clock.move(timedelta(minutes=2))
    await k.do(Expire(credit_id=ending, **said()))


async def _moved(keeper: Bookkeeper) -> None:
    k, said = keeper, keeper.said
    spent, staying = k.credits["spent"], k.credits["staying"]
    nobodys = Issue(
        kind="store_credit", bucket="goodwill", amount=usd(600), owner=None, code="", expires_at=None,
        request={"amount": "600"}, **said("T0063-119"),
    )  # fmt: skip
    claimed = k.credits["claimed"] = (await k.do(nobodys)).credit_id
    await k.desk.claim(Claim(credit_id=claimed, owner=k.owner, **said()), _nothing_else)
    k.verbs.add(Verb.CLAIM)

    old = k.credits["old"] = (await k.do(k.issue(1200))).credit_id
    new = await k.do(Reissue(credit_id=old, owner=k.owner, reason="wrong account", **said()))
    k.credits["new"] = new.parts[0].credit_id
    other = k.credits["other"] = (await k.do(k.issue(300))).credit_id
    await k.do(Transfer(credit_id=other, to=spent, amount=usd(120), **said()))
    await k.do(RedeemOver(customer=k.owner, credits=(other, staying), amount=usd(400), **said("W-10")))
    gone = k.credits["gone"] = (await k.do(k.issue(250))).credit_id
    await k.do(Void(credit_id=gone, reason="mis-keyed", **said()))
    assert await k.refused(Redeem(credit_id=gone, amount=usd(1), **said("W-11"))) == "credit-void"
    await store.fold(k.db)
    k.credits["newest"] = (await k.do(k.issue(275))).credit_id


async def _nothing_else(_: Tx) -> None:
    """Nothing is written along with a claim here."""
