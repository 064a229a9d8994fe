"""What a target may answer, and what becomes of the handoff: every way a delivery can end."""

import time
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

from tests.integration.handoff import target as acts
from tests.integration.handoff.parts import (
    CLOCK,
    QUICK,
    chain,
    delivering,
    in_state,
    one_hop,
    post,
    stack_of,
    states,
    until,
)
from tests.integration.handoff.target import serve
from tillbridge.handoff import store
from tillbridge.handoff.conclude import confirm_by_hand, confirm_by_key, refuse_by_key
from tillbridge.handoff.replay import replay_hop, replay_one
from tillbridge.kernel.db import Db

HOP = "platform-erp"


async def test_a_chain_confirms_hop_by_hop(db: Db) -> None:
    heard = []
    async with serve() as target:
        stack = chain(target.url)
        credit, event = await post(db, stack)
        async with delivering(db, stack, on_settled=lambda *said: heard.append(said)):
            last = await in_state(db, credit, "confirmed")
    hops = ["platform-pay", "pay-erp", "erp-web"]
    assert list(target.book) == [f"{event}:{hop}" for hop in hops]
    assert heard == [(credit, 1, hop, "confirmed") for hop in hops]
    assert last.reference.startswith("ref-")
    assert [(one.kind, one.outcome) for one in last.history] == [("send", "confirmed")]
    body = target.book[f"{event}:erp-web"]
    assert (body["hop"], body["version"], body["state"], body["balance"]) == ("erp-web", 1, "active", "88.00")
    assert body["amount"] == "88.00"


async def test_refused_for_good_is_dead_at_once_and_keeps_what_the_target_said(db: Db) -> None:
    async with serve() as target:
        stack = chain(target.url)
        target.script = [acts.refuse(422, "currency")]
        credit, _ = await post(db, stack)
        async with delivering(db, stack) as deliverer:
            await until(
                lambda: _all_in(db, credit, {"platform-pay": "dead", "pay-erp": "waiting", "erp-web": "waiting"})
            )
            dead = (await store.of_credit(db, credit))[-1]
            assert (dead.hop, dead.reason_code, dead.reason) == ("platform-pay", "currency", "Refused: currency.")
            assert sum(target.requests.values()) == 1
            # What the person mended, the replay sends: same key, fresh attempts, and the chain goes on.
            assert await replay_one(db, CLOCK.now(), credit, "platform-pay", 1)
            deliverer.wake()
            await in_state(db, credit, "confirmed")
            assert not await replay_one(db, CLOCK.now(), credit, "platform-pay", 1)
    replayed = (await store.of_credit(db, credit))[-1]
    assert (replayed.replay, replayed.attempts) == (1, 1)
    assert [(one.replay, one.outcome) for one in replayed.history] == [(0, "refused"), (1, "confirmed")]


async def test_a_later_event_waits_behind_a_dead_one_and_follows_its_replay(db: Db) -> None:
    async with serve() as target:
        stack = one_hop(target.url)
        target.script = [acts.refuse(422, "schema")]
        credit, first = await post(db, stack)
        async with delivering(db, stack) as deliverer:
            await in_state(db, credit, "dead")
            _, second = await post(db, stack, version=2, credit=credit)
            _, third = await post(db, stack, version=3, credit=credit)
            deliverer.wake()
            views = await store.of_credit(db, credit)
            assert [(view.state, view.waits_for) for view in views] == [
                ("dead", ""),
                ("waiting", "earlier"),
                ("waiting", "earlier"),
            ]
            assert await replay_hop(db, CLOCK.now(), HOP) == 1
            deliverer.wake()
            await in_state(db, credit, "confirmed")
    assert list(target.book) == [f"{event}:{HOP}" for event in (first, second, third)]


async def test_an_event_under_way_when_an_earlier_one_dies_is_held_back(db: Db) -> None:
    async with serve() as target:
        stack = one_hop(target.url)
        target.script = [acts.refuse(422, "schema")]
        credit, _ = await post(db, stack)
        await post(db, stack, version=2, credit=credit)
        async with delivering(db, stack):
            await until(lambda: _versions_in(db, credit, ["dead", "waiting"]))
    assert sum(target.requests.values()) == 1


async def test_an_event_behind_one_that_is_tried_again_later_waits_for_it(db: Db) -> None:
    async with serve() as target:
        stack = one_hop(target.url)
        target.script = [acts.refuse(423, "locked", **{"Retry-After": "60"})]
        credit, _ = await post(db, stack)
        await post(db, stack, version=2, credit=credit)
        async with delivering(db, stack):
            await until(lambda: _versions_in(db, credit, ["due", "waiting"]))
    first, second = await store.of_credit(db, credit)
    assert (first.state, first.attempts, second.state, second.attempts) == ("due", 1, "waiting", 0)


