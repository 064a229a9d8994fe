"""Batches over HTTP: many commands, one answer each, the same as by their own endpoints."""

import asyncio
import dataclasses
import io
import json
from typing import Any

import pytest

from tests.acceptance.asking import AT, REPAIR, SALE, amount, ask, command, issued, read, sale_command
from tests.acceptance.conftest import Door, sale
from tests.acceptance.test_who_may import refusals
from tillbridge.api.verbs import DOOR_OF
from tillbridge.credit.model import Claim, Submitted
from tillbridge.credit.postings import Clerk, Terms
from tillbridge.kernel.errors import DatabaseFault
from tillbridge.ledger.model import Posting


async def batch(door: Door, *commands: object) -> list[Any]:
    """The answers to a batch."""
    status, body, _ = await ask(door.ops, "/v1/batches", {"commands": commands})
    assert status == 200, body
    return list(body["answers"])


async def test_each_command_is_answered_as_by_its_endpoint(door: Door) -> None:
    credit = await issued(door)
    about = {"credit_id": credit["id"]}
    answers = await batch(
        door,
        command("redeem", "b1", **about, **amount("8.00")),
        sale_command("b2", customer=None),
        command("redeem", "b3", **about, **amount("80.01")),
        command("freeze", "b4", **about, **REPAIR),
        command("redeem", "b5", **about, **amount("1.00")),
        command("unfreeze", "b6", **about, **REPAIR),
        command("redeem-over", "b7", customer="web:A1", **amount("10.00")),
        command("import", "b8", occurred_at=AT, code="6281670170002304", currency="USD"),
        sale_command("k1"),
    )
    told = [(one["key"], one["status"], one["body"].get("code"), one["replay"]) for one in answers]
    assert told == [
        ("b1", 201, None, False),
        ("b2", 201, None, False),
        ("b3", 409, "not-enough-available", False),
        ("b4", 201, None, False),
        ("b5", 409, "credit-frozen", False),
        ("b6", 201, None, False),
        ("b7", 201, None, False),
        ("b8", 201, None, False),
        ("k1", 200, None, True),
    ]
    assert answers[1]["body"]["voucher"]["page_url"]
    singles = [
        (f"/v1/credits/{credit['id']}/redemptions", amount("8.00")),
        ("/v1/credits", sale(customer=None)),
        (f"/v1/credits/{credit['id']}/redemptions", amount("80.01")),
    ]
    for (path, body), answered in zip(singles, answers, strict=False):
        _, again, replay = await ask(door.ops, path, body, key=answered["key"])
        assert replay
        assert {**again, "hops": None} == {**answered["body"], "hops": None}
    assert (await read(door.ops, f"/v1/credits/{credit['id']}"))["balance"] == "70.00"


async def test_a_batch_again_is_answered_again(door: Door) -> None:
    credit = await issued(door)
    commands = [command("redeem", f"b{place}", credit_id=credit["id"], **amount("30.00")) for place in range(4)]
    first = await batch(door, *commands)
    assert [one["status"] for one in first] == [201, 201, 409, 409]
    again = await batch(door, *commands)
    assert [(one["status"], one["replay"]) for one in again] == [(200, True), (200, True), (409, True), (409, True)]
    assert [one["body"] for one in again] == [one["body"] for one in first]


