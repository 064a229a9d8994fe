"""Sending again what was given up: one, a hop, a range, by reason; a look first; and what a person found out."""

from datetime import timedelta
from typing import Any

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
from tillbridge.handoff.conclude import confirm_by_hand, give_up_by_hand
from tillbridge.handoff.model import State
from tillbridge.handoff.replay import Selection, preview, read_id, replay_one, replay_selected
from tillbridge.kernel.db import Db
from tillbridge.kernel.errors import BadInput


async def poisoned(db: Db, target: Target, stack: Any, count: int = 6) -> list[Any]:
    """Events of which every second one is refused for one of two reasons."""
    made = await post_many(db, stack, count)
    bad = {
        str(event): "no-account" if number % 4 else "closed"
        for number, (_, event) in enumerate(made)
        if number % 2 == 0
    }

    async def picky(target: Target, key: str, body: dict[str, Any], request: web.Request) -> web.Response:
        if body["event_id"] in bad:
            return web.json_response({"code": bad[body["event_id"]], "message": "No."}, status=422)
        return await acts.confirm(target, key, body, request)

    target.always = picky
    async with delivering(db, stack):
        await until(lambda: _counts(db, confirmed=count // 2, dead=count // 2))
    target.always = acts.confirm
    return made


async def test_a_look_says_what_would_be_sent_and_changes_nothing(db: Db) -> None:
    async with serve() as target:
        stack = one_hop(target.url)
        made = await poisoned(db, target, stack)
        seen = await preview(db, Selection())
        assert (seen.count, [(one.reason_code, one.count) for one in seen.counts]) == (
            3,
            [("closed", 2), ("no-account", 1)],
        )
        assert {one.credit_id for one in seen.first} == {credit for credit, _ in made[::2]}
        assert (await tally(db))["dead"] == 3


@pytest.mark.parametrize(
    ("chosen", "count"),
    [
        (Selection(), 3),
        (Selection(reason_code="closed"), 2),
        (Selection(hop="platform-erp"), 3),
        (Selection(hop="platform-web"), 0),
        (Selection(states=frozenset({State.PARKED})), 0),
        (Selection(since=CLOCK.now() - timedelta(hours=1), until=CLOCK.now() + timedelta(hours=1)), 3),
        (Selection(until=CLOCK.now() - timedelta(hours=1)), 0),
        (Selection(since=CLOCK.now() + timedelta(hours=1)), 0),
    ],
)
async def test_what_fits_is_sent_again_and_nothing_else(db: Db, chosen: Selection, count: int) -> None:
    async with serve() as target:
        stack = one_hop(target.url)
        await poisoned(db, target, stack)
        assert (await preview(db, chosen)).count == count
        assert await replay_selected(db, CLOCK.now(), chosen) == count
        async with delivering(db, stack):
            await until(lambda: _counts(db, confirmed=3 + count, dead=3 - count))
    assert target.repeats == 0


async def test_those_that_are_named_are_sent_again(db: Db) -> None:
    async with serve() as target:
        stack = one_hop(target.url)
        made = await poisoned(db, target, stack)
        named = tuple((credit, "platform-erp", 1) for credit, _ in made[:3])
        chosen = Selection(places=named)
        assert (await preview(db, chosen)).count == 2
        assert await replay_selected(db, CLOCK.now(), chosen) == 2


@pytest.mark.parametrize("text", ["", "x", "0.1.web", "018f0000-0000-7000-8000-000000000001.0.web"])
def test_what_is_no_id_is_told(text: str) -> None:
    with pytest.raises(BadInput):
        read_id(text)


async def test_a_poisoned_event_holds_up_its_own_credit_and_no_other(db: Db) -> None:
    async with serve() as target:
        stack = one_hop(target.url)
        made = await poisoned(db, target, stack, 2)
        stuck, fine = made[0][0], made[1][0]
        await post(db, stack, version=2, credit=stuck)
        await post(db, stack, version=2, credit=fine)
        async with delivering(db, stack):
            await in_state(db, fine, "confirmed")
            first, second = await store.of_credit(db, stuck)
            assert (first.state, second.state, second.waits_for) == ("dead", "waiting", "earlier")
            assert await replay_selected(db, CLOCK.now(), Selection()) == 1
            await in_state(db, stuck, "confirmed")
    assert target.versions[str(stuck)] == [1, 2]


async def test_what_a_person_has_seen_there_starts_what_waited_for_it(db: Db) -> None:
    async with serve() as target:
        stack = chain(target.url)
        target.script, target.can_be_asked = [acts.lose_answer], False
        credit, event = await post(db, stack)
        async with delivering(db, stack) as deliverer:
            await until(lambda: _counts(db, parked=1, waiting=2))
            said = await confirm_by_hand(db, stack, event, "platform-pay", CLOCK.now(), "Olga", "P-7", "On page 3.")
            assert said is not None
            assert said.changed
            deliverer.note(said)
            await in_state(db, credit, "confirmed")
    views = {view.hop: view for view in await store.of_credit(db, credit)}
    first = views["platform-pay"]
    assert (first.reference, first.history[-1].kind) == ("P-7", "person")
    assert first.history[-1].reason == "Olga has seen it there. On page 3."
    assert target.repeats == 0


async def test_what_a_person_gives_up_is_dead_and_can_be_replayed(db: Db) -> None:
    async with serve() as target:
        stack = one_hop(target.url)
        target.script, target.can_be_asked = [acts.drop], False
        credit, event = await post(db, stack)
        async with delivering(db, stack):
            await in_state(db, credit, "parked")
            said = await give_up_by_hand(db, event, "platform-erp", CLOCK.now(), "Olga", "Not there.")
            assert said is not None
            assert said.changed
            view = await in_state(db, credit, "dead")
            assert (view.reason_code, view.reason) == ("given-up", "Olga gave it up. Not there.")
            assert await replay_selected(db, CLOCK.now(), Selection(reason_code="given-up")) == 1
            await in_state(db, credit, "confirmed")


async def test_what_waits_for_the_claim_of_a_credit_that_is_over_ends_and_says_why(db: Db) -> None:
    async with serve() as target:
        stack = stack_of({"erp": target.url, "web": target.url}, [("platform", "erp"), ("platform", "web")])
        credit, _ = await post(db, stack, owned=False)
        await post(db, stack, version=2, credit=credit, owned=False, state="void")
        async with delivering(db, stack):
            await until(lambda: _counts(db, confirmed=2))
    ended = [view for view in await store.of_credit(db, credit) if view.hop == "platform-web"]
    assert [(view.state, view.waits_for, view.reason_code) for view in ended] == [("ended", "", "credit-over")]
    assert ended[0].reason == "The credit was over before anybody claimed it: there is nothing to show."


async def test_the_signs_of_a_hop(db: Db) -> None:
    async with serve() as target:
        stack = one_hop(target.url)
        await poisoned(db, target, stack)
        await post(db, stack)
        at = CLOCK.now()
        (signs,) = await store.signs(db, at)
        assert signs.hop == "platform-erp"
        assert signs.states == {State.DEAD: 3, State.DUE: 1}
        assert (signs.lost, signs.late) == (0, 0)
        assert signs.oldest_due is not None
        assert signs.oldest_due <= at
        (later,) = await store.signs(db, at + timedelta(minutes=5))
        assert later.late == 4


async def _counts(db: Db, **expected: int) -> bool:
    counted = await tally(db)
    return all(counted[state] == count for state, count in expected.items())


async def test_what_the_target_does_not_accept_is_not_sent_by_a_replay_either(db: Db) -> None:
    async with serve() as target:
        picky = one_hop(target.url, takes='buckets = ["paid"]')
        credit, _ = await post(db, picky)
        assert await replay_one(db, CLOCK.now(), credit, "platform-erp", 1)
        async with delivering(db, picky):
            again = await in_state(db, credit, "dead")
        assert (again.reason_code, again.replay, target.requests.total()) == ("mapping-rejected", 1, 0)
        # The map is mended: now it goes, with a promise of its own.
        assert await replay_one(db, CLOCK.now(), credit, "platform-erp", 1)
        async with delivering(db, one_hop(target.url)):
            sent = await in_state(db, credit, "confirmed")
        assert sent.deadline is not None
        assert target.requests.total() == 1