async def test_retry_after_is_honoured(db: Db) -> None:
    async with serve() as target:
        stack = one_hop(target.url)
        headers = {"Retry-After": "1"}
        target.script = [acts.refuse(423, "locked", **headers)]
        credit, _ = await post(db, stack)
        began = time.monotonic()
        async with delivering(db, stack):
            view = await in_state(db, credit, "confirmed")
    assert time.monotonic() - began >= 1.0
    assert [(one.outcome, one.reason_code, one.retry_after) for one in view.history] == [
        ("refused", "locked", 1.0),
        ("confirmed", "", None),
    ]


async def test_an_answer_lost_after_applying_is_found_by_asking_and_not_applied_twice(db: Db) -> None:
    async with serve() as target:
        stack = one_hop(target.url)
        target.script = [acts.lose_answer]
        credit, event = await post(db, stack)
        async with delivering(db, stack):
            view = await in_state(db, credit, "confirmed")
    assert target.requests == {f"{event}:{HOP}": 1}
    assert (target.repeats, target.probes) == (0, 1)
    assert [(one.kind, one.outcome) for one in view.history] == [("send", "unknown"), ("probe", "there")]


async def test_a_target_that_hangs_is_asked_and_sent_again(db: Db) -> None:
    async with serve() as target:
        stack = one_hop(target.url)
        target.script = [acts.hang]
        credit, _ = await post(db, stack)
        async with delivering(db, stack):
            view = await in_state(db, credit, "confirmed")
    assert [(one.kind, one.outcome) for one in view.history] == [
        ("send", "unknown"),
        ("probe", "not-there"),
        ("send", "confirmed"),
    ]
    assert view.history[0].ended_at - view.history[0].started_at >= timedelta(seconds=0.5)
    assert view.attempts == 2


async def test_what_cannot_be_asked_is_parked_for_a_person(db: Db) -> None:
    async with serve() as target:
        stack = one_hop(target.url)
        target.can_be_asked = False
        target.script = [acts.lose_answer, acts.drop]
        seen, seen_event = await post(db, stack)
        async with delivering(db, stack) as deliverer:
            parked = await in_state(db, seen, "parked")
            assert parked.reason_code == "cannot-ask"
            assert "Nobody can ask here." in parked.reason
            unseen, _ = await post(db, stack)
            deliverer.wake()
            await in_state(db, unseen, "parked")
            # A person looks: one is there, the other is not. Neither is sent by itself.
            assert sum(target.requests.values()) == 2
            concluded = await confirm_by_hand(db, stack, seen_event, HOP, CLOCK.now(), "Kim", "doc-7")
            assert concluded is not None
            assert concluded.changed
            assert await replay_one(db, CLOCK.now(), unseen, HOP, 1)
            deliverer.wake()
            await in_state(db, unseen, "confirmed")
    assert (await states(db, seen)) == {HOP: "confirmed"}
    assert (target.repeats, len(target.book)) == (0, 2)


async def test_given_up_after_the_last_attempt_and_replayed(db: Db) -> None:
    async with serve() as target:
        stack = one_hop(target.url)
        target.always = acts.refuse(423, "locked")
        credit, event = await post(db, stack)
        async with delivering(db, stack) as deliverer:
            dead = await in_state(db, credit, "dead")
            assert dead.reason == "Given up after 4 attempts: Refused: locked."
            assert dead.reason_code == "locked"
            assert target.requests == {f"{event}:{HOP}": 4}
            target.always = acts.confirm
            assert await replay_hop(db, CLOCK.now(), HOP) == 1
            deliverer.wake([HOP])
            await in_state(db, credit, "confirmed")
    assert list(target.book) == [f"{event}:{HOP}"]


async def test_a_target_that_confirms_later_by_a_call_of_its_own(db: Db) -> None:
    async with serve() as target:
        stack = stack_of({"erp": target.url, "web": target.url}, [("platform", "erp"), ("erp", "web")])
        target.script = [acts.accept]
        credit, event = await post(db, stack)
        async with delivering(db, stack) as deliverer:
            await until(lambda: _all_in(db, credit, {HOP: "unknown", "erp-web": "waiting"}))
            concluded = await confirm_by_key(db, stack, event, HOP, CLOCK.now(), "doc-1")
            assert concluded is not None
            deliverer.note(concluded)
            await in_state(db, credit, "confirmed")
            again = await confirm_by_key(db, stack, event, HOP, CLOCK.now(), "doc-1")
            assert again is not None
            assert not again.changed
            refused = await refuse_by_key(db, event, HOP, CLOCK.now(), "late", "Too late.")
            assert refused is not None
            assert not refused.changed
    assert target.probes == 0
    view = next(view for view in await store.of_credit(db, credit) if view.hop == HOP)
    assert (view.state, view.reference) == ("confirmed", "doc-1")
    assert [(one.kind, one.outcome, one.stale) for one in view.history] == [
        ("send", "accepted", False),
        ("answer", "confirmed", False),
        ("answer", "refused", True),
    ]


