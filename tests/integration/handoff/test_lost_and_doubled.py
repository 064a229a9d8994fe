"""Nothing lost, nothing applied twice: several workers, killed workers, cut connections, a database that goes away."""

import asyncio
import os
import random
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from aiohttp import web

from tests.integration.handoff import target as acts
from tests.integration.handoff.door import door_to
from tests.integration.handoff.parts import (
    CLOCK,
    chain,
    delivering,
    in_state,
    one_hop,
    post,
    post_many,
    states,
    tally,
    until,
)
from tests.integration.handoff.target import Target, serve
from tillbridge.handoff import store
from tillbridge.handoff.model import Decision, Onward, Result, Room, State
from tillbridge.kernel.db import Db, Query, open_db
from tillbridge.kernel.errors import DatabaseFault

ROOT = Path(__file__).parents[3]
_CUT = Query(
    "tests.cut",
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
    " WHERE datname = current_database() AND pid <> pg_backend_pid()",
)


def applied_once(target: Target, made: list[tuple[UUID, UUID]], hops: tuple[str, ...]) -> None:
    """Every event is in the book of every hop, once, and was never even sent to it twice after it was applied."""
    assert sorted(target.book) == sorted(f"{event}:{hop}" for _, event in made for hop in hops)
    assert target.repeats == 0


CHAIN = ("platform-pay", "pay-erp", "erp-web")


async def test_two_workers_deliver_each_handoff_once(db_url: str) -> None:
    async with serve() as target, open_db(db_url) as one, open_db(db_url) as two:
        stack = chain(target.url)
        made = await post_many(one, stack, 500)
        async with delivering(one, stack, seed=1), delivering(two, stack, seed=2):
            await until(lambda: _all_confirmed(one, 1500), 40, 0.1)
    applied_once(target, made, CHAIN)
    assert set(target.requests.values()) == {1}


async def test_events_of_a_credit_arrive_in_order_whatever_goes_wrong(db_url: str) -> None:
    chance = random.Random(3)
    mishaps = [acts.confirm, acts.confirm, acts.confirm, acts.lose_answer, acts.drop, acts.refuse(423, "locked")]

    async def moody(target: Target, key: str, body: dict[str, Any], request: web.Request) -> web.Response:
        return await chance.choice(mishaps)(target, key, body, request)

    async with serve() as target, open_db(db_url) as one, open_db(db_url) as two:
        target.always = moody
        quick = 'trigger = "webhook"\nattempts = 50\nbackoff = "5ms"\nbackoff_max = "20ms"\ntimeout = "2s"'
        stack = chain(target.url, quick)
        made = await post_many(one, stack, 30)
        credits = [credit for credit, _ in made]
        async with delivering(one, stack, seed=1) as first, delivering(two, stack, seed=2):
            for version in range(2, 6):
                made += await post_many(one, stack, 30, version=version, credits=credits)
                first.wake()
            await until(lambda: _all_confirmed(one, 450), 60, 0.1)
    applied_once(target, made, CHAIN)
    # Three hops into one book: each version three times, and on each hop in order.
    for credit in credits:
        for hop in CHAIN:
            versions = [
                body["version"]
                for body in target.book.values()
                if body["hop"] == hop and body["credit"]["id"] == str(credit)
            ]
            assert versions == [1, 2, 3, 4, 5]


async def test_a_worker_killed_in_the_middle_loses_and_doubles_nothing(db: Db, db_url: str) -> None:
    async with serve() as target:
        stack = chain(target.url)
        made = await post_many(db, stack, 300)
        for _ in range(2):
            already = len(target.book)
            with worker(db_url, target.url) as process:
                await until(partial(_book_has, target, already + 120), 30)
                process.send_signal(signal.SIGKILL)
                process.wait(10)
        assert len(target.book) < 900
        async with delivering(db, stack):
            await until(lambda: _all_confirmed(db, 900), 60, 0.1)
        # What was sent and not settled was found by asking: the book was never given a thing it had.
        applied_once(target, made, CHAIN)
        assert target.probes > 0


async def test_connections_cut_under_load_lose_and_double_nothing(db: Db, db_url: str) -> None:
    async with serve() as target, open_db(db_url, acquire_seconds=1) as theirs:
        stack = chain(target.url)
        made = await post_many(db, stack, 400)
        async with delivering(theirs, stack):
            async with open_db(db_url, size=1) as knife:
                for _ in range(12):
                    await asyncio.sleep(0.05)
                    await knife.fetch(_CUT)
            async with open_db(db_url) as fresh:
                await until(lambda: _all_confirmed(fresh, 1200), 60, 0.1)
    applied_once(target, made, CHAIN)


