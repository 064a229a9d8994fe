"""The sample's exports read whole, from every kind of file, to the same typed rows."""

import csv
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.integration.reconcile.little_exports import duckdb
from tillbridge.diagnose.model import Side
from tillbridge.reconcile.columns import AMOUNTS, SCHEMAS, TIMES
from tillbridge.reconcile.sources.careful import take_text
from tillbridge.reconcile.sources.layout import canonical
from tillbridge.reconcile.sources.model import Loaded
from tillbridge.reconcile.sources.reading import read, table

SAMPLE: Final = Path("tests/data/sample")
ROWS: Final = {Side.POS: 2024, Side.PLATFORM: 2408, Side.STOREFRONT: 2429, Side.ERP: 2381}


@pytest.fixture(scope="module")
def con() -> Iterator[Any]:
    with duckdb() as backend:
        yield backend


def load(side: Side, path: Path, staging: Path, con: Any) -> tuple[Loaded, pa.Table]:
    """A side read, and its rows in their order; nothing is wrong with it."""
    staging.mkdir(exist_ok=True)
    loaded = read(side, path, canonical(side), staging, con)
    assert loaded.read.bad == ()
    assert loaded.read.bad_rows == 0
    return loaded, table(loaded, con).order_by("row").to_pyarrow()


@pytest.mark.parametrize("side", list(Side))
def test_the_sample_is_clean(side: Side, tmp_path: Path, con: Any) -> None:
    loaded, rows = load(side, SAMPLE / f"{side}.csv", tmp_path / "staging", con)
    assert loaded.read.rows == rows.num_rows == ROWS[side]
    assert loaded.read.origin == str(SAMPLE / f"{side}.csv")
    assert loaded.read.remarks == ()
    assert rows.schema.equals(SCHEMAS[side])
    assert rows["row"].to_pylist() == list(range(2, ROWS[side] + 2))


def test_values_are_typed(tmp_path: Path, con: Any) -> None:
    _, rows = load(Side.PLATFORM, SAMPLE / "platform.csv", tmp_path / "staging", con)
    assert rows.slice(0, 1).to_pylist() == [
        {
            "row": 2,
            "credit_id": "C000001174",
            "code": "6005916370012006",
            "transaction_id": "T00910001183",
            "origin": "register",
            "issued_at": datetime(2026, 10, 31, 17, 32, 7, tzinfo=UTC),
            "state": "active",
            "issued": 5000,
            "balance": 3192,
            "currency": "USD",
            "bucket": "refund",
            "customer_id": "A0001440",
            "email": "kofi.nagy1440@post.example.org",
            "phone": "+12122000072",
            "loyalty_id": "77000014405",
            "last_activity_at": datetime(2026, 11, 1, 23, 32, 6, tzinfo=UTC),
        }
    ]


@pytest.mark.parametrize("side", list(Side))
def test_the_careful_way_says_the_same(side: Side, tmp_path: Path, con: Any) -> None:
    _, quick = load(side, SAMPLE / f"{side}.csv", tmp_path / "staging", con)
    staged = take_text(side, SAMPLE / f"{side}.csv", canonical(side), tmp_path / "careful.parquet")
    assert staged.tally.bad_rows == 0
    assert pq.read_table(tmp_path / "careful.parquet").equals(quick)


def texts(side: Side) -> tuple[list[str], list[list[str]]]:
    with (SAMPLE / f"{side}.csv").open(encoding="utf-8", newline="") as file:
        header, *rows = csv.reader(file)
    return header, rows


def natural(name: str, cells: list[str]) -> pa.Array:
    """A column as a system that knows its types would keep it."""
    if name in AMOUNTS:
        return pa.array([Decimal(cell) if cell else None for cell in cells], pa.decimal128(12, 2))
    if name in TIMES:
        moments = [datetime.fromisoformat(cell) if cell else None for cell in cells]
        return pa.array(moments, pa.timestamp("us", tz="America/New_York"))
    return pa.array([cell or None for cell in cells], pa.string())


