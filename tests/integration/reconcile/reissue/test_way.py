"""What the map refuses is not reissued: not planned, not decided, and not run when the map has changed since."""

import csv
import re
from pathlib import Path

import pytest

from tests.acceptance.conftest import QUIET_MAP
from tests.integration.reconcile.reissue.shop import Shop, open_shop
from tillbridge.credit.model import Freeze, Issue
from tillbridge.kernel.db import Db
from tillbridge.kernel.errors import Decided
from tillbridge.kernel.money import parse as money
from tillbridge.ledger.model import Origin
from tillbridge.ledger.model import State as Ledger
from tillbridge.reconcile.reissue import store
from tillbridge.reconcile.reissue.model import Item, Move, Reason, State
from tillbridge.reconcile.reissue.plan import Planner, Ruling
from tillbridge.stack.load import parse

SAMPLE = Path(__file__).parents[3] / "data" / "sample"
WEB = 'currencies = ["USD", "JPY"]'
NO_REFUNDS = 'buckets = ["paid"]'
MEND = "Mend the map, or what the system takes, then plan again."


def with_map(shop: Shop, text: str) -> Shop:
    """The same shop, whose map says something else from now on."""
    shop.stack = parse(text, "stack.toml", {})
    shop.planner = Planner(shop.db, shop.stack, shop.codes, shop.clock)
    return shop


async def shop_run(shop: Shop, plan_id: int) -> list[Item]:
    """Carry a plan out by the map as it is now; the items as they are then."""
    await shop.repair.run(await store.items(shop.db, plan_id), "ann")
    return await store.items(shop.db, plan_id)


def said_of(item: Item) -> tuple[State, str]:
    return item.state, item.reason


@pytest.mark.parametrize(
    ("web", "sentence"),
    [
        (NO_REFUNDS, "web does not accept the bucket refund, only paid."),
        ('currencies = ["CAD"]', "web does not accept the currency USD, only CAD."),
        ('amount = { max = "20.00" }', "web does not accept 25.00 USD: it is above its maximum of 20.00."),
    ],
)
async def test_what_the_map_refuses_is_left_with_what_it_refuses(db: Db, web: str, sentence: str) -> None:
    async with open_shop(db) as shop:
        with_map(shop, QUIET_MAP.replace(WEB, web))
        credit = await shop.credit()
        _, (item,) = await shop.plan(shop.finding(credit, cause="mapping-rejected"))
        assert said_of(item) == (State.LEFT, Reason.OTHER_MEND)
        assert item.sentence == f"Another mend comes first. {sentence} {MEND}"
        with_map(shop, QUIET_MAP)
        _, (item,) = await shop.plan(shop.finding(credit, cause="mapping-rejected"))
        assert item.state is State.PLANNED, "once the map is mended it can be planned"


async def test_a_hop_on_the_way_to_the_web_store_refuses_it_as_well(db: Db) -> None:
    erp = '[systems.erp]\nrole = "erp"\n'
    chain = QUIET_MAP.replace('from = "platform"\nto = "web"', 'from = "erp"\nto = "web"')
    async with open_shop(db) as shop:
        with_map(shop, chain.replace(erp, erp + NO_REFUNDS + "\n"))
        credit = await shop.credit()
        _, (item,) = await shop.plan(shop.finding(credit, account_id=""))
        assert said_of(item) == (State.LEFT, Reason.OTHER_MEND)
        assert "erp does not accept the bucket refund" in item.sentence
        with_map(shop, QUIET_MAP.replace(erp, erp + NO_REFUNDS + "\n"))
        _, (item,) = await shop.plan(shop.finding(credit))
        assert item.state is State.PLANNED, "the books are not on the way to this web store"


async def test_no_decision_brings_through_what_the_map_refuses(db: Db) -> None:
    async with open_shop(db) as shop:
        credit = await shop.credit()
        plan, (item,) = await shop.plan(shop.finding(credit, account_id=""))
        assert item.state is State.PERSON
        with_map(shop, QUIET_MAP.replace(WEB, NO_REFUNDS))
        with pytest.raises(Decided, match=r"web does not accept the bucket refund.*then plan again"):
            await shop.rule(plan, 1, "A1", "saw it", by="carl")
        assert (await store.item(db, plan.plan_id, 1)).state is State.PERSON


async def test_a_map_that_has_changed_since_the_plan_stops_the_run_before_the_freeze(db: Db) -> None:
    async with open_shop(db) as shop:
        credit = await shop.credit()
        plan, _ = await shop.plan(shop.finding(credit))
        (done,) = await shop_run(with_map(shop, QUIET_MAP.replace(WEB, NO_REFUNDS)), plan.plan_id)
        assert said_of(done) == (State.LEFT, Reason.OTHER_MEND)
        now = await shop.now(credit)
        assert (now.state, now.balance, now.version) == (Ledger.UNCLAIMED, 2500, 1), "nothing was done to it"