async def test_a_database_that_goes_away_before_the_answers_are_written(db: Db, db_url: str) -> None:
    answering = asyncio.Event()

    async def slowly(target: Target, key: str, body: dict[str, Any], request: web.Request) -> web.Response:
        reference = target.apply(key, body)
        await answering.wait()
        return web.json_response({"reference": reference})

    async with serve() as target, door_to(db_url) as door, open_db(door.url, acquire_seconds=1) as theirs:
        target.always = slowly
        # Longer than the outage: the answers are in hand all the time, and only have to be kept.
        stack = one_hop(target.url, 'trigger = "webhook"\ntimeout = "20s"')
        made = await post_many(db, stack, 20)
        async with delivering(theirs, stack):
            await until(lambda: _book_has(target, 20))
            await door.shut()
            answering.set()
            await asyncio.sleep(1)
            assert (await tally(db)) == {"sending": 20}
            await door.open()
            await until(lambda: _all_confirmed(db, 20))
    applied_once(target, made, ("platform-erp",))
    assert target.probes == 0


async def test_a_lease_that_ran_out_is_asked_about_and_its_late_answer_changes_nothing(db: Db) -> None:
    async with serve() as target:
        stack = one_hop(target.url)
        credit, event = await post(db, stack)
        at = CLOCK.now()
        rooms = [Room("platform-erp", 5, at)]
        (stale,) = (await store.turn(db, at, (), (), rooms)).claimed
        assert stale.lease.kind == "send"
        assert await states(db, credit) == {"platform-erp": "sending"}
        async with delivering(db, stack):
            view = await in_state(db, credit, "confirmed")
        late = Decision(State.DEAD, "refused", None, "schema", "Too late.")
        settled = (await store.turn(db, at, [Result(stale.lease, at, CLOCK.now(), late)], (), ())).settled
        assert settled == []
        view = await in_state(db, credit, "confirmed")
    assert [(one.kind, one.outcome, one.stale) for one in view.history] == [
        ("send", "expired", False),
        ("send", "refused", True),
        ("probe", "not-there", False),
        ("send", "confirmed", False),
    ]
    assert target.requests == {f"{event}:platform-erp": 1}


async def test_settling_twice_changes_nothing_the_second_time(db: Db) -> None:
    stack = chain("http://127.0.0.1:9")
    credit, _ = await post(db, stack)
    at = CLOCK.now()
    (taken,) = (await store.turn(db, at, (), (), [Room("platform-pay", 5, at)])).claimed
    result = Result(taken.lease, at, at, Decision(State.CONFIRMED, "confirmed", reference="r"))
    ahead = (Onward("platform-pay", "pay-erp", at, at),)
    first = (await store.turn(db, at, [result], ahead, ())).settled
    second = (await store.turn(db, at, [result], ahead, ())).settled
    assert (len(first), second) == (1, [])
    assert await states(db, credit) == {"platform-pay": "confirmed", "pay-erp": "due", "erp-web": "waiting"}
    assert [len(view.history) for view in await store.of_credit(db, credit)] == [0, 0, 1]


async def test_a_result_the_database_refuses_holds_up_no_other(db: Db, monkeypatch: pytest.MonkeyPatch) -> None:
    async with serve() as target:
        stack = one_hop(target.url)
        made = await post_many(db, stack, 10)
        odd = made[3][0]
        written = store.turn

        async def choosy(db: Db, at: datetime, results: Sequence[Result], *more: Any) -> Any:
            if any(result.lease.credit_id == odd and result.lease.kind == "send" for result in results):
                raise DatabaseFault("PostgreSQL refused: a text it cannot hold")
            return await written(db, at, results, *more)

        monkeypatch.setattr(store, "turn", choosy)
        async with delivering(db, stack):
            # The nine others at once, the odd one when its lease has run out and the target was asked.
            await until(lambda: _counted(db, {"confirmed": 9, "sending": 1}))
            await until(lambda: _all_confirmed(db, 10))
    applied_once(target, made, ("platform-erp",))


