"""A manual credit above the limit waits for a second person."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.acceptance.asking import AT, REPAIR, amount, ask, command, read, sale_command
from tests.acceptance.conftest import ACCOUNTS, QUIET_MAP, Door, sale, settings_in
from tillbridge.api.keys import make_key
from tillbridge.checkpoint import approvals as approvals_module
from tillbridge.cli.serving import serving
from tillbridge.credit import store
from tillbridge.credit.approval import Decision
from tillbridge.ledger import store as ledger
from tillbridge.stack.load import parse

WAITING_MAP = QUIET_MAP + '\n[approval]\nabove = "100.00"\n'
NOBODY = "01a1fdfa-4600-7368-8023-b682af5570ee"
GIFT: dict[str, object] = {"bucket": "goodwill", "amount": "100.01", "reason": "a long wait"}


@pytest.fixture
async def strict(db_url: str, tmp_path: Path) -> AsyncIterator[Door]:
    """A hub whose map has manual credits above 100.00 wait; `till` and `ops` are two people."""
    async with serving(settings_in(tmp_path, db_url), parse(WAITING_MAP, "stack.toml", {})) as (hub, url):
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


async def waiting(door: Door, key: str = "g1", **changes: object) -> dict[str, Any]:
    """What waits, after a till asked for it."""
    status, body, _ = await door.issue(key, **{**GIFT, **changes})
    assert status == 202, body
    approval = body["approval"]
    assert isinstance(approval, dict)
    assert approval["state"] == "waiting"
    return approval


async def decide(door: Door, approval: dict[str, Any], word: str = "approve", body: object = None) -> tuple[int, Any]:
    status, answered, _ = await ask(door.ops, f"/v1/approvals/{approval['id']}/{word}", body)
    return status, answered


async def test_it_waits_and_is_carried_out_with_its_own_key(strict: Door) -> None:
    approval = await waiting(strict)
    assert (await waiting(strict))["id"] == approval["id"]
    assert await ledger.totals(strict.hub.db) == []
    listed = (await read(strict.ops, "/v1/approvals"))["approvals"]
    assert [(one["id"], one["asked"]["amount"], one["asked"]["reason"]) for one in listed] == [
        (approval["id"], "100.01", "a long wait")
    ]
    assert not any(name.startswith("customer") or name == "code" for name in listed[0]["asked"])
    status, decided = await decide(strict, approval)
    assert (status, decided["answer"]["status"], decided["approval"]["state"]) == (200, 201, "approved")
    credit = decided["answer"]["body"]["credit"]
    assert (credit["state"], credit["balance"]) == ("active", "100.01")
    assert decided["approval"]["credit_id"] == credit["id"]
    status, receipt, replay = await strict.issue("g1", **GIFT)
    assert (status, replay, receipt["credit"]) == (200, True, credit)
    (line,) = (await read(strict.ops, f"/v1/credits/{credit['id']}/statement"))["lines"]
    assert (line["by"], line["approver"], line["reason"]) == ("till", "ops", "a long wait")
    assert (await read(strict.ops, "/v1/approvals"))["approvals"] == []
    again = await decide(strict, approval)
    assert (again[0], again[1]["answer"], again[1]["approval"]["credit_id"]) == (200, None, credit["id"])
    kept = await store.approval_of_key(strict.hub.db, "g1")
    assert kept is not None
    assert kept.command is None
    assert "ava.reed" not in str(kept)


async def test_nobody_approves_what_they_asked_for(strict: Door) -> None:
    status, body, _ = await ask(strict.ops, "/v1/credits", sale(**GIFT), key="own")
    assert status == 202
    for word, sent in (("approve", None), ("turn-down", {"reason": "no"})):
        status, problem = await decide(strict, body["approval"], word, sent)
        assert (status, problem["code"]) == (403, "not-allowed")
        assert "asked for this itself" in problem["detail"]
    async with strict.till.post(f"/v1/approvals/{body['approval']['id']}/approve") as response:
        assert response.status == 403
    assert await ledger.totals(strict.hub.db) == []


async def test_what_is_turned_down_is_never_done(strict: Door) -> None:
    approval = await waiting(strict)
    status, decided = await decide(strict, approval, "turn-down", {"reason": "not agreed"})
    assert (status, decided["approval"]["state"], decided["approval"]["reason"]) == (200, "turned-down", "not agreed")
    status, problem, _ = await strict.issue("g1", **GIFT)
    assert (status, problem["code"], problem["retry"]) == (409, "turned-down", "never")
    assert "not agreed" in str(problem["detail"])
    status, problem = await decide(strict, approval)
    assert (status, problem["code"]) == (409, "already-decided")
    assert await decide(strict, approval, "turn-down", {"reason": "not agreed"}) == (200, decided)
    assert await ledger.totals(strict.hub.db) == []


async def test_what_waits_and_what_does_not(strict: Door) -> None:
    for key, changes in (("a", {"amount": "100.00"}), ("b", {"bucket": "refund"})):
        assert (await strict.issue(key, **{**GIFT, **changes}))[0] == 201
    await waiting(strict, "c", currency="JPY", amount="1")
    _, receipt, _ = await strict.issue("d")
    credit = receipt["credit"]
    assert isinstance(credit, dict)
    path = f"/v1/credits/{credit['id']}/adjustments"
    up = {**amount("100.01"), "direction": "up", "reason": "miscounted"}
    status, body, _ = await ask(strict.till, path, up, key="e")
    assert status == 403
    support = await make_key(strict.hub.db, strict.hub.clock, "support", "support")
    async with aiohttp.ClientSession(strict.url, headers={"Authorization": f"Bearer {support}"}) as desk:
        status, body, _ = await ask(desk, path, up, key="e")
        assert status == 202
        status, decided = await decide(strict, body["approval"])
        assert (status, decided["answer"]["body"]["balance"]) == (200, "188.01")
        assert (await ask(desk, path, up, key="e"))[::2] == (200, True)
        down = {**up, "direction": "down"}
        assert (await ask(desk, path, down, key="f"))[0] == 201


async def test_a_key_that_waits_is_taken(strict: Door) -> None:
    await waiting(strict)
    for change, field in (
        ({"amount": "200.00"}, "amount"),
        ({"amount": "5.00"}, "amount"),
        ({"reason": "x"}, "reason"),
    ):
        status, problem, _ = await strict.issue("g1", **{**GIFT, **change})
        assert (status, problem["code"], problem["field"]) == (422, "key-conflict", field)
    assert (await strict.issue("z", **{**GIFT, "amount": "100.00"}))[0] == 201
    # An amount that the ledger has answered is not asked about again, whatever the key is sent with.
    assert (await strict.issue("z", **GIFT))[1]["code"] == "key-conflict"


async def test_batches_wait_as_well(strict: Door) -> None:
    commands = [
        sale_command("g1", **GIFT),
        sale_command("g1", **GIFT),
        sale_command("g2", **{**GIFT, "amount": "1.00"}),
    ]
    _, body, _ = await ask(strict.till, "/v1/batches", {"commands": commands})
    assert [one["status"] for one in body["answers"]] == [202, 202, 201]
    approval = body["answers"][0]["body"]["approval"]
    assert (await decide(strict, approval))[0] == 200
    _, body, _ = await ask(strict.till, "/v1/batches", {"commands": commands})
    assert [(one["status"], one["replay"]) for one in body["answers"]] == [(200, True)] * 3


async def test_a_hub_that_dies_before_it_posts_is_made_up_for(strict: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    hub, first, second = strict.hub, await waiting(strict, "g1"), await waiting(strict, "g2")
    for one in (first, second):
        kept = await store.approval_of_key(hub.db, one["key"])
        assert kept is not None
        # The decision is written, and then the hub is gone.
        await hub.approvals.decide(kept.approval_id, Decision.APPROVED, "ops")
    assert await ledger.totals(hub.db) == []
    # Whoever approves again, or asks again, carries it out; and so does the hub by itself after a while.
    assert (await decide(strict, first))[1]["answer"]["status"] == 201
    assert await hub.approvals.make_up() == 0
    monkeypatch.setattr(approvals_module, "MAKE_UP_AFTER", timedelta(seconds=-1))
    assert await hub.approvals.make_up() == 1
    assert await hub.approvals.make_up() == 0
    owed = {one.account: one.amount for one in await ledger.totals(hub.db)}
    assert owed == {"owed:goodwill": 20002, "goodwill": -20002}
    status, receipt, replay = await strict.issue("g2", **GIFT)
    assert (status, replay) == (200, True), receipt


async def test_a_hub_that_dies_before_it_notes_it_posts_once(strict: Door) -> None:
    hub, one = strict.hub, await waiting(strict)
    kept = await store.approval_of_key(hub.db, one["key"])
    assert kept is not None
    decided = await hub.approvals.decide(kept.approval_id, Decision.APPROVED, "ops")
    await hub.approvals.carry_out(decided)
    # As if the note of it had been lost: the command is still there, and is posted again.
    await hub.approvals.carry_out(decided)
    await asyncio.gather(*(hub.approvals.carry_out(replace(decided)) for _ in range(5)))
    assert {one.account: one.amount for one in await ledger.totals(hub.db)} == {
        "owed:goodwill": 10001,
        "goodwill": -10001,
    }


async def test_a_refusal_is_what_came_of_it(strict: Door) -> None:
    _, receipt, _ = await strict.issue("k1")
    credit = receipt["credit"]
    assert isinstance(credit, dict)
    up = {**amount("100.01"), "direction": "up", "reason": "miscounted"}
    support = await make_key(strict.hub.db, strict.hub.clock, "support", "support")
    async with aiohttp.ClientSession(strict.url, headers={"Authorization": f"Bearer {support}"}) as desk:
        _, body, _ = await ask(desk, f"/v1/credits/{credit['id']}/adjustments", up, key="e")
    assert (await ask(strict.ops, f"/v1/credits/{credit['id']}/void", REPAIR, key="v"))[0] == 201
    status, decided = await decide(strict, body["approval"])
    assert (status, decided["answer"]["status"]) == (200, 409)
    assert decided["approval"]["refusal"] == decided["answer"]["body"]["code"] == "credit-void"


async def test_what_cannot_be_decided(strict: Door) -> None:
    approval = await waiting(strict)
    nobody = {"id": "01a1fdfa-4600-7368-8023-b682af5570ee"}
    assert (await decide(strict, nobody))[0] == 404
    assert (await decide(strict, {"id": "nonsense"}))[1]["field"] == "id"
    for body, field in (({}, "reason"), ({"reason": ""}, "reason"), ({"reason": "no", "by": "me"}, "by")):
        status, problem = await decide(strict, approval, "turn-down", body)
        assert (status, problem["field"]) == (422, field)
    async with strict.ops.get("/v1/approvals?cursor=zzz") as response:
        assert (response.status, (await response.json(content_type=None))["field"]) == (422, "cursor")


async def test_they_are_listed_in_pages_and_only_for_their_store(strict: Door) -> None:
    for number in range(3):
        await waiting(strict, f"g{number}")
    first = await read(strict.ops, "/v1/approvals?limit=2")
    second = await read(strict.ops, f"/v1/approvals?limit=2&cursor={first['next']}")
    assert [one["key"] for one in (*first["approvals"], *second["approvals"])] == ["g0", "g1", "g2"]
    assert second["next"] is None
    other = await make_key(strict.hub.db, strict.hub.clock, "lead-007", "operations", place="007")
    async with aiohttp.ClientSession(strict.url, headers={"Authorization": f"Bearer {other}"}) as lead:
        path = f"/v1/approvals/{first['approvals'][0]['id']}/approve"
        assert (await ask(lead, path))[0] == 403
        assert (await read(lead, "/v1/approvals")) == {"approvals": [], "next": None}
    await waiting(strict, "g7", store="007")
    async with aiohttp.ClientSession(strict.url, headers={"Authorization": f"Bearer {other}"}) as lead:
        assert [one["key"] for one in (await read(lead, "/v1/approvals"))["approvals"]] == ["g7"]


async def test_nobody_names_an_approver_from_outside(strict: Door) -> None:
    status, problem, _ = await strict.issue("g1", **{**GIFT, "approver": "ops"})
    assert (status, problem["field"]) == (422, "approver")
    body = {"commands": [sale_command("g1", **GIFT, approver="ops")]}
    _, answered, _ = await ask(strict.till, "/v1/batches", body)
    assert answered["answers"][0]["body"]["field"] == "commands[0].approver"


async def test_money_put_on_a_manual_credit_waits_like_the_issue(strict: Door) -> None:
    manual = (await strict.issue("g0", **{**GIFT, "amount": "1.00"}))[1]["credit"]
    bought = (await strict.issue("g1", bucket="paid", kind="gift_card"))[1]["credit"]
    assert isinstance(manual, dict)
    assert isinstance(bought, dict)
    card = {"occurred_at": AT, "code": "77776666", "currency": "USD", "bucket": "goodwill"}
    _, pending, _ = await ask(strict.ops, "/v1/cards", card, key="g2")
    assert (await ask(strict.till, f"/v1/credits/{bought['id']}/loads", amount("500.00"), key="g3"))[0] == 201
    assert (await ask(strict.till, f"/v1/credits/{manual['id']}/loads", amount("100.00"), key="g4"))[0] == 201
    ways = {
        f"/v1/credits/{manual['id']}/loads": (amount("100.01"), "g5", "201.01"),
        f"/v1/credits/{pending['credit_id']}/activate": (amount("1500.00", customer="web:A1"), "g6", "1500.00"),
    }
    for path, (body, key, balance) in ways.items():
        status, held, _ = await ask(strict.till, path, body, key=key)
        assert (status, held["approval"]["state"]) == (202, "waiting"), held
        status, decided = await decide(strict, held["approval"])
        assert (status, decided["answer"]["status"], decided["answer"]["body"]["balance"]) == (200, 201, balance)
        assert (await ask(strict.till, path, body, key=key))[::2] == (200, True)
        credit_id = decided["approval"]["credit_id"]
        line = (await read(strict.ops, f"/v1/credits/{credit_id}/statement"))["lines"][-1]
        assert (line["by"], line["approver"]) == ("till", "ops")
    commands = [command("load", "g7", credit_id=manual["id"], **amount("100.01"))]
    _, body, _ = await ask(strict.till, "/v1/batches", {"commands": commands})
    assert [one["status"] for one in body["answers"]] == [202]
    assert (await ask(strict.till, f"/v1/credits/{NOBODY}/loads", amount("100.01"), key="g8"))[0] == 404


async def test_nothing_and_less_never_wait(strict: Door) -> None:
    credit = (await strict.issue("n0", **{**GIFT, "amount": "1.00"}))[1]["credit"]
    assert isinstance(credit, dict)
    for number, (text, currency) in enumerate((("-5.00", "USD"), ("0.00", "USD"), ("-5", "JPY"), ("0", "JPY"))):
        status, problem, _ = await strict.issue(f"n1{number}", **{**GIFT, "amount": text, "currency": currency})
        assert (status, problem["code"]) == (422, "amount-not-positive")
        path = f"/v1/credits/{credit['id']}/loads"
        status, problem, _ = await ask(strict.till, path, amount(text, currency), key=f"n2{number}")
        assert (status, problem["code"]) == (422, "amount-not-positive")


async def test_a_key_of_one_store_decides_what_names_that_store(strict: Door) -> None:
    here, elsewhere = await waiting(strict, "s1", store="007"), await waiting(strict, "s2", store="006")
    credit = (await strict.issue("s3", **{**GIFT, "amount": "1.00"}))[1]["credit"]
    assert isinstance(credit, dict)
    status, held, _ = await ask(strict.till, f"/v1/credits/{credit['id']}/loads", amount("200.00"), key="s4")
    assert status == 202
    nowhere = held["approval"]
    own = await make_key(strict.hub.db, strict.hub.clock, "lead-007", "operations", place="007")
    async with aiohttp.ClientSession(strict.url, headers={"Authorization": f"Bearer {own}"}) as lead:
        for word, body in (("approve", None), ("turn-down", {"reason": "no"})):
            for one in (elsewhere, nowhere):
                status, problem, _ = await ask(lead, f"/v1/approvals/{one['id']}/{word}", body)
                assert (status, problem["code"]) == (403, "not-allowed")
        assert (await ask(lead, f"/v1/approvals/{here['id']}/approve"))[0] == 200
    assert len((await read(strict.ops, "/v1/approvals"))["approvals"]) == 2


async def test_a_key_that_waits_does_nothing_else(strict: Door) -> None:
    credit = (await strict.issue("w0"))[1]["credit"]
    assert isinstance(credit, dict)
    approval = await waiting(strict, "w1")
    path = f"/v1/credits/{credit['id']}"
    others = {
        f"{path}/redemptions": amount("1.00"),
        f"{path}/freeze": REPAIR,
        f"{path}/loads": amount("200.00"),
        "/v1/cards": {"occurred_at": AT, "code": "77776666", "currency": "USD"},
        "/v1/customers/web:A1/redemptions": amount("1.00"),
        "/v1/credits": sale(**{**GIFT, "bucket": "paid", "amount": "1.00"}),
    }
    for other, body in others.items():
        status, problem, _ = await ask(strict.ops, other, body, key="w1")
        assert (status, problem["code"]) == (422, "key-conflict"), (other, problem)
    commands = [
        command("redeem", "w1", credit_id=credit["id"], **amount("1.00")),
        command("redeem", "w2", credit_id=credit["id"], **amount("1.00")),
        sale_command("w1", bucket="paid", kind="gift_card"),
    ]
    _, body, _ = await ask(strict.ops, "/v1/batches", {"commands": commands})
    told = [(one["status"], one["body"].get("code")) for one in body["answers"]]
    assert told == [(422, "key-conflict"), (201, None), (422, "key-conflict")]
    assert (await decide(strict, approval))[1]["answer"]["status"] == 201
    # It is taken afterwards as well, and so is a key that was turned down.
    assert (await ask(strict.ops, f"{path}/freeze", REPAIR, key="w1"))[1]["code"] == "key-conflict"
    assert (await decide(strict, await waiting(strict, "w3"), "turn-down", {"reason": "no"}))[0] == 200
    assert (await ask(strict.ops, f"{path}/freeze", REPAIR, key="w3"))[1]["code"] == "key-conflict"
