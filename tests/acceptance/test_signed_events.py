"""Messages that systems sign: what holds is done once; all else is turned away, counted, and writes nothing."""

import base64
import hashlib
import hmac
import io
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from prometheus_client.parser import text_string_to_metric_families

from tests.acceptance.conftest import ACCOUNTS, QUIET_MAP, sale, settings_in
from tests.integration.intake.parts import NOW, issued
from tillbridge.api.app import make_app
from tillbridge.api.bodies.fields import LONG_BODY_MAX
from tillbridge.api.keys import make_key
from tillbridge.api.watched import METRICS
from tillbridge.handoff.inbound import store as inbound
from tillbridge.kernel.clock import SetClock
from tillbridge.kernel.db import Query
from tillbridge.stack.load import parse
from tillbridge.wiring import Hub, open_hub

TILLS = "whsec_" + base64.b64encode(b"the tills sign with this").decode()
SIGNING_MAP = QUIET_MAP.replace(
    '[systems.registers]\nrole = "pos"\nconnector = "csv"',
    f'[systems.registers]\nrole = "pos"\nconnector = "csv"\nsecret = "{TILLS}"',
).replace(
    '[systems.web]\nrole = "storefront"\nconnector = "csv"',
    '[systems.web]\nrole = "storefront"\nconnector = "csv"\nsecret = "the new one"\nsecret_before = "the one before"',
)


def signature(secret: bytes, name: str, at: int, body: bytes) -> str:
    """Written apart from the hub's own: two readings of one specification check each other."""
    digest = hmac.new(secret, b".".join([name.encode(), str(at).encode(), body]), hashlib.sha256).digest()
    return "v1," + base64.b64encode(digest).decode()


@dataclass
class Desk:
    hub: Hub
    app: web.Application
    url: str
    clock: SetClock

    async def send(self, system: str, body: object, **headers: str) -> tuple[int, Any]:
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        async with (
            aiohttp.ClientSession(self.url) as client,
            client.post(f"/v1/events/{system}", data=io.BytesIO(raw), headers=headers) as response,
        ):
            return response.status, await response.json(content_type=None)

    async def signed(
        self, system: str, body: object, secret: bytes, name: str = "m1", *, ago: float = 0, more: str = ""
    ) -> tuple[int, Any]:
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        at = int(self.clock.now().timestamp() - ago)
        said = {"webhook-id": name, "webhook-timestamp": str(at)}
        return await self.send(system, raw, **said, **{"webhook-signature": signature(secret, name, at, raw) + more})

    def counted(self) -> dict[str, int]:
        """What /metrics says of messages that were turned away, by reason."""
        text, _ = self.app[METRICS].exposed("")
        samples = [one for family in text_string_to_metric_families(text.decode()) for one in family.samples]
        return {
            one.labels["reason"]: int(one.value)
            for one in samples
            if one.name == "tillbridge_webhooks_refused_total" and one.value
        }


@pytest.fixture
async def desk(db_url: str, tmp_path: Path) -> AsyncIterator[Desk]:
    clock = SetClock(NOW)
    stack = parse(SIGNING_MAP, "stack.toml", {})
    async with open_hub(settings_in(tmp_path, db_url), stack, public_url="http://hub", clock=clock) as hub:
        app = make_app(hub)
        runner = web.AppRunner(app)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        host, port = runner.addresses[0][:2]
        yield Desk(hub, app, f"http://{host}:{port}", clock)
        await runner.cleanup()


_ACCOUNTS_KNOWN = Query("tests.references", "SELECT account_id FROM identity.reference ORDER BY 1")
SOLD = {"type": "sale.completed", "key": "006-3-2026-11-21T19:02:11Z", **sale()}
KNOWN = {"type": "customers.updated", "customers": ACCOUNTS}
SECRET = b"the tills sign with this"


