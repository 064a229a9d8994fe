"""People in a real PostgreSQL."""

import asyncio
import random
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from tillbridge.identity import normalise, store
from tillbridge.identity.directory import profile_of
from tillbridge.identity.model import Given, Key, Kind, Normal, Owner, Profile, Reference
from tillbridge.kernel.clock import SetClock
from tillbridge.kernel.db import Db
from tillbridge.kernel.errors import DatabaseFault
from tillbridge.kernel.ids import Ids

AT = datetime(2026, 11, 21, 16, 0, tzinfo=UTC)
LATER = AT + timedelta(days=1)
IDS = Ids(SetClock(AT), random.Random(7))
EMAIL = (Kind.EMAIL, "ada@example.org")
PHONE = (Kind.PHONE, "+16172000068")


def profile(account_id: str, email: str = "", phone: str = "", loyalty_id: str = "", *, proven: bool = True) -> Profile:
    given = Given(email=email, phone=phone, loyalty_id=loyalty_id, account_id=account_id)
    made = profile_of("web", given, "US", email_verified=proven, phone_verified=proven)
    assert isinstance(made, Profile)
    return made


def proved(key: Key) -> Normal:
    return Normal(key[0], key[1].upper(), key[1])


async def take(db: Db, *profiles: Profile, at: datetime = AT) -> list[UUID]:
    return [taken.customer_id for taken in await store.take_in(db, profiles, at, IDS)]


async def test_a_profile_becomes_a_customer_with_a_reference(db: Db) -> None:
    (taken,) = await store.take_in(db, [profile("A1", "Ada@example.org", "617-200-0068", "77000014405")], AT, IDS)
    assert (taken.reference, taken.new) == (Reference("web", "A1"), True)
    customer = await store.customer(db, taken.customer_id)
    assert customer is not None
    assert (customer.created_at, customer.references) == (AT, (Reference("web", "A1"),))
    assert [(one.kind, one.value, one.raw, one.verified) for one in customer.identifiers] == [
        (Kind.EMAIL, "ada@example.org", "Ada@example.org", True),
        (Kind.LOYALTY, "77000014405", "77000014405", True),
        (Kind.PHONE, "+16172000068", "617-200-0068", True),
    ]
    assert await store.customer_by_reference(db, "web", "A1") == taken.customer_id
    assert await store.references(db, [taken.customer_id]) == {taken.customer_id: (Reference("web", "A1"),)}
    assert await store.count(db) == (1, 1)


async def test_nobody_is_nobody(db: Db) -> None:
    assert await store.owners_of(db, []) == {}
    assert await store.owners_of(db, [EMAIL]) == {}
    assert await store.near(db, []) == []
    assert await store.customers(db, []) == {}
    assert await store.references(db, []) == {}
    assert await store.customer(db, UUID(int=5)) is None
    assert await store.customer_by_reference(db, "web", "A1") is None
    assert await store.customer_for_claim(db, EMAIL) is None
    assert await store.take_in(db, [], AT, IDS) == []


async def test_the_same_profile_again_changes_nothing(db: Db) -> None:
    ada = profile("A1", "ada@example.org", "617-200-0068")
    (first,) = await take(db, ada)
    (again,) = await store.take_in(db, [ada], LATER, IDS)
    assert (again.customer_id, again.new) == (first, False)
    assert await store.count(db) == (1, 1)


async def test_an_update_replaces_what_that_account_stated(db: Db) -> None:
    (ada,) = await take(db, profile("A1", "ada@example.org", "617-200-0068"))
    await store.verify(db, ada, proved(PHONE), AT)
    await take(db, profile("A1", "ada@new.example.org"), at=LATER)
    held = await store.customers(db, [ada])
    assert [one.value for one in held[ada].identifiers] == ["ada@new.example.org"]
    assert await store.owners_of(db, [EMAIL]) == {}


async def test_an_update_can_take_back_a_proof(db: Db) -> None:
    (ada,) = await take(db, profile("A1", "ada@example.org"))
    await take(db, profile("A1", "ada@example.org", proven=False))
    assert await store.owners_of(db, [EMAIL]) == {EMAIL: (Owner(ada, False),)}
    assert await store.customer_for_claim(db, EMAIL) is None


async def test_of_two_profiles_of_one_account_in_a_call_the_last_counts(db: Db) -> None:
    (ada,) = await take(db, profile("A1", "ada@example.org"), profile("A1", "ada@new.example.org"))
    held = await store.customers(db, [ada])
    assert [one.value for one in held[ada].identifiers] == ["ada@new.example.org"]


