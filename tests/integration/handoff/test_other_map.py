"""A map that has changed: what is open on its old hops, and what waits for them."""

from datetime import timedelta
from uuid import UUID

import pytest

from tests.integration.handoff.parts import CLOCK, delivering, in_state, one_hop, post, stack_of, states, until
from tests.integration.handoff.target import serve
from tillbridge.handoff import store, watch
from tillbridge.handoff.replay import replay_one
from tillbridge.kernel.clock import SetClock
from tillbridge.kernel.db import Db


async def test_what_is_open_on_a_hop_taken_out_is_dead_and_replayable(db: Db) -> None:
    async with serve() as target:
        urls = {"pay": target.url, "erp": target.url}
        old = stack_of(urls, [("platform", "pay"), ("pay", "erp")])
        new = stack_of(urls, [("platform", "pay"), ("platform", "erp")])
        credit, _ = await post(db, old)
        async with delivering(db, new):
            await until(lambda: _is(db, credit, {"platform-pay": "confirmed", "pay-erp": "dead"}))
        dead = next(view for view in await store.of_credit(db, credit) if view.hop == "pay-erp")
        assert (dead.reason_code, "no longer has the hop pay-erp" in dead.reason) == ("hop-taken-out", True)
        # Back on the map, it goes its way.
        assert await replay_one(db, CLOCK.now(), credit, "pay-erp", 1)
        async with delivering(db, old):
            await in_state(db, credit, "confirmed")


async def test_what_waits_for_a_hop_taken_out_goes_on_without_it(db: Db) -> None:
    async with serve() as target:
        urls = {"pay": target.url, "erp": target.url, "web": target.url}
        old = stack_of(urls, [("platform", "pay"), ("pay", "erp"), ("erp", "web")])
        new = stack_of({"erp": target.url, "web": target.url}, [("platform", "erp"), ("erp", "web")])
        credit, _ = await post(db, old)
        async with delivering(db, new):
            await until(lambda: _is(db, credit, {"platform-pay": "dead", "pay-erp": "dead", "erp-web": "confirmed"}))


async def test_what_a_newer_map_records_is_left_alone(db: Db) -> None:
    async with serve() as target:
        newer = stack_of({"erp": target.url, "web": target.url}, [("platform", "erp"), ("erp", "web")])
        now, old = CLOCK.now(), one_hop(target.url)
        later = SetClock(now + timedelta(minutes=5))
        credit, _ = await post(db, newer, clock=later)
        hops = [hop.name for hop in old.deliveries()]
        assert await store.mend_waiting(db, later.now(), (), hops, now + timedelta(minutes=1)) == (0, 0)
        assert await states(db, credit) == {"platform-erp": "due", "erp-web": "waiting"}


async def test_what_confirms_under_a_map_that_does_not_know_who_waits_is_seen_without_a_restart(
    db: Db, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch, "MEND", 0.3)
    monkeypatch.setattr(watch, "_SHARE", 1)
    async with serve() as target:
        urls = {"pay": target.url, "erp": target.url, "web": target.url}
        chain = [("platform", "pay"), ("pay", "erp"), ("erp", "web")]
        old, new = stack_of(urls, chain), stack_of(urls, [("platform", "erp"), *chain])
        credit, _ = await post(db, old)
        async with delivering(db, new):
            await in_state(db, credit, "confirmed", 5)


async def _is(db: Db, credit: UUID, expected: dict[str, str]) -> bool:
    return await states(db, credit) == expected
