"""Systems that take many events in one request, and systems that may only be sent so many in a second."""

import asyncio
import time
from collections import Counter
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from aiohttp import web

from tests.integration.handoff import target as acts
from tests.integration.handoff.parts import (
    CLOCK,
    chain,
    delivering,
    in_state,
    one_hop,
    post,
    post_many,
    stack_of,
    tally,
    until,
)
from tests.integration.handoff.target import Target, serve
from tillbridge.handoff import store
from tillbridge.handoff.model import Room
from tillbridge.kernel.db import Db, Query, open_db

MANY = "batch = 100"
_ALLOWED = Query("tests.allowed", "SELECT handoff.allowance($1, 'erp', 100) AS allowed")
_TAKE = Query("tests.take", "UPDATE handoff.pace SET tokens = tokens - $1::integer")
_DUE = Query("tests.due", "SELECT count(*) AS due FROM handoff.handoff WHERE state = 'due' AND hop = 'platform-erp'")


async def confirmed(db: Db, count: int) -> bool:
    return (await tally(db))["confirmed"] == count


async def test_many_events_go_in_few_requests_with_the_keys_they_have_alone(db: Db) -> None:
    async with serve() as target:
        stack = chain(target.url, takes=MANY)
        made = await post_many(db, stack, 500)
        async with delivering(db, stack):
            await until(lambda: confirmed(db, 1500))
    hops = ("platform-pay", "pay-erp", "erp-web")
    assert sorted(target.book) == sorted(f"{event}:{hop}" for _, event in made for hop in hops)
    assert set(target.requests.values()) == {1}
    assert max(target.batches) == 100
    assert len(target.batches) < 100


async def test_one_that_is_refused_does_not_hold_up_the_others_of_its_batch(db: Db) -> None:
    async with serve() as target:
        stack = one_hop(target.url, takes=MANY)
        made = await post_many(db, stack, 50)
        poisoned = f"{made[20][1]}:platform-erp"

        async def picky(target: Target, key: str, body: dict[str, Any], request: web.Request) -> web.Response:
            if key == poisoned:
                return web.json_response({"code": "no-such-account", "message": "Nobody has it."}, status=422)
            return await acts.confirm(target, key, body, request)

        target.always = picky
        async with delivering(db, stack):
            await until(lambda: confirmed(db, 49))
            dead = await in_state(db, made[20][0], "dead")
    assert (dead.reason_code, dead.reason) == ("no-such-account", "Nobody has it.")


async def test_a_batch_whose_answer_is_lost_is_asked_about_by_key_before_anything_is_sent_again(db: Db) -> None:
    async with serve() as target:
        stack = one_hop(target.url, takes=MANY)
        await post_many(db, stack, 60)
        # The first thirty are applied, then the connection is gone: half of the batch is there.
        target.script = [acts.confirm] * 29 + [acts.lose_answer] + [acts.drop] * 30
        async with delivering(db, stack):
            await until(lambda: confirmed(db, 60))
    assert target.repeats == 0
    assert Counter(target.requests.values()) == {1: 30, 2: 30}
    assert target.probes == 60


@pytest.mark.parametrize("status", [400, 404, 422])
async def test_a_batch_that_is_refused_as_a_whole_goes_one_by_one(db: Db, status: int) -> None:
    class Alone(Target):
        async def post_batch(self, request: web.Request) -> web.Response:
            return web.json_response({"code": "no", "message": "No batches here."}, status=status)

    target = Alone()
    async with serve(target):
        stack = one_hop(target.url, takes=MANY)
        await post_many(db, stack, 40)
        async with delivering(db, stack):
            await until(lambda: confirmed(db, 40))
    assert set(target.requests.values()) == {1}


async def test_what_goes_one_by_one_has_the_time_it_takes(db: Db) -> None:
    class Alone(Target):
        async def post_batch(self, request: web.Request) -> web.Response:
            return web.Response(status=404)

    async def slowly(target: Target, key: str, body: dict[str, Any], request: web.Request) -> web.Response:
        await asyncio.sleep(0.15)
        return await acts.confirm(target, key, body, request)

    target = Alone()
    target.always, target.can_be_asked = slowly, False
    async with serve(target):
        stack = one_hop(target.url, takes="batch = 200")
        made = await post_many(db, stack, 200)
        async with delivering(db, stack):
            await until(lambda: confirmed(db, 200))
        views = [view for credit, _ in made for view in await store.of_credit(db, credit)]
    # Four times as many as there is time for at once: none is lost sight of, and none uses up its attempts.
    assert set(target.requests.values()) == {1}
    assert {view.attempts for view in views} == {1}
    assert any(one.outcome == "not-begun" for view in views for one in view.history)


async def test_all_processes_together_keep_to_the_rate_of_a_system(db: Db, db_url: str) -> None:
    async with serve() as target, open_db(db_url) as other:
        stack = one_hop(target.url, takes='rate = "100/s"')
        await post_many(db, stack, 1000)
        async with delivering(db, stack, seed=1), delivering(other, stack, seed=2):
            await until(lambda: _has(target, 1))
            began, already = time.monotonic(), target.requests.total()
            await asyncio.sleep(2)
            sent = target.requests.total() - already
            rate = sent / (time.monotonic() - began)
    # What was saved up in the quarter of a second before may come on top.
    assert 50 <= rate <= 100 + 25


