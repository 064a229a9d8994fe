"""`tillbridge db verify` and `db totals --by`, each in a process of its own, while a hub runs."""

import asyncio
import csv
import json
from pathlib import Path

import aiohttp
import asyncpg
import pytest

from tests.acceptance.conftest import QUIET_MAP, sale
from tests.acceptance.test_replay import tillbridge
from tillbridge.cli.rig import Rig, hub_process, set_up
from tillbridge.kernel.db import embedded


@pytest.fixture
async def rig(data_dir: Path) -> Rig:
    """A folder for a hub, with keys and a map that sends nothing."""
    made = await set_up(data_dir)
    made.settings.stack.write_text(QUIET_MAP, "utf-8")
    return made


async def totals_are_told_apart(data_dir: Path) -> None:
    """`db totals --by` each part, of a book with 60 unclaimed credits of $88.00 from one store."""
    where = ("--data-dir", str(data_dir))
    for by, rows in (("bucket", {"refund"}), ("store", {"006"}), ("state", {"unclaimed", ""})):
        status, out, err = await tillbridge("db", "totals", *where, "--by", by, "--format", "csv", folder=data_dir)
        listed = list(csv.DictReader(out.splitlines()))
        assert (status, {row[by] for row in listed}) == (0, rows), err
        assert {(row["account"], row["amount"], row["credits"]) for row in listed} == {
            ("owed:refund", "5280.00", "60"),
            ("returns", "-5280.00", "0"),
        }


async def test_a_book_is_verified_while_the_hub_runs_and_when_it_was_tampered_with(rig: Rig, data_dir: Path) -> None:
    where = ("--data-dir", str(data_dir))
    till = {"Authorization": f"Bearer {rig.keys['registers'].bearer}"}
    async with hub_process(rig) as hub, aiohttp.ClientSession(hub.url) as session:

        async def ring(number: int) -> None:
            headers = {**till, "Idempotency-Key": f"k{number}"}
            async with session.post("/v1/credits", json=sale(transaction_id=f"T{number}"), headers=headers) as response:
                assert response.status == 201

        for number in range(5):
            await ring(number)
        ringing = asyncio.gather(*(ring(number) for number in range(5, 60)))
        status, out, err = await tillbridge("db", "verify", *where, folder=data_dir)
        assert (status, "The book is whole." in out, "Read" in err) == (0, True, True), (out, err)
        await ringing
        status, out, err = await tillbridge("db", "verify", *where, "--format", "json", folder=data_dir)
        assert status == 0, err
        told = json.loads(out)
        assert told["whole"]
        assert told["findings"] == []
        assert told["read"]["credits"] == told["read"]["events"] == 60
        assert told["read"]["entries"] == 120
        head = told["head"]

    status, out, err = await tillbridge("db", "verify", *where, "--since", head, folder=data_dir)
    assert (status, head in out) == (0, True), err
    status, out, err = await tillbridge("db", "verify", *where, "--head", "00" * 32, folder=data_dir)
    assert (status, "no longer holds 0000" in out) == (1, True), err
    status, out, err = await tillbridge("db", "verify", *where, "--since", "yesterday", folder=data_dir)
    assert (status, "--since: 'yesterday' is no head of a chain" in err) == (2, True), out

    await totals_are_told_apart(data_dir)
    connection = await asyncpg.connect(await asyncio.to_thread(embedded, data_dir))
    await connection.execute("SET session_replication_role = replica")
    await connection.execute("UPDATE ledger.entry SET amount = amount * 2 WHERE leg = 1")
    await connection.close()
    status, out, err = await tillbridge("db", "verify", *where, folder=data_dir)
    assert (status, out.count("  ledger.entry: Leg 1 of event 1 of credit ")) == (1, 1), err
    status, out, err = await tillbridge("db", "verify", *where, "--all", "--format", "csv", folder=data_dir)
    found = list(csv.DictReader(out.splitlines()))
    assert (status, len(found)) == (1, 60), err
    assert {(row["check"], row["table"]) for row in found} == {("entry", "ledger.entry")}
    assert "leg 1" in found[0]["row"]
    assert "not whole" in err


async def test_without_a_database_it_cannot_be_said(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TILLBRIDGE_DATABASE_URL", "postgresql://127.0.0.1:1/none")
    status, out, err = await tillbridge("db", "verify", folder=data_dir)
    assert (status, out, "does not answer" in err) == (2, "", True)
