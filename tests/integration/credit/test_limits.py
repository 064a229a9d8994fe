"""Daily limits hold in the posting transaction: refused with a code, and never passed by two at once."""

import asyncio
from datetime import timedelta

import pytest
from msgspec import structs

from tests.integration.credit.counter import Counter
from tillbridge.credit.model import Adjust, Capture, Load, PlaceHold, Redeem, RedeemOver, Submitted, Transfer
from tillbridge.kernel.clock import SetClock
from tillbridge.kernel.db import Db
from tillbridge.kernel.money import Money
from tillbridge.ledger.model import Answer, Origin, Posted


def limit(per: str, verbs: str = '"redeem"', most: str = 'amount = "50.00"') -> str:
    """A limit of the map."""
    return f'[[limits]]\nper = "{per}"\nverbs = [{verbs}]\n{most}\n'


def usd(minor: int) -> Money:
    return Money(minor, "USD")


@pytest.mark.parametrize("per", ["credit", "customer", "operator", "register", "store"])
async def test_a_day_s_limit_is_used_up_to_the_cent(db: Db, per: str) -> None:
    counter = Counter(db, limit(per))
    credit = await counter.credit()
    await counter.do(Redeem(**counter.said(), credit_id=credit, amount=usd(3_000)))
    assert await counter.refused(Redeem(**counter.said(), credit_id=credit, amount=usd(2_001))) == "over-limit"
    await counter.do(Redeem(**counter.said(), credit_id=credit, amount=usd(2_000)))
    assert await counter.refused(Redeem(**counter.said(), credit_id=credit, amount=usd(1))) == "over-limit"
    # The day is the retailer's: 17:00 in UTC is noon there, so eleven hours later it is still the same.
    counter.clock.move(timedelta(hours=11))
    assert await counter.refused(Redeem(**counter.said(), credit_id=credit, amount=usd(1))) == "over-limit"
    counter.clock.move(timedelta(hours=1, seconds=1))
    await counter.do(Redeem(**counter.said(), credit_id=credit, amount=usd(5_000)))


async def test_somebody_else_has_a_limit_of_their_own(db: Db) -> None:
    counter = Counter(db, limit("operator"))
    credit = await counter.credit()
    await counter.do(Redeem(**counter.said(), credit_id=credit, amount=usd(5_000)))
    other = structs.replace(
        Redeem(**counter.said(), credit_id=credit, amount=usd(5_000)), origin=Origin("006", "3", "op08", "T-2")
    )
    await counter.do(other)


async def test_a_limit_can_count_instead_of_adding_up(db: Db) -> None:
    counter = Counter(db, limit("operator", '"issue", "load"', "count = 3"))
    credit = await counter.credit()
    await counter.do(Load(**counter.said(), credit_id=credit, amount=usd(100)))
    await counter.credit()
    assert await counter.refused(counter.issue()) == "over-limit"
    assert await counter.refused(Load(**counter.said(), credit_id=credit, amount=usd(100))) == "over-limit"
    await counter.do(Redeem(**counter.said(), credit_id=credit, amount=usd(100)))


async def test_an_adjustment_counts_against_its_operator(db: Db) -> None:
    counter = Counter(db, limit("operator", '"adjust"'))
    credit = await counter.credit()
    await counter.do(Adjust(**counter.said(), credit_id=credit, amount=usd(5_000), down=False, reason="goodwill"))
    more = Adjust(**counter.said(), credit_id=credit, amount=usd(1), down=False, reason="goodwill")
    assert await counter.refused(more) == "over-limit"


async def test_what_is_refused_uses_nothing_up_and_a_replay_nothing_more(db: Db) -> None:
    counter = Counter(db, limit("operator"))
    credit = await counter.credit(4_000)
    assert (
        await counter.refused(Redeem(**counter.said(), credit_id=credit, amount=usd(4_500))) == "not-enough-available"
    )
    command = Redeem(**counter.said(), credit_id=credit, amount=usd(2_500))
    await counter.do(command)
    for _ in range(3):
        assert (await counter.desk.post(command)).replay
    await counter.do(Redeem(**counter.said(), credit_id=credit, amount=usd(1_500)))
    richer = await counter.credit(10_000)
    assert await counter.refused(Redeem(**counter.said(), credit_id=richer, amount=usd(1_001))) == "over-limit"
    await counter.do(Redeem(**counter.said(), credit_id=richer, amount=usd(1_000)))


