"""A workbook is looked at before it is opened: what it unpacks to is counted, never believed."""

import struct
import tracemalloc
import zipfile
import zlib
from pathlib import Path
from typing import Final

import openpyxl
import pytest

from tillbridge.reconcile.sources.workbook import look

MEGABYTE: Final = 1 << 20


def packed(path: Path, members: dict[str, int], method: int = zipfile.ZIP_DEFLATED) -> Path:
    """An archive of members of so many megabytes of blanks."""
    with zipfile.ZipFile(path, "w", method, compresslevel=9) as archive:
        for name, size in members.items():
            with archive.open(name, "w", force_zip64=True) as member:
                for _ in range(size):
                    member.write(b" " * MEGABYTE)
    return path


def test_an_honest_workbook_is_let_through(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    book.active.append(["code"])
    book.save(tmp_path / "a.xlsx")
    assert look(tmp_path / "a.xlsx") is None


def test_a_bomb_is_refused_in_little_memory(tmp_path: Path) -> None:
    bomb = packed(tmp_path / "a.xlsx", {"xl/workbook.xml": 1, "xl/worksheets/sheet1.xml": 200})
    tracemalloc.start()
    complaint = look(bomb)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert complaint is not None
    assert complaint.problem.startswith("the workbook becomes far larger when it is unpacked")
    assert peak < 8 * MEGABYTE


def test_all_members_count_together(tmp_path: Path) -> None:
    bomb = packed(tmp_path / "a.xlsx", {f"xl/{number}.xml": 1 for number in range(40)})
    assert look(bomb) is not None
    assert look(packed(tmp_path / "b.xlsx", {"xl/a.xml": 3}), most=2 * MEGABYTE) is not None
    assert look(packed(tmp_path / "c.xlsx", {"xl/a.xml": 3}), most=4 * MEGABYTE) is None


def test_declared_sizes_are_not_believed(tmp_path: Path) -> None:
    bomb = packed(tmp_path / "a.xlsx", {"xl/workbook.xml": 1, "xl/worksheets/sheet1.xml": 200})
    data = bytearray(bomb.read_bytes())
    place = data.find(b"PK\x01\x02")
    while place >= 0:
        struct.pack_into("<I", data, place + 24, 100)
        place = data.find(b"PK\x01\x02", place + 4)
    bomb.write_bytes(data)
    with zipfile.ZipFile(bomb) as archive:
        assert {member.file_size for member in archive.infolist()} == {100}
    complaint = look(bomb)
    assert complaint is not None
    assert complaint.problem.startswith("the workbook becomes far larger")


def test_two_names_for_the_same_bytes_count_twice(tmp_path: Path) -> None:
    """The quine's trick: one body, many entries in the list of members."""
    body = zlib.compressobj(9, zlib.DEFLATED, -15)
    squeezed = body.compress(b" " * MEGABYTE) + body.flush()
    name = b"xl/a.xml"
    local = struct.pack("<4s5H3I2H", b"PK\x03\x04", 20, 0, 8, 0, 0, 0, len(squeezed), MEGABYTE, len(name), 0) + name
    entry = struct.pack(
        "<4s6H3I5H2I", b"PK\x01\x02", 20, 20, 0, 8, 0, 0, 0, len(squeezed), MEGABYTE, len(name), 0, 0, 0, 0, 0, 0
    )
    listed = (entry + name) * 50
    end = struct.pack("<4s4H2IH", b"PK\x05\x06", 0, 0, 50, 50, len(listed), len(local) + len(squeezed), 0)
    (tmp_path / "a.xlsx").write_bytes(local + squeezed + listed + end)
    assert look(tmp_path / "a.xlsx") is not None


@pytest.mark.parametrize("cut", [0.3, 0.6, 0.9])
def test_what_is_cut_off_is_damaged(cut: float, tmp_path: Path) -> None:
    whole = packed(tmp_path / "a.xlsx", {"xl/workbook.xml": 1, "xl/b.xml": 1}, zipfile.ZIP_STORED).read_bytes()
    (tmp_path / "a.xlsx").write_bytes(whole[: int(len(whole) * cut)])
    complaint = look(tmp_path / "a.xlsx")
    assert complaint is not None
    assert complaint.problem == "the workbook is damaged, or cut off"


def test_what_is_no_workbook(tmp_path: Path) -> None:
    complaint = look(packed(tmp_path / "a.xlsx", {"pos.csv": 1}))
    assert complaint is not None
    assert complaint.problem == "the file is a ZIP archive and no workbook"
    locked = packed(tmp_path / "b.xlsx", {"xl/a.xml": 1})
    data = bytearray(locked.read_bytes())
    data[data.find(b"PK\x01\x02") + 8] |= 1
    locked.write_bytes(data)
    complaint = look(locked)
    assert complaint is not None
    assert complaint.problem == "the workbook is locked with a password"
    complaint = look(packed(tmp_path / "c.xlsx", {"xl/a.xml": 1}, zipfile.ZIP_BZIP2))
    assert complaint is not None
    assert complaint.problem == "the workbook is damaged, or cut off"