async def test_a_signed_sale_is_issued_once(desk: Desk) -> None:
    assert (await desk.signed("web", KNOWN, b"the new one"))[0] == 202
    status, receipt = await desk.signed("registers", SOLD, SECRET, "sale-1")
    assert status == 201, receipt
    assert receipt["credit"]["state"] == "active"
    assert receipt["voucher"] is None
    there = await issued(desk.hub.db)
    assert there == {"006-3-2026-11-21T19:02:11Z": (8800, "USD")}
    status, again = await desk.signed("registers", SOLD, SECRET, "sale-1")
    assert (status, again["credit"]) == (200, receipt["credit"])
    # Another message about the same sale is answered by the ledger, as for a register that calls twice.
    status, again = await desk.signed("registers", SOLD, SECRET, "sale-2")
    assert (status, again["credit"]) == (200, receipt["credit"])
    assert await issued(desk.hub.db) == there
    assert desk.counted() == {}


async def test_another_sale_under_an_id_that_was_heard_is_issued(desk: Desk) -> None:
    """A register that numbers its messages from 1 each morning loses no sale."""
    assert (await desk.signed("registers", SOLD, SECRET, "1"))[0] == 201
    key = "006-3-2026-11-21T19:09:00Z"
    other = {**SOLD, "key": key, "amount": "50.00", "occurred_at": "2026-11-21T14:09:00-05:00", "transaction_id": "T9"}
    assert (await desk.signed("registers", other, SECRET, "1"))[0] == 201
    assert await issued(desk.hub.db) == {SOLD["key"]: (8800, "USD"), key: (5000, "USD")}


async def test_another_message_under_an_id_that_was_heard_is_refused(desk: Desk) -> None:
    assert (await desk.signed("web", KNOWN, b"the new one", "m1"))[0] == 202
    assert await desk.signed("web", KNOWN, b"the new one", "m1") == (202, {"id": "m1"})
    other = {"type": "customer.updated", "customer": {"account_id": "A9", "email": "eve@example.com"}}
    status, said = await desk.signed("web", other, b"the new one", "m1")
    assert (status, said["code"], said["field"]) == (422, "key-conflict", "body")
    assert desk.counted() == {"conflict": 1}
    assert {row["account_id"] for row in await desk.hub.db.fetch(_ACCOUNTS_KNOWN)} == {"A1", "A2"}
    assert (await desk.signed("web", other, b"the new one", "m2"))[0] == 202
    assert {row["account_id"] for row in await desk.hub.db.fetch(_ACCOUNTS_KNOWN)} == {"A1", "A2", "A9"}
    # The same id of another system is another message.
    assert (await desk.signed("registers", SOLD, SECRET, "m1"))[0] == 201


async def test_both_secrets_hold_while_one_is_changed_and_any_signature_of_several(desk: Desk) -> None:
    assert (await desk.signed("web", KNOWN, b"the new one", "a"))[0] == 202
    assert (await desk.signed("web", KNOWN, b"the one before", "b"))[0] == 202
    assert (await desk.signed("web", KNOWN, b"the new one", "c", more=" v1,AAAA v2,BBBB"))[0] == 202
    assert (await desk.signed("web", KNOWN, b"an older one", "d"))[0] == 401


async def test_a_key_does_as_well_and_its_ids_are_heard_too(desk: Desk) -> None:
    key = await make_key(desk.hub.db, desk.hub.clock, "web", "system", "web")
    bearer = {"Authorization": f"Bearer {key}", "webhook-id": "k1"}
    assert (await desk.send("web", KNOWN, **bearer))[0] == 202
    assert await desk.send("web", KNOWN, **bearer) == (202, {"id": "k1"})
    status, said = await desk.send("web", SOLD, Authorization=f"Bearer {key}")
    assert (status, said["code"]) == (403, "not-allowed")
    assert await issued(desk.hub.db) == {}


async def _refused(desk: Desk, told: tuple[int, Any], status: int, code: str, field: str, reason: str) -> None:
    """A problem with field and mend, counted; nothing written, and the id is free for the mended message."""
    assert (told[0], told[1]["code"], told[1].get("field")) == (status, code, field or None), told
    assert told[1].get("mend") or not field
    assert desk.counted() == {reason: 1}
    assert await issued(desk.hub.db) == {}
    assert not await desk.hub.db.fetch(_ACCOUNTS_KNOWN)
    assert await inbound.heard_as(desk.hub.db, "registers", "m1") is None


