"""A hub with its doors open on loopback, and clients that hold its keys."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import pytest

from tillbridge.api.keys import make_key
from tillbridge.cli.serving import serving
from tillbridge.kernel.settings import Settings
from tillbridge.stack.load import parse
from tillbridge.wiring import Hub

QUIET_MAP = """
[retailer]
name = "Harbor & Pine"
country = "US"
currency = "USD"
time_zone = "America/New_York"

[authority]
system = "platform"

[systems.registers]
role = "pos"
connector = "csv"

[systems.platform]
role = "platform"
connector = "built-in"
amount = { max = "2000.00" }
currencies = ["USD", "JPY", "KWD"]

[systems.erp]
role = "erp"
connector = "csv"

[systems.web]
role = "storefront"
connector = "csv"
currencies = ["USD", "JPY"]

[[hops]]
from = "registers"
to = "platform"
trigger = "webhook"
sla = "2s"
checkpoint = true

[[hops]]
from = "platform"
to = "erp"
trigger = "webhook"
sla = "30s"

[[hops]]
from = "platform"
to = "web"
trigger = "webhook"
sla = "60s"
"""
"""A map whose systems are reached by files only: nothing is sent anywhere."""


def settings_in(folder: Path, database_url: str = "") -> Settings:
    """Settings of a hub on a free port of loopback, all its files in one folder."""
    return Settings(
        data_dir=folder,
        database_url=database_url,
        stack=folder / "stack.toml",
        law=None,
        secret="",
        host="127.0.0.1",
        port=0,
        public_url="",
        smtp_url="",
        mail_from="",
    )


@dataclass(frozen=True)
class Door:
    """A running hub, its address, and a client per role."""

    hub: Hub
    url: str
    till: aiohttp.ClientSession
    ops: aiohttp.ClientSession
    web: aiohttp.ClientSession

    async def issue(self, key: str, **changes: object) -> tuple[int, dict[str, object], bool]:
        """Issue a credit; status, body, and whether it was a replay."""
        headers = {"Idempotency-Key": key}
        async with self.till.post("/v1/credits", json=sale(**changes), headers=headers) as response:
            return response.status, await response.json(content_type=None), "Idempotent-Replay" in response.headers


def sale(**changes: object) -> dict[str, object]:
    """A good body for POST /v1/credits, with changes; a field that is set to None is left out."""
    body: dict[str, object] = {
        "kind": "store_credit",
        "bucket": "refund",
        "amount": "88.00",
        "currency": "USD",
        "store": "006",
        "register": "3",
        "operator": "op07",
        "transaction_id": "T0063-118",
        "occurred_at": "2026-11-21T14:02:11-05:00",
        "customer": {"email": "ava.reed@example.com"},
        **changes,
    }
    return {name: value for name, value in body.items() if value is not None}


ACCOUNTS = [
    {
        "account_id": "A1",
        "email": "ava.reed@example.com",
        "phone": "+12125550143",
        "loyalty_id": "",
        "email_verified": True,
    },
    {"account_id": "A2", "email": "ben.cole@example.com", "phone": "", "loyalty_id": "", "email_verified": True},
]


@pytest.fixture
async def door(db_url: str, tmp_path: Path) -> AsyncIterator[Door]:
    """A hub on a fresh database, which knows two customers."""
    async with serving(settings_in(tmp_path, db_url), parse(QUIET_MAP, "stack.toml", {})) as (hub, url):
        roles = {"till": ("register", ""), "ops": ("operations", ""), "web": ("system", "web")}
        keys = {name: await make_key(hub.db, hub.clock, name, *role) for name, role in roles.items()}
        sessions = {
            name: aiohttp.ClientSession(url, headers={"Authorization": f"Bearer {key}"}) for name, key in keys.items()
        }
        opened = Door(hub, url, **sessions)
        body = {"type": "customers.updated", "customers": ACCOUNTS}
        async with opened.web.post("/v1/events/web", json=body) as response:
            assert response.status == 202, await response.text()
        yield opened
        for session in sessions.values():
            await session.close()