async def test_two_calls_at_once_make_one_customer_of_one_account(db: Db) -> None:
    crowd = [profile(f"A{number}", f"p{number}@example.org") for number in range(50)]
    orders: Sequence[Sequence[Profile]] = [crowd, crowd[::-1], crowd[25:] + crowd[:25]] * 2
    answers = await asyncio.gather(*(store.take_in(db, order, AT, IDS) for order in orders))
    whose = [{taken.reference: taken.customer_id for taken in answer} for answer in answers]
    assert all(answer == whose[0] for answer in whose)
    assert sum(taken.new for answer in answers for taken in answer) == 50
    assert await store.count(db) == (50, 50)


async def test_owners_are_told_for_many_requests_at_once_verified_or_not(db: Db) -> None:
    ada, ben = await take(
        db,
        profile("A1", "ada@example.org", "617-200-0068", "77000014405"),
        profile("A2", "ben@example.org", "617-200-0068", proven=False),
    )
    keys = [EMAIL, PHONE, (Kind.LOYALTY, "77000014405"), (Kind.EMAIL, "who@example.org")]
    owners = await store.owners_of(db, keys * 100)
    assert owners == {
        EMAIL: (Owner(ada, True),),
        PHONE: tuple(sorted((Owner(ada, True), Owner(ben, False)), key=lambda owner: owner.customer_id)),
        (Kind.LOYALTY, "77000014405"): (Owner(ada, True),),
    }


async def test_an_account_is_known_by_each_of_its_names(db: Db) -> None:
    (ada,) = await take(db, profile("A1", "ada@example.org"))
    names = ["web:A1", str(ada), str(ada).upper()]
    others = ("A1", "a1", "app:A1", ":A1", "web:", str(UUID(int=9)), "not-a-uuid")
    # Without its system it points to somebody and proves nothing.
    known = {(Kind.ACCOUNT, name): (Owner(ada, name != "A1"),) for name in (*names, "A1")}
    assert await store.owners_of(db, [(Kind.ACCOUNT, name) for name in (*names, *others)]) == known


async def test_an_account_id_of_two_systems_points_to_both(db: Db) -> None:
    other = profile_of("app", Given(account_id="A1"), "US")
    assert isinstance(other, Profile)
    people = await take(db, profile("A1"), other)
    owners = await store.owners_of(db, [(Kind.ACCOUNT, "A1"), (Kind.ACCOUNT, "app:A1")])
    assert {owner.customer_id for owner in owners[Kind.ACCOUNT, "A1"]} == set(people)
    assert [owner.customer_id for owner in owners[Kind.ACCOUNT, "app:A1"]] == people[:1]


async def test_an_identifier_that_a_crowd_shares_costs_no_more_than_fifty(db: Db) -> None:
    await take(db, *(profile(f"A{number}", phone="617-200-0068", proven=number == 70) for number in range(80)))
    owners = (await store.owners_of(db, [PHONE]))[PHONE]
    assert len(owners) == 50
    assert [owner.verified for owner in owners].count(True) == 1


async def test_a_proof_by_code_makes_an_owner_once(db: Db) -> None:
    (ada,) = await take(db, profile("A1", "ada@example.org", proven=False))
    assert await store.customer_for_claim(db, EMAIL) is None
    for at in (AT, LATER):
        await store.verify(db, ada, proved(EMAIL), at)
    assert await store.customer_for_claim(db, EMAIL) == ada
    assert await store.owners_of(db, [EMAIL]) == {EMAIL: (Owner(ada, True),)}
    customer = await store.customer(db, ada)
    assert customer is not None
    assert [(one.value, one.verified) for one in customer.identifiers] == [("ada@example.org", True)]


async def test_a_claim_needs_exactly_one_verified_owner(db: Db) -> None:
    ada, ben = await take(db, profile("A1", "ada@example.org"), profile("A2", "ada@example.org", proven=False))
    assert await store.customer_for_claim(db, EMAIL) == ada
    await store.verify(db, ben, proved(EMAIL), AT)
    assert await store.customer_for_claim(db, EMAIL) is None


async def test_a_proof_of_an_unknown_customer_is_refused(db: Db) -> None:
    with pytest.raises(DatabaseFault):
        await store.verify(db, UUID(int=9), proved(EMAIL), AT)


async def test_near_ones_are_told_per_request_and_bounded(db: Db) -> None:
    await take(db, *(profile(f"A{number}", f"wes.novak{number}@example.org") for number in range(70)))
    await take(db, profile("B1", "priya.young105@example.org"))
    slip, name, stranger = (
        normalise.given(Given(email=email), "US")
        for email in ("priya.youg105@example.org", "wes_novak@example.com", "tom@example.com")
    )
    found = await store.near(db, [slip, name, stranger])
    assert found[0] == (await store.customer_by_reference(db, "web", "B1"),)
    assert len(found[1]) == store.NEAR_PER_REQUEST
    assert found[2] == ()
