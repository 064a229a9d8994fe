"""What the posting transaction writes: where an event goes, what it waits for, and the claim."""

from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest

from tests.integration.handoff.parts import CLOCK, IDS, chain, delivering, in_state, post, stack_of, states, until
from tests.integration.handoff.target import serve
from tillbridge.handoff import store
from tillbridge.handoff.replay import replay_one
from tillbridge.handoff.route import on_claim, route
from tillbridge.kernel.db import Db, Query
from tillbridge.kernel.errors import DatabaseFault
from tillbridge.kernel.money import Money
from tillbridge.stack.model import Stack

_RELEASE = Query(
    "tests.release_claim",
    "SELECT handoff.release_claim($1, $2, $3, $4::text[], $5::timestamptz[], $6::timestamptz[]) IS NULL AS done",
)
_ERASE = Query("tests.erase", "DELETE FROM handoff.attempt")
_REWRITE = Query("tests.rewrite", "UPDATE handoff.attempt SET outcome = 'confirmed'")
CUSTOMER = {"customer_id": "018f0000-0000-7000-8000-000000000001", "accounts": {"web": "A7"}}


async def claim(db: Db, stack: Stack, credit: UUID) -> None:
    """What the claiming transaction calls."""
    at = CLOCK.now()
    hops = on_claim(stack, at)
    names, due, deadlines = [hop.hop for hop in hops], [hop.due_at for hop in hops], [hop.deadline for hop in hops]
    await db.fetch_one(_RELEASE, at, credit, CUSTOMER, names, due, deadlines)


async def test_an_unclaimed_credit_reaches_the_storefront_once_it_is_claimed(db: Db) -> None:
    async with serve() as target:
        stack = stack_of({"erp": target.url, "web": target.url}, [("platform", "erp"), ("platform", "web")])
        credit, event = await post(db, stack, owned=False)
        async with delivering(db, stack) as deliverer:
            await until(lambda: _are(db, credit, {"platform-erp": "confirmed", "platform-web": "waiting"}))
            await claim(db, stack, credit)
            deliverer.wake()
            await in_state(db, credit, "confirmed")
    assert target.book[f"{event}:platform-erp"]["customer"] is None
    assert target.book[f"{event}:platform-web"]["customer"] == CUSTOMER


@pytest.mark.parametrize("claimed_first", [True, False])
async def test_in_a_chain_the_storefront_waits_for_the_claim_and_for_the_system_before(
    db: Db, claimed_first: bool
) -> None:
    async with serve() as target:
        stack = chain(target.url)
        credit, event = await post(db, stack, owned=False)
        if claimed_first:
            await claim(db, stack, credit)
            assert (await states(db, credit))["erp-web"] == "waiting"
        async with delivering(db, stack) as deliverer:
            if not claimed_first:
                await until(
                    lambda: _are(
                        db, credit, {"platform-pay": "confirmed", "pay-erp": "confirmed", "erp-web": "waiting"}
                    )
                )
                await claim(db, stack, credit)
                deliverer.wake()
            last = await in_state(db, credit, "confirmed")
    assert list(target.book)[-1] == f"{event}:erp-web"
    assert last.deadline is not None


async def test_a_claim_that_came_between_routing_and_posting_is_noticed(db: Db) -> None:
    stack = stack_of({"web": "http://127.0.0.1:9"}, [("platform", "web")])
    at = CLOCK.now()
    unowned = route(stack, at, owned=False, currency="USD", bucket="refund")
    credit, _ = await post(db, stack, plan=lambda _: unowned)
    assert await states(db, credit) == {"platform-web": "due"}


async def test_a_credit_the_target_does_not_accept_is_dead_from_the_start_and_can_be_replayed(db: Db) -> None:
    async with serve() as target:
        stack = chain(target.url)
        narrow = replace(stack, systems={**stack.systems, "erp": replace(stack.systems["erp"], currencies=("CAD",))})
        credit, _ = await post(db, narrow)
        dead = next(view for view in await store.of_credit(db, credit) if view.hop == "pay-erp")
        assert (dead.state, dead.reason_code) == ("dead", "mapping-rejected")
        assert dead.reason == "erp does not accept the currency USD, only CAD."
        # Replayed before payments has it: then it waits for payments, as it did before it died.
        assert await replay_one(db, CLOCK.now(), credit, "pay-erp", 1)
        assert await states(db, credit) == {"platform-pay": "due", "pay-erp": "waiting", "erp-web": "waiting"}
        async with delivering(db, stack):
            await in_state(db, credit, "confirmed")


async def test_a_dead_one_replayed_after_the_system_before_it_confirmed_goes_at_once(db: Db) -> None:
    async with serve() as target:
        stack = chain(target.url)
        narrow = replace(stack, systems={**stack.systems, "erp": replace(stack.systems["erp"], buckets=("paid",))})
        credit, _ = await post(db, narrow)
        async with delivering(db, stack) as deliverer:
            await until(
                lambda: _are(db, credit, {"platform-pay": "confirmed", "pay-erp": "dead", "erp-web": "waiting"})
            )
            assert await replay_one(db, CLOCK.now(), credit, "pay-erp", 1)
            deliverer.wake()
            await in_state(db, credit, "confirmed")


