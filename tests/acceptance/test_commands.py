"""The commands for people and scripts, each in a process of its own, on one embedded database."""

import csv
import json
from pathlib import Path

import aiohttp
import pytest

from tests.acceptance.conftest import QUIET_MAP, sale
from tests.acceptance.test_replay import tillbridge
from tillbridge.cli.rig import Rig, hub_process, set_up

ACCOUNT = {"account_id": "A1", "email": "ava.reed@example.com", "email_verified": True}


@pytest.fixture
async def rig(data_dir: Path) -> Rig:
    """A folder in which a hub has issued two credits, one of them to nobody known, and spent some of the first."""
    made = await set_up(data_dir)
    # Commands take seconds each where much else runs: nothing may be late before the trail is asked for.
    patient = QUIET_MAP.replace('sla = "30s"', 'sla = "1h"').replace('sla = "60s"', 'sla = "2h"')
    made.settings.stack.write_text(patient, "utf-8")
    async with hub_process(made) as hub, aiohttp.ClientSession(hub.url) as session:
        web = {"Authorization": f"Bearer {made.keys['web'].bearer}"}
        till = {"Authorization": f"Bearer {made.keys['registers'].bearer}"}
        body: dict[str, object] = {"type": "customer.updated", "customer": ACCOUNT}
        async with session.post("/v1/events/web", json=body, headers=web) as response:
            assert response.status == 202
        body = sale(code="6281670170002304")
        async with session.post("/v1/credits", json=body, headers={**till, "Idempotency-Key": "k1"}) as response:
            assert response.status == 201
            credit = (await response.json())["credit"]["id"]
        body = {"amount": "30.00", "currency": "USD", "occurred_at": "2026-11-21T20:00:00Z", "transaction_id": "W-7"}
        path, headers = f"/v1/credits/{credit}/redemptions", {**web, "Idempotency-Key": "r1"}
        async with session.post(path, json=body, headers=headers) as response:
            assert response.status == 201
            assert "$30.00 taken, $58.00 left" in (await response.json())["sentence"]
        body = sale(transaction_id="T0063-119", customer={"email": "nobody@example.com"})
        async with session.post("/v1/credits", json=body, headers={**till, "Idempotency-Key": "k2"}) as response:
            assert (await response.json())["credit"]["state"] == "unclaimed"
    return made


async def test_what_people_ask_for(rig: Rig, data_dir: Path) -> None:
    where = ("--data-dir", str(data_dir))
    mapped = (*where, "--stack", str(rig.settings.stack))

    for name in ("6281670170002304", "6281 6701 7000 2304", "T0063-118", "k1"):
        status, out, err = await tillbridge("balance", name, *where, "--format", "json", folder=data_dir)
        assert status == 0, err
        (row,) = json.loads(out)
        assert (row["code"], row["issued"], row["balance"], row["available"]) == ("…2304", "88.00", "58.00", "58.00")
    at = ("--at", "2026-11-21T19:30:00Z", "--occurred")
    status, out, err = await tillbridge("balance", "k1", *where, *at, "--format", "csv", folder=data_dir)
    assert [row["balance"] for row in csv.DictReader(out.splitlines())] == ["88.00"], err
    status, _, err = await tillbridge("balance", "k1", *where, "--at", "yesterday", folder=data_dir)
    assert (status, "--at" in err) == (2, True)
    status, _, err = await tillbridge("balance", "T9999", *where, folder=data_dir)
    assert (status, "No credit is known as T9999" in err) == (2, True)

    status, out, err = await tillbridge("trail", "T0063-118", *mapped, folder=data_dir)
    assert status == 0, err
    for word in ("Issued at the register", "88.00 USD", "Redeemed: 30.00 USD, 58.00 USD left", "On its way"):
        assert word in " ".join(out.split()), out
    status, out, err = await tillbridge("trail", "T0063-119", *mapped, "--format", "json", folder=data_dir)
    (trail,) = json.loads(out)
    assert trail["verdict"]["sentence"] == "Safe on the ledger, in nobody's account."
    assert any("no customer could be named" in fact["what"] for fact in trail["facts"])
    assert any("waits for the claim" in fact["what"] for fact in trail["facts"])
    assert trail["explanation"]["cause"] == "identifier-mismatch"

    status, out, err = await tillbridge("db", "totals", *where, "--format", "json", folder=data_dir)
    totals = {row["account"]: row["amount"] for row in json.loads(out)}
    assert totals == {"owed:refund": "146.00", "returns": "-176.00", "sales": "30.00"}
    status, out, err = await tillbridge("db", "migrate", *where, folder=data_dir)
    assert (status, "up to date" in out) == (0, True)


