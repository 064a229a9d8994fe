"""The desk: a reissue takes from nobody who has it, a refund finds what was paid, one command spoils no other."""

from datetime import timedelta

from msgspec import structs

from tests.integration.credit.counter import Counter
from tillbridge.credit.model import Claim, Freeze, Redeem, Refund, Reissue
from tillbridge.handoff import store as handoffs
from tillbridge.kernel.db import Db, Tx
from tillbridge.kernel.money import Money
from tillbridge.ledger.model import Answer, Posted, State


def usd(minor: int) -> Money:
    return Money(minor, "USD")


async def along(_: Tx) -> None:
    """Nothing more is written with a claim."""


async def test_a_claim_that_came_first_is_inherited(db: Db) -> None:
    counter = Counter(db)
    credit = await counter.credit(owner=None)
    reissue = Reissue(**counter.said(), credit_id=credit, owner=None, reason="lost", customer="")
    claimed = await counter.desk.claim(
        Claim(key="claim:1", actor="claim", occurred_at=counter.clock.now(), credit_id=credit, owner=counter.owner),
        along,
    )
    assert isinstance(claimed.result, Posted)
    (new,) = (await counter.do(reissue)).parts
    assert (new.state, new.owner, new.balance) == (State.ACTIVE, counter.owner, 10_000)


async def test_a_frozen_card_of_whoever_has_it_stays_one(db: Db) -> None:
    counter = Counter(db)
    credit = await counter.credit(owner=None, bearer=True)
    await counter.do(Freeze(**counter.said(), credit_id=credit, reason="reported lost"))
    (new,) = (await counter.do(Reissue(**counter.said(), credit_id=credit, owner=None, reason="lost"))).parts
    assert (new.state, new.owner) == (State.ACTIVE, None)


async def test_what_was_paid_with_the_old_credit_is_given_back_to_the_new_one_once(db: Db) -> None:
    counter = Counter(db)
    credit = await counter.credit()
    spent = Redeem(**counter.said(), credit_id=credit, amount=usd(3_000))
    await counter.do(spent)
    counter.clock.move(timedelta(seconds=1))
    await counter.do(Refund(**counter.said(), credit_id=credit, amount=usd(1_000), cause="T-1"))
    (new,) = (await counter.do(Reissue(**counter.said(), credit_id=credit, owner=None, reason="lost"))).parts
    (newer,) = (await counter.do(Reissue(**counter.said(), credit_id=new.credit_id, owner=None, reason="lost"))).parts
    assert newer.balance == 8_000
    more = Refund(**counter.said(), credit_id=newer.credit_id, amount=usd(2_001), cause="T-1")
    assert await counter.refused(more) == "more-than-redeemed"
    await counter.do(Refund(**counter.said(), credit_id=newer.credit_id, amount=usd(2_000), cause="T-1"))
    again = Refund(**counter.said(), credit_id=newer.credit_id, amount=usd(1), cause="T-1")
    assert await counter.refused(again) == "more-than-redeemed"


async def test_a_command_that_cannot_be_put_together_spoils_no_other(db: Db) -> None:
    counter = Counter(db)
    credit = await counter.credit()
    broken = structs.replace(counter.issue(), bucket="no such bucket")
    fine = Redeem(**counter.said(), credit_id=credit, amount=usd(100))
    first, second, third = await counter.desk.submit([fine, broken, fine])
    assert isinstance(first, Answer)
    assert isinstance(second, KeyError)
    assert isinstance(third, Answer)
    assert (first.replay, third.replay) == (False, True)


async def test_no_storefront_waits_for_the_claim_of_a_card_that_belongs_to_whoever_has_it(db: Db) -> None:
    counter = Counter(db)
    bearer = await counter.credit(owner=None, bearer=True)
    await counter.do(Redeem(**counter.said(), credit_id=bearer, amount=usd(100)))
    await counter.do(Freeze(**counter.said(), credit_id=bearer, reason="reported lost"))
    assert not await handoffs.of_credit(db, bearer)
    unclaimed = await counter.credit(owner=None)
    assert [one.waits_for for one in await handoffs.of_credit(db, unclaimed)] == ["claim"]