async def test_what_cannot_be_read_spoils_nothing(door: Door) -> None:
    credit = await issued(door)
    about = {"credit_id": credit["id"]}
    answers = await batch(
        door,
        command("redeem", "b1", **about, **amount("1.00")),
        command("redeem", "b2", **about, **amount("1,00")),
        command("redeem", "b3", **about, **SALE),
        command("steal", "b4", **about),
        {"key": "b5"},
        7,
        command("redeem", "claim:b6", **about, **amount("1.00")),
        command("redeem", "b7", credit_id="nonsense", **amount("1.00")),
        command("redeem-over", "b8", customer="nobody", **amount("1.00")),
        command("redeem-over", "b9", customer="web:nobody", **amount("1.00")),
        command("redeem", "b10", **about, **amount("1.00")),
    )
    told = [(one["key"], one["status"], one["body"].get("field")) for one in answers]
    assert told == [
        ("b1", 201, None),
        ("b2", 422, "commands[1].amount"),
        ("b3", 422, "commands[2].amount"),
        ("b4", 422, "commands[3].type"),
        ("b5", 422, "commands[4].type"),
        ("", 422, "commands[5]"),
        ("claim:b6", 422, "commands[6].key"),
        ("b7", 422, "commands[7].credit_id"),
        ("b8", 422, "commands[8].customer"),
        ("b9", 404, None),
        ("b10", 201, None),
    ]
    assert all(one["body"]["mend"] for one in answers if one["status"] == 422)
    assert (await read(door.ops, f"/v1/credits/{credit['id']}"))["balance"] == "86.00"


async def test_one_key_twice_is_a_replay_or_a_conflict(door: Door) -> None:
    credit = await issued(door)
    one = command("redeem", "same", credit_id=credit["id"], **amount("1.00"))
    other = command("redeem", "same", credit_id=credit["id"], **amount("2.00"))
    first, again, conflict, sold, sold_again = await batch(door, one, one, other, sale_command("k"), sale_command("k"))
    assert (first["status"], again["status"], again["replay"]) == (201, 200, True)
    assert (conflict["status"], conflict["body"]["code"]) == (422, "key-conflict")
    assert (sold["status"], sold_again["status"]) == (201, 200)
    assert sold["body"]["credit"]["id"] == sold_again["body"]["credit"]["id"]


async def test_many_batches_at_once_spend_a_credit_once(door: Door) -> None:
    credit = await issued(door, amount="100.00")
    batches = [
        [command("redeem", f"{sender}-{place}", credit_id=credit["id"], **amount("1.00")) for place in range(20)]
        for sender in range(10)
    ]
    answers = await asyncio.gather(*(batch(door, *commands) for commands in batches))
    statuses = [one["status"] for answered in answers for one in answered]
    assert (statuses.count(201), statuses.count(409)) == (100, 100)
    assert (await read(door.ops, f"/v1/credits/{credit['id']}"))["balance"] == "0.00"


@pytest.mark.parametrize(
    ("body", "status", "field"),
    [
        ({}, 422, "commands"),
        ({"commands": []}, 422, "commands"),
        ({"commands": "redeem"}, 422, "commands"),
        ({"commands": [{}] * 501}, 422, "commands"),
        ({"commands": [{}], "atomic": True}, 422, "atomic"),
        ([], 400, "body"),
    ],
)
async def test_a_batch_that_is_none(door: Door, body: object, status: int, field: str) -> None:
    answered, problem, _ = await ask(door.ops, "/v1/batches", body)
    assert (answered, problem["field"]) == (status, field), problem
    assert problem["mend"]


async def test_a_batch_that_is_too_large(door: Door) -> None:
    async with door.ops.post("/v1/batches", data=io.BytesIO(b'{"commands": "' + b"x" * 1_100_000 + b'"}')) as response:
        problem = await response.json(content_type=None)
    assert (response.status, problem["code"], problem["field"]) == (413, "body-too-large", "body")


async def test_each_command_needs_its_own_right(door: Door) -> None:
    credit = await issued(door)
    about = {"credit_id": credit["id"]}
    commands = [command("redeem", "b1", **about, **amount("1.00")), command("void", "b2", **about, **REPAIR)]
    status, body, _ = await ask(door.till, "/v1/batches", {"commands": commands})
    assert (status, [one["status"] for one in body["answers"]]) == (200, [201, 403])
    (line,) = await refusals(door)
    assert (line.status, line.who, line.subject, line.right) == (403, "till", "/v1/batches", "void")


