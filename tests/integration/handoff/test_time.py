"""Time: clocks that jump, breakers shared between workers, and how soon a hint leads to a delivery."""

import asyncio
import time
from datetime import timedelta
from typing import Any
from uuid import UUID

from aiohttp import web

from tests.integration.handoff import target as acts
from tests.integration.handoff.parts import (
    CLOCK,
    chain,
    delivering,
    in_state,
    one_hop,
    post,
    until,
)
from tests.integration.handoff.target import serve
from tillbridge.handoff import store
from tillbridge.handoff.breaker import Breaker, Gate
from tillbridge.handoff.model import Room
from tillbridge.kernel.clock import SetClock
from tillbridge.kernel.db import Db

HOUR = timedelta(hours=1)


async def test_a_clock_that_jumps_back_holds_nothing_up(db: Db) -> None:
    async with serve() as target:
        settings = 'trigger = "webhook"\nbackoff = "10m"\nbackoff_max = "30m"\ntimeout = "500ms"'
        stack = one_hop(target.url, settings)
        clock = SetClock(CLOCK.now())
        target.script = [acts.refuse(423, "locked", **{"Retry-After": "1200"})]
        credit, _ = await post(db, stack, clock=clock)
        async with delivering(db, stack, clock=clock):
            await until(lambda: _tried(db, credit, 1))
            clock.move(-HOUR)
            await in_state(db, credit, "confirmed", 5)


async def test_a_clock_that_was_a_year_ahead_is_mended_at_the_next_start(db: Db) -> None:
    async with serve() as target:
        stack = one_hop(target.url)
        ahead = SetClock(CLOCK.now() + timedelta(days=365))
        first, _ = await post(db, stack, clock=ahead)
        second, _ = await post(db, stack, clock=ahead)
        # One was leased by that clock as well, by a worker that is no more.
        rooms = [Room("platform-erp", 1, ahead.now() + timedelta(seconds=5))]
        _, taken = await store.turn(db, ahead.now(), (), (), rooms)
        assert len(taken) == 1
        async with delivering(db, stack):
            await in_state(db, first, "confirmed", 5)
            await in_state(db, second, "confirmed", 5)
    assert target.probes == 1


async def test_a_clock_that_jumps_ahead_asks_before_it_sends_again(db: Db) -> None:
    async def slowly(target: acts.Target, key: str, body: dict[str, Any], _: web.Request) -> web.Response:
        reference = target.apply(key, body)
        clock.move(HOUR)
        await asyncio.sleep(1.5)
        return web.json_response({"reference": reference})

    async with serve() as target:
        stack = one_hop(target.url, 'trigger = "webhook"\ntimeout = "20s"')
        clock = SetClock(CLOCK.now())
        target.script = [slowly]
        credit, _ = await post(db, stack, clock=clock)
        async with delivering(db, stack, clock=clock):
            view = await in_state(db, credit, "confirmed", 5)
            # The answer that was under way comes after all: it changes nothing, and is kept.
            await until(lambda: _tried(db, credit, 3), 5)
        view = await in_state(db, credit, "confirmed")
    assert target.requests.total() == 1
    assert {(one.kind, one.outcome, one.stale) for one in view.history} == {
        ("send", "expired", False),
        ("probe", "there", False),
        ("send", "confirmed", True),
    }


async def test_a_breaker_opened_by_one_worker_holds_for_the_others(db: Db) -> None:
    async with serve() as target:
        stack = one_hop(target.url)
        until_then = CLOCK.now() + timedelta(seconds=2)
        await store.set_breakers(db, {"platform-erp": Breaker(Gate.OPEN, 5, CLOCK.now(), until_then)})
        credit, _ = await post(db, stack)
        async with delivering(db, stack) as deliverer:
            deliverer.wake()
            await asyncio.sleep(0.5)
            assert target.requests.total() == 0
            await in_state(db, credit, "confirmed")
    assert CLOCK.now() >= until_then
    assert (await store.breakers(db))["platform-erp"] == Breaker()


async def test_a_hint_leads_to_a_delivery_at_once(db: Db) -> None:
    async with serve() as target:
        stack = chain(target.url)
        async with delivering(db, stack) as deliverer:
            spans = []
            for _ in range(10):
                await asyncio.sleep(0.03)
                began = time.perf_counter()
                credit, _ = await post(db, stack)
                deliverer.wake(["platform-pay"])
                await in_state(db, credit, "confirmed")
                spans.append(time.perf_counter() - began)
    # Three hops, each within far less than the half second between looks around: every one was woken by the last.
    assert sorted(spans)[5] < 0.4


async def test_without_a_hint_it_is_found_by_looking_around(db: Db) -> None:
    async with serve() as target:
        stack = one_hop(target.url)
        async with delivering(db, stack):
            await asyncio.sleep(0.1)
            credit, _ = await post(db, stack)
            await in_state(db, credit, "confirmed", 3)


async def _tried(db: Db, credit: UUID, attempts: int) -> bool:
    (view,) = await store.of_credit(db, credit)
    return len(view.history) >= attempts