async def test_a_call_that_never_came_is_made_up_for_by_asking(db: Db) -> None:
    async with serve() as target:
        stack = one_hop(target.url)
        target.script = [acts.accept]
        credit, _ = await post(db, stack)
        async with delivering(db, stack):
            view = await in_state(db, credit, "confirmed")
    assert [(one.kind, one.outcome) for one in view.history] == [("send", "accepted"), ("probe", "there")]
    assert sum(target.requests.values()) == 1


async def test_a_refusal_that_comes_later_is_for_good(db: Db) -> None:
    async with serve() as target:
        stack = one_hop(target.url)
        target.script = [acts.accept]
        credit, event = await post(db, stack)
        async with delivering(db, stack):
            await in_state(db, credit, "unknown")
            concluded = await refuse_by_key(db, event, HOP, CLOCK.now(), "schema", "No such\x00 account.")
            assert concluded is not None
            dead = await in_state(db, credit, "dead")
    assert (dead.reason_code, dead.reason) == ("schema", "No such account.")


async def test_nobody_confirms_what_was_never_sent(db: Db) -> None:
    stack = one_hop("http://127.0.0.1:9")
    credit, event = await post(db, stack)
    concluded = await confirm_by_key(db, stack, event, HOP, CLOCK.now())
    assert concluded is not None
    assert not concluded.changed
    assert await confirm_by_key(db, stack, credit, HOP, CLOCK.now()) is None
    assert await confirm_by_key(db, stack, event, "platform-web", CLOCK.now()) is None
    assert await states(db, credit) == {HOP: "due"}


async def test_a_dead_system_burns_no_attempts_and_slows_no_other_hop(db: Db) -> None:
    slow = QUICK.replace("attempts = 4", "attempts = 12")
    async with serve() as gone:
        dead_url = gone.url
    async with serve() as target:
        stack = stack_of({"erp": dead_url, "web": target.url}, [("platform", "erp"), ("platform", "web")], erp=slow)
        credits = [(await post(db, stack))[0] for _ in range(40)]
        async with delivering(db, stack, concurrency=8):
            await until(lambda: _hop_in(db, credits, "platform-web", "confirmed"))
            await until(lambda: _broken(db, "open"))
            async with serve(port=int(dead_url.rpartition(":")[2])) as back:
                await until(lambda: _hop_in(db, credits, "platform-erp", "confirmed"), 30)
                assert back.repeats == 0
                assert len(back.book) == 40
    assert (await store.breakers(db))["platform-erp"].state == "closed"
    tried = [view.attempts for credit in credits for view in await store.of_credit(db, credit)]
    assert max(tried) < 12


async def test_a_target_that_hangs_takes_no_room_from_the_others(db: Db) -> None:
    async with serve() as hanging, serve() as target:
        hanging.always = acts.hang
        stack = stack_of({"erp": hanging.url, "web": target.url}, [("platform", "erp"), ("platform", "web")])
        credits = [(await post(db, stack))[0] for _ in range(100)]
        began = time.monotonic()
        async with delivering(db, stack, concurrency=4):
            await until(lambda: _hop_in(db, credits, "platform-web", "confirmed"))
            assert time.monotonic() - began < 5
            hanging.always = acts.confirm
            await until(lambda: _hop_in(db, credits, "platform-erp", "confirmed"), 30)
    assert len(hanging.book) == 100


async def test_a_hop_nobody_carries_stays_due(db: Db) -> None:
    async with serve() as target:
        stack = one_hop(target.url)
        credit, _ = await post(db, stack)
        both = stack_of({"erp": target.url, "web": target.url}, [("platform", "erp"), ("platform", "web")])
        unreached = {**both.systems, "erp": replace(both.systems["erp"], connector="csv")}
        async with delivering(db, replace(both, systems=unreached)) as deliverer:
            deliverer.wake([HOP])
            other, _ = await post(db, stack_of({"web": target.url}, [("platform", "web")]))
            await in_state(db, other, "confirmed")
    assert await states(db, credit) == {HOP: "due"}


async def _all_in(db: Db, credit: UUID, expected: dict[str, str]) -> bool:
    return await states(db, credit) == expected


async def _versions_in(db: Db, credit: UUID, expected: list[str]) -> bool:
    return [view.state.value for view in await store.of_credit(db, credit)] == expected


async def _hop_in(db: Db, credits: list[UUID], hop: str, state: str) -> bool:
    now = CLOCK.now()
    counted = await store.counts(db, now, now - timedelta(days=1))
    return sum(line.count for line in counted if (line.hop, line.state) == (hop, state)) == len(credits)


async def _broken(db: Db, state: str) -> bool:
    return any(breaker.state == state for breaker in (await store.breakers(db)).values())