async def test_poll_and_batch_hops_are_due_at_their_next_run(db: Db) -> None:
    async with serve() as target:
        poll = 'trigger = "poll"\ninterval = "1h"'
        stack = stack_of({"erp": target.url, "web": target.url}, [("platform", "erp"), ("erp", "web")], web=poll)
        credit, _ = await post(db, stack)
        async with delivering(db, stack):
            await until(lambda: _are(db, credit, {"platform-erp": "confirmed", "erp-web": "due"}))
    view = next(view for view in await store.of_credit(db, credit) if view.hop == "erp-web")
    assert view.due_at is not None
    assert timedelta(0) < view.due_at - CLOCK.now() <= timedelta(hours=1)
    # Its promise is half a minute, but nothing runs before: it is late once its run has passed without it.
    assert view.deadline == view.due_at


async def test_a_map_that_changed_while_the_hub_was_down_leaves_nothing_waiting_for_ever(db: Db) -> None:
    async with serve() as target:
        credit, _ = await post(db, chain(target.url))
        first_only = stack_of({"pay": target.url}, [("platform", "pay")])
        async with delivering(db, first_only):
            await until(lambda: _are(db, credit, {"platform-pay": "confirmed", "pay-erp": "dead", "erp-web": "dead"}))
        # The map has them again: what was given up is sent again by who wants it, and knows what has been confirmed.
        for hop in ("pay-erp", "erp-web"):
            assert await replay_one(db, CLOCK.now(), credit, hop, 1)
        async with delivering(db, chain(target.url)):
            await in_state(db, credit, "confirmed")


async def test_a_later_version_of_an_owner_less_credit_waits_in_order(db: Db) -> None:
    async with serve() as target:
        stack = stack_of({"web": target.url}, [("platform", "web")])
        credit, first = await post(db, stack, owned=False)
        _, second = await post(db, stack, version=2, credit=credit, owned=False)
        async with delivering(db, stack) as deliverer:
            await claim(db, stack, credit)
            deliverer.wake()
            await in_state(db, credit, "confirmed")
    assert list(target.book) == [f"{first}:platform-web", f"{second}:platform-web"]


@pytest.mark.parametrize("query", [_ERASE, _REWRITE])
async def test_attempts_are_history(db: Db, query: Query) -> None:
    async with serve() as target:
        stack = stack_of({"erp": target.url}, [("platform", "erp")])
        credit, _ = await post(db, stack)
        async with delivering(db, stack):
            await in_state(db, credit, "confirmed")
    with pytest.raises(DatabaseFault, match="never changed"):
        await db.execute(query)


async def test_an_amount_is_checked_in_the_retailers_currency(db: Db) -> None:
    stack = stack_of({"web": "http://127.0.0.1:9"}, [("platform", "web")])
    small = replace(stack, systems={**stack.systems, "web": replace(stack.systems["web"], amount_max="50.00")})
    at = CLOCK.now()
    routed = [
        route(small, at, owned=True, currency=amount.currency, bucket="paid", amount=amount)[0].state
        for amount in (Money(5000, "USD"), Money(5001, "USD"), Money(900000, "JPY"))
    ]
    assert routed == ["due", "dead", "due"]


async def test_nothing_is_known_of_a_credit_nobody_posted(db: Db) -> None:
    assert await store.of_credit(db, IDS.new()) == ()


async def _are(db: Db, credit: UUID, expected: dict[str, str]) -> bool:
    return await states(db, credit) == expected


async def test_what_a_storefront_feeds_goes_on_where_the_storefront_is_left_out(db: Db) -> None:
    async with serve() as target:
        stack = stack_of({"web": target.url, "erp": target.url}, [("platform", "web"), ("web", "erp")])
        bearer, _ = await post(db, stack, owned=False, state="active")
        credit, _ = await post(db, stack, owned=False)
        assert await states(db, credit) == {"platform-web": "waiting", "web-erp": "waiting"}
        await post(db, stack, version=2, credit=credit, owned=False, state="void")
        views = [*await store.of_credit(db, bearer), *await store.of_credit(db, credit)]
        async with delivering(db, stack):
            await until(lambda: _all_over(db, bearer, credit))
    assert [(view.hop, view.version, view.deadline is None) for view in views] == [
        ("web-erp", 1, False),
        ("platform-web", 1, True),
        ("web-erp", 1, False),
        ("web-erp", 2, False),
    ]
    assert await states(db, bearer) == {"web-erp": "confirmed"}
    assert await states(db, credit) == {"platform-web": "ended", "web-erp": "confirmed"}
    assert target.versions == {str(bearer): [1], str(credit): [1, 2]}


async def _all_over(db: Db, *credits: UUID) -> bool:
    views = [view for credit in credits for view in await store.of_credit(db, credit)]
    return all(view.state in {"confirmed", "ended"} for view in views)
