"""Keys and roles on a real database: who holds a key, what it may do today, and how soon a change is felt."""

import asyncio
import re
from datetime import UTC, datetime, timedelta

import pytest

from tests.docs.interface import seeded_roles
from tests.integration.api.lines import written
from tillbridge.api import store
from tillbridge.api.keys import KNOWN_SECONDS, Keys, make_key, revoke_key
from tillbridge.api.model import What
from tillbridge.api.roles import set_role
from tillbridge.kernel.actor import Right
from tillbridge.kernel.clock import SetClock
from tillbridge.kernel.db import Db, Query, Tx
from tillbridge.kernel.errors import BadInput, DatabaseFault, NotAllowed, NotFound

START = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
CHECK = Query(
    "test",
    "SELECT pg_get_constraintdef(oid) AS said FROM pg_constraint"
    " WHERE conrelid = 'api.role'::regclass AND conname = 'role_rights_check'",
)
UNKNOWN_RIGHT = Query("test", "INSERT INTO api.role (name, rights) VALUES ('x', '{issue,print-money}')")


@pytest.fixture
def clock() -> SetClock:
    return SetClock(START)


async def test_the_rights_are_the_same_list_in_code_and_schema(db: Db) -> None:
    row = await db.fetch_one(CHECK)
    assert row is not None
    assert re.findall(r"'([\w-]+)'", row["said"]) == [right.value for right in Right]
    with pytest.raises(DatabaseFault) as refused:
        await db.execute(UNKNOWN_RIGHT)
    assert refused.value.constraint == "role_rights_check"


async def test_a_new_database_has_the_roles_of_the_docs(db: Db) -> None:
    roles = {role.name: role for role in await store.roles(db)}
    assert {name: {r.value for r in role.rights} for name, role in roles.items()} == {
        name: set(rights) for name, rights in seeded_roles().items()
    }
    assert roles["operations"].rights == frozenset(Right), "a new right reaches operations"
    assert Right.VOID not in roles["register"].rights
    assert {role.changed_at for role in roles.values()} == {None}


async def test_a_revoked_key_dies_within_the_time_it_is_known(db: Db, clock: SetClock) -> None:
    key, keys = await make_key(db, clock, "till", "register"), Keys(db, clock)
    assert (await keys.holder(key)).name == "till"
    await revoke_key(db, clock, "till")
    clock.move(timedelta(seconds=KNOWN_SECONDS))
    with pytest.raises(NotAllowed) as refused:
        await keys.holder(key)
    assert (refused.value.known, refused.value.reason, refused.value.who) == (False, "revoked-key", "till")
    with pytest.raises(NotFound):
        await revoke_key(db, clock, "till")


async def test_who_holds_a_revoked_key_reads_what_an_unknown_one_reads(db: Db, clock: SetClock) -> None:
    key, keys = await make_key(db, clock, "till", "register"), Keys(db, clock)
    await revoke_key(db, clock, "till")
    said = []
    for one in (key, "tb_unknown"):
        with pytest.raises(NotAllowed) as refused:
            await keys.holder(one)
        said.append(str(refused.value))
    assert said[0] == said[1]


async def test_a_changed_role_is_felt_within_the_time_a_key_is_known(db: Db, clock: SetClock) -> None:
    key, keys = await make_key(db, clock, "till", "register"), Keys(db, clock)
    assert not (await keys.holder(key)).may(Right.VOID)
    await set_role(db, clock, "register", frozenset({Right.VOID, Right.READ}))
    clock.move(timedelta(seconds=KNOWN_SECONDS))
    assert (await keys.holder(key)).rights == {Right.VOID, Right.READ}
    named = await keys.named("till")
    assert named is not None
    assert named.rights == {Right.VOID, Right.READ}


async def test_a_role_of_ones_own(db: Db, clock: SetClock) -> None:
    await set_role(db, clock, "kiosk", frozenset({Right.READ}))
    key = await make_key(db, clock, "kiosk-1", "kiosk", place="006", register="9")
    actor = await Keys(db, clock).holder(key)
    assert actor.rights == {Right.READ}
    assert (actor.store, actor.register) == ("006", "9")
    for name in ("", "Kiosk", "9th", "a b", "x" * 33, "kiosk\n"):
        with pytest.raises(BadInput):
            await set_role(db, clock, name, frozenset())


async def test_keys_that_cannot_be_made(db: Db, clock: SetClock) -> None:
    with pytest.raises(BadInput, match="operations, register, support, system"):
        await make_key(db, clock, "k", "queen")
    with pytest.raises(BadInput, match="Name the store"):
        await make_key(db, clock, "k", "register", register="3")
    with pytest.raises(BadInput, match="speaks for one system"):
        await make_key(db, clock, "k", "system")
    await make_key(db, clock, "k", "register")
    with pytest.raises(BadInput, match="exists"):
        await make_key(db, clock, "k", "register")
    assert [one.name for one in await store.keys(db)] == ["k"]


async def test_every_change_is_an_audit_line(db: Db, clock: SetClock) -> None:
    await make_key(db, clock, "till", "register", place="006", register="3")
    await set_role(db, clock, "kiosk", frozenset({Right.READ, Right.REDEEM}))
    await revoke_key(db, clock, "till")
    lines = await written(db)
    assert {(line.what, line.who, line.subject, line.reason) for line in lines} == {
        (What.KEY_REVOKED, "cli", "till", ""),
        (What.ROLE_SET, "cli", "kiosk", "may redeem, read"),
        (What.KEY_MADE, "cli", "till", "role register, store 006, register 3"),
    }


async def test_a_flood_of_unknown_keys_leaves_connections_for_others(
    db: Db, clock: SetClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    busy, most = 0, 0
    fetch_one = Tx.fetch_one

    async def counted(tx: Tx, query: Query, *arguments: object) -> object:
        nonlocal busy, most
        busy += 1
        most = max(most, busy)
        try:
            return await fetch_one(tx, query, *arguments)
        finally:
            busy -= 1

    monkeypatch.setattr(Tx, "fetch_one", counted)
    keys = Keys(db, clock)
    asked = await asyncio.gather(*(keys.holder(f"tb_{number}") for number in range(200)), return_exceptions=True)
    assert {type(one) for one in asked} == {NotAllowed}
    assert most == 2


async def test_one_key_that_many_send_at_once_is_looked_up_once(
    db: Db, clock: SetClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    key, calls = await make_key(db, clock, "till", "register"), 0
    look_up = store.key_of_hash

    async def counted(db: Db, key_hash: bytes) -> object:
        nonlocal calls
        calls += 1
        return await look_up(db, key_hash)

    monkeypatch.setattr(store, "key_of_hash", counted)
    keys = Keys(db, clock)
    await asyncio.gather(*(keys.holder(key) for _ in range(64)))
    assert calls <= 2
