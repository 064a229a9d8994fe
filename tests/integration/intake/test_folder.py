"""A drop folder, with real files: whole ones only, each row once, and nothing lost."""

import asyncio
import csv
import errno
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.integration.intake.parts import (
    a_hub,
    a_map,
    as_csv,
    folder_source,
    issued,
    names_below,
    ran,
    sale_row,
    source_now,
    waiting,
)
from tillbridge.checkpoint.intake import files
from tillbridge.checkpoint.intake.model import Entry
from tillbridge.connectors import folder
from tillbridge.kernel.db import Query

DAY = "2026-11-22"


@pytest.fixture
def drop(tmp_path: Path) -> Path:
    folder = tmp_path / "drop"
    folder.mkdir()
    return folder


async def test_the_sample_is_taken_in_as_by_a_replay(db_url: str, tmp_path: Path, drop: Path, sample: Path) -> None:
    shutil.copy(sample / "pos.csv", drop)
    people = tmp_path / "people"
    people.mkdir()
    shutil.copy(sample / "storefront.csv", people)
    stack = a_map(folder_source(drop), folder_source(people, what="customers"))
    async with a_hub(tmp_path, db_url, stack) as hub:
        brought, trouble = await ran(hub, "web")
        assert (brought["accounts"], brought["files"], trouble) == (2429, 1, "")
        brought, trouble = await ran(hub)
        assert trouble == ""
        assert brought == {"rows": 2024, "confirmed": 2024, "vouchers": 120, "files": 1}
        there = await issued(hub.db)
        with (sample / "pos.csv").open(newline="", encoding="utf-8") as rows:
            told = [(int(row["amount"].replace(".", "")), row["currency"]) for row in csv.DictReader(rows)]
        assert sorted(there.values()) == sorted(told)
        assert names_below(drop) == [f"archive/{DAY}/pos.csv"]
        assert (drop / "archive" / DAY / "pos.csv").read_bytes() == (sample / "pos.csv").read_bytes()
        shutil.copy(sample / "pos.csv", drop / "once more.csv")
        brought, trouble = await ran(hub)
        assert (brought, trouble) == ({"again": 1}, "")
        with (drop / "longer.csv").open("wb") as longer:
            longer.write((sample / "pos.csv").read_bytes() + b"\n")
        brought, trouble = await ran(hub)
        assert brought == {"rows": 2024, "before": 2024, "files": 1}
        assert await issued(hub.db) == there


async def test_what_is_half_written_is_left_alone(db_url: str, tmp_path: Path, drop: Path) -> None:
    text = as_csv([sale_row(1), sale_row(2)])
    (drop / "a.csv.part").write_text(text)
    (drop / ".b.csv").write_text(text)
    (drop / "notes.txt").write_text("nothing of ours")
    growing = drop / "growing.csv"
    growing.write_text(text[:-30])
    async with a_hub(tmp_path, db_url, a_map(folder_source(drop, settle='"300ms"'))) as hub:

        async def grow() -> None:
            await asyncio.sleep(0.1)
            with growing.open("a") as opened:
                opened.write(text[-30:])

        growth = asyncio.create_task(grow())
        brought, _ = await ran(hub)
        await growth
        assert brought == {"left": 1}
        now = await source_now(hub)
        assert now.last_end is not None
        assert now.next_run < now.last_end.replace(second=now.last_end.second + 2)
        brought, _ = await ran(hub)
        assert brought == {"rows": 2, "confirmed": 2, "vouchers": 2, "files": 1}
        (drop / "a.csv.part").rename(drop / "a.csv")
        brought, _ = await ran(hub)
        assert brought == {"again": 1}
        assert len(await issued(hub.db)) == 2


async def test_a_marker_is_waited_for(db_url: str, tmp_path: Path, drop: Path) -> None:
    (drop / "a.csv").write_text(as_csv([sale_row(1)]))
    async with a_hub(tmp_path, db_url, a_map(folder_source(drop, marker='".done"'))) as hub:
        assert (await ran(hub))[0] == {"left": 1}
        (drop / "a.csv.done").touch()
        assert (await ran(hub))[0]["confirmed"] == 1
        assert names_below(drop) == [f"archive/{DAY}/a.csv"]


