"""What a person decides about credits, on a real hub: exactly once, exactly what was meant, and taken back exactly."""

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from tests.integration.checkpoint.conftest import SALE, Shop
from tillbridge.checkpoint import store as checkpoint
from tillbridge.checkpoint.candidates import as_of_now
from tillbridge.checkpoint.claim import Finish
from tillbridge.checkpoint.decisions import Asked, Decisions, Done
from tillbridge.checkpoint.model import Receipt
from tillbridge.credit.model import Freeze, PlaceHold, Redeem, Release, Submitted, Transfer, Unfreeze
from tillbridge.identity import store as people
from tillbridge.identity.directory import profile_of
from tillbridge.identity.model import Given, Profile, Reference
from tillbridge.kernel.db import Query
from tillbridge.kernel.errors import BadInput, Decided, NotAllowed, Refusal
from tillbridge.kernel.money import Money
from tillbridge.ledger import store as ledger
from tillbridge.ledger.model import CreditNow, Origin, Posted, State
from tillbridge.stack.model import Approval

A1, A2 = Reference("web", "A1"), Reference("web", "A2")
SLIP = Given(email="avva@example.com")


def asked(key: str = "case", by: str = "ops", store: str = "") -> Asked:
    return Asked(key, by, "She showed the receipt.", store)


async def sold(shop: Shop, key: str, given: Given) -> Receipt:
    origin = Origin("006", "3", "op07", f"T-{key}")
    sale = replace(SALE, key=key, occurred_at=shop.clock.now(), origin=origin, given=given)
    receipt = await shop.hub.checkpoint.issue(sale, timedelta())
    assert isinstance(receipt, Receipt)
    return receipt


async def review_of(shop: Shop, credit_id: UUID) -> checkpoint.Review:
    review = await checkpoint.review_of_credit(shop.hub.db, credit_id)
    assert review is not None
    return review


async def linked(shop: Shop) -> tuple[UUID, Done]:
    """A credit whose e-mail was mistyped, linked to Ava by a person."""
    credit_id = (await sold(shop, "slip", SLIP)).posted.credit_id
    done = await shop.hub.decisions.link((await review_of(shop, credit_id)).review_id, A1, asked("link"))
    assert isinstance(done, Done)
    return credit_id, done


async def now_of(shop: Shop, credit_id: UUID | None) -> CreditNow:
    assert credit_id is not None
    now = await ledger.credit_now(shop.hub.db, credit_id)
    assert now is not None
    return now


async def posted(shop: Shop, command: Submitted) -> Posted:
    answer = await shop.hub.desk.post(command)
    assert isinstance(answer.result, Posted), answer.result
    return answer.result


def said(shop: Shop, key: str) -> Mapping[str, Any]:
    return {"key": key, "actor": "till", "occurred_at": shop.clock.now()}


async def account(shop: Shop, account_id: str, system: str = "web", **given: str) -> UUID:
    profile = profile_of(system, Given(account_id=account_id, **given), "US")
    assert isinstance(profile, Profile)
    (taken,) = await people.take_in(shop.hub.db, [profile], shop.clock.now(), shop.hub.ids)
    return taken.customer_id


async def test_a_link_is_not_undone_when_money_was_moved_on(shop: Shop) -> None:
    credit_id, done = await linked(shop)
    other = (await sold(shop, "ava", Given(email="ava@example.com"))).posted.credit_id
    some = Money(8000, "USD")
    await posted(shop, Transfer(**said(shop, "t1"), credit_id=credit_id, to=other, amount=some, reason="one card"))
    with pytest.raises(Decided, match="spent since"):
        await shop.hub.decisions.undo(done.decision.decision_id, asked("undo"))
    assert (await now_of(shop, credit_id)).balance == 800


