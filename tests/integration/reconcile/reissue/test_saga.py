"""The saga of an outside platform with its items in the database: killed before or after every call of it."""

from dataclasses import replace

import pytest

from tests.integration.reconcile.reissue.shop import START, Shop, open_shop
from tests.integration.reconcile.reissue.test_crash import Dying, Killed
from tests.unit.reconcile.reissue.platform import Credit, FakePlatform, Fate
from tests.unit.reconcile.reissue.values import item as any_item
from tests.unit.reconcile.reissue.values import plan as any_plan
from tillbridge.kernel.db import Db
from tillbridge.reconcile.reissue import store
from tillbridge.reconcile.reissue.model import Item, State
from tillbridge.reconcile.reissue.ports import Arrival, Asked, NotThere
from tillbridge.reconcile.reissue.run import Repair
from tillbridge.reconcile.reissue.saga import Saga

CALLS = 24


class Silent:
    """A web store that has never had the credit."""

    async def ask(self, item: Item) -> list[Asked]:
        return [Asked("web", True, False, NotThere())]


async def arrived(_: Item) -> Arrival:
    return Arrival(True, "The account shows it.")


async def planned(shop: Shop, credit: str) -> Item:
    """A credit of an outside platform in a plan of its own."""
    async with shop.db.transaction() as tx:
        plan_id = await store.keep_plan(tx, any_plan())
        item = replace(any_item(credit=credit), plan_id=plan_id, began_at=None)
        assert await store.keep_item(tx, item, START)
    return await store.item(shop.db, plan_id, 1)


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
async def test_whichever_call_is_the_last_there_is_one_live_credit_at_the_end(db: Db, after: bool) -> None:
    reached = 0
    async with open_shop(db) as shop:
        kept = store.Kept(db, shop.clock)
        for dies_at in range(1, CALLS):
            platform = FakePlatform(Fate(iter(())), {f"C{dies_at}": Credit(2500)})
            item = await planned(shop, f"C{dies_at}")
            counter = [0]
            dying = Dying(platform, counter, dies_at, after)
            dying.capabilities = platform.capabilities  # type: ignore[attr-defined]
            journal = Dying(kept, counter, dies_at, after)
            try:
                await Repair(journal, Saga(dying, arrived), Silent()).mend(item, "ann")  # type: ignore[arg-type]
            except Killed:
                reached += 1
            platform.check()
            done = await Repair(kept, Saga(platform, arrived), Silent()).mend(await kept.again(item), "ann")
            assert (done.state, platform.issues) == (State.CONFIRMED, 1)
            ((name, credit),) = [(name, one) for name, one in platform.credits.items() if one.live]
            assert (name, credit.balance) == (done.new_credit, 2500)
            steps = [step.what for step in await store.steps(db, item.plan_id)]
            assert steps == ["planned", "frozen", "proved", "voided", "reissued", "handed", "confirmed"]
    assert 14 <= reached < CALLS - 1
