"""A file that was cut off inside its last row is noticed at every byte; one that merely lacks a line end is whole."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.integration.reconcile.little_exports import Read, duckdb, reader
from tillbridge.diagnose.model import Side
from tillbridge.reconcile.columns import COLUMNS
from tillbridge.reconcile.sources.ending import CUT, is_cut
from tillbridge.reconcile.sources.layout import canonical
from tillbridge.reconcile.sources.reading import read

POS = "T{0},002,1,op24,2026-11-05T10:27:10-05:00,gift_card,paid,5.00,USD,C{0},,,770000136{0}"


@pytest.fixture(scope="module")
def con() -> Iterator[Any]:
    with duckdb() as backend:
        yield backend


@pytest.fixture
def told(tmp_path: Path, con: Any) -> Read:
    return reader(tmp_path, con)


def pos(last: str, quoted: str = "") -> bytes:
    rows = (POS.format(number) for number in (11, 12, 13))
    return "\n".join([",".join(COLUMNS[Side.POS]), *rows, *([quoted] if quoted else []), last]).encode()


@pytest.mark.parametrize("quoted", ["", '"T15",002,1,"o""p",2026-11-05T10:27:10-05:00,gift_card,paid,5.00,USD,C15,,,'])
def test_a_cut_inside_the_last_row_is_noticed_at_every_byte(told: Read, quoted: str) -> None:
    last = POS.format(14)
    for end in range(1, len(last)):
        loaded = told(Side.POS, pos(last[:end], quoted))
        if quoted and last[end - 1] == "," and end > len(last) - 13:
            # Another row has no loyalty id either: this one may be whole.
            continue
        assert (loaded.read.rows, loaded.read.bad_rows) == (4 if quoted else 3, 1), last[:end]
        assert loaded.read.bad[0].row == (6 if quoted else 5)


def test_the_row_is_named_with_the_mend(told: Read) -> None:
    bad = told(Side.POS, pos(POS.format(14)[:-3])).read.bad[0]
    assert (bad.row, bad.name, bad.problem) == (
        5,
        "T14",
        "the row has no line end, and its last cell is shorter than in every other row",
    )
    assert bad.mend == CUT


def test_a_file_without_a_last_line_end_is_whole(told: Read) -> None:
    loaded = told(Side.POS, pos(POS.format(14)))
    assert (loaded.read.rows, loaded.read.bad_rows) == (4, 0)
    assert loaded.read.remarks == ("The last line has no line end.",)


@pytest.mark.parametrize(
    ("last", "others", "cut"),
    [
        ("123", ["1234", "1234", "1234"], True),
        ("1234", ["1234", "1234", "1234"], False),
        ("123", ["1234", "1234"], False),
        ("123", ["1234", "", "1234", "1234"], True),
        ("", ["1234", "1234", "1234"], True),
        ("", ["1234", "", "1234", "1234"], False),
        ("", ["", "", "", ""], False),
        ("12 ", ["123", "12345", "1234"], True),
    ],
)
def test_what_says_that_a_last_cell_was_cut(last: str, others: list[str], cut: bool) -> None:
    assert is_cut(last, others) is cut


def test_a_pipe_or_a_device_is_named_and_not_waited_for(tmp_path: Path, con: Any) -> None:
    os.mkfifo(tmp_path / "pipe.csv")
    for path in (tmp_path / "pipe.csv", Path("/dev/zero")):
        found = read(Side.ERP, path, canonical(Side.ERP), tmp_path, con).read
        assert (found.rows, found.bad_rows, found.bad[0].row) == (0, 1, 0)
        assert found.bad[0].problem == "this is a pipe or a device, and no file"


def test_a_parquet_file_is_named_whichever_of_its_bytes_is_spoiled(tmp_path: Path, con: Any) -> None:
    texts = {name: [f"{name}{number}" for number in range(200)] for name in COLUMNS[Side.ERP]}
    texts |= {"posted_at": ["2026-11-05T10:27:10-05:00"] * 200, "amount": ["5.00"] * 200, "currency": ["USD"] * 200}
    texts |= {"status": ["posted"] * 200}
    path = tmp_path / "erp.parquet"
    pq.write_table(pa.table(texts), path)
    whole = path.read_bytes()
    damaged = 0
    for place in range(4, len(whole), len(whole) // 25):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 0xFF]) + whole[place + 1 :])
        found = read(Side.ERP, path, canonical(Side.ERP), tmp_path, con).read
        damaged += bool(found.bad) and found.bad[0].problem == "the Parquet file is damaged, or cut off"
    assert damaged > 5
