"""What the tests of verbs ask for: good bodies, and a way to send them."""

from collections.abc import Mapping
from typing import Any

import aiohttp

from tests.acceptance.conftest import Door, sale

AT = "2026-11-21T15:02:11-05:00"
SALE: dict[str, object] = {"occurred_at": AT, "transaction_id": "W1"}
REPAIR: dict[str, object] = {"occurred_at": AT, "reason": "rung up twice"}


async def ask(
    client: aiohttp.ClientSession, path: str, body: object = None, *, key: str = "", method: str = "POST"
) -> tuple[int, Any, bool]:
    """Status, body, and whether it was a replay."""
    headers = {"Idempotency-Key": key} if key else {}
    async with client.request(method, path, json=body, headers=headers) as response:
        return response.status, await response.json(content_type=None), "Idempotent-Replay" in response.headers


async def read(client: aiohttp.ClientSession, path: str) -> Any:
    """What is read at an address."""
    status, body, _ = await ask(client, path, method="GET")
    assert status == 200, body
    return body


async def issued(door: Door, key: str = "k1", **changes: object) -> dict[str, Any]:
    """The credit of a receipt."""
    status, receipt, _ = await door.issue(key, **changes)
    assert status == 201, receipt
    credit = receipt["credit"]
    assert isinstance(credit, dict)
    return credit


async def done(door: Door, path: str, body: Mapping[str, object], key: str) -> Any:
    """The answer to a command that goes through, and goes through once: sent again, it gets the same answer again."""
    status, first, replay = await ask(door.ops, path, body, key=key)
    assert (status, replay) == (201, False), first
    status, again, replay = await ask(door.ops, path, body, key=key)
    assert (status, replay) == (200, True), again
    assert again == first
    return first


async def refusal(door: Door, path: str, body: Mapping[str, object], key: str) -> tuple[int, str]:
    """Status and code of a command that is refused, and stays refused."""
    status, problem, replay = await ask(door.ops, path, body, key=key)
    assert not replay
    again, repeated, _ = await ask(door.ops, path, body, key=key)
    assert (again, repeated) == (status, problem)
    assert problem["cashier"]
    return status, problem["code"]


def amount(text: str, currency: str = "USD", **more: object) -> dict[str, object]:
    """A body with an amount, in a transaction."""
    return {**SALE, "amount": text, "currency": currency, **more}


def command(type_: str, key: str, /, **fields: object) -> dict[str, object]:
    """A command of a batch."""
    return {"type": type_, "key": key, **fields}


def sale_command(key: str, /, **changes: object) -> dict[str, object]:
    """An issue in a batch."""
    return command("issue", key, **sale(**changes))
