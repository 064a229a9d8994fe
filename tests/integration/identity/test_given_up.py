"""What was proved and given up: denials stay, one-time codes end with the account, and who proves it next waits."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from tests.integration.identity.test_rules import AT, DAY, EMAIL, IDS, PHONE, ruled, tell, whose
from tillbridge.identity import ruling, store
from tillbridge.identity.directory import profile_of
from tillbridge.identity.model import Given, Kind, Normal, Profile, Reference
from tillbridge.identity.resolve import QUARANTINE
from tillbridge.kernel.db import Db

E164 = "+16172000068"
FOR_GOOD = AT + 2000 * DAY


async def prove(db: Db, customer: Any, at: Any = AT) -> None:
    await store.verify(db, customer, Normal(Kind.EMAIL, EMAIL, EMAIL), at)


async def conflicts(db: Db) -> list[str]:
    return [one.value for one in await store.open_conflicts(db, 10)]


@pytest.mark.parametrize("how", ["dropped", "gone"])
async def test_a_denial_outlives_a_change_of_mind(db: Db, how: str) -> None:
    ada = await tell(db, "A1", phone=PHONE)
    async with db.transaction() as tx:
        assert await ruling.deny(tx, ada, (Kind.PHONE, E164), ruled(1))
    if how == "dropped":
        await tell(db, "A1", AT + DAY, email=EMAIL)
    else:
        assert await store.mark_gone(db, "web", ["A1"], AT + DAY) == 1
    await tell(db, "A1", AT + 2 * DAY, email=EMAIL, phone=PHONE)
    assert await whose(db, FOR_GOOD, phone=PHONE) == "No online profile has this phone."
    async with db.transaction() as tx:
        assert await ruling.allow(tx, ruled(1).decision_id, ruled(2))


@pytest.mark.parametrize("how", ["dropped", "gone"])
async def test_a_proof_by_code_ends_with_the_account_that_states_it(db: Db, how: str) -> None:
    ada = await tell(db, "A1", email=EMAIL)
    await prove(db, ada)
    if how == "dropped":
        await tell(db, "A1", AT + 800 * DAY, email="new@example.org")
    else:
        await store.mark_gone(db, "web", ["A1"], AT + DAY)
    assert await whose(db, FOR_GOOD, email=EMAIL) == "No online profile has this e-mail."
    assert await store.customer_for_claim(db, (Kind.EMAIL, EMAIL)) is None
    # Proved and stated again, it is theirs again.
    await tell(db, "A1", AT + 900 * DAY, email=EMAIL, email_proved=False)
    await prove(db, ada, AT + 901 * DAY)
    assert await whose(db, FOR_GOOD, email=EMAIL) == ada


async def test_a_proof_by_code_holds_while_another_account_of_theirs_states_it(db: Db) -> None:
    ada = await tell(db, "A1", email=EMAIL)
    other = await tell(db, "A2", email=EMAIL, email_proved=False)
    async with db.transaction() as tx:
        assert await ruling.merge(tx, other, ada, ruled(1)) == ""
    await prove(db, ada)
    await tell(db, "A1", AT + DAY)
    assert await whose(db, FOR_GOOD, email=EMAIL) == ada
    await tell(db, "A2", AT + 2 * DAY)
    assert await whose(db, FOR_GOOD, email=EMAIL) == "No online profile has this e-mail."


async def test_nobody_is_linked_who_has_no_account(db: Db) -> None:
    ada = await tell(db, "A1", loyalty_id="77000014405")
    await prove(db, ada)
    assert await whose(db, email=EMAIL) == ada
    await store.mark_gone(db, "web", ["A1"], AT + DAY)
    assert await whose(db, AT + DAY, email=EMAIL) == "No online profile has this e-mail."
    assert await whose(db, AT + DAY, account_id=str(ada)) == "No online profile has this account id."
    assert await store.customer_for_claim(db, (Kind.EMAIL, EMAIL)) is None


@pytest.mark.parametrize("how", ["dropped", "gone"])
async def test_a_number_that_was_given_up_rests_for_who_proves_it_next(db: Db, how: str) -> None:
    ada = await tell(db, "A1", phone=PHONE)
    if how == "dropped":
        await tell(db, "A1", AT + DAY, email=EMAIL)
    else:
        await store.mark_gone(db, "web", ["A1"], AT + DAY)
    ben = await tell(db, "A2", AT + 2 * DAY, phone=PHONE)
    rested = AT + DAY + QUARANTINE[Kind.PHONE]
    assert await whose(db, rested - timedelta(seconds=1), phone=PHONE) == "This phone changed hands not long ago."
    assert await whose(db, rested, phone=PHONE) == ben
    given_up = next(one for one in await store.history_of(db, [ada], 10) if one.what == "given-up")
    assert (given_up.kind, given_up.value, given_up.account_id, given_up.since) == ("phone", E164, "A1", AT)


async def test_an_email_that_one_of_two_gives_up_rests(db: Db) -> None:
    await tell(db, "A1", email=EMAIL)
    ben = await tell(db, "A2", AT + DAY, email=EMAIL)
    await tell(db, "A1", AT + 2 * DAY, email="other@example.org")
    rested = AT + 2 * DAY + QUARANTINE[Kind.EMAIL]
    assert await whose(db, rested - DAY, email=EMAIL) == "This e-mail changed hands not long ago."
    assert await whose(db, rested, email=EMAIL) == ben


async def test_what_one_gave_up_and_states_again_is_theirs_at_once(db: Db) -> None:
    ada = await tell(db, "A1", phone=PHONE)
    await tell(db, "A1", AT + DAY)
    await tell(db, "A1", AT + 2 * DAY, phone=PHONE)
    assert await whose(db, AT + 2 * DAY, phone=PHONE) == ada


async def test_an_email_that_was_never_proved_leaves_nothing_behind(db: Db) -> None:
    await tell(db, "A1", email=EMAIL, email_proved=False)
    await tell(db, "A1", AT + DAY)
    ben = await tell(db, "A2", AT + 2 * DAY, email=EMAIL)
    assert await whose(db, AT + 2 * DAY, email=EMAIL) == ben


async def test_a_number_that_was_merely_stated_rests_for_who_proves_it_next_and_takes_nothing(db: Db) -> None:
    await tell(db, "A1", phone=PHONE, phone_proved=False)
    await tell(db, "A1", AT + DAY)
    ben = await tell(db, "A2", AT + 2 * DAY, phone=PHONE)
    assert await whose(db, AT + 2 * DAY, phone=PHONE) == "This phone changed hands not long ago."
    rested = AT + DAY + QUARANTINE[Kind.PHONE]
    assert await whose(db, rested, phone=PHONE) == ben
    # Somebody's slip, mended, takes nothing from whoever has proved it.
    await tell(db, "A3", rested, phone=PHONE, phone_proved=False)
    await tell(db, "A3", rested + DAY)
    assert await whose(db, rested + DAY, phone=PHONE) == ben


async def test_what_a_person_found_shared_stays_so_until_that_is_undone(db: Db) -> None:
    ada = await tell(db, "A1", email=EMAIL)
    await tell(db, "A2", email=EMAIL)
    (conflict,) = await store.open_conflicts(db, 10)
    async with db.transaction() as tx:
        assert await ruling.settle(tx, conflict.conflict_id, ada, ruled(1))
    await tell(db, "A2", AT + DAY, email="ben@example.org")
    assert await whose(db, FOR_GOOD, email=EMAIL) == "This e-mail is shared, as a person has found."
    assert await store.customer_for_claim(db, (Kind.EMAIL, EMAIL)) is None
    await tell(db, "A2", AT + 2 * DAY, email=EMAIL)
    await tell(db, "A2", AT + 3 * DAY)
    assert await conflicts(db) == []
    async with db.transaction() as tx:
        await store.reopen_conflict(tx, conflict.conflict_id)
    assert await whose(db, FOR_GOOD, email=EMAIL) == ada


async def test_a_value_settled_in_ones_favour_is_not_shared(db: Db) -> None:
    ada = await tell(db, "A1", email=EMAIL)
    ben = await tell(db, "A2", email=EMAIL)
    (conflict,) = await store.open_conflicts(db, 10)
    async with db.transaction() as tx:
        assert await ruling.deny(tx, ben, (Kind.EMAIL, EMAIL), ruled(1))
        assert await ruling.settle(tx, conflict.conflict_id, ada, ruled(1))
    assert await whose(db, email=EMAIL) == ada


async def test_two_who_prove_a_value_at_the_same_moment_are_a_conflict(db: Db) -> None:
    first, second = (profile_of("web", Given(account_id=name, phone=PHONE), "US") for name in ("A1", "A2"))
    assert isinstance(first, Profile)
    assert isinstance(second, Profile)
    async with db.transaction() as tx:
        await store.take_in(tx, [first], AT, IDS)
        waiting = asyncio.create_task(store.take_in(db, [second], AT, IDS))
        await asyncio.sleep(0.2)
    await waiting
    assert await conflicts(db) == [E164]


async def test_a_merge_that_is_undone_leaves_a_conflict(db: Db) -> None:
    one = await tell(db, "A1", email=EMAIL)
    two = await tell(db, "A2", email="two@example.org")
    async with db.transaction() as tx:
        assert await ruling.merge(tx, two, one, ruled(1)) == ""
    await tell(db, "A2", AT + DAY, email=EMAIL)
    assert await conflicts(db) == []
    async with db.transaction() as tx:
        assert await ruling.unmerge(tx, ruled(1).decision_id, ruled(2)) == ""
    assert await conflicts(db) == [EMAIL]


async def test_an_account_that_is_moved_out_leaves_a_conflict(db: Db) -> None:
    one = await tell(db, "A1", email=EMAIL)
    await tell(db, "A2", email="two@example.org")
    async with db.transaction() as tx:
        assert await ruling.move_account(tx, Reference("web", "A2"), one, ruled(1)) == ""
    await tell(db, "A2", AT + DAY, email=EMAIL)
    assert await conflicts(db) == []
    async with db.transaction() as tx:
        assert await ruling.move_account(tx, Reference("web", "A2"), IDS.new(), ruled(2)) == ""
    assert await conflicts(db) == [EMAIL]


async def test_a_denial_that_is_undone_leaves_a_conflict(db: Db) -> None:
    one = await tell(db, "A1", email=EMAIL)
    async with db.transaction() as tx:
        assert await ruling.deny(tx, one, (Kind.EMAIL, EMAIL), ruled(1))
    two = await tell(db, "A2", AT + DAY, email=EMAIL)
    assert await whose(db, AT + DAY, email=EMAIL) == two
    async with db.transaction() as tx:
        assert await ruling.allow(tx, ruled(1).decision_id, ruled(2))
    assert await conflicts(db) == [EMAIL]
