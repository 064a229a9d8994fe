"""Nobody gets more into an online account than a sale, a refund of what was spent, or two people put there.

tests/house/test_more_money.py lists every verb and every place that can make a balance larger; here each verb is
tried.
"""

from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from tests.acceptance.asking import AT, REPAIR, amount, ask, done, issued, read, refusal
from tests.acceptance.conftest import ACCOUNTS, QUIET_MAP, Door, settings_in
from tests.house.test_more_money import MORE
from tillbridge.api.keys import make_key
from tillbridge.cli.serving import serving
from tillbridge.ledger.states import Verb
from tillbridge.stack.load import parse

MAP = QUIET_MAP + '\n[approval]\nabove = "10.00"\n'
TRIED = {Verb.ISSUE, Verb.LOAD, Verb.REFUND, Verb.REISSUE, Verb.TRANSFER, Verb.ADJUST, Verb.ACTIVATE}


@pytest.fixture
async def door(db_url: str, tmp_path: Path) -> AsyncIterator[Door]:
    """A hub at which everything above 10.00 by hand waits for a second person."""
    async with serving(settings_in(tmp_path, db_url), parse(MAP, "stack.toml", {})) as (hub, url):
        roles = {"till": ("register", ""), "ops": ("operations", ""), "web": ("system", "web")}
        keys = {name: await make_key(hub.db, hub.clock, name, *role) for name, role in roles.items()}
        sessions = {
            name: aiohttp.ClientSession(url, headers={"Authorization": f"Bearer {key}"}) for name, key in keys.items()
        }
        opened = Door(hub, url, **sessions)
        await ask(opened.web, "/v1/events/web", {"type": "customers.updated", "customers": ACCOUNTS})
        yield opened
        for session in sessions.values():
            await session.close()


async def online(door: Door) -> str:
    """What the customer of the first account can spend online, in all."""
    told = await read(door.web, "/v1/customers/web:A1/credits")
    (total,) = [one["available"] for one in told["totals"] if one["currency"] == "USD"]
    assert isinstance(total, str)
    return total


def test_every_verb_that_can_is_tried() -> None:
    assert set(MORE) == TRIED


async def test_a_sale_is_one_however_often_it_is_sent(door: Door) -> None:
    await issued(door, "k1")
    await issued_again(door, "k1")
    assert await online(door) == "88.00"


async def issued_again(door: Door, key: str) -> None:
    status, _, replay = await door.issue(key)
    assert (status, replay) == (200, True)


async def test_a_reissue_gives_what_it_takes_and_only_once(door: Door) -> None:
    credit = await issued(door)
    new = (await done(door, f"/v1/credits/{credit['id']}/reissue", REPAIR, "r1"))["new"]
    assert await online(door) == "88.00"
    assert await refusal(door, f"/v1/credits/{credit['id']}/reissue", REPAIR, "r2") == (409, "credit-void")
    await done(door, f"/v1/credits/{new['credit_id']}/redemptions", amount("88.00"), "s1")
    assert await refusal(door, f"/v1/credits/{new['credit_id']}/reissue", REPAIR, "r3") == (
        409,
        "not-enough-available",
    )
    assert await online(door) == "0.00"


async def test_a_transfer_gives_what_it_takes(door: Door) -> None:
    one, other = await issued(door, "k1"), await issued(door, "k2", transaction_id="T2")
    await done(door, f"/v1/credits/{one['id']}/transfers", {**REPAIR, "to": other["id"]}, "t1")
    assert await online(door) == "176.00"


async def test_a_refund_gives_no_more_than_was_spent_in_its_sale(door: Door) -> None:
    credit = await issued(door)
    path = f"/v1/credits/{credit['id']}"
    assert await refusal(door, f"{path}/refunds", {**amount("1.00"), "cause": "W1"}, "f0") == (
        409,
        "more-than-redeemed",
    )
    await done(door, f"{path}/redemptions", amount("30.00"), "s1")
    await done(door, f"{path}/refunds", {**amount("30.00"), "cause": "W1"}, "f1")
    assert await refusal(door, f"{path}/refunds", {**amount("0.01"), "cause": "W1"}, "f2") == (
        409,
        "more-than-redeemed",
    )
    assert await online(door) == "88.00"


async def test_by_hand_it_takes_two(door: Door) -> None:
    credit = await issued(door)
    by_hand = {**amount("10.01"), "direction": "up", "reason": "a kind word"}
    status, body, _ = await ask(door.ops, f"/v1/credits/{credit['id']}/adjustments", by_hand, key="a1")
    assert status == 202, body
    approval = body["approval"]["id"]
    status, body, _ = await ask(door.ops, f"/v1/approvals/{approval}/approve")
    assert (status, body["code"]) == (403, "not-allowed")
    goodwill = await door.issue("g1", bucket="goodwill", amount="10.01", reason="a long wait", transaction_id="T9")
    assert goodwill[0] == 202
    assert await online(door) == "88.00"


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("adjustments", {**amount("1.00"), "direction": "up", "reason": "a kind word"}),
        ("reissue", REPAIR),
        ("transfers", REPAIR),
    ],
)
async def test_neither_registers_nor_web_stores_correct_anything(door: Door, path: str, body: object) -> None:
    credit = await issued(door)
    for session in (door.till, door.web):
        status, said, _ = await ask(session, f"/v1/credits/{credit['id']}/{path}", body, key="x")
        assert (status, said["code"]) == (403, "not-allowed")
    status, said, _ = await ask(door.web, f"/v1/credits/{credit['id']}/loads", amount("1.00"), key="y")
    assert (status, said["code"]) == (403, "not-allowed")
    assert await online(door) == "88.00"


async def test_a_card_is_sold_once_and_a_load_is_the_registers(door: Door) -> None:
    card = await done(door, "/v1/cards", {"currency": "USD", "code": "6281670170002304", "occurred_at": AT}, "c1")
    path = f"/v1/credits/{card['credit_id']}/activate"
    await done(door, path, amount("25.00"), "c2")
    assert await refusal(door, path, amount("25.00"), "c3") == (409, "already-active")
