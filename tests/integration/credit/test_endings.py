"""What ends by itself, and what the law has to say about endings."""

from datetime import UTC, datetime, timedelta

import pytest
from msgspec import structs

from tests.integration.credit.counter import START, Counter
from tillbridge.credit.model import Capture, CashOut, Expire, Freeze, Load, PlaceHold, Redeem, Release, Unfreeze
from tillbridge.credit.sweep import EXPIRE_EVERY, Sweeper
from tillbridge.kernel.db import Db
from tillbridge.kernel.money import Money
from tillbridge.ledger import store
from tillbridge.ledger.model import Origin, State, Verb

MINUTE = timedelta(minutes=1)


def usd(minor: int) -> Money:
    return Money(minor, "USD")


async def test_a_hold_lapses_once_whoever_comes_first(db: Db) -> None:
    counter = Counter(db)
    sweeper = Sweeper(db, counter.desk, counter.clock)
    one, two = await counter.credit(), await counter.credit()
    for credit in (one, two):
        ends = counter.clock.now() + MINUTE
        await counter.do(PlaceHold(**counter.said(), credit_id=credit, amount=usd(9_000), ends=ends))
    assert await counter.refused(Redeem(**counter.said(), credit_id=one, amount=usd(1_001))) == "not-enough-available"
    counter.clock.move(MINUTE)
    # A sale comes upon the first, the hub upon the second; a second hub upon nothing.
    await counter.do(Redeem(**counter.said(), credit_id=one, amount=usd(10_000)))
    assert (await sweeper.sweep()).lapsed == 1
    assert (await Sweeper(db, counter.desk, counter.clock).sweep()).lapsed == 0
    for credit in (one, two):
        lines = await store.statement(db, credit)
        assert [line.verb for line in lines if line.verb is Verb.LAPSE] == [Verb.LAPSE]
        assert not await store.holds_of_credit(db, credit)
    now = await store.credit_now(db, two)
    assert now is not None
    assert (now.held, now.available(counter.clock.now())) == (0, 10_000)


async def test_a_capture_on_the_last_moment_is_too_late(db: Db) -> None:
    counter = Counter(db)
    credit = await counter.credit()
    hold = await counter.do(PlaceHold(**counter.said(), credit_id=credit, amount=usd(500), ends=START + MINUTE))
    assert hold.hold_id is not None
    counter.clock.move(MINUTE)
    late = Capture(**counter.said(), hold_id=hold.hold_id, credit_id=credit)
    assert await counter.refused(late) == "hold-over"


async def test_a_credit_ends_when_its_last_moment_has_passed_and_nothing_holds_it(db: Db) -> None:
    counter = Counter(db)
    sweeper = Sweeper(db, counter.desk, counter.clock)
    day = timedelta(days=1)
    plain = await counter.credit(bucket="promo", expires_at=START + day)
    held = await counter.credit(bucket="promo", expires_at=START + day)
    frozen = await counter.credit(bucket="promo", expires_at=START + day)
    for_ever = await counter.credit(bucket="promo")
    ends = START + day + MINUTE
    await counter.do(PlaceHold(**counter.said(), credit_id=held, amount=usd(100), ends=ends))
    await counter.do(Freeze(**counter.said(), credit_id=frozen, reason="asked by the customer"))
    assert (await sweeper.sweep()).expired == 0
    counter.clock.move(day)
    assert await counter.refused(Redeem(**counter.said(), credit_id=plain, amount=usd(1))) == "credit-expired"
    assert (await sweeper.sweep()).expired == 1
    counter.clock.move(EXPIRE_EVERY)
    await counter.do(Unfreeze(**counter.said(), credit_id=frozen, reason="all is well"))
    swept = await sweeper.sweep()
    assert (swept.lapsed, swept.expired) == (1, 2)
    states = {}
    for credit in (plain, held, frozen, for_ever):
        now = await store.credit_now(db, credit)
        assert now is not None
        states[credit] = (now.state, now.balance)
    assert [states[credit] for credit in (plain, held, frozen)] == [(State.EXPIRED, 0)] * 3
    assert states[for_ever] == (State.ACTIVE, 10_000)


async def test_the_law_lets_a_bought_card_live_on(db: Db) -> None:
    counter = Counter(db)
    # California: what was bought does not expire, whatever it says on the card.
    sold = await counter.do(counter.issue(expires_at=START + timedelta(days=30)))
    assert sold.expires_at is None
    counter.clock.move(timedelta(days=3_000))
    assert (await Sweeper(db, counter.desk, counter.clock).sweep()).expired == 0
    assert await counter.refused(Expire(**counter.said(), credit_id=sold.credit_id)) == "not-expired-yet"
    await counter.do(Redeem(**counter.said(), credit_id=sold.credit_id, amount=usd(10_000)))


NEW_YORK = Origin("001", "1", "op01", "T-9")
"""A store that the map gives no place of its own: it is where the retailer is."""


