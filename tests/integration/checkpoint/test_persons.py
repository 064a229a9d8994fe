"""What a person decides about people, on a real hub: undone in its order, done once, and no money is forgotten."""

import asyncio
from datetime import timedelta

import pytest

from tests.integration.checkpoint.conftest import Shop
from tests.integration.checkpoint.test_decisions import A1, A2, account, asked, sold
from tillbridge.checkpoint.decisions import Done
from tillbridge.identity import store as people
from tillbridge.identity.model import Conflict, Given, Kind, Reference
from tillbridge.kernel.errors import Decided, NotFound

PHONE = "+12125550150"
X1 = Reference("web", "X1")


async def conflict_of(shop: Shop) -> Conflict:
    (found,) = await people.open_conflicts(shop.hub.db, 9)
    return found


async def test_an_account_is_unlinked_from_its_own_customer_only(shop: Shop) -> None:
    ava = await people.customer_by_reference(shop.hub.db, *("web", "A1"))
    ben = await people.customer_by_reference(shop.hub.db, *("web", "A2"))
    with pytest.raises(NotFound, match="account of this customer"):
        await shop.hub.persons.unlink_account(A1, None, asked("a1"), ben)
    assert await people.customer_by_reference(shop.hub.db, "web", "A1") == ava
    # The key was not used up by it.
    assert isinstance(await shop.hub.persons.unlink_account(A1, None, asked("a1"), ava), Done)


async def test_a_conflict_is_settled_once_and_by_one(shop: Shop) -> None:
    conflict = await conflict_of(shop)
    settle = shop.hub.persons.settle
    tried = await asyncio.gather(
        *(settle(conflict, "belongs-to", one, asked(f"c-{one}")) for one in conflict.people), return_exceptions=True
    )
    assert sorted(type(one).__name__ for one in tried) == ["Decided", "Done"], tried
    (done,) = [one for one in tried if isinstance(one, Done)]
    assert done.decision.customer_id is not None
    favoured = await people.customer(shop.hub.db, done.decision.customer_id)
    assert favoured is not None
    assert [one.verified for one in favoured.identifiers if one.kind is Kind.PHONE] == [True]


async def test_a_conflict_that_is_over_is_not_settled(shop: Shop) -> None:
    before = await conflict_of(shop)
    await account(shop, "A1", email="ava@example.com")
    await account(shop, "A2", email="ben@example.com")
    now = await people.conflict(shop.hub.db, before.conflict_id)
    assert now is not None
    for seen in (now, before):
        with pytest.raises(Decided):
            await shop.hub.persons.settle(seen, "shared", None, asked("s1"))


async def test_moves_are_taken_back_in_their_order(shop: Shop) -> None:
    x = await account(shop, "X1", email="x@example.com")
    y, z = await account(shop, "Y1", email="y@example.com"), await account(shop, "Z1", email="z@example.com")
    first = await shop.hub.persons.unlink_account(X1, y, asked("m1"))
    second = await shop.hub.persons.unlink_account(X1, z, asked("m2"))
    with pytest.raises(Decided, match="elsewhere by now"):
        await shop.hub.persons.undo(first.decision.decision_id, asked("u1"))
    assert await people.customer_by_reference(shop.hub.db, "web", "X1") == z
    await shop.hub.persons.undo(second.decision.decision_id, asked("u2"))
    await shop.hub.persons.undo(first.decision.decision_id, asked("u1"))
    assert await people.customer_by_reference(shop.hub.db, "web", "X1") == x


async def test_a_denial_whose_account_moved_is_not_undone_in_name_only(shop: Shop) -> None:
    x = await account(shop, "X1", email="x@example.com", phone=PHONE)
    y = await account(shop, "Y1", email="y@example.com")
    denied = await shop.hub.persons.unlink_identifier(x, (Kind.PHONE, PHONE), asked("d1"))
    moved = await shop.hub.persons.unlink_account(X1, y, asked("m1"))
    with pytest.raises(Decided, match="elsewhere by now"):
        await shop.hub.persons.undo(denied.decision.decision_id, asked("u1"))
    await shop.hub.persons.undo(moved.decision.decision_id, asked("u2"))
    await shop.hub.persons.undo(denied.decision.decision_id, asked("u1"))
    found = await people.customer(shop.hub.db, x)
    assert found is not None
    assert [one.verified for one in found.identifiers if one.kind is Kind.PHONE] == [True]


async def test_repeats_and_undos_at_the_same_moment(shop: Shop) -> None:
    a, b = await account(shop, "M1", email="m1@example.com"), await account(shop, "M2", email="m2@example.com")
    merges = await asyncio.gather(*(shop.hub.persons.merge(a, b, asked("merge")) for _ in range(3)))
    assert sorted(one.replay for one in merges) == [False, True, True]
    told = merges[0].decision.decision_id
    tried = await asyncio.gather(
        *(shop.hub.persons.undo(told, asked(f"u{number}")) for number in range(3)), return_exceptions=True
    )
    assert sorted(type(one).__name__ for one in tried) == ["Decided", "Decided", "Done"], tried


async def test_an_unmerge_and_an_unlink_name_the_credits_to_look_at(shop: Shop) -> None:
    a, b = await account(shop, "M1", email="m1@example.com"), await account(shop, "M2", email="m2@example.com")
    await sold(shop, "before", Given(email="m2@example.com"))
    shop.clock.move(timedelta(minutes=1))
    merged = await shop.hub.persons.merge(a, b, asked("merge"))
    meanwhile = (await sold(shop, "meanwhile", Given(email="m1@example.com"))).posted.credit_id
    undone = await shop.hub.persons.undo(merged.decision.decision_id, asked("undo"))
    assert await shop.hub.persons.left(undone.decision) == [meanwhile]
    assert await shop.hub.persons.left(merged.decision) == []
    hers = (await sold(shop, "ben", Given(email="ben@example.com"))).posted.credit_id
    apart = await shop.hub.persons.unlink_account(A2, None, asked("apart"))
    assert await shop.hub.persons.left(apart.decision) == [hers]