async def test_a_bad_signature_is_turned_away(desk: Desk) -> None:
    told = await desk.signed("registers", SOLD, b"not the secret")
    await _refused(desk, told, 401, "bad-signature", "webhook-signature", "bad-signature")


async def test_a_body_that_was_changed_on_the_way_is_turned_away(desk: Desk) -> None:
    raw = json.dumps(SOLD).encode()
    at = int(desk.clock.now().timestamp())
    headers = {"webhook-id": "m1", "webhook-timestamp": str(at), "webhook-signature": signature(SECRET, "m1", at, raw)}
    told = await desk.send("registers", raw.replace(b"88.00", b"99.00"), **headers)
    await _refused(desk, told, 401, "bad-signature", "webhook-signature", "bad-signature")


@pytest.mark.parametrize(("ago", "reason"), [(301, "old-timestamp"), (-302, "future-timestamp")])
async def test_an_old_or_early_time_is_turned_away(desk: Desk, ago: float, reason: str) -> None:
    told = await desk.signed("registers", SOLD, SECRET, ago=ago)
    await _refused(desk, told, 401, "bad-signature", "webhook-timestamp", reason)
    assert (await desk.signed("registers", SOLD, SECRET, ago=298 if ago > 0 else -298))[0] == 201


@pytest.mark.parametrize("at", ["", "soon", "1e9", "-5", "²"])
async def test_a_time_that_is_none_is_turned_away(desk: Desk, at: str) -> None:
    headers = {"webhook-id": "m1", "webhook-timestamp": at, "webhook-signature": "v1,AAAA"}
    told = await desk.send("registers", SOLD, **headers)
    await _refused(desk, told, 401, "bad-signature", "webhook-timestamp", "bad-timestamp")


async def test_a_message_without_an_id_is_turned_away(desk: Desk) -> None:
    told = await desk.signed("registers", SOLD, SECRET, "x" * 201)
    await _refused(desk, told, 401, "bad-signature", "webhook-id", "no-id")


async def test_a_system_without_a_secret_and_one_that_is_not_there_are_told_the_same(desk: Desk) -> None:
    for system in ("erp", "nobody"):
        status, said = await desk.signed(system, SOLD, b"")
        assert (status, said["code"], said["field"]) == (401, "bad-signature", "webhook-signature")


async def test_no_key_and_no_signature_is_turned_away(desk: Desk) -> None:
    await _refused(desk, await desk.send("registers", SOLD), 401, "unknown-key", "", "no-key")


async def test_a_body_that_is_too_large_is_turned_away(desk: Desk) -> None:
    told = await desk.signed("registers", b" " * (LONG_BODY_MAX + 1), SECRET)
    await _refused(desk, told, 413, "body-too-large", "body", "too-large")


async def test_what_is_no_json_is_turned_away(desk: Desk) -> None:
    told = await desk.signed("registers", b"\x00{nothing", SECRET)
    await _refused(desk, told, 400, "bad-input", "body", "not-json")


async def test_an_unknown_type_is_turned_away(desk: Desk) -> None:
    told = await desk.signed("registers", {"type": "sale.imagined"}, SECRET)
    await _refused(desk, told, 422, "bad-input", "type", "unknown-type")


async def test_a_field_that_cannot_be_read_is_named(desk: Desk) -> None:
    told = await desk.signed("registers", {**SOLD, "amount": "8.999"}, SECRET)
    await _refused(desk, told, 422, "amount-too-fine", "amount", "bad-field")
    assert (await desk.signed("registers", SOLD, SECRET))[0] == 201


async def test_only_a_register_reports_sales(desk: Desk) -> None:
    told = await desk.signed("web", SOLD, b"the new one")
    await _refused(desk, told, 403, "not-allowed", "", "no-register")


async def test_ids_that_nobody_repeats_any_more_are_forgotten(desk: Desk) -> None:
    assert (await desk.signed("web", KNOWN, b"the new one", "old"))[0] == 202
    desk.clock.move(inbound.HEARD_DAYS + timedelta(minutes=1))
    assert (await desk.signed("web", KNOWN, b"the new one", "young"))[0] == 202
    assert await inbound.heard_as(desk.hub.db, "web", "old") is None
    assert await inbound.heard_as(desk.hub.db, "web", "young")