async def test_a_map_that_changed_after_the_freeze_lets_it_go_again(db: Db) -> None:
    async with open_shop(db) as shop:
        frozen, posted = await shop.credit(), await shop.credit()
        plan, _ = await shop.plan(shop.finding(frozen), shop.finding(posted))
        kept = store.Kept(db, shop.clock)
        first, second = [await kept.begin(item) for item in await store.items(db, plan.plan_id)]
        # One run died right after it had written the freeze down, another before it could.
        came = await shop.book.freeze(first, "ann")
        await kept.move(first, Move(State.FROZEN, "Frozen.", frozen_version=2), "ann")
        assert came == await shop.book.freeze(first, "ann")
        await shop.book.freeze(second, "ann")
        done = await shop_run(with_map(shop, QUIET_MAP.replace(WEB, NO_REFUNDS)), plan.plan_id)
        assert {said_of(item) for item in done} == {(State.LEFT, Reason.OTHER_MEND)}
        for credit in (frozen, posted):
            now = await shop.now(credit)
            assert (now.state, now.balance) == (Ledger.UNCLAIMED, 2500), "our freeze is taken back, nothing is void"


async def test_what_somebody_else_froze_stays_frozen(db: Db) -> None:
    async with open_shop(db) as shop:
        credit = await shop.credit()
        plan, _ = await shop.plan(shop.finding(credit))
        await shop.do(Freeze(**{**shop.said(), "origin": Origin()}, credit_id=credit, reason="Fraud desk."))
        (done,) = await shop_run(with_map(shop, QUIET_MAP.replace(WEB, NO_REFUNDS)), plan.plan_id)
        assert said_of(done) == (State.LEFT, Reason.FROZEN)
        assert (await shop.now(credit)).state is Ledger.FROZEN


async def test_of_the_sample_nothing_is_planned_that_its_web_store_does_not_take(db: Db) -> None:
    with (SAMPLE / "truth.csv").open(newline="", encoding="utf-8") as rows:
        refused = {row["transaction_id"] for row in csv.DictReader(rows) if row["cause"] == "mapping-rejected"}
    with (SAMPLE / "pos.csv").open(newline="", encoding="utf-8") as rows:
        sold = [row for row in csv.DictReader(rows) if row["transaction_id"] in refused]
    async with open_shop(db) as shop:
        with_map(shop, (SAMPLE / "stack.toml").read_text("utf-8"))
        findings = []
        for row in sold:
            issued = Issue(
                **shop.said(), kind=row["kind"], bucket=row["bucket"], amount=money(row["amount"], row["currency"]),
                owner=None, code=row["code"], expires_at=None, request={},
            )  # fmt: skip
            credit = (await shop.do(issued)).credit_id
            findings.append(shop.finding(credit, row["amount"], currency=row["currency"], cause="mapping-rejected"))
        _, items = await shop.plan(*findings)
        assert (len(items), {said_of(item) for item in items}) == (72, {(State.LEFT, Reason.OTHER_MEND)})
        assert {re.sub(r"[0-9.]+ USD", "N", item.sentence.split(". ")[1]) for item in items} == {
            "The map has no rate from CAD to USD on 2026-11-21",
            "web does not accept the bucket promo, only paid, refund, goodwill",
            "web does not accept N: it is above its maximum of 500.00",
        }


async def test_a_planned_item_can_be_left_until_it_is_begun(db: Db) -> None:
    async with open_shop(db) as shop:
        kept_by_hand, begun = await shop.credit(), await shop.credit()
        plan, items = await shop.plan(shop.finding(kept_by_hand), shop.finding(begun), limit=100)
        await shop.planner.approve(plan.plan_id, "ben")
        left = await shop.rule(plan, 1, None, "the customer keeps the card", by="carl")
        assert (*said_of(left), left.approved) == (State.LEFT, Reason.DECIDED, False)
        await store.Kept(db, shop.clock).begin(items[1])
        with pytest.raises(Decided, match="it is begun"):
            await shop.rule(plan, 2, None, "too late", by="carl")
        done = await shop.run(plan)
        assert [item.state for item in done] == [State.LEFT, State.HANDED]
        assert (await shop.now(kept_by_hand)).state is Ledger.UNCLAIMED


async def test_what_is_begun_while_somebody_decides_is_not_left(db: Db) -> None:
    async with open_shop(db) as shop:
        plan, (item,) = await shop.plan(shop.finding(await shop.credit()))
        await store.Kept(db, shop.clock).begin(item)
        ruled = await shop.planner._ruled(item, "carl", Ruling("carl", "too late", None))
        assert not await store.decide(db, ruled, shop.clock.now())
        assert (await store.item(db, plan.plan_id, 1)).state is State.PLANNED
