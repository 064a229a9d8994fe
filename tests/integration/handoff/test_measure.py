"""What the map's drawing, sheet and assessment are told of handoffs, on a real database."""

from datetime import timedelta

from tests.integration.handoff.parts import CLOCK, QUICK, chain, delivering, in_state, post, post_many, until
from tests.integration.handoff.target import serve
from tillbridge.handoff.measure import store
from tillbridge.handoff.measure.facts import facts
from tillbridge.handoff.measure.sheet import spec_now
from tillbridge.handoff.traffic import live_traffic
from tillbridge.kernel.db import Db
from tillbridge.stack.draw import place_of_loss

DAY = timedelta(days=1)


async def test_an_empty_book_measures_nothing(db: Db) -> None:
    stack, at = chain("http://127.0.0.1:9"), CLOCK.now()
    measured = await facts(db, at - DAY, at)
    assert (dict(measured.hops or {}), measured.issued) == ({}, 0)
    assert await store.newest(db, "platform-pay") is None
    traffic = await live_traffic(db, stack, at)
    assert {one.waiting + one.late + one.dead for one in traffic.values()} == {0}
    assert place_of_loss(traffic) == ""


async def test_what_is_on_its_way_in_time_is_not_measured_yet(db: Db) -> None:
    stack = chain("http://127.0.0.1:9")
    await post_many(db, stack, 4, owned=False)
    at = CLOCK.now()
    measured = await facts(db, at - DAY, at)
    assert {hop: one.total for hop, one in (measured.hops or {}).items()} == {
        "platform-pay": 0,
        "pay-erp": 0,
        "erp-web": 0,
    }
    assert (measured.issued, measured.unlinked) == (4, 4)
    traffic = await live_traffic(db, stack, at)
    assert [one.waiting for one in traffic.values()] == [4, 4, 4]


async def test_the_time_of_a_hop_counts_from_when_it_was_ready(db: Db) -> None:
    async with serve() as target:
        stack = chain(target.url)
        async with delivering(db, stack):
            credit, event = await post(db, stack)
            await in_state(db, credit, "confirmed")
        at = CLOCK.now()
        spans = {one.hop: one for one in await store.spans(db, at - DAY)}
        assert set(spans) == {"platform-pay", "pay-erp", "erp-web"}
        assert all(one.count == 1 and timedelta(0) <= one.p50 <= one.p95 for one in spans.values())
        example = await store.newest(db, "erp-web")
        assert example is not None
        assert (example.body["event_id"], example.body["hop"], example.real) == (str(event), "erp-web", True)
        spec = await spec_now(db, stack, at)
        assert [hop.example[:14] for hop in spec.hops] == ["A worked examp", *(["A real example"] * 3)]
        assert "A1" not in str(spec.hops), "accounts are masked"


async def test_the_place_of_loss_is_where_the_dead_are(db: Db) -> None:
    # Nobody listens there: tried, and given up.
    stack = chain("http://127.0.0.1:9", QUICK.replace("attempts = 4", "attempts = 1"))
    async with delivering(db, stack):
        await post(db, stack)

        async def given_up() -> bool:
            return (await live_traffic(db, stack, CLOCK.now()))["platform-pay"].dead == 1

        await until(given_up)
    at = CLOCK.now()
    assert place_of_loss(await live_traffic(db, stack, at)) == "platform-pay"
    measured = (await facts(db, at - DAY, at)).hops or {}
    assert (measured["platform-pay"].lost, measured["platform-pay"].total) == (1, 1)
    assert measured["platform-pay"].rejected == 0, "silence is no rejection"