async def test_a_rate_holds_for_batches_too(db: Db) -> None:
    async with serve() as target:
        stack = one_hop(target.url, takes='rate = "3000/min"\nbatch = 100')
        await post_many(db, stack, 300)
        async with delivering(db, stack):
            await until(lambda: _has(target, 1))
            await asyncio.sleep(1)
    assert target.requests.total() <= 50 + 25
    assert not target.batches or max(target.batches) <= 25


async def test_a_pause_that_one_answer_asks_for_holds_for_the_whole_hop(db: Db) -> None:
    async with serve() as target:
        stack = one_hop(target.url)
        headers = {"Retry-After": "1"}
        target.script = [acts.refuse(429, "too-many-requests", **headers)]
        await post(db, stack)
        async with delivering(db, stack) as deliverer:
            await until(lambda: _has(target, 1))
            began = time.monotonic()
            await post_many(db, stack, 20)
            deliverer.wake()
            await until(lambda: confirmed(db, 21))
    assert time.monotonic() - began >= 0.9
    assert target.requests.total() == 22


async def test_a_credit_with_a_thousand_events_due_is_not_stepped_over_again_and_again(db: Db) -> None:
    async with serve() as target:
        stack = one_hop(target.url)
        hot, _ = await post(db, stack)
        for version in range(2, 1002):
            await _later(db, stack, hot, version)
        at = CLOCK.now()
        room = Room("platform-erp", 32, at)
        first = await store.turn(db, at, (), (), [room])
        assert [one.lease.version for one in first.claimed] == [1]
        assert first.more == {"platform-erp"}
        await store.give_back(db, [first.claimed[0].lease])
        await store.turn(db, at, (), (), [room])
        row = await db.fetch_one(_DUE)
        assert row is not None
        assert row["due"] <= 1
        others = await post_many(db, stack, 100)
        began = time.monotonic()
        async with delivering(db, stack):
            for credit, _ in others:
                await in_state(db, credit, "confirmed")
            assert time.monotonic() - began < 5
            await until(lambda: _has(target, 150))
    versions = target.versions[str(hot)]
    assert versions == sorted(versions)


async def _later(db: Db, stack: Any, credit: UUID, version: int) -> None:
    await post(db, stack, version=version, credit=credit)


async def _has(target: Target, count: int) -> bool:
    return target.requests.total() >= count


async def _online_ms(db: Db, stack: Any, events: int) -> list[float]:
    """From recorded to confirmed by the storefront, of events that come one by one, in milliseconds, sorted."""
    credits = []
    async with delivering(db, stack) as deliverer:
        for _ in range(events):
            credit, _ = await post(db, stack)
            credits.append(credit)
            deliverer.wake()
            await asyncio.sleep(0.02)
        await until(lambda: _online(db, credits))
    views = [view for credit in credits for view in await store.of_credit(db, credit) if view.hop == "platform-web"]
    return sorted((view.confirmed_at - view.recorded_at).total_seconds() * 1000 for view in views if view.confirmed_at)


async def test_a_hanging_erp_does_not_slow_the_storefront(db: Db) -> None:
    async with serve() as erp, serve() as web_store:
        urls = {"erp": erp.url, "web": web_store.url}
        hops = [("platform", "erp"), ("platform", "web")]
        hang = 'trigger = "webhook"\ntimeout = "30s"'
        stack = stack_of(urls, hops, erp=hang)
        healthy = await _online_ms(db, stack, 60)
        erp.always = acts.hang
        # More wait for the ERP than it has room for.
        await post_many(db, stack_of({"erp": erp.url}, [("platform", "erp")], erp=hang), 200)
        beside_a_dead_one = await _online_ms(db, stack, 60)
        assert erp.requests.total() - len(erp.book) >= 32
    # The same, but for a busy machine's moods: without room of its own, it would be the 30 s of the ERP.
    assert beside_a_dead_one[len(beside_a_dead_one) // 2] < healthy[len(healthy) // 2] * 3 + 100
    assert beside_a_dead_one[-1] < healthy[-1] * 3 + 500


async def _online(db: Db, credits: list[UUID]) -> bool:
    for credit in credits:
        if any(view.hop == "platform-web" and view.state != "confirmed" for view in await store.of_credit(db, credit)):
            return False
    return True


async def test_a_rate_holds_where_clocks_differ_by_more_than_a_minute(db: Db) -> None:
    began, taken = CLOCK.now(), 0
    for number in range(200):
        behind = timedelta(seconds=90 * (number % 2))
        taken += await _take_all(db, began + timedelta(milliseconds=10 * number) - behind)
    # Two seconds at 100/s, and what was saved up before.
    assert 150 <= taken <= 200 + 25


async def test_a_clock_that_has_jumped_back_is_believed_when_it_is_the_only_one(db: Db) -> None:
    began = CLOCK.now()
    await _take_all(db, began)
    taken = [await _take_all(db, began - timedelta(days=1) + timedelta(milliseconds=10 * n)) for n in range(400)]
    assert sum(taken[:200]) == 0
    assert 150 <= sum(taken[200:]) <= 200 + 25


async def _take_all(db: Db, at: datetime) -> int:
    row = await db.fetch_one(_ALLOWED, at)
    assert row is not None
    await db.execute(_TAKE, row["allowed"])
    return int(row["allowed"])