async def test_what_is_loaded_lives_as_long_as_the_law_says_from_that_day(db: Db) -> None:
    counter = Counter(db)
    sweeper = Sweeper(db, counter.desk, counter.clock)
    sold = await counter.do(
        structs.replace(counter.issue(1_000, expires_at=START + timedelta(days=30)), origin=NEW_YORK)
    )
    nine_years = datetime(2035, 11, 23, 5, tzinfo=UTC)
    assert sold.expires_at == nine_years
    counter.clock.move(timedelta(days=3_000))
    loaded = await counter.do(Load(**counter.said(), credit_id=sold.credit_id, amount=usd(40_000)))
    assert loaded.expires_at is not None
    assert loaded.expires_at > nine_years + timedelta(days=2_900)
    counter.clock.move(nine_years - counter.clock.now() + timedelta(days=1))
    assert (await sweeper.sweep()).expired == 0
    counter.clock.move(loaded.expires_at - counter.clock.now() + EXPIRE_EVERY)
    assert (await sweeper.sweep()).expired == 1


async def test_a_hold_that_is_open_is_captured_past_the_last_moment_of_its_credit(db: Db) -> None:
    counter = Counter(db)
    credit = await counter.credit(bucket="promo", expires_at=START + MINUTE)
    hold = await counter.do(PlaceHold(**counter.said(), credit_id=credit, amount=usd(500), ends=START + 3 * MINUTE))
    assert hold.hold_id is not None
    counter.clock.move(2 * MINUTE)
    assert await counter.refused(Redeem(**counter.said(), credit_id=credit, amount=usd(1))) == "credit-expired"
    await counter.do(Capture(**counter.said(), hold_id=hold.hold_id, credit_id=credit))


async def test_cash_counts_what_was_loaded_and_only_what_was_spent(db: Db) -> None:
    counter = Counter(db)
    credit = await counter.credit(1_000)
    await counter.do(Load(**counter.said(), credit_id=credit, amount=usd(9_000)))
    # Massachusetts: nine tenths of all that was put on it are spent.
    await counter.do(Redeem(**counter.said(), credit_id=credit, amount=usd(9_100)))
    await counter.do(CashOut(**counter.said(), credit_id=credit, place="US-MA"))
    fresh = await counter.credit(250)
    hold = await counter.do(PlaceHold(**counter.said(), credit_id=fresh, amount=usd(100), ends=START + MINUTE))
    assert hold.hold_id is not None
    await counter.do(Release(**counter.said(), hold_id=hold.hold_id, credit_id=fresh))
    # Connecticut: only after a use, and a hold that was let go is none.
    assert await counter.refused(CashOut(**counter.said(), credit_id=fresh, place="US-CT")) == "cash-out-not-due"
    await counter.do(Redeem(**counter.said(), credit_id=fresh, amount=usd(1)))
    await counter.do(CashOut(**counter.said(), credit_id=fresh, place="US-CT"))


async def test_a_load_puts_the_last_moment_off_and_never_forward(db: Db) -> None:
    counter = Counter(db)
    first, later = START + timedelta(days=10), START + timedelta(days=20)
    credit = await counter.credit(bucket="promo", expires_at=first)
    sooner = START + timedelta(days=5)
    loaded = await counter.do(Load(**counter.said(), credit_id=credit, amount=usd(1), expires_at=sooner))
    assert loaded.expires_at == first
    loaded = await counter.do(Load(**counter.said(), credit_id=credit, amount=usd(1), expires_at=later))
    assert loaded.expires_at == later
    counter.clock.move(timedelta(days=11))
    assert (await Sweeper(db, counter.desk, counter.clock).sweep()).expired == 0


@pytest.mark.parametrize(
    ("place", "minor", "code"),
    [
        ("US-CA", 1_499, None),
        ("US-CA", 1_500, "cash-out-not-due"),
        ("US-OR", 499, None),
        ("US-OR", 500, "cash-out-not-due"),
        ("US-DE", 1, "cash-out-not-due"),
        ("", 1_499, None),
    ],
)
async def test_cash_is_paid_out_as_the_law_of_the_place_says(db: Db, place: str, minor: int, code: str | None) -> None:
    counter = Counter(db)
    credit = await counter.credit(minor)
    command = CashOut(**counter.said(), credit_id=credit, place=place)
    if code:
        assert await counter.refused(command) == code
        return
    paid = await counter.do(command)
    assert (paid.amount, paid.balance, paid.state) == (minor, 0, State.ACTIVE)


async def test_totals_are_the_same_before_and_after_folding(db: Db) -> None:
    counter = Counter(db)
    for number in range(5):
        credit = await counter.credit(1_000 + number)
        await counter.do(Redeem(**counter.said(), credit_id=credit, amount=usd(100)))
    before = await store.totals(db, in_full=True)
    assert (await Sweeper(db, counter.desk, counter.clock).sweep()).folded > 0
    assert await store.totals(db, in_full=True) == before
    assert await store.fold(db) == 0
    owed = sum(total.amount for total in before if total.account.startswith("owed:"))
    assert owed == sum(900 + number for number in range(5))
    assert sum(total.amount for total in before) == 0