async def test_bad_rows_are_set_aside_with_their_reason_and_the_rest_goes_on(
    db_url: str, tmp_path: Path, drop: Path
) -> None:
    good = [sale_row(number) for number in range(3)]
    bad = [
        (sale_row(10, amount="ten"), "amount"),
        (sale_row(11, kind="voucher"), "kind"),
        (sale_row(12, occurred_at="yesterday"), "occurred_at"),
        (sale_row(13, operator=""), "operator"),
        (sale_row(14, occurred_at="2030-01-01T00:00:00Z"), "occurred_at"),
        (sale_row(15, amount="0.00"), "amount"),
        (sale_row(16, currency="XXQ"), "currency"),
        (sale_row(17, store="x" * 65), "store"),
        (sale_row(0, amount="11.00"), "amount"),
    ]
    lines = as_csv([*good, *(row for row, _ in bad)])
    lines += 'T9,006,3,op07,"never closed\r\n' + "T10,006\r\n"
    raw = lines.encode() + "T11,006,3,op\xff,x\r\n".encode("latin-1") + b"a\x00b" + b",," * 6 + b"\r\n"
    (drop / "pos.csv").write_bytes(raw)
    async with a_hub(tmp_path, db_url, a_map(folder_source(drop))) as hub:
        brought, trouble = await ran(hub)
        assert trouble == ""
        assert (brought["rows"], brought["confirmed"], brought["quarantined"]) == (16, 3, 13)
        rows = await waiting(hub)
        assert [row.field for row in rows[:9]] == [field for _, field in bad]
        assert {row.field for row in rows[9:]} <= {"row", "transaction_id", "store"}
        assert [row.row_number for row in rows] == list(range(5, 18))
        assert all(row.problem and row.mend and row.place == "pos.csv" for row in rows)
        assert rows[0].raw is not None
        assert rows[0].raw["amount"] == "ten"
        assert names_below(drop) == [f"archive/{DAY}/pos.csv"]
        (drop / "again.csv").write_bytes(raw + b"\r\n")
        brought, _ = await ran(hub)
        assert (brought["before"], brought.get("quarantined", 0)) == (3, 0)
        assert len(await waiting(hub)) == 13


@pytest.mark.parametrize(
    ("content", "reason"),
    [("", "no column"), ("a,b,c\n1,2,3\n", "no column"), (as_csv([]).replace("operator", "store"), "twice")],
)
async def test_a_file_with_a_wrong_header_is_set_aside_whole(
    db_url: str, tmp_path: Path, drop: Path, content: str, reason: str
) -> None:
    (drop / "pos.csv").write_text(content)
    async with a_hub(tmp_path, db_url, a_map(folder_source(drop))) as hub:
        brought, trouble = await ran(hub)
        assert (brought, trouble) == ({"set_aside": 1}, "")
        assert names_below(drop) == [f"set-aside/{DAY}/pos.csv", f"set-aside/{DAY}/pos.csv.reason.txt"]
        assert reason in (drop / "set-aside" / DAY / "pos.csv.reason.txt").read_text()
        assert not await waiting(hub)


async def test_a_file_set_aside_is_taken_when_the_map_is_mended(db_url: str, tmp_path: Path, drop: Path) -> None:
    rows = [{**sale_row(1), "worth": "10.00"}]
    del rows[0]["amount"]
    (drop / "pos.csv").write_text(as_csv(rows, list(rows[0])))
    async with a_hub(tmp_path, db_url, a_map(folder_source(drop))) as hub:
        assert (await ran(hub))[0] == {"set_aside": 1}
    shutil.move(drop / "set-aside" / DAY / "pos.csv", drop)
    async with a_hub(tmp_path, db_url, a_map(folder_source(drop, columns='{ amount = "Worth" }'))) as hub:
        assert (await ran(hub))[0]["confirmed"] == 1


