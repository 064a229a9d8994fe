"""What arrives at a real system over a hop that changes what is sent: from the desk through the book to the target."""

import random
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from tests.integration.credit.counter import Counter
from tests.integration.handoff.parts import delivering, until
from tests.integration.handoff.target import Target, serve
from tillbridge.credit.codes import Codes
from tillbridge.credit.desk import Desk
from tillbridge.credit.model import Adjust, Freeze, Load, Redeem, Refund, Reissue, Submitted, Void
from tillbridge.handoff import store
from tillbridge.handoff.model import HandoffView, State
from tillbridge.handoff.replay import replay_one
from tillbridge.identity import store as people
from tillbridge.identity.directory import profile_of
from tillbridge.identity.model import Given, Profile
from tillbridge.kernel.clock import SetClock
from tillbridge.kernel.db import Db
from tillbridge.kernel.ids import Ids
from tillbridge.kernel.money import Money
from tillbridge.ledger.model import Posted
from tillbridge.stack.load import parse

# Saturday evening in New York, Sunday in UTC: the rate is Saturday's.
BORN = datetime(2026, 11, 22, 3, 30, tzinfo=UTC)
HOP = "platform-web"
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
connector = "http"
url = "{url}"
{system}
[[hops]]
from = "registers"
to = "platform"
trigger = "webhook"
sla = "2s"
[[hops]]
from = "platform"
to = "web"
trigger = "webhook"
sla = "5s"
timeout = "2s"
transform = [
{transform}
]
"""
RATES = """
{ name = "convert-currency", to = "USD", rates = [
    { currency = "EUR", from = 2026-11-01, rate = "1.0825" },
    { currency = "EUR", from = 2026-11-22, rate = "7" },
    { currency = "KWD", from = 2026-11-01, rate = "3.2519" },
] },
"""


class Shop(Counter):
    """A counter whose map leads to a real web store over one hop, with the transformations of a test."""

    def __init__(self, db: Db, target: Target) -> None:
        super().__init__(db, clock=SetClock(BORN))
        self.target = target

    def hang(self, transform: str, system: str = 'currencies = ["USD"]', folder: Path = Path()) -> None:
        """Work by this map from now on."""
        text = MAP.format(url=self.target.url, transform=transform, system=system)
        self.stack = parse(text, str(folder / "stack.toml"), {})
        codes = Codes(b"a secret of at least so many bytes")
        self.desk = Desk(self.db, self.stack, self.clock, self.ids, codes, lambda hops: None)

    async def euros(self, minor: int, currency: str = "EUR", **more: Any) -> UUID:
        """The id of a new credit in another currency."""
        return await self.credit(amount=Money(minor, currency), **more)

    async def sends(self) -> None:
        """Deliver until nothing is due."""
        async with delivering(self.db, self.stack, clock=self.clock) as deliverer:
            deliverer.wake()
            await self._quiet()

    async def _quiet(self) -> None:
        async def none() -> bool:
            now = self.clock.now()
            lines = await store.counts(self.db, now, now - timedelta(days=9))
            return not any(line.state in {State.DUE, State.SENDING, State.UNKNOWN} for line in lines)

        await until(none)

    def told(self, credit: UUID) -> list[Mapping[str, Any]]:
        """What the web store was told of a credit, in order."""
        bodies = [body for body in self.target.book.values() if body.get("credit", {}).get("id") == str(credit)]
        return sorted(bodies, key=lambda body: int(body["version"]))

    async def view(self, credit: UUID) -> HandoffView:
        """The newest handoff of a credit."""
        return (await store.of_credit(self.db, credit))[-1]


@pytest.fixture
async def shop(db: Db) -> AsyncIterator[Shop]:
    """A shop and its web store."""
    async with AsyncExitStack() as closing:
        yield Shop(db, await closing.enter_async_context(serve()))


async def live(shop: Shop, credit: UUID, currency: str) -> None:
    """A life with many odd amounts; the clock goes on, and the rate with it."""

    async def do(made: Callable[..., Submitted], amount: str = "", **more: Any) -> Posted:
        if amount:
            more["amount"] = Money(int(Decimal(amount) * (1000 if currency == "KWD" else 100)), currency)
        shop.clock.move(timedelta(hours=5))
        return await shop.do(made(**shop.said(), credit_id=credit, **more))

    await do(Redeem, "29.99")
    await do(Load, "0.07")
    await do(Redeem, "3.33")
    await do(Refund, "1.11", cause="T-1")
    await do(Adjust, "0.03", down=True, reason="a slip")
    await do(Freeze, reason="asked about")


@pytest.mark.parametrize(("currency", "rate"), [("EUR", "1.0825"), ("KWD", "3.2519")])
async def test_a_life_in_another_currency_adds_up_at_the_target(shop: Shop, currency: str, rate: str) -> None:
    shop.hang(RATES)
    credit = await shop.euros(8800 if currency == "EUR" else 88_000, currency)
    await live(shop, credit, currency)
    await shop.sends()
    bodies = shop.told(credit)
    assert [body["type"].removeprefix("credit.") for body in bodies] == [
        *("issued", "redeemed", "loaded", "redeemed", "refunded", "adjusted", "frozen"),
    ]
    total = Decimal(0)
    for body in bodies:
        spent = body["type"] == "credit.redeemed" or body.get("direction") == "down"
        total += -Decimal(body["amount"]) if spent else Decimal(body["amount"])
        assert Decimal(body["balance"]) == total
        exact = Decimal(body["converted"]["balance"]) * Decimal(rate)
        assert exact - Decimal("0.01") < total <= exact
        # The rate is that of Saturday for ever, though the later events came on other days.
        assert (body["converted"]["rate"], body["converted"]["born_on"]) == (rate, "2026-11-21")
        assert body["credit"]["currency"] == "USD"
    ledger = (await store.of_credit(shop.db, credit))[-1]
    assert ledger.state is State.CONFIRMED


async def test_a_reissue_keeps_the_rate_of_the_credit_it_stands_in_for(shop: Shop) -> None:
    shop.hang(RATES)
    old = await shop.euros(8800)
    shop.clock.move(timedelta(days=3))
    reissued = await shop.do(Reissue(**shop.said(), credit_id=old, owner=None, reason="lost"))
    young = await shop.euros(8800)
    await shop.sends()
    heir = reissued.parts[0].credit_id
    assert reissued.credit_id == old
    assert [body["balance"] for body in shop.told(old)] == ["95.26", "0.00"]
    assert [body["amount"] for body in shop.told(heir)] == ["95.26"]
    assert [body["amount"] for body in shop.told(young)] == ["616.00"]


async def test_a_void_takes_all_of_it_back(shop: Shop) -> None:
    shop.hang(RATES)
    credit = await shop.euros(101)
    await shop.do(Void(**shop.said(), credit_id=credit, reason="a slip"))
    await shop.sends()
    assert [(body["amount"], body["balance"]) for body in shop.told(credit)] == [("1.09", "1.09"), ("1.09", "0.00")]


async def test_without_a_rate_nothing_is_sent_and_a_mended_map_lets_it_through(shop: Shop) -> None:
    shop.hang(RATES.replace("from = 2026-11-01", "from = 2026-11-23"))
    credit = await shop.euros(8800)
    await shop.do(Redeem(**shop.said(), credit_id=credit, amount=Money(100, "EUR")))
    await shop.sends()
    first, second = await store.of_credit(shop.db, credit)
    said = "The map has no rate from EUR to USD on 2026-11-21."
    assert (first.state, first.reason_code, first.reason) == (State.DEAD, "mapping-rejected", said)
    assert (second.state, second.waits_for) == (State.WAITING, "earlier")
    shop.hang(RATES)
    assert await replay_one(shop.db, shop.clock.now(), credit, HOP, 1)
    await shop.sends()
    assert [body["balance"] for body in shop.told(credit)] == ["95.26", "94.17"]


async def customer(shop: Shop, account: str, system: str = "web") -> UUID:
    """A customer with an account in one system."""
    given = Given(email=f"{account.lower()}@example.org", account_id=account)
    made = profile_of(system, given, "US", email_verified=True, phone_verified=True)
    assert isinstance(made, Profile)
    ids = Ids(shop.clock, random.Random(account))
    (taken,) = await people.take_in(shop.db, [made], shop.clock.now(), ids)
    return taken.customer_id


async def test_a_transformation_that_refuses_is_final_and_nothing_was_sent(shop: Shop) -> None:
    shop.hang('{ name = "resolve-customer", otherwise = "reject" }')
    known, stranger = await customer(shop, "A1"), await customer(shop, "D77", "erp")
    sent = await shop.credit(owner=known)
    kept = await shop.credit(owner=stranger)
    await shop.sends()
    assert [body["customer"] for body in shop.told(sent)] == [{"customer_id": str(known), "account_id": "A1"}]
    dead = await shop.view(kept)
    said = "The customer of this credit has no account in web that the hub knows of."
    assert (dead.state, dead.reason_code, dead.reason) == (State.DEAD, "mapping-rejected", said)
    assert [(one.outcome, one.reason_code) for one in dead.history] == [("refused", "mapping-rejected")]
    assert len(shop.target.requests) == 1
    shop.hang('"resolve-customer"')
    assert await replay_one(shop.db, shop.clock.now(), kept, HOP, 1)
    await shop.sends()
    assert [body["customer"] for body in shop.told(kept)] == [None]


async def test_all_five_in_a_row(shop: Shop) -> None:
    shop.hang(
        f'"resolve-customer", {RATES} {{ name = "route-bucket", promo = "goodwill" }}, "classify-balance",'
        ' { name = "rename-fields", credit.last4 = "card.tail", amount = "value", drop = ["operator"] }',
        'currencies = ["USD"]\nbuckets = ["goodwill"]',
    )
    owner = await customer(shop, "A1")
    taken = await shop.euros(8800, owner=owner, bucket="promo")
    turned = await shop.euros(8800, owner=owner, bucket="refund")
    await shop.sends()
    (body,) = shop.told(taken)
    assert body["credit"] == {"id": str(taken), "kind": "gift_card", "bucket": "goodwill", "currency": "USD"}
    assert (body["value"], body["balance"], body["balance_class"]) == ("95.26", "95.26", "promo-memo")
    assert len(body["card"]["tail"]) == 4
    assert body["customer"]["account_id"] == "A1"
    assert not {"operator", "amount"} & set(body)
    dead = await shop.view(turned)
    assert (dead.state, dead.reason) == (State.DEAD, "web does not accept the bucket refund, only goodwill.")


@pytest.mark.parametrize(
    ("minor", "currency", "reason"),
    [
        (2500, "USD", ""),
        (2501, "USD", "web does not accept 25.01 USD, only 25.00, 50.00."),
        (2310, "EUR", ""),
        (2309, "EUR", "web does not accept 24.99 USD, only 25.00, 50.00."),
    ],
)
async def test_denominations_are_held_against_what_arrives(shop: Shop, minor: int, currency: str, reason: str) -> None:
    shop.hang(RATES, 'currencies = ["USD"]\ndenominations = ["25", "50"]')
    credit = await shop.euros(minor, currency)
    # What is spent later is of any amount.
    await shop.do(Redeem(**shop.said(), credit_id=credit, amount=Money(7, currency)))
    await shop.sends()
    first, second = await store.of_credit(shop.db, credit)
    assert first.reason == reason
    assert {first.state, second.state} == ({State.DEAD, State.WAITING} if reason else {State.CONFIRMED})


async def test_rates_of_a_file_count(shop: Shop, tmp_path: Path) -> None:
    (tmp_path / "rates.csv").write_text("currency,from,rate\nEUR,2026-11-21,2\n", "utf-8")
    shop.hang('{ name = "convert-currency", file = "rates.csv" }', folder=tmp_path)
    credit = await shop.euros(8800)
    await shop.sends()
    assert [body["amount"] for body in shop.told(credit)] == ["176.00"]