async def test_five_hundred_commands_in_one_go(door: Door) -> None:
    answers = await batch(door, *(sale_command(f"i{number}", amount="2.00") for number in range(500)))
    assert {one["status"] for one in answers} == {201}
    ids = [one["body"]["credit"]["id"] for one in answers]
    spent = await batch(
        door, *(command("redeem", f"r{credit}", credit_id=credit, **amount("1.50")) for credit in ids)
    )  # fmt: skip
    assert {(one["status"], one["body"]["balance"]) for one in spent} == {(201, "0.50")}


async def raw_batch(door: Door, *commands: bytes) -> list[Any]:
    """The answers to a batch whose commands are bytes."""
    data = io.BytesIO(b'{"commands": [' + b",".join(commands) + b"]}")
    async with door.ops.post("/v1/batches", data=data) as response:
        body = await response.json(content_type=None)
        assert response.status == 200, body
    return list(body["answers"])


async def test_bytes_that_are_no_text_spoil_nothing(door: Door) -> None:
    credit = await issued(door)
    good = [
        json.dumps(command("redeem", key, credit_id=credit["id"], **amount("1.00"))).encode() for key in ("g1", "g2")
    ]
    deep = b"[" * 20_000 + b"]" * 20_000
    bad = [
        b'{"type": "redeem", "key": "\xff\xfe"}',
        b'{"type": "redeem", "key": "b1", "credit_id": "\xff"}',
        b'{"type": "redeem", "key": "b2", "x": ' + deep + b"}",
        deep,
        b'{"type": "redeem", "key": "b3", "x": "]}", "y": {"]": ' + deep + b"}}",
        json.dumps(sale_command("k1", occurred_at="0001-01-01T00:00:00Z")).encode(),
    ]
    first, *wrong, last = await raw_batch(door, good[0], *bad, good[1])
    assert [(one["status"], one["body"]["code"]) for one in wrong] == [(422, "bad-input")] * len(bad), wrong
    assert all(one["body"]["field"].startswith(f"commands[{place}]") for place, one in enumerate(wrong, 1)), wrong
    assert all(one["body"]["mend"] for one in wrong)
    assert (first["status"], last["status"]) == (201, 201)
    path = f"/v1/credits/{credit['id']}"
    async with door.ops.post(f"{path}/freeze", data=b'{"x": ' + deep + b"}", headers={"Idempotency-Key": "f"}) as one:
        problem = await one.json(content_type=None)
    assert (one.status, problem["code"]) == (422, "bad-input"), problem


async def test_a_fault_at_one_command_spoils_nothing(
    door: Door, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    credit = await issued(door)
    about = {"credit_id": credit["id"]}
    whole = Clerk.posting_of

    def broken(clerk: Clerk, said: Submitted | Claim, *terms: Terms) -> Posting:
        if said.key == "broken":
            raise ZeroDivisionError("a defect of ours")
        return whole(clerk, said, *terms)

    async def away(*_: object) -> Submitted:
        raise DatabaseFault("a defect of ours")

    monkeypatch.setattr(Clerk, "posting_of", broken)
    monkeypatch.setitem(DOOR_OF, "freeze", dataclasses.replace(DOOR_OF["freeze"], write=away))
    answers = await batch(
        door,
        command("redeem", "b1", **about, **amount("1.00")),
        command("redeem", "broken", **about, **amount("2.00")),
        command("freeze", "b2", **about, **REPAIR),
        command("redeem", "b3", **about, **amount("3.00")),
        sale_command("b4"),
    )
    told = [(one["key"], one["status"], one["body"].get("code"), one["body"].get("retry")) for one in answers]
    assert told == [
        ("b1", 201, None, None),
        ("broken", 500, "fault", "safe"),
        ("b2", 500, "fault", "safe"),
        ("b3", 201, None, None),
        ("b4", 201, None, None),
    ]
    assert "ZeroDivisionError" in caplog.text
    assert "defect" not in str(answers)
    assert (await read(door.ops, f"/v1/credits/{credit['id']}"))["balance"] == "84.00"
