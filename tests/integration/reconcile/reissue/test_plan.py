"""Who decides, who approves, and for what: persons around a plan."""

import asyncio

import asyncpg
import pytest

from tests.integration.reconcile.reissue.shop import open_shop
from tillbridge.kernel.db import Db
from tillbridge.kernel.errors import BadInput, Decided, NotAllowed, NotFound
from tillbridge.kernel.money import Money
from tillbridge.reconcile.reissue import store
from tillbridge.reconcile.reissue.model import Reason, State, needs_second_person
from tillbridge.reconcile.reissue.plan import check_approved


async def test_above_the_limit_somebody_else_approves(db: Db) -> None:
    async with open_shop(db) as shop:
        plan, items = await shop.plan(shop.finding(await shop.credit()), limit=2499)
        assert needs_second_person(plan, items)
        with pytest.raises(NotAllowed, match=r"more than 24.99 USD.*item 1\. Somebody other than ann"):
            check_approved(plan, items)
        for own in ("ann", "Ann", " ann ", "ANN"):
            with pytest.raises(NotAllowed, match="Another person has to approve"):
                await shop.planner.approve(plan.plan_id, own)
        approved = await shop.planner.approve(plan.plan_id, "ben")
        check_approved(plan, approved)
        (done,) = await shop.run(plan)
        assert (done.state, done.approved_by) == (State.HANDED, "ben")
        assert "approved" in [step.what for step in await store.steps(db, plan.plan_id)]
        with pytest.raises(Decided, match="Nothing of plan"):
            await shop.planner.approve(plan.plan_id, "ben")


@pytest.mark.parametrize(
    ("rules", "limit", "above"),
    [
        ("", None, 0),
        ("", 5000, 5000),
        ('\n[approval]\nabove = "100.00"\n', None, 10_000),
        ('\n[approval]\nabove = "100.00"\n', 5000, 5000),
        ('\n[approval]\nabove = "100.00"\n', 50_000, 10_000),
    ],
)
async def test_the_lower_limit_counts(db: Db, rules: str, limit: int | None, above: int) -> None:
    async with open_shop(db, rules) as shop:
        plan, _ = await shop.plan(limit=limit)
        assert (await store.plan(db, plan.plan_id)).above == above


async def test_a_limit_in_another_currency_is_none(db: Db) -> None:
    async with open_shop(db) as shop:
        findings = (await shop.plan())[0]
        assert findings.currency == "USD"
        with pytest.raises(BadInput, match="no limit in USD"):
            shop.planner._above(Money(100, "JPY"))


async def test_what_is_decided_after_the_approval_is_approved_again(db: Db) -> None:
    async with open_shop(db) as shop:
        first, second = shop.finding(await shop.credit()), shop.finding(await shop.credit(), account_id="")
        plan, _ = await shop.plan(first, second, limit=100)
        check_approved(plan, await shop.planner.approve(plan.plan_id, "ben"))
        ruled = await shop.rule(plan, 2, "A2", "showed the receipt", by="carl")
        assert (ruled.state, ruled.account_id, ruled.decided_by) == (State.PLANNED, "A2", "carl")
        with pytest.raises(NotAllowed, match="Not approved: item 2"):
            check_approved(plan, await store.items(db, plan.plan_id))
        with pytest.raises(NotAllowed, match="Another person"):
            await shop.planner.approve(plan.plan_id, "carl")
        check_approved(plan, await shop.planner.approve(plan.plan_id, "ben"))
        done = await shop.run(plan)
        assert [(await shop.now(item.new_credit)).owner for item in done] == [shop.owners["A1"], shop.owners["A2"]]
        decided = next(step for step in await store.steps(db, plan.plan_id) if step.what == "decided")
        assert (decided.number, decided.by, "showed the receipt" in decided.seen) == (2, "carl", True)


async def test_a_decision_needs_evidence_an_account_and_a_credit_that_waits(db: Db) -> None:
    async with open_shop(db) as shop:
        lost, fine = shop.finding(await shop.credit(), account_id=""), shop.finding(await shop.credit())
        others = shop.finding(await shop.credit(owner=shop.owners["A2"]))
        plan, _ = await shop.plan(lost, fine, others)
        with pytest.raises(BadInput, match="--evidence"):
            await shop.rule(plan, 1, "A1", "  ", by="carl")
        with pytest.raises(BadInput, match="--by"):
            await shop.rule(plan, 1, "A1", "saw it", by="\n")
        with pytest.raises(BadInput, match="no accounts go by 'A9'"):
            await shop.rule(plan, 1, "A9", "saw it", by="carl")
        with pytest.raises(Decided, match="it is planned"):
            await shop.rule(plan, 2, "A1", "saw it", by="carl")
        with pytest.raises(Decided, match="belongs to another customer"):
            await shop.rule(plan, 3, "A1", "saw it", by="carl")
        with pytest.raises(NotFound, match=r"No item is known as 1\.9"):
            await shop.rule(plan, 9, "A1", "saw it", by="carl")
        left = await shop.rule(plan, 1, None, "the customer keeps the card", by="carl")
        assert (left.state, left.reason) == (State.LEFT, Reason.DECIDED)
        with pytest.raises(NotFound, match="No plan is known as 99"):
            await shop.planner.approve(99, "ben")


async def test_steps_and_plans_are_never_changed(db: Db, db_url: str) -> None:
    async with open_shop(db) as shop:
        await shop.plan(shop.finding(await shop.credit()))
    connection = await asyncpg.connect(db_url)
    try:
        for statement in (
            "UPDATE reconcile.step SET seen = ''",
            "DELETE FROM reconcile.step",
            "TRUNCATE reconcile.step",
            "UPDATE reconcile.plan SET above = 10^12",
        ):
            with pytest.raises(asyncpg.RestrictViolationError, match="append-only"):
                await connection.execute(statement)
        with pytest.raises(asyncpg.CheckViolationError, match="second_person"):
            await connection.execute("UPDATE reconcile.item SET approved_by = 'Ann'")
        with pytest.raises(asyncpg.UniqueViolationError, match="item_once"):
            await connection.execute(
                "INSERT INTO reconcile.item SELECT (jsonb_populate_record(i, '{\"number\": 2}')).*"
                " FROM reconcile.item AS i"
            )
    finally:
        await connection.close()


async def test_two_plans_at_once_take_a_credit_once(db: Db) -> None:
    async with open_shop(db) as shop:
        credit = await shop.credit()
        made = await asyncio.gather(*(shop.plan(shop.finding(credit), by=name) for name in ("ann", "ben", "carl")))
        states = sorted(item.state for _, items in made for item in items)
        assert states == [State.LEFT, State.LEFT, State.PLANNED]
