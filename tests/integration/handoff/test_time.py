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
    SECRET,
    chain,
    delivering,
    in_state,
    one_hop,
    post,
    until,
)
from tests.integration.handoff.target import serve
from tillbridge.connectors.http import HttpConnector
from tillbridge.handoff import store
from tillbridge.handoff.breaker import Breaker, Gate
from tillbridge.handoff.lane import Lane
from tillbridge.handoff.model import Decision, Result, Room, State
from tillbridge.handoff.watch import Watch
from tillbridge.kernel.clock import SetClock
from tillbridge.kernel.db import Db
from tillbridge.stack.model import Stack

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


async def test_a_clock_that_is_set_right_by_a_little_fires_no_retry(db: Db) -> None:
    clock = SetClock(CLOCK.now())
    stack, at = one_hop("http://127.0.0.1:1"), clock.now()
    credit, _ = await post(db, stack, clock=clock)
    rooms = [Room("platform-erp", 1, at + timedelta(seconds=10))]
    (one,) = (await store.turn(db, at, (), (), rooms)).claimed
    later = Decision(State.DUE, "refused", at + HOUR, "too-many-requests", "Not now.", retry_after=3600.0)
    await store.turn(db, at, [Result(one.lease, at, at, later)], (), ())
    watch = Watch(db, stack, clock, _lanes(stack))
    for step in (timedelta(0), -timedelta(milliseconds=1), timedelta(hours=2), timedelta(0)):
        await watch.look_around(at + step)
        assert (await store.of_credit(db, credit))[0].due_at == at + HOUR
    # That one was a jump back, and what a target asked for in time past is kept.


async def test_a_lease_of_a_map_with_a_longer_timeout_is_left_alone(db: Db) -> None:
    clock = SetClock(CLOCK.now())
    stack, at = one_hop("http://127.0.0.1:1"), clock.now()
    credit, _ = await post(db, stack, clock=clock)
    await store.turn(db, at, (), (), [Room("platform-erp", 1, at + timedelta(minutes=10, seconds=5))])
    await Watch(db, stack, clock, _lanes(stack)).look_around(at)
    assert (await store.of_credit(db, credit))[0].state is State.SENDING


def _lanes(stack: Stack) -> dict[str, Lane]:
    connector = HttpConnector("http://127.0.0.1:1", SECRET)
    return {hop.name: Lane(hop, connector, 8, (), stack.systems[hop.target]) for hop in stack.deliveries()}


async def test_a_clock_that_was_a_year_ahead_is_mended_at_the_next_start(db: Db) -> None:
    async with serve() as target:
        stack = one_hop(target.url)
        ahead = SetClock(CLOCK.now() + timedelta(days=365))
        first, _ = await post(db, stack, clock=ahead)
        second, _ = await post(db, stack, clock=ahead)
        # One was leased by that clock as well, by a worker that is no more.
        rooms = [Room("platform-erp", 1, ahead.now() + timedelta(seconds=5))]
        taken = (await store.turn(db, ahead.now(), (), (), rooms)).claimed
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