async def test_what_is_put_away_is_never_written_over(db_url: str, tmp_path: Path, drop: Path) -> None:
    async with a_hub(tmp_path, db_url, a_map(folder_source(drop))) as hub:
        for number in range(3):
            (drop / "pos.csv").write_text(as_csv([sale_row(number)]))
            assert (await ran(hub))[0]["confirmed"] == 1
    assert names_below(drop) == [f"archive/{DAY}/pos{ending}.csv" for ending in ("-2", "-3", "")]
    put = sorted((drop / "archive" / DAY).iterdir())
    assert len({path.read_text() for path in put}) == 3


async def test_other_columns_words_and_zones(db_url: str, tmp_path: Path, drop: Path) -> None:
    columns = (
        "Receipt;Location;Device;Staff;Date;Time;Item;Reason;Amount;Currency;Card Number;Customer Email;"
        "Customer Phone;Loyalty Number;Till note"
    )
    line = "R1;006;3;op07;2026-11-21;14:02:11;Gift Card;Sale;10.00;USD;;;;;thanks"
    never = line.replace("R1", "R2").replace("2026-11-21;14", "2026-03-08;02")
    odd = line.replace("R1", "R3").replace("Sale", "Mystery").replace("14:02", "15:02")
    (drop / "till.csv").write_text("\n".join([columns, line, never, odd]))
    more = {"preset": '"till-report"', "delimiter": '";"', "time_zone": '"America/New_York"'}
    async with a_hub(tmp_path, db_url, a_map(folder_source(drop, **more))) as hub:
        assert (await ran(hub))[0]["confirmed"] == 1
        assert await issued(hub.db) == {"006-3-2026-11-21T19:02:11Z": (1000, "USD")}
        assert [row.field for row in await waiting(hub)] == ["occurred_at", "bucket"]


async def test_a_folder_that_is_not_there_is_trouble_and_tried_again(db_url: str, tmp_path: Path, drop: Path) -> None:
    late = drop / "late"
    async with a_hub(tmp_path, db_url, a_map(folder_source(late))) as hub:
        _, trouble = await ran(hub)
        assert "cannot be read: No such file" in trouble
        now = await source_now(hub)
        assert (now.failures, now.trouble) == (1, trouble)
        shutil.copytree(_with_one_sale(tmp_path / "made"), late)
        assert (await ran(hub))[0]["confirmed"] == 1
        assert (await source_now(hub)).failures == 0


_EMAILS = Query(
    "tests.emails",
    "SELECT value FROM identity.identifier WHERE kind = 'email' AND given_up_at IS NULL ORDER BY account_id",
)


async def test_a_directory_that_says_again_what_it_said_before_another_is_read(
    db_url: str, tmp_path: Path, drop: Path
) -> None:
    async with a_hub(tmp_path, db_url, a_map(web=folder_source(drop, what="customers"))) as hub:

        async def export(name: str, first: str, second: str) -> dict[str, int]:
            lines = ["account_id,email,phone,loyalty_id", f"A1,{first}@example.com,,", f"A2,{second}@example.com,,"]
            (drop / name).write_text("\n".join(lines))
            return (await ran(hub, "web"))[0]

        assert (await export("1.csv", "x", "y"))["accounts"] == 2
        assert (await export("2.csv", "y", "x"))["accounts"] == 2
        assert (await export("3.csv", "x", "y"))["accounts"] == 2
        assert [row["value"] for row in await hub.db.fetch(_EMAILS)] == ["x@example.com", "y@example.com"]
        assert await export("4.csv", "x", "y") == {"again": 1}


