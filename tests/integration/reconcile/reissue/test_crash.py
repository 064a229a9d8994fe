"""A run that dies before or after any call, on a real ledger and in a real saga's place: the next one finishes it."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from tests.integration.ledger.wholeness import check_whole
from tests.integration.reconcile.reissue.shop import Shop, Way, open_shop
from tillbridge.kernel.db import Db
from tillbridge.ledger.model import State as Ledger
from tillbridge.reconcile.reissue import store
from tillbridge.reconcile.reissue.channels import HubChannels
from tillbridge.reconcile.reissue.model import State
from tillbridge.reconcile.reissue.ports import Shown
from tillbridge.reconcile.reissue.run import Repair

CALLS = 16


class Killed(BaseException):
    """The run is killed."""


class Dying:
    """Passes every call on, and dies before or after one of them."""

    def __init__(self, inner: Any, counter: list[int], dies_at: int, after: bool) -> None:
        self._inner, self._counter, self._dies_at, self._after = inner, counter, dies_at, after

    def __getattr__(self, name: str) -> Callable[..., Awaitable[Any]]:
        async def call(*arguments: Any) -> Any:
            self._counter[0] += 1
            fatal = self._counter[0] == self._dies_at
            if fatal and not self._after:
                raise Killed
            came = await getattr(self._inner, name)(*arguments)
            if fatal:
                raise Killed
            return came

        return call


@pytest.fixture
async def shop(db: Db) -> AsyncIterator[Shop]:
    async with open_shop(db) as opened:
        yield opened


async def die(shop: Shop, plan_id: int, dies_at: int, *, after: bool) -> bool:
    """Run an item until it dies at a call; whether it came so far."""
    counter = [0]

    def wrapped(inner: Any) -> Any:
        return Dying(inner, counter, dies_at, after)

    kept = store.Kept(shop.db, shop.clock)
    repair = Repair(wrapped(kept), wrapped(shop.book), wrapped(HubChannels(shop.db, shop.stack, shop.ways)))
    (item,) = await store.items(shop.db, plan_id)
    try:
        await repair.mend(item, "ann")
    except Killed:
        return True
    return False


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
async def test_whichever_call_is_the_last_the_next_run_finishes(shop: Shop, after: bool) -> None:
    reached = 0
    for dies_at in range(1, CALLS + 1):
        old = await shop.credit()
        plan, _ = await shop.plan(shop.finding(old))
        reached += await die(shop, plan.plan_id, dies_at, after=after)
        live = await shop.live_heirs(old)
        assert len(live) == 1, "never two, and never none"
        (done,) = await shop.run(plan)
        assert done.state is State.HANDED
        (new,) = await shop.live_heirs(old)
        assert (str(new.credit_id), new.balance, new.owner) == (done.new_credit, 2500, shop.owners["A1"])
        steps = [step.what for step in await store.steps(shop.db, plan.plan_id)]
        assert steps == ["planned", "frozen", "proved", "voided", "reissued", "handed"]
    assert 10 <= reached < CALLS, "every call died once"
    await check_whole(shop.db)


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
async def test_whichever_call_is_the_last_a_credit_that_is_left_is_given_back(shop: Shop, after: bool) -> None:
    shop.web = Way(otherwise=Shown("A2", False, "the account A2 shows it."))
    shop.ways = {"web": shop.web}
    reached = 0
    for dies_at in range(1, CALLS + 1):
        old = await shop.credit()
        plan, _ = await shop.plan(shop.finding(old))
        reached += await die(shop, plan.plan_id, dies_at, after=after)
        (waits,) = await shop.run(plan)
        assert waits.state is State.PERSON
        now = await shop.now(old)
        assert (now.state, now.balance) == (Ledger.UNCLAIMED, 2500)
    assert 6 <= reached < CALLS
    await check_whole(shop.db)


async def test_a_release_that_died_does_not_begin_to_prove_again(shop: Shop) -> None:
    """The freeze was taken back, the run died before it wrote so, and by now the web store says something else."""
    shop.web.otherwise = Shown("A2", False, "the account A2 shows it.")
    old = await shop.credit()
    plan, _ = await shop.plan(shop.finding(old))
    for dies_at in range(1, CALLS):
        (item,) = await store.items(shop.db, plan.plan_id)
        if item.state is State.RELEASING:
            break
        await die(shop, plan.plan_id, dies_at, after=True)
    (item,) = await store.items(shop.db, plan.plan_id)
    assert item.state is State.RELEASING
    await shop.book.thaw(item, "ann")
    shop.web.otherwise = Way().otherwise
    (waits,) = await shop.run(plan)
    assert waits.state is State.PERSON
    assert [one.credit_id for one in await shop.live_heirs(old)] == [old]