@pytest.mark.parametrize("side", list(Side))
@pytest.mark.parametrize("kind", ["texts", "natural", "nanoseconds", "dictionary", "numbers"])
def test_parquet_gives_the_same_rows(side: Side, kind: str, tmp_path: Path, con: Any) -> None:
    header, cells = texts(side)
    columns = dict(zip(header, map(list, zip(*cells, strict=True)), strict=True))
    made = {name: pa.array(column) if kind == "texts" else natural(name, column) for name, column in columns.items()}
    if kind == "nanoseconds":
        made = {name: one.cast(pa.timestamp("ns", "UTC")) if name in TIMES else one for name, one in made.items()}
    if kind == "dictionary":
        made = {name: one.dictionary_encode() if pa.types.is_string(one.type) else one for name, one in made.items()}
    if kind == "numbers":
        made = {name: one.cast(pa.float64()) if name in AMOUNTS else one for name, one in made.items()}
        made["code"] = pa.array([int(cell) if cell else None for cell in columns["code"]], pa.int64())
    pq.write_table(pa.table(made), tmp_path / "side.parquet", row_group_size=500)
    loaded, rows = load(side, tmp_path / "side.parquet", tmp_path / "staging", con)
    assert rows.equals(load(side, SAMPLE / f"{side}.csv", tmp_path / "staging", con)[1])
    # What has natural types is not copied.
    assert loaded.staged.lies == (kind in ("texts", "natural"))
    assert (not loaded.staged.typed) == loaded.staged.lies


def test_parquet_with_a_few_odd_rows_is_not_copied_for_them(tmp_path: Path, con: Any) -> None:
    header, cells = texts(Side.POS)
    columns = dict(zip(header, map(list, zip(*cells, strict=True)), strict=True))
    columns["amount"][3] = "1,234.50"
    columns["amount"][5] = "7.1000"
    columns["amount"][6] = "7.100000"
    columns["code"][7] = f"{columns['code'][7][:4]}\u00a0{columns['code'][7][4:]}"
    columns["operator"][8] = "Jo\x00"
    pq.write_table(pa.table(columns), tmp_path / "pos.parquet")
    loaded = read(Side.POS, tmp_path / "pos.parquet", canonical(Side.POS), tmp_path, con)
    assert loaded.staged.lies
    assert loaded.read.rows == ROWS[Side.POS] - 2
    assert [(bad.row, bad.field) for bad in loaded.read.bad] == [(5, "amount"), (10, "operator")]
    rows = table(loaded, con).order_by("row").to_pyarrow().to_pylist()
    assert len(rows) == loaded.read.rows
    by_row = {row["row"]: row for row in rows}
    assert by_row[7]["amount"] == by_row[8]["amount"] == 710
    assert by_row[9]["code"] == cells[7][9]


@pytest.mark.parametrize("side", list(Side))
def test_a_workbook_gives_the_same_rows(side: Side, tmp_path: Path, con: Any) -> None:
    header, cells = texts(side)
    book = openpyxl.Workbook(write_only=True)
    sheet = book.create_sheet("Export")
    sheet.append(header)
    for row in cells:
        named = zip(header, row, strict=True)
        sheet.append([Decimal(cell) if name in AMOUNTS and cell else cell or None for name, cell in named])
    book.save(tmp_path / "side.xlsx")
    _, rows = load(side, tmp_path / "side.xlsx", tmp_path / "staging", con)
    assert rows.equals(load(side, SAMPLE / f"{side}.csv", tmp_path / "staging", con)[1])


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
@pytest.mark.parametrize("delimiter", [";", "\t", "|"])
def test_encodings_with_a_mark_and_separators_are_found_out(
    encoding: str, delimiter: str, tmp_path: Path, con: Any
) -> None:
    header, cells = texts(Side.POS)
    with (tmp_path / "pos.csv").open("w", encoding=encoding, newline="") as file:
        csv.writer(file, delimiter=delimiter).writerows([header, *cells])
    loaded, rows = load(Side.POS, tmp_path / "pos.csv", tmp_path / "staging", con)
    assert rows.equals(load(Side.POS, SAMPLE / "pos.csv", tmp_path / "staging", con)[1])
    names = {";": "semicolons", "\t": "tabs", "|": "bars"}
    assert loaded.read.remarks == (f"Its cells are separated by {names[delimiter]}.",)


def test_an_ending_tells_nothing_where_the_beginning_does(tmp_path: Path, con: Any) -> None:
    pq.write_table(pa.table({name: pa.array([], pa.string()) for name in texts(Side.ERP)[0]}), tmp_path / "erp.csv")
    loaded, rows = load(Side.ERP, tmp_path / "erp.csv", tmp_path / "staging", con)
    assert rows.num_rows == 0
    assert loaded.read.remarks == ("There are no rows.",)
    shutil.copy(SAMPLE / "erp.csv", tmp_path / "erp.dat")
    assert load(Side.ERP, tmp_path / "erp.dat", tmp_path / "staging", con)[1].num_rows == ROWS[Side.ERP]