async def test_a_file_that_cannot_be_read_holds_up_none_behind_it(
    db_url: str, tmp_path: Path, drop: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As when it belongs to another user; a test that runs as root is told so by hand."""
    for number, name in enumerate(("a.csv", "b.csv", "c.csv")):
        (drop / name).write_text(as_csv([sale_row(number)]))

    def unreadable(path: Path) -> bytes:
        if path.name == "a.csv":
            raise PermissionError(13, "Permission denied")
        return print_of(path)

    print_of = files._print_of
    monkeypatch.setattr(files, "_print_of", unreadable)
    async with a_hub(tmp_path, db_url, a_map(folder_source(drop))) as hub:
        brought, trouble = await ran(hub)
        assert (brought["confirmed"], brought["files"]) == (2, 2)
        assert "a.csv: " in trouble
        assert "Permission denied" in trouble
        monkeypatch.undo()
        assert (await ran(hub))[0]["confirmed"] == 1


async def test_the_next_export_under_the_same_name_is_not_lost(
    db_url: str, tmp_path: Path, drop: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is put there, in one piece, at each moment at which the hub looks whether it is still the same file."""
    for marker in ('".done"', ""):
        for moment in range(2):
            monkeypatch.setattr(folder, "_is", _replaced(drop, 10 * bool(marker) + moment, moment))
            number = 100 + 10 * bool(marker) + moment
            (drop / "a.csv").write_text(as_csv([sale_row(number)]))
            if marker:
                (drop / "a.csv.done").touch()
            more = {"marker": marker} if marker else {}
            async with a_hub(tmp_path, db_url, a_map(folder_source(drop, **more))) as hub:
                before = len(await issued(hub.db))
                assert (await ran(hub))[0]["confirmed"] == 1
                monkeypatch.undo()
                assert (await ran(hub))[0]["confirmed"] == 1
                assert len(await issued(hub.db)) == before + 2
    assert all(name.startswith("archive/") or name == "a.csv.done" for name in names_below(drop))


def _listed(drop: Path) -> list[str]:
    return [path.name for path in drop.iterdir()]


def _replaced(drop: Path, number: int, moment: int) -> Callable[[Path, Entry], bool]:
    looks = iter(range(10))
    is_ = folder._is

    def replaced(path: Path, entry: Entry) -> bool:
        same = is_(path, entry)
        if next(looks) == moment:
            (drop / "next.tmp").write_text(as_csv([sale_row(number)]))
            (drop / "next.tmp").rename(drop / "a.csv")
            (drop / "a.csv.done").touch()
        return same

    return replaced


async def test_what_a_crash_leaves_aside_is_brought_back(db_url: str, tmp_path: Path, drop: Path) -> None:
    for number in range(3):
        aside = drop / f".put-away-{number + 1}"
        aside.mkdir()
        (aside / "a.csv").write_text(as_csv([sale_row(number)]))
    (drop / ".put-away-4").mkdir()
    async with a_hub(tmp_path, db_url, a_map(folder_source(drop, marker='".done"'))) as hub:
        for _ in range(3):
            assert (await ran(hub))[0]["confirmed"] == 1
        assert len(await issued(hub.db)) == 3
    assert _listed(drop) == ["archive"]


async def test_a_marker_is_gone_before_its_file(
    db_url: str, tmp_path: Path, drop: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (drop / "a.csv").write_text(as_csv([sale_row(1)]))
    (drop / "a.csv.done").touch()

    def crash(given: Path, put: Path) -> bool:
        there = set(names_below(drop))
        moved.append((given.name, bool(there & {"a.csv.done", f"{given.parent.name}/a.csv.done"})))
        return move(given, put)

    moved: list[tuple[str, bool]] = []
    move = folder._moved
    monkeypatch.setattr(folder, "_moved", crash)
    async with a_hub(tmp_path, db_url, a_map(folder_source(drop, marker='".done"'))) as hub:
        assert (await ran(hub))[0]["confirmed"] == 1
    assert moved == [("a.csv", False)]


async def test_a_file_system_without_second_names(
    db_url: str, tmp_path: Path, drop: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_links(*_: object, **__: object) -> None:
        raise PermissionError(errno.EPERM, "Operation not permitted")

    async with a_hub(tmp_path, db_url, a_map(folder_source(drop))) as hub:
        monkeypatch.setattr(os, "link", no_links)
        for number in range(2):
            (drop / "a.csv").write_text(as_csv([sale_row(number)]))
            assert (await ran(hub)) == ({"rows": 1, "confirmed": 1, "vouchers": 1, "files": 1}, "")
    assert names_below(drop) == [f"archive/{DAY}/a-2.csv", f"archive/{DAY}/a.csv"]


def _with_one_sale(folder: Path) -> Path:
    folder.mkdir()
    (folder / "pos.csv").write_text(as_csv([sale_row(1)]))
    return folder
