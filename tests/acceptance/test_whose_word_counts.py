"""Whose word counts for a proof: a storefront's, and nobody else's; and never a word that is older."""

from typing import Any

import aiohttp

from tests.acceptance.asking import ask, issued
from tests.acceptance.conftest import Door, sale
from tillbridge.api.keys import make_key

CARD = "79927398713"


async def tell(door: Door, system: str, **customer: Any) -> None:
    key = await make_key(door.hub.db, door.hub.clock, f"{system}-tells", "system", system)
    async with aiohttp.ClientSession(door.url, headers={"Authorization": f"Bearer {key}"}) as session:
        body = {"type": "customer.updated", "customer": {"account_id": "77", **customer}}
        assert (await ask(session, f"/v1/events/{system}", body))[0] == 202


async def state(door: Door, key: str, **customer: str) -> str:
    told = (await issued(door, key, customer=customer, transaction_id=key.upper()))["state"]
    assert isinstance(told, str)
    return told


async def test_what_a_register_calls_verified_proves_nothing(door: Door) -> None:
    said = {"email": "zoe@example.com", "loyalty_id": CARD, "email_verified": True, "loyalty_verified": True}
    await tell(door, "registers", **said)
    assert await state(door, "k1", email="zoe@example.com") == "unclaimed"
    assert await state(door, "k2", loyalty_id=CARD) == "unclaimed"


async def test_a_storefront_says_what_is_verified_a_card_too(door: Door) -> None:
    await tell(door, "web", loyalty_id=CARD)
    assert await state(door, "k1", loyalty_id=CARD) == "unclaimed"


async def test_a_card_that_the_storefront_verified_links(door: Door) -> None:
    await tell(door, "web", loyalty_id=CARD, loyalty_verified=True)
    assert await state(door, "k1", loyalty_id=CARD) == "active"


async def test_an_event_that_is_older_than_what_is_known_changes_nothing(door: Door) -> None:
    body: dict[str, Any] = {"type": "customer.updated"}
    for email, moment in (("new@example.com", "2026-11-02T10:00:00Z"), ("old@example.com", "2026-11-01T10:00:00Z")):
        customer = {"account_id": "78", "email": email, "email_verified": True, "updated_at": moment}
        assert (await ask(door.web, "/v1/events/web", {**body, "customer": customer}))[0] == 202
    assert await state(door, "k1", email="old@example.com") == "unclaimed"
    assert await state(door, "k2", email="new@example.com") == "active"


async def test_a_storefront_means_its_own_account(door: Door) -> None:
    key = await make_key(door.hub.db, door.hub.clock, "shop", "register", "web")
    body = sale(customer={"account_id": "A1"}, transaction_id="T0")
    async with aiohttp.ClientSession(door.url, headers={"Authorization": f"Bearer {key}"}) as session:
        status, receipt, _ = await ask(session, "/v1/credits", body, key="k0")
        assert (status, receipt["credit"]["state"]) == (201, "active")
    assert await state(door, "k1", account_id="A1") == "unclaimed"
    assert await state(door, "k2", account_id="web:A1") == "active"