async def test_keys_are_made_listed_and_revoked(rig: Rig, data_dir: Path) -> None:
    where = ("--data-dir", str(data_dir))
    status, out, err = await tillbridge("key", "add", "till-9", "--role", "register", *where, folder=data_dir)
    assert status == 0, err
    key = out.strip()
    assert key.startswith("tb_")
    status, _, err = await tillbridge("key", "add", "till-9", "--role", "register", *where, folder=data_dir)
    assert (status, "exists" in err) == (2, True)
    async with hub_process(rig) as hub, aiohttp.ClientSession(hub.url) as session:
        headers = {"Authorization": f"Bearer {key}", "Idempotency-Key": "till-9"}
        async with session.post("/v1/credits", json=sale(), headers=headers) as response:
            assert response.status == 201
        async with session.post("/v1/credits/x/void", json={}, headers=headers) as response:
            assert response.status == 403
    status, _, err = await tillbridge("key", "revoke", "till-9", *where, folder=data_dir)
    assert status == 0, err
    status, out, _ = await tillbridge("key", "list", *where, "--format", "json", folder=data_dir)
    listed = {row["name"]: row for row in json.loads(out)}
    assert listed["till-9"]["revoked_at"]
    assert not listed["registers"]["revoked_at"]
    assert key not in out
    async with (
        hub_process(rig) as hub,
        aiohttp.ClientSession(hub.url) as session,
        session.post("/v1/credits", json=sale(), headers=headers) as response,
    ):
        assert response.status == 401
    status, _, err = await tillbridge("key", "revoke", "till-9", *where, folder=data_dir)
    assert (status, "No key in force" in err) == (2, True)


async def test_another_secret_is_told_before_it_does_harm(rig: Rig, data_dir: Path) -> None:
    (data_dir / "secret").write_text("another secret that is long enough, really\n", "utf-8")
    status, _, err = await tillbridge("balance", "k1", "--data-dir", str(data_dir), folder=data_dir)
    assert status == 2
    assert "another secret" in err
    (data_dir / "secret").unlink()
    status, _, err = await tillbridge("balance", "k1", "--data-dir", str(data_dir), folder=data_dir)
    assert (status, "is gone" in err) == (2, True)
    assert not (data_dir / "secret").exists()
    (data_dir / "secret").write_text("short\n", "utf-8")
    status, _, err = await tillbridge("balance", "k1", "--data-dir", str(data_dir), folder=data_dir)
    assert (status, "too short" in err) == (2, True)


async def test_no_map_and_a_taken_port_are_said_plainly(rig: Rig, data_dir: Path) -> None:
    status, _, err = await tillbridge("serve", "--data-dir", str(data_dir), "--stack", "none.toml", folder=data_dir)
    assert (status, "tillbridge init" in err) == (2, True)
    async with hub_process(rig) as hub:
        port = hub.url.rpartition(":")[2]
        where = ("--data-dir", str(data_dir), "--stack", str(rig.settings.stack), "--port", port)
        status, _, err = await tillbridge("serve", *where, folder=data_dir)
        assert (status, "cannot listen" in err) == (2, True)


@pytest.mark.parametrize("command", ["demo", "serve", "work", "replay", "balance", "trail", "init", "simulate"])
async def test_every_command_helps_with_an_example(command: str, tmp_path: Path) -> None:
    status, out, _ = await tillbridge(command, "--help", folder=tmp_path)
    assert status == 0
    assert f"Example: tillbridge {command}" in " ".join(out.split())
