"""What is read of handoffs: lists page by page, counts per hop and state, latencies."""

from datetime import timedelta

import pytest

from tests.integration.handoff import target as acts
from tests.integration.handoff.parts import CLOCK, chain, delivering, in_state, one_hop, post, post_many, tally, until
from tests.integration.handoff.target import serve
from tillbridge.handoff import store
from tillbridge.handoff.model import State
from tillbridge.handoff.replay import replay_hop, replay_many
from tillbridge.kernel.clock import SetClock
from tillbridge.kernel.db import Db
from tillbridge.kernel.errors import BadInput

DAY = timedelta(days=1)


async def test_lists_page_through_everything_once(db: Db) -> None:
    stack = chain("http://127.0.0.1:9")
    made = await post_many(db, stack, 25)
    seen, cursor, pages = [], "", 0
    while True:
        views, cursor = await store.page(db, CLOCK.now(), State.WAITING, cursor=cursor, limit=7)
        seen += [(view.credit_id, view.hop) for view in views]
        pages += 1
        if not cursor:
            break
    assert pages == 8
    assert sorted(seen) == sorted((credit, hop) for credit, _ in made for hop in ("pay-erp", "erp-web"))
    one, _ = await store.page(db, CLOCK.now(), State.WAITING, "erp-web", limit=100)
    assert {view.hop for view in one} == {"erp-web"}
    assert len(one) == 25
    assert await store.page(db, CLOCK.now(), State.DEAD) == ((), "")


@pytest.mark.parametrize("cursor", ["x", "1.2.3", "018f0000-0000-7000-8000-000000000001.x.hop", "\x00"])
async def test_a_cursor_of_somebody_elses_is_refused(db: Db, cursor: str) -> None:
    with pytest.raises(BadInput, match="cursor"):
        await store.page(db, CLOCK.now(), State.DUE, cursor=cursor)


async def test_late_is_past_the_deadline_and_not_confirmed(db: Db) -> None:
    stack = chain("http://127.0.0.1:9")
    past = SetClock(CLOCK.now() - timedelta(minutes=5))
    await post(db, stack, clock=past)
    await post(db, stack)
    views, _ = await store.page(db, CLOCK.now(), None)
    assert [(view.hop, view.state) for view in views] == [("platform-pay", "due")]
    assert views[0].late(CLOCK.now())
    counted = {
        (line.hop, line.state): (line.count, line.late)
        for line in await store.counts(db, CLOCK.now(), CLOCK.now() - DAY)
    }
    assert counted == {
        ("platform-pay", "due"): (2, 1),
        ("pay-erp", "waiting"): (2, 0),
        ("erp-web", "waiting"): (2, 0),
    }
    oldest = [line.oldest_due for line in await store.counts(db, CLOCK.now(), CLOCK.now() - DAY)]
    assert past.now() in oldest


async def test_counts_and_latencies_of_what_was_confirmed(db: Db) -> None:
    async with serve() as target:
        stack = chain(target.url)
        await post_many(db, stack, 20)
        began = CLOCK.now()
        async with delivering(db, stack):
            await until(lambda: _confirmed(db, 60))
    lines = await store.latencies(db, began - DAY)
    assert [line.hop for line in lines] == ["erp-web", "pay-erp", "platform-pay"]
    for line in lines:
        assert line.count == 20
        assert 0 < line.p50_ms <= line.p95_ms <= line.p99_ms <= line.max_ms < 60_000
    assert [line.hop for line in await store.latencies(db, began - DAY, "pay-erp")] == ["pay-erp"]
    assert await store.latencies(db, CLOCK.now() + DAY) == ()
    assert await tally(db, -DAY) == {}


async def test_a_whole_hop_is_replayed_dead_ones_only_unless_asked(db: Db) -> None:
    async with serve() as target:
        stack = one_hop(target.url)
        target.always = acts.refuse(422, "schema")
        dead = await post_many(db, stack, 12)
        async with delivering(db, stack) as deliverer:
            await until(lambda: _counted(db, {"dead": 12}))
            target.can_be_asked, target.always = False, acts.drop
            parked, _ = await post(db, stack)
            deliverer.wake()
            await in_state(db, parked, "parked")
            target.always = acts.confirm
            places = [(credit, "platform-erp", 1) for credit, _ in dead[:2]]
            assert await replay_many(db, CLOCK.now(), [*places, (parked, "platform-web", 1)]) == 2
            assert await replay_hop(db, CLOCK.now(), "platform-erp") == 10
            assert await replay_hop(db, CLOCK.now(), "platform-erp") == 0
            deliverer.wake()
            await until(lambda: _counted(db, {"confirmed": 12, "parked": 1}))
            assert await replay_hop(db, CLOCK.now(), "platform-erp", [State.PARKED]) == 1
            deliverer.wake()
            await until(lambda: _counted(db, {"confirmed": 13}))


async def test_a_handoff_is_found_by_its_key(db: Db) -> None:
    stack = one_hop("http://127.0.0.1:9")
    credit, event = await post(db, stack)
    view = await store.by_key(db, event, "platform-erp")
    assert view is not None
    assert (view.credit_id, view.key) == (credit, f"{event}:platform-erp")
    assert await store.by_key(db, event, "platform-web") is None


async def _confirmed(db: Db, count: int) -> bool:
    return (await tally(db))["confirmed"] == count


async def _counted(db: Db, expected: dict[str, int]) -> bool:
    return await tally(db) == expected