async def test_two_hubs_cannot_pass_a_limit_together(db: Db) -> None:
    clock = SetClock(Counter(db).clock.now())
    hubs = [Counter(db, limit("store"), clock, seed) for seed in (1, 2)]
    credits = [await hub.credit(10_000) for hub in hubs for _ in range(10)]
    # The first use of the day on both sides: there is no counter to be locked yet.
    commands: list[tuple[Counter, Submitted]] = []
    for place, credit in enumerate(credits):
        hub = hubs[place % 2]
        commands.append((hub, Redeem(**hub.said(), credit_id=credit, amount=usd(700))))
    answers: list[Answer] = await asyncio.gather(*(hub.desk.post(command) for hub, command in commands))
    through = sum(isinstance(answer.result, Posted) for answer in answers)
    assert through == 7, "seven times 7.00 fit into 50.00"


async def test_the_authority_s_ceiling_holds_for_what_a_credit_would_hold(db: Db) -> None:
    counter = Counter(db)
    assert await counter.refused(counter.issue(50_001)) == "over-limit"
    credit = await counter.credit(50_000)
    assert await counter.refused(Load(**counter.said(), credit_id=credit, amount=usd(1))) == "over-limit"
    await counter.do(Redeem(**counter.said(), credit_id=credit, amount=usd(1)))
    await counter.do(Load(**counter.said(), credit_id=credit, amount=usd(1)))


async def test_a_capture_counts_as_spending(db: Db) -> None:
    counter = Counter(db, limit("credit"))
    credit = await counter.credit()
    ends = counter.clock.now() + timedelta(minutes=5)
    hold = await counter.do(PlaceHold(**counter.said(), credit_id=credit, amount=usd(6_000), ends=ends))
    assert hold.hold_id is not None
    whole = Capture(**counter.said(), hold_id=hold.hold_id, credit_id=credit)
    assert await counter.refused(whole) == "over-limit"
    part = Capture(**counter.said(), hold_id=hold.hold_id, credit_id=credit, amount=usd(5_000))
    await counter.do(part)


@pytest.mark.parametrize("per", ["credit", "customer"])
async def test_spending_over_several_credits_counts_for_each(db: Db, per: str) -> None:
    counter = Counter(db, limit(per))
    one, two = await counter.credit(4_000), await counter.credit(9_000)

    def over(minor: int) -> RedeemOver:
        return RedeemOver(**counter.said(), customer=counter.owner, credits=(one, two), amount=usd(minor))

    most = 9_000 if per == "credit" else 5_000
    assert await counter.refused(over(most + 1)) == "over-limit"
    await counter.do(over(most))
    assert await counter.refused(over(1)) == "over-limit"


async def test_a_command_over_several_credits_counts_once(db: Db) -> None:
    counter = Counter(db, limit("customer", most="count = 2"))
    one, two = await counter.credit(100), await counter.credit(9_000)
    for _ in range(2):
        await counter.do(RedeemOver(**counter.said(), customer=counter.owner, credits=(one, two), amount=usd(200)))
    third = RedeemOver(**counter.said(), customer=counter.owner, credits=(one, two), amount=usd(200))
    assert await counter.refused(third) == "over-limit"


async def test_a_transfer_of_all_keeps_under_the_ceiling(db: Db) -> None:
    counter = Counter(db)
    one, two = await counter.credit(40_000), await counter.credit(40_000)
    assert await counter.refused(Transfer(**counter.said(), credit_id=one, to=two)) == "over-limit"
    await counter.do(Transfer(**counter.said(), credit_id=one, to=two, amount=usd(10_000)))
