"""Plan and run on a real ledger: who gets what, what is left alone and why, and nothing twice."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from itertools import pairwise

import pytest

from tests.integration.ledger.wholeness import check_whole
from tests.integration.reconcile.reissue.shop import Shop, open_shop
from tillbridge.checkpoint import store as reviews
from tillbridge.checkpoint.store import Review
from tillbridge.cli.reissue import _until_confirmed
from tillbridge.credit.model import Freeze, Unfreeze, Void
from tillbridge.handoff import store as handoffs
from tillbridge.identity.store import mark_gone
from tillbridge.kernel.db import Db
from tillbridge.ledger.model import State as Ledger
from tillbridge.reconcile.reissue import store
from tillbridge.reconcile.reissue.model import NEXT, Reason, State
from tillbridge.reconcile.reissue.ports import CannotTell, Shown, Sight


@pytest.fixture
async def shop(db: Db) -> AsyncIterator[Shop]:
    async with open_shop(db) as opened:
        yield opened


async def test_an_orphan_is_voided_and_reissued_to_the_account_that_was_proved(shop: Shop) -> None:
    old = await shop.credit()
    plan, (item,) = await shop.plan(shop.finding(old))
    assert (item.state, item.account_id, item.amount) == (State.PLANNED, "A1", 2500)
    (done,) = await shop.run(plan)
    assert done.state is State.HANDED
    before, after = await shop.now(old), await shop.now(done.new_credit)
    assert (before.state, before.balance) == (Ledger.VOID, 0)
    assert (after.state, after.balance, after.owner) == (Ledger.ACTIVE, 2500, shop.owners["A1"])
    assert (after.replaces, after.expires_at, after.cohort_date) == (old, before.expires_at, before.cohort_date)
    assert after.origin.transaction_id == before.origin.transaction_id
    assert after.code_last4 == done.new_last4
    assert {one.hop for one in await handoffs.of_credit(shop.db, after.credit_id)} == {"platform-web", "platform-erp"}
    steps = [step.what for step in await store.steps(shop.db, plan.plan_id)]
    assert steps == ["planned", "frozen", "proved", "voided", "reissued", "handed"]
    await check_whole(shop.db)


async def test_confirmed_is_what_the_web_store_confirmed(shop: Shop) -> None:
    plan, _ = await shop.plan(shop.finding(await shop.credit()))
    (done,) = await shop.run(plan)
    late = (await shop.repair.settle(done, "ann"))[1]
    assert (late.there, late.late) == (False, False)
    shop.clock.move(timedelta(hours=1))
    assert (await shop.repair.settle(done, "ann"))[1].late
    await shop.confirm("platform-web")
    (settled,) = await shop.run(plan)
    assert settled.state is State.CONFIRMED


async def test_what_is_no_matter_of_void_and_reissue_is_left_with_the_right_advice(shop: Shop) -> None:
    spent, void, held, frozen, twice = [await shop.credit() for _ in range(5)]
    await shop.claim(spent, shop.owners["A1"])
    await shop.spend(spent, 2500)
    await shop.do(Void(**shop.said(), credit_id=void, reason="rung up twice"))
    await shop.claim(held, shop.owners["A1"])
    await shop.hold(held, 100)
    await shop.do(Freeze(**shop.said(), credit_id=frozen, reason="reported lost"))
    _, items = await shop.plan(
        shop.finding(spent), shop.finding(void), shop.finding(held), shop.finding(frozen),
        shop.finding(twice), shop.finding(twice), shop.finding("6281670170002304"),
        shop.finding(await shop.credit(), kind="duplicate-issue", cause=None, action="Void the second."),
        shop.finding(await shop.credit(), cause="polling-lag", action="Wait."),
        shop.finding(await shop.credit(), "", kind="unbacked", currency=""),
    )  # fmt: skip
    assert [item.reason for item in items] == [
        Reason.SPENT, Reason.VOID, Reason.HELD, Reason.FROZEN, "", Reason.IN_A_PLAN, Reason.UNKNOWN_CREDIT,
        Reason.OTHER_MEND, Reason.ON_ITS_WAY, Reason.OTHER_MEND,
    ]  # fmt: skip
    assert all(item.state is State.LEFT for item in items if item.reason)
    assert "Void the second." in items[7].sentence
    _, (again,) = await shop.plan(shop.finding(twice))
    assert (again.state, again.reason) == (State.LEFT, Reason.IN_A_PLAN)


async def test_what_a_person_has_to_decide_waits_with_its_candidates(shop: Shop) -> None:
    used = await shop.credit(owner=shop.owners["A1"])
    await shop.spend(used, 500)
    near = [{"account_id": "A2", "score": 91, "reasons": ["one letter of the e-mail differs"]}]
    _, items = await shop.plan(
        shop.finding(await shop.credit(), account_id="", candidates=near),
        shop.finding(await shop.credit(), account_id="A9"),
        shop.finding(await shop.credit(owner=shop.owners["A2"])),
        shop.finding(await shop.credit(bearer=True)),
        shop.finding(used, "20.00"),
        shop.finding(await shop.credit(), "26.00"),
        shop.finding(await shop.credit(owner=shop.owners["A1"])),
    )  # fmt: skip
    assert [item.reason for item in items] == [
        Reason.NO_ACCOUNT, Reason.UNKNOWN_ACCOUNT, Reason.OTHER_OWNER, Reason.BEARER, Reason.PARTLY_SPENT,
        Reason.OTHER_AMOUNT, "",
    ]  # fmt: skip
    assert [item.state for item in items] == [State.PERSON] * 6 + [State.PLANNED]
    assert items[0].candidates == near


async def test_a_credit_is_found_by_its_code_and_by_its_receipt(shop: Shop) -> None:
    by_code = await shop.credit(priority=90)
    code = shop.codes.make((await shop.now(by_code)).issue_key)
    by_receipt = await shop.credit()
    receipt = (await shop.now(by_receipt)).origin.transaction_id
    _, items = await shop.plan(shop.finding(code), shop.finding("", transaction_id=receipt))
    assert [item.credit for item in items] == [str(by_code), str(by_receipt)]


async def test_what_was_spent_between_plan_and_run_is_left_alone(shop: Shop) -> None:
    old = await shop.credit(owner=shop.owners["A1"])
    plan, _ = await shop.plan(shop.finding(old))
    await shop.spend(old, 1)
    (left,) = await shop.run(plan)
    assert (left.state, left.reason) == (State.LEFT, Reason.SPENT)
    assert "24.99 USD" in left.sentence
    now = await shop.now(old)
    assert (now.state, now.balance) == (Ledger.ACTIVE, 2499), "our freeze is taken back"
    assert [step.what for step in await store.steps(shop.db, plan.plan_id)] == [
        "planned", "frozen", "releasing", "left"
    ]  # fmt: skip


async def test_what_a_sale_holds_is_left_alone_and_can_be_captured(shop: Shop) -> None:
    old = await shop.credit(owner=shop.owners["A1"])
    plan, _ = await shop.plan(shop.finding(old))
    await shop.hold(old, 1000)
    (left,) = await shop.run(plan)
    assert (left.state, left.reason) == (State.LEFT, Reason.HELD)
    assert (await shop.now(old)).state is Ledger.ACTIVE


async def test_a_claim_that_came_first_keeps_its_credit(shop: Shop) -> None:
    old = await shop.credit()
    plan, _ = await shop.plan(shop.finding(old))
    await shop.claim(old, shop.owners["A2"])
    (waits,) = await shop.run(plan)
    assert (waits.state, waits.reason) == (State.PERSON, Reason.OTHER_OWNER)
    now = await shop.now(old)
    assert (now.state, now.owner) == (Ledger.ACTIVE, shop.owners["A2"])


async def test_nothing_is_reissued_that_something_happened_to_while_it_was_looked_at(shop: Shop) -> None:
    old = await shop.credit(owner=shop.owners["A1"])
    plan, _ = await shop.plan(shop.finding(old))

    async def let_go_and_spent(_: str) -> None:
        await shop.do(Unfreeze(**shop.said(), credit_id=old, reason="the customer is at the till"))
        await shop.spend(old, 2500)

    shop.web.first = let_go_and_spent
    (left,) = await shop.run(plan)
    assert (left.state, left.reason) == (State.LEFT, Reason.SPENT)
    assert not await shop.live_heirs(old)
    await check_whole(shop.db)


async def test_what_was_let_go_and_claimed_while_the_web_store_was_asked_is_not_taken_from_who_claimed_it(
    shop: Shop,
) -> None:
    """It holds what it held: only that something happened tells."""
    old = await shop.credit()
    plan, _ = await shop.plan(shop.finding(old))

    async def let_go_and_claimed(_: str) -> None:
        await shop.do(Unfreeze(**shop.said(), credit_id=old, reason="the customer is at the desk"))
        await shop.claim(old, shop.owners["A2"])

    shop.web.first = let_go_and_claimed
    (left,) = await shop.run(plan)
    assert (left.state, left.reason) == (State.LEFT, Reason.CHANGED)
    now = await shop.now(old)
    assert (now.state, now.owner, now.balance) == (Ledger.ACTIVE, shop.owners["A2"], 2500)
    await check_whole(shop.db)


async def test_what_the_web_store_says_decides(shop: Shop) -> None:
    said: dict[Sight, tuple[State, str]] = {
        Shown("A1", False, "the account A1 shows 25.00 USD."): (State.LEFT, Reason.ARRIVED),
        Shown("A2", False, "the account A2 shows 25.00 USD."): (State.PERSON, Reason.ELSEWHERE),
        Shown("A1", True, "5.00 USD of it spent there."): (State.LEFT, Reason.SPENT),
        CannotTell("It answered 405 when asked."): (State.HANDED, ""),
    }
    credits = [await shop.credit() for _ in said]
    shop.web.says = {str(credit): sight for credit, sight in zip(credits, said, strict=True)}
    plan, _ = await shop.plan(*map(shop.finding, credits))
    items = await shop.run(plan)
    assert [(item.state, item.reason) for item in items] == list(said.values())
    for item in items:
        assert (await shop.now(item.credit)).state is not Ledger.FROZEN


async def test_a_channel_that_may_have_it_and_cannot_tell_is_a_matter_for_a_person_who_looks(shop: Shop) -> None:
    old = await shop.credit(owner=shop.owners["A1"])
    await shop.confirm("platform-web")
    shop.ways.clear()
    plan, _ = await shop.plan(shop.finding(old))
    (waits,) = await shop.run(plan)
    assert (waits.state, waits.reason) == (State.PERSON, Reason.SILENT)
    assert (await shop.now(old)).state is Ledger.ACTIVE
    ruled = await shop.rule(plan, 1, "A1", "looked in the shop's admin: no such credit in A1", by="carl")
    assert ruled.state is State.PLANNED
    (done,) = await shop.run(plan)
    assert done.state is State.HANDED
    proved = next(step for step in await store.steps(shop.db, plan.plan_id) if step.what == "proved")
    assert "carl looked there" in proved.seen


async def test_two_runs_at_once_reissue_once(shop: Shop) -> None:
    credits = [await shop.credit(100 + number) for number in range(20)]
    findings = [shop.finding(credit, f"1.{number:02}") for number, credit in enumerate(credits)]
    plan, items = await shop.plan(*findings)
    assert all(item.state is State.PLANNED for item in items)
    await asyncio.gather(shop.run(plan), shop.run(plan, "ben"), shop.run(plan, "carl"))
    for number, credit in enumerate(credits):
        (live,) = await shop.live_heirs(credit)
        assert (live.balance, live.owner) == (100 + number, shop.owners["A1"])
    assert {item.state for item in await store.items(shop.db, plan.plan_id)} == {State.HANDED}
    await check_whole(shop.db)


async def test_steps_go_as_the_table_says(shop: Shop) -> None:
    old = await shop.credit(owner=shop.owners["A1"])
    plan, _ = await shop.plan(shop.finding(old), shop.finding(await shop.credit()))
    await shop.hold(old, 5)
    await shop.run(plan)
    by_item: dict[int, list[State]] = {}
    for step in await store.steps(shop.db, plan.plan_id):
        by_item.setdefault(step.number, []).append(State(step.what))
    assert len(by_item) == 2
    for states in by_item.values():
        assert all(after in NEXT[before] for before, after in pairwise(states))


async def test_a_run_again_changes_nothing(shop: Shop) -> None:
    old = await shop.credit()
    plan, _ = await shop.plan(shop.finding(old))
    first = await shop.run(plan)
    assert await shop.run(plan) == first
    assert len(await shop.live_heirs(old)) == 1


async def test_the_account_must_still_be_the_customers_when_the_money_moves(shop: Shop) -> None:
    old = await shop.credit()
    plan, _ = await shop.plan(shop.finding(old))
    await mark_gone(shop.db, "web", ["A1"], shop.clock.now())
    (waits,) = await shop.run(plan)
    assert (waits.state, waits.reason) == (State.PERSON, Reason.UNKNOWN_ACCOUNT)
    (live,) = await shop.live_heirs(old)
    assert (live.credit_id, live.state) == (old, Ledger.UNCLAIMED)


async def test_the_review_that_the_old_credit_waited_in_is_done(shop: Shop) -> None:
    old = await shop.credit()
    review = Review(shop.ids.new(), old, "no-customer", "Nobody was named.", {}, (), "open", shop.clock.now(), None, "")
    async with shop.db.transaction() as tx:
        await reviews.open_review(tx, review)
    plan, _ = await shop.plan(shop.finding(old))
    await shop.run(plan, "ann")
    kept = await reviews.review_of_credit(shop.db, old)
    assert kept is not None
    assert (kept.state, kept.done_by) == ("done", "ann")


async def test_a_run_waits_for_the_web_store(shop: Shop) -> None:
    plan, _ = await shop.plan(shop.finding(await shop.credit()))
    items = await shop.run(plan)
    waiting = asyncio.create_task(_until_confirmed(shop.repair, items, "ann", 30))
    await asyncio.sleep(0.1)
    assert not waiting.done()
    await shop.confirm("platform-web")
    await asyncio.wait_for(waiting, 10)
    (settled,) = await store.items(shop.db, plan.plan_id)
    assert settled.state is State.CONFIRMED


async def test_a_run_waits_no_longer_than_it_was_told(shop: Shop) -> None:
    plan, _ = await shop.plan(shop.finding(await shop.credit()))
    await asyncio.wait_for(_until_confirmed(shop.repair, await shop.run(plan), "ann", 1), 8)
    (open_,) = await store.items(shop.db, plan.plan_id)
    assert open_.state is State.HANDED
