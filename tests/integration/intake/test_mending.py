"""Rows in quarantine are mended and tried again; each is taken in once, and what is given up is forgotten."""

import csv
import json
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from click.testing import CliRunner, Result

from tests.integration.intake.parts import (
    MAP,
    NOW,
    a_hub,
    a_map,
    as_csv,
    folder_source,
    issued,
    ran,
    sale_row,
    waiting,
)
from tillbridge.checkpoint.intake.model import Wrong
from tillbridge.cli.__main__ import commands
from tillbridge.handoff.inbound import store
from tillbridge.kernel.db import open_db
from tillbridge.kernel.errors import BadInput


@pytest.fixture
def drop(tmp_path: Path) -> Path:
    folder = tmp_path / "drop"
    folder.mkdir()
    return folder


async def test_a_mended_map_lets_rows_through_once(db_url: str, tmp_path: Path, drop: Path) -> None:
    rows = [sale_row(1, kind="Geschenkkarte"), sale_row(2, bucket="promo"), sale_row(3)]
    (drop / "pos.csv").write_text(as_csv(rows))
    only = 'buckets = ["refund", "paid"]'
    async with a_hub(tmp_path, db_url, a_map(folder_source(drop), platform=only)) as hub:
        assert (await ran(hub))[0]["quarantined"] == 2
        kept = await waiting(hub)
        assert [row.field for row in kept] == ["kind", "bucket"]
        assert all(hub.mending.look(row) for row in kept)
        assert [type(one.outcome) for one in await hub.mending.replay(kept)] == [Wrong, Wrong]
        assert len(await waiting(hub)) == 2
    words = folder_source(drop, values='{ kind = { Geschenkkarte = "gift_card" } }')
    async with a_hub(tmp_path, db_url, a_map(words)) as hub:
        kept = await waiting(hub)
        assert [hub.mending.look(row) for row in kept] == [None, None]
        assert len(await issued(hub.db)) == 1
        assert not [one for one in await hub.mending.replay(kept) if isinstance(one.outcome, Wrong)]
        assert len(await issued(hub.db)) == 3
        assert not await waiting(hub)
        await hub.mending.replay(kept)
        assert len(await issued(hub.db)) == 3
        (drop / "again.csv").write_text(as_csv(rows, [*rows[0]]) + "\r\n")
        assert (await ran(hub))[0]["before"] == 3


async def test_what_the_ledger_refused_is_tried_under_a_key_of_its_own(db_url: str, tmp_path: Path, drop: Path) -> None:
    (drop / "pos.csv").write_text(as_csv([sale_row(1, amount="600.00")]))
    async with a_hub(tmp_path, db_url, a_map(folder_source(drop), platform='amount = { max = "500" }')) as hub:
        assert (await ran(hub))[0]["quarantined"] == 1
        (row,) = await waiting(hub)
        assert (row.refused, row.field) == (1, "amount")
        (again,) = await hub.mending.replay([row])
        assert isinstance(again.outcome, Wrong)
        (row,) = await waiting(hub)
        assert row.refused == 2
        (mended,) = await hub.mending.replay([row], {row.id: {"amount": "500.00"}})
        assert not isinstance(mended.outcome, Wrong)
        there = await issued(hub.db)
        assert there == {"006-3-2026-11-21T15:00:01Z.again-2": (50000, "USD")}
        # Told twice, as after a crash between the ledger and the note: the ledger knows the key.
        await hub.mending.replay([row], {row.id: {"amount": "500.00"}})
        assert await issued(hub.db) == there


def tillbridge(tmp_path: Path, db_url: str, *words: str) -> Result:
    environment = {"TILLBRIDGE_DATABASE_URL": db_url}
    where = ("--data-dir", str(tmp_path), "--stack", str(tmp_path / "stack.toml"))
    return CliRunner().invoke(commands, ["replay", "rows", *where, *words], env=environment, catch_exceptions=False)


def listed(result: Result) -> list[dict[str, Any]]:
    told = json.loads(result.stdout)
    assert isinstance(told, list)
    return told


@pytest.fixture
async def three_bad(db_url: str, tmp_path: Path, drop: Path) -> list[UUID]:
    """Three rows in quarantine, and the map in its file."""
    text = as_csv([sale_row(1, amount="ten"), sale_row(2, kind="?")]) + "T3,006,3\r\n"
    (drop / "pos.csv").write_text(text)
    (tmp_path / "stack.toml").write_text(MAP.format(registers=folder_source(drop), web="", platform=""))
    async with a_hub(tmp_path, db_url, a_map(folder_source(drop))) as hub:
        assert (await ran(hub))[0]["quarantined"] == 3
        return [row.id for row in await waiting(hub)]


def test_a_spreadsheet_mends_rows(db_url: str, tmp_path: Path, three_bad: list[UUID]) -> None:
    looked = tillbridge(tmp_path, db_url, "--dry-run", "--format", "json")
    assert looked.exit_code == 1
    assert [row["outcome"] for row in listed(looked)] == ["still bad"] * 3
    assert [row["id"] for row in listed(looked)] == list(map(str, three_bad))
    sheet = tmp_path / "rows.csv"
    assert tillbridge(tmp_path, db_url, "--source", "registers", "--export", str(sheet)).exit_code == 0
    with sheet.open(newline="", encoding="utf-8") as opened:
        rows = list(csv.DictReader(opened))
    assert [row["quarantine_field"] for row in rows] == ["amount", "kind", "row"]
    assert rows[2]["line"] == "T3,006,3"
    rows[0]["amount"], rows[2] = "10.00", {**rows[2], **sale_row(3)}
    with sheet.open("w", newline="", encoding="utf-8") as opened:
        writer = csv.DictWriter(opened, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    mended = tillbridge(tmp_path, db_url, "--with", str(sheet), "--format", "json")
    assert mended.exit_code == 1
    assert [row["outcome"] for row in listed(mended)] == ["confirmed", "still bad", "confirmed"]
    assert [row["field"] for row in listed(mended)] == ["", "kind", ""]
    dropped = tillbridge(tmp_path, db_url, "--id", str(three_bad[1]), "--drop", "--format", "json")
    assert (dropped.exit_code, [row["outcome"] for row in listed(dropped)]) == (0, ["dropped"])
    assert tillbridge(tmp_path, db_url).stdout == "Nothing to list.\n"


async def test_what_is_dropped_is_forgotten(db_url: str, three_bad: list[UUID]) -> None:
    async with open_db(db_url) as db:
        assert await store.dropped(db, three_bad[:1], NOW) == 1
        (row,) = await store.rows_of(db, three_bad[:1])
        assert (row.raw, row.state) == (None, "dropped")
        assert await store.replayed(db, three_bad[:1], NOW) == 0


def test_what_cannot_be_done_is_said(db_url: str, tmp_path: Path, three_bad: list[UUID]) -> None:

    both = tillbridge(tmp_path, db_url, "--drop", "--export", str(tmp_path / "x.csv"))
    assert both.exit_code == 2
    assert "one at a time" in both.output
    with pytest.raises(BadInput, match="no row that waits is known"):
        tillbridge(tmp_path, db_url, "--id", str(UUID(int=5)))
    (tmp_path / "bad.csv").write_text("a,b\n1,2\n")
    with pytest.raises(BadInput, match="no column quarantine_id"):
        tillbridge(tmp_path, db_url, "--with", str(tmp_path / "bad.csv"))