async def test_an_answer_that_is_no_text_for_people_is_kept_as_one(db: Db) -> None:
    async def rude(target: Target, key: str, body: dict[str, Any], _: web.Request) -> web.Response:
        target.apply(key, body)
        return web.json_response({"reference": "doc\x00-1\n" + "x" * 5000})

    async with serve() as target:
        target.always = rude
        stack = one_hop(target.url)
        credit, _ = await post(db, stack)
        async with delivering(db, stack):
            view = await in_state(db, credit, "confirmed")
    assert view.reference == "doc -1 " + "x" * 493


async def test_a_lease_given_back_is_as_if_it_had_not_been_taken(db: Db) -> None:
    stack = one_hop("http://127.0.0.1:9")
    credit, _ = await post(db, stack)
    at = CLOCK.now()
    room = Room("platform-erp", 5, at)
    (taken,) = (await store.turn(db, at, (), (), [room])).claimed
    assert await store.give_back(db, [taken.lease]) == 1
    assert await store.give_back(db, [taken.lease]) == 0
    (view,) = await store.of_credit(db, credit)
    assert (view.state, view.attempts, view.history) == ("due", 0, ())
    lost = Decision(State.UNKNOWN, "unknown", at, "answer-lost", "Lost.")
    (again,) = (await store.turn(db, at, (), (), [room])).claimed
    await store.turn(db, at, [Result(again.lease, at, at, lost)], (), ())
    (asking,) = (await store.turn(db, at, (), (), [room])).claimed
    assert asking.lease.kind == "probe"
    assert await store.give_back(db, [asking.lease]) == 1
    (view,) = await store.of_credit(db, credit)
    assert (view.state, view.attempts) == ("unknown", 1)


async def test_what_the_database_answered_too_late_is_not_sent_on_a_lease_about_to_end(
    db: Db, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with serve() as target:
        stack = one_hop(target.url)
        credit, _ = await post(db, stack)
        given, slept = store.turn, list[int]()

        async def slowly(*everything: Any) -> Any:
            answer = await given(*everything)
            if answer.claimed and not slept:
                await asyncio.sleep(0.3)
                slept.append(target.requests.total())
            return answer

        monkeypatch.setattr(store, "turn", slowly)
        monkeypatch.setattr("tillbridge.handoff.deliver.FRESH", 0.2)
        async with delivering(db, stack):
            view = await in_state(db, credit, "confirmed")
    assert slept == [0]
    assert (view.attempts, [one.outcome for one in view.history]) == (1, ["confirmed"])


async def test_a_stop_finishes_what_is_under_way_and_leaves_the_rest_due(db: Db) -> None:
    async def unhurried(target: Target, key: str, body: dict[str, Any], request: web.Request) -> web.Response:
        await asyncio.sleep(0.2)
        return await acts.confirm(target, key, body, request)

    async with serve() as target:
        target.always = unhurried
        # Nothing is to be given up for want of time, however busy the machine is.
        stack = one_hop(target.url, 'trigger = "webhook"\ntimeout = "60s"')
        await post_many(db, stack, 100)
        async with delivering(db, stack, concurrency=10):
            await until(lambda: _requested(target, 10))
        counted = await tally(db)
        assert set(counted) == {"confirmed", "due"}
        assert counted["confirmed"] == len(target.book)
        assert counted.total() == 100


async def test_a_stop_that_runs_out_of_patience_leaves_a_question_not_a_guess(db: Db) -> None:
    async with serve() as target:
        target.always = acts.hang
        stack = one_hop(target.url, 'trigger = "webhook"\ntimeout = "60s"')
        credit, _ = await post(db, stack)
        async with delivering(db, stack):
            await until(lambda: _requested(target, 1))
        view = await in_state(db, credit, "unknown")
        assert view.reason == "The hub stopped before the answer came."


@contextmanager
def worker(database_url: str, target_url: str) -> Iterator[subprocess.Popen[bytes]]:
    """A worker in a process of its own."""
    command = [sys.executable, "-m", "tests.integration.handoff.worker", database_url, target_url]
    process = subprocess.Popen(command, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)})
    try:
        yield process
    finally:
        process.kill()
        process.wait(10)


async def _all_confirmed(db: Db, count: int) -> bool:
    return await tally(db) == {"confirmed": count}


async def _counted(db: Db, expected: dict[str, int]) -> bool:
    return await tally(db) == expected


async def _book_has(target: Target, count: int) -> bool:
    return len(target.book) >= count


async def _requested(target: Target, count: int) -> bool:
    return target.requests.total() >= count