async def test_a_link_is_not_undone_when_something_is_spent_in_between(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    credit_id, done = await linked(shop)
    real = ledger.since_claim
    times: list[int] = []

    async def slow(*asked_for: Any) -> tuple[int, bool]:
        found = await real(*asked_for)
        if not times:
            times.append(1)
            await posted(shop, Redeem(**said(shop, "r1"), credit_id=credit_id, amount=Money(8000, "USD")))
        return found

    monkeypatch.setattr(ledger, "since_claim", slow)
    with pytest.raises(Decided, match="spent since"):
        await shop.hub.decisions.undo(done.decision.decision_id, asked("undo"))
    assert (await now_of(shop, credit_id)).state is State.ACTIVE


async def test_an_undo_that_a_hold_refused_goes_through_when_it_is_released(shop: Shop) -> None:
    credit_id, done = await linked(shop)
    ends = shop.clock.now() + timedelta(hours=1)
    hold = await posted(shop, PlaceHold(**said(shop, "h1"), credit_id=credit_id, amount=Money(100, "USD"), ends=ends))
    held = await shop.hub.decisions.undo(done.decision.decision_id, asked("u1"))
    assert isinstance(held, Refusal)
    assert held.code == "credit-held"
    assert hold.hold_id is not None
    await posted(shop, Release(**said(shop, "h2"), hold_id=hold.hold_id, credit_id=credit_id))
    undone = await shop.hub.decisions.undo(done.decision.decision_id, asked("u1"))
    assert isinstance(undone, Done)
    assert (await now_of(shop, undone.decision.new_credit_id)).balance == 8800


async def test_what_stands_in_for_a_frozen_credit_is_frozen(shop: Shop) -> None:
    credit_id, _ = await linked(shop)
    await posted(shop, Freeze(**said(shop, "f1"), credit_id=credit_id, reason="fraud?"))
    ben = await people.customer_by_reference(shop.hub.db, "web", "A2")
    moved = await shop.hub.decisions.move(credit_id, ben, asked("m1"))
    assert isinstance(moved, Done)
    new = await now_of(shop, moved.decision.new_credit_id)
    assert (new.state, new.owner, new.balance) == (State.FROZEN, ben, 8800)
    # And to nobody: it waits frozen, and can be claimed when it is let go.
    again = await shop.hub.decisions.move(new.credit_id, None, asked("m2"))
    assert isinstance(again, Done)
    waiting = await now_of(shop, again.decision.new_credit_id)
    assert waiting.state is State.FROZEN
    await shop.hub.checkpoint.make_up()
    assert (await review_of(shop, waiting.credit_id)).state == "open"
    await posted(shop, Unfreeze(**said(shop, "f2"), credit_id=waiting.credit_id, reason="nothing found"))
    assert (await now_of(shop, waiting.credit_id)).state is State.UNCLAIMED


async def test_a_link_goes_to_who_has_the_account_now(shop: Shop) -> None:
    credit_id = (await sold(shop, "slip", SLIP)).posted.credit_id
    review = await review_of(shop, credit_id)
    ava = UUID(review.candidates[0]["customer_id"])
    assert review.candidates[0]["accounts"] == ["web:A1"]
    moved = await shop.hub.persons.unlink_account(A1, None, asked("a1"))
    # The page shows nobody who has no account, and who had it gets nothing.
    (live,) = await as_of_now(shop.hub.db, [review])
    assert str(ava) not in [one["customer_id"] for one in live]
    with pytest.raises(BadInput, match="no such account"):
        await shop.hub.decisions.link(review.review_id, ava, asked("l1"))
    assert isinstance(await shop.hub.decisions.link(review.review_id, A1, asked("l2")), Done)
    assert (await now_of(shop, credit_id)).owner == moved.decision.customer_id


async def test_a_link_to_an_account_that_is_gone_is_refused(shop: Shop) -> None:
    credit_id = (await sold(shop, "slip", SLIP)).posted.credit_id
    await people.mark_gone(shop.hub.db, "web", ["A1"], shop.clock.now())
    with pytest.raises(BadInput, match="no such account"):
        await shop.hub.decisions.link((await review_of(shop, credit_id)).review_id, A1, asked("l1"))
    assert (await now_of(shop, credit_id)).state is State.UNCLAIMED


async def test_of_decisions_at_the_same_moment_one_is_made(shop: Shop) -> None:
    credit_id = (await sold(shop, "slip", SLIP)).posted.credit_id
    review_id = (await review_of(shop, credit_id)).review_id
    decisions = shop.hub.decisions
    tried = await asyncio.gather(
        *(decisions.leave(review_id, asked(f"l{number}")) for number in range(3)),
        decisions.link(review_id, A1, asked("l9")),
        return_exceptions=True,
    )
    assert len([one for one in tried if isinstance(one, Done)]) == 1, tried
    assert all(isinstance(one, Done | Decided | Refusal) for one in tried), tried
    assert len(await checkpoint.decisions_of_review(shop.hub.db, review_id)) == 1


async def test_undos_at_the_same_moment_are_one_and_a_repeat_is_a_repeat(shop: Shop) -> None:
    credit_id = (await sold(shop, "slip", SLIP)).posted.credit_id
    review_id = (await review_of(shop, credit_id)).review_id
    left = await shop.hub.decisions.leave(review_id, asked("leave"))
    undo = shop.hub.decisions.undo
    tried = await asyncio.gather(
        *(undo(left.decision.decision_id, asked(f"u{number}")) for number in range(3)), return_exceptions=True
    )
    assert sorted(type(one).__name__ for one in tried) == ["Decided", "Decided", "Done"], tried
    ava = (await sold(shop, "ava", Given(email="ava@example.com"))).posted.credit_id
    same = await asyncio.gather(*(shop.hub.decisions.move(ava, None, asked("m1")) for _ in range(3)))
    assert sorted(isinstance(one, Done) and one.replay for one in same) == [False, True, True], same


async def test_a_claimed_credit_does_not_wait_again(shop: Shop) -> None:
    receipt = await sold(shop, "slip", SLIP)
    review_id = (await review_of(shop, receipt.posted.credit_id)).review_id
    left = await shop.hub.decisions.leave(review_id, asked("leave"))
    challenge = await shop.begin(receipt, "ava@example.com")
    assert await shop.finish(receipt, challenge, shop.code()) is Finish.LINKED
    with pytest.raises(Decided, match="not waiting any more"):
        await shop.hub.decisions.undo(left.decision.decision_id, asked("undo"))
    assert (await review_of(shop, receipt.posted.credit_id)).state == "done"


async def test_a_key_of_one_store_decides_about_no_other(shop: Shop) -> None:
    credit_id = (await sold(shop, "slip", SLIP)).posted.credit_id
    review_id = (await review_of(shop, credit_id)).review_id
    theirs = asked("n1", store="009")
    with pytest.raises(NotAllowed, match="store 009 only"):
        await shop.hub.decisions.leave(review_id, theirs)
    with pytest.raises(NotAllowed, match="store 009 only"):
        await shop.hub.decisions.link(review_id, A1, theirs)
    done = await shop.hub.decisions.link(review_id, A1, asked("n2", store="006"))
    assert isinstance(done, Done)
    with pytest.raises(NotAllowed, match="store 009 only"):
        await shop.hub.decisions.move(credit_id, None, theirs)
    with pytest.raises(NotAllowed, match="store 009 only"):
        await shop.hub.decisions.undo(done.decision.decision_id, theirs)


@pytest.mark.parametrize("merged_first", [True, False])
async def test_after_a_merge_the_storefront_is_told_the_account(shop: Shop, merged_first: bool) -> None:
    web = await account(shop, "W1", email="w@example.com")
    till = await account(shop, "L1", system="registers", loyalty_id="79927398713")
    await shop.hub.persons.merge(*((web, till) if merged_first else (till, web)), asked("merge"))
    receipt = await sold(shop, "w", Given(email="w@example.com"))
    rows = await shop.hub.db.fetch(
        Query("told", "SELECT customer FROM handoff.message WHERE credit_id = $1"), receipt.posted.credit_id
    )
    assert rows[0]["customer"]["accounts"] == {"web": "W1", "registers": "L1"}


async def test_of_several_accounts_the_owners_own_is_told(shop: Shop) -> None:
    head = await account(shop, "W5", email="w5@example.com")
    await account(shop, "W7", email="w7@example.com")
    await shop.hub.persons.unlink_account(Reference("web", "W7"), head, asked("a1"))
    other = await account(shop, "W3", email="w3@example.com")
    await shop.hub.persons.merge(other, head, asked("merge"))
    for key in ("w3", "w5", "w7"):
        receipt = await sold(shop, key, Given(email=f"{key}@example.com"))
        rows = await shop.hub.db.fetch(
            Query("told", "SELECT customer FROM handoff.message WHERE credit_id = $1"), receipt.posted.credit_id
        )
        assert rows[0]["customer"]["accounts"] == {"web": "W5"}


async def test_more_than_one_person_may_give_is_moved_by_two(shop: Shop) -> None:
    credit_id = (await sold(shop, "ava", Given(email="ava@example.com"))).posted.credit_id
    hub = shop.hub
    stack = replace(hub.stack, approval=Approval(above=5000, buckets=("goodwill",)))
    decisions = Decisions(hub.db, hub.desk, stack, hub.codes, shop.clock, hub.ids)
    ben = await people.customer_by_reference(hub.db, "web", "A2")
    with pytest.raises(NotAllowed, match="approval of a second person"):
        await decisions.move(credit_id, ben, asked("m1", by="ann"))
    moved = await decisions.move(credit_id, None, asked("m2", by="ann"))
    assert isinstance(moved, Done)
    new = await now_of(shop, moved.decision.new_credit_id)
    review_id = (await review_of(shop, new.credit_id)).review_id
    with pytest.raises(NotAllowed, match="approval of a second person"):
        await decisions.link(review_id, A2, asked("l1", by="ann"))
    assert isinstance(await decisions.link(review_id, A2, asked("l2", by="bob")), Done)
    assert (await now_of(shop, new.credit_id)).owner == ben
