"""`tillbridge replay`: the sample twice, bad rows, and a hub that is killed in the middle."""

import asyncio
import csv
import json
import signal
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.conftest import QUIET_MAP
from tillbridge.cli.rig import HubProcess, Rig, hub_process, set_up
from tillbridge.kernel.db import Db
from tillbridge.ledger import store as ledger
from tillbridge.ledger.model import Total
from tillbridge.wiring import open_database


async def tillbridge(*arguments: str, folder: Path, limit_seconds: float = 90) -> tuple[int, str, str]:
    """Run a command in a process of its own: status, what it printed, what it complained of."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "tillbridge.cli", *arguments),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        cwd=folder,
    )
    async with asyncio.timeout(limit_seconds):
        out, err = await process.communicate()
    return process.returncode or 0, out.decode(), err.decode()


async def totals(db: Db) -> list[Total]:
    return await ledger.totals(db)


@pytest.fixture
async def rig(data_dir: Path) -> Rig:
    """A folder with an embedded database, a map whose systems are files only, and keys."""
    made = await set_up(data_dir)
    made.settings.stack.write_text(
        QUIET_MAP.replace('amount = { max = "2000.00" }\ncurrencies = ["USD", "JPY", "KWD"]', ""), "utf-8"
    )
    return made


def report(text: str) -> Mapping[str, Any]:
    shown = json.loads(text)
    assert isinstance(shown, dict)
    return shown


async def test_the_sample_twice_changes_nothing_the_second_time(rig: Rig, sample: Path, data_dir: Path) -> None:
    where = ("--data-dir", str(data_dir), "--stack", str(sample / "stack.toml"), "--format", "json")
    customers = ("--customers", str(sample / "storefront.csv"))
    status, out, err = await tillbridge("replay", "sales", str(sample / "pos.csv"), *customers, *where, folder=data_dir)
    assert status == 0, err
    first = report(out)
    assert (first["confirmed"], first["confirmed_before"], first["failed"]) == (2024, 0, 0)
    assert first["vouchers"] == 120  # 48 rows name nobody, 72 name somebody who cannot be told for sure
    async with open_database(rig.settings, size=2) as db:
        before = await totals(db)
        status, out, err = await tillbridge("replay", "sales", str(sample / "pos.csv"), *where, folder=data_dir)
        assert status == 0, err
        second = report(out)
        assert (second["confirmed"], second["confirmed_before"], second["failed"]) == (0, 2024, 0)
        assert await totals(db) == before
    with (sample / "pos.csv").open(newline="", encoding="utf-8") as rows:
        minor = {"USD": 0, "CAD": 0}
        for row in csv.DictReader(rows):
            minor[row["currency"]] += int(row["amount"].replace(".", ""))
    owed = dict.fromkeys(minor, 0)
    for total in before:
        owed[total.currency] += total.amount if total.account.startswith("owed:") else 0
    assert owed == minor


def at_hub(hub: HubProcess, rig: Rig) -> tuple[str, ...]:
    """What sends a replay to a hub that runs by itself."""
    return ("--hub", hub.url, "--key", rig.keys["registers"].bearer, "--format", "json")


async def killed_in_the_middle(hub: HubProcess, db: Db, replaying: "asyncio.Task[tuple[int, str, str]]") -> int:
    """Kill the hub when part of the file is through; how many credits there were."""
    while not replaying.done():
        issued = sum(total.entries for total in await totals(db) if total.account.startswith("owed:"))
        if issued > 300:
            await hub.stop(signal.SIGKILL)
            return issued
        await asyncio.sleep(0.01)
    raise AssertionError("the replay was over before the hub could be killed")


async def test_a_hub_killed_in_the_middle_loses_nothing_and_doubles_nothing(
    rig: Rig, sample: Path, data_dir: Path
) -> None:
    # The replay keeps trying while the hub is gone, as a register would; the hub comes back on the same data.
    async with open_database(rig.settings, size=2) as db, hub_process(rig) as hub:
        where = at_hub(hub, rig)
        command = tillbridge("replay", "sales", str(sample / "pos.csv"), *where, folder=data_dir)
        replaying = asyncio.create_task(command)
        for _ in range(2):
            issued = await killed_in_the_middle(hub, db, replaying)
            assert 300 < issued < 2024
            await hub.start()
        status, out, err = await replaying
        assert status == 0, err
        first = report(out)
        assert first["confirmed"] + first["confirmed_before"] == 2024
        after = await totals(db)
        assert sum(total.entries for total in after if total.account.startswith("owed:")) == 2024
        assert sum(total.amount for total in after if total.currency == "USD") == 0
        status, out, err = await tillbridge("replay", "sales", str(sample / "pos.csv"), *where, folder=data_dir)
        assert (status, report(out)["confirmed_before"]) == (0, 2024), err
        assert await totals(db) == after


async def test_a_replay_that_was_stopped_goes_on_where_it_was(rig: Rig, sample: Path, data_dir: Path) -> None:
    async with open_database(rig.settings, size=2) as db, hub_process(rig) as hub:
        where = at_hub(hub, rig)
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tillbridge.cli", "replay", "sales", str(sample / "pos.csv"), *where, cwd=data_dir
        )
        while sum(total.entries for total in await totals(db)) < 600:  # noqa: ASYNC110 - another process issues
            await asyncio.sleep(0.01)
        process.kill()
        await process.wait()
        status, out, err = await tillbridge("replay", "sales", str(sample / "pos.csv"), *where, folder=data_dir)
        assert status == 0, err
        shown = report(out)
        assert shown["confirmed_before"] > 0
        assert shown["confirmed"] + shown["confirmed_before"] == 2024
        assert sum(total.entries for total in await totals(db) if total.account.startswith("owed:")) == 2024


HEADER = "transaction_id,store,register,operator,occurred_at,kind,bucket,amount,currency,code,email,phone,loyalty_id"
GOOD = "T1,006,3,op07,2026-11-20T10:00:00-05:00,store_credit,refund,10.00,USD,,,,"


def rows(*lines: str) -> bytes:
    return "\n".join((HEADER, *lines, "")).encode()


async def test_a_bad_row_is_listed_and_the_rest_goes_on(rig: Rig, data_dir: Path) -> None:
    bad = data_dir / "bad.csv"
    bad.write_bytes(
        rows(
            GOOD,
            "T2,006,3,op07,2026-11-20T10:00:01-05:00,store_credit,refund,10.005,USD,,,,",
            "T3,006,3,op07,2026-11-20T10:00:02,store_credit,refund,10.00,USD,,,,",
            "T4,006,3,op07",
            "T5,006,3,op07,2026-11-20T10:00:04-05:00,store_credit,refund,-1.00,USD,,,,",
            "T6,006,3,op07,2026-11-20T10:00:05-05:00,voucher,refund,1.00,USD,,,,",
            "T7,,3,op07,2026-11-20T10:00:06-05:00,store_credit,refund,1.00,USD,,,,",
        )
        + b"T8,006,3,op\xff7,2026-11-20T10:00:07-05:00,store_credit,refund,1.00,USD,,,,\n"
        + b'T9,006,4,op07,2026-11-20T10:00:08-05:00,store_credit,refund,"1,000.00",USD,,,,\n'
        + b"T10,006,4,op07,2026-11-20T10:00:09-05:00,store_credit,refund,12.50,USD,,,,\n"
    )
    where = ("--data-dir", str(data_dir), "--stack", str(rig.settings.stack))
    status, out, err = await tillbridge("replay", "sales", str(bad), *where, "--format", "json", folder=data_dir)
    assert status == 1, err
    shown = report(out)
    assert shown["confirmed"] == 2
    reasons = {row["row"]: (row["transaction_id"], row["reason"]) for row in shown["rows"]}
    assert sorted(reasons) == [3, 4, 5, 6, 7, 8, 9, 10]
    named = {3: "amount", 4: "occurred_at", 5: "cells", 6: "amount", 7: "kind", 8: "store", 9: "UTF-8", 10: "amount"}
    for row, word in named.items():
        assert word in reasons[row][1], reasons[row]
    status, out, _ = await tillbridge("replay", "sales", str(bad), *where, folder=data_dir)
    assert status == 1
    assert "row 3 (T2): amount: 10.005 is finer than USD allows" in out
    async with open_database(rig.settings, size=2) as db:
        assert sum(total.amount for total in await totals(db) if total.account == "owed:refund") == 2250


async def test_only_what_a_reconciliation_found_lost(rig: Rig, data_dir: Path) -> None:
    file, findings = data_dir / "sales.csv", data_dir / "findings.json"
    file.write_bytes(rows(*(GOOD.replace("T1,", f"T{n},").replace("10:00:00", f"10:00:{n:02d}") for n in range(6))))
    found = [("orphan", "lost-in-hop", "T1"), ("orphan", "polling-lag", "T2"), ("missing-in-erp", "", "T3")]
    found += [("missing-on-platform", "lost-in-hop", "T4"), ("orphan", "no-customer", "T77")]
    about = {"finding_id": "F", "amount": "10.00", "currency": "USD"}
    named = [{**about, "class": kind, "cause": cause, "transaction_id": name} for kind, cause, name in found]
    findings.write_text(json.dumps({"format": 1, "status": "findings", "findings": named}), "utf-8")
    where = ("--only", str(findings), "--data-dir", str(data_dir), "--stack", str(rig.settings.stack))
    status, out, err = await tillbridge("replay", "sales", str(file), *where, "--format", "json", folder=data_dir)
    shown = report(out)
    assert (status, shown["confirmed"], shown["failed"], shown["absent"]) == (1, 2, 0, ["T77"]), err
    async with open_database(rig.settings, size=2) as db:
        for name, known in (("T1", 1), ("T2", 0), ("T3", 0), ("T4", 1), ("T5", 0)):
            assert len(await ledger.credits_of_transaction(db, name)) == known, name
    status, out, _ = await tillbridge("replay", "sales", str(file), *where, folder=data_dir)
    assert (status, "1 that the findings name are not in the file: T77." in out) == (1, True), out
    found_none = (*where, "--only", str(data_dir / "none.json"))
    status, _, err = await tillbridge("replay", "sales", str(file), *found_none, folder=data_dir)
    assert (status, "none.json: it cannot be read" in err) == (2, True)


async def test_a_quote_or_a_key_that_is_wrong_spoils_its_own_row_alone(rig: Rig, data_dir: Path) -> None:
    lines = [GOOD.replace("T1,", f"T{n},").replace("10:00:00", f"10:00:{n:02d}") for n in range(30)]
    lines[4] = lines[4].replace("store_credit", '"store_credit')
    lines[9] = lines[9].replace("006", "st\u00f6re")
    lines[14] = lines[14].replace(",3,", ",3\x0b4,")
    file = data_dir / "quotes.csv"
    file.write_bytes(rows(*lines))
    where = ("--data-dir", str(data_dir), "--stack", str(rig.settings.stack), "--format", "json")
    status, out, err = await tillbridge("replay", "sales", str(file), *where, folder=data_dir)
    assert status == 1, err
    shown = report(out)
    assert (shown["confirmed"], shown["failed"]) == (27, 3)
    assert [row["row"] for row in shown["rows"]] == [6, 11, 16]


async def test_the_same_sales_in_another_zone_are_the_same_sales(rig: Rig, data_dir: Path) -> None:
    file, other = data_dir / "east.csv", data_dir / "utc.csv"
    file.write_bytes(rows(GOOD))
    other.write_bytes(rows(GOOD.replace("10:00:00-05:00", "15:00:00Z")))
    where = ("--data-dir", str(data_dir), "--stack", str(rig.settings.stack))
    assert (await tillbridge("replay", "sales", str(file), *where, folder=data_dir))[1].startswith("1 confirmed")
    status, out, err = await tillbridge("replay", "sales", str(other), *where, folder=data_dir)
    assert (status, "1 were confirmed before" in out) == (0, True), err


@pytest.mark.parametrize(
    ("text", "word"),
    [
        (b"", "transaction_id"),
        (b"transaction_id;store;register\n", "store"),
        (HEADER.replace("email", "mail").encode() + b"\n", "email"),
        ((HEADER + ",email\n").encode(), "twice"),
    ],
)
async def test_a_file_that_is_no_export_is_refused_whole(rig: Rig, data_dir: Path, text: bytes, word: str) -> None:
    wrong = data_dir / "wrong.csv"
    wrong.write_bytes(text)
    where = ("--data-dir", str(data_dir), "--stack", str(rig.settings.stack))
    status, _, err = await tillbridge("replay", "sales", str(wrong), *where, folder=data_dir)
    assert status == 2
    assert word in err


async def test_a_byte_order_mark_and_windows_lines_are_no_fault(rig: Rig, data_dir: Path) -> None:
    file = data_dir / "bom.csv"
    file.write_bytes(b"\xef\xbb\xbf" + rows(GOOD).replace(b"\n", b"\r\n"))
    where = ("--data-dir", str(data_dir), "--stack", str(rig.settings.stack))
    status, out, err = await tillbridge("replay", "sales", str(file), *where, folder=data_dir)
    assert (status, out.startswith("1 confirmed")) == (0, True), err


async def test_a_wrong_key_and_an_absent_hub_are_said_plainly(rig: Rig, sample: Path, data_dir: Path) -> None:
    file = str(sample / "pos.csv")
    async with hub_process(rig) as hub:
        where = ("--hub", hub.url, "--data-dir", str(data_dir))
        status, _, err = await tillbridge("replay", "sales", file, *where, "--key", "tb_wrong", folder=data_dir)
        assert status == 2
        assert "unknown or was revoked" in err
        url = hub.url
    gone = ("--hub", url, "--data-dir", str(data_dir), "--key", "tb_any", "--patience", "1")
    status, _, err = await tillbridge("replay", "sales", file, *gone, folder=data_dir)
    assert status == 2
    assert "Run the same command again" in err
