"""Every complaint about a file as a whole, its header, and what goes wrong between its rows."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import openpyxl
import pytest

from tests.integration.reconcile.little_exports import ERP, POS, Read, duckdb, lines, only, reader
from tillbridge.diagnose.model import Side
from tillbridge.reconcile.columns import COLUMNS
from tillbridge.reconcile.sources.layout import canonical
from tillbridge.reconcile.sources.reading import read, table


@pytest.fixture(scope="module")
def con() -> Iterator[Any]:
    with duckdb() as backend:
        yield backend


@pytest.fixture
def told(tmp_path: Path, con: Any) -> Read:
    return reader(tmp_path, con)


SPOILED: Final = "Format the column as text before it is filled, and export again."
GOOD: Final = lines(Side.POS)
HEADER: Final = ",".join(COLUMNS[Side.POS])


@pytest.mark.parametrize(
    ("content", "row", "field", "problem", "mend"),
    [
        (
            GOOD.replace(b",amount,", b",amuont,", 1),
            1,
            "amount",
            "there is no column amount",
            'Did you mean "amuont"? Rename it to amount, or say so in a mapping file.',
        ),
        (
            GOOD.replace(b"loyalty_id", b"x9", 1),
            1,
            "loyalty_id",
            "there is no column loyalty_id",
            "Export it, or say in a mapping file how it is called, or [] if there is none.",
        ),
        (
            GOOD.replace(b"email", b"Code", 1).replace(b"phone", b"email,phone", 1),
            1,
            "code",
            "the column code stands there twice",
            "Export each column once, or rename the one that is not meant.",
        ),
        (
            b"report,of,november\n1,2,3\n",
            1,
            "",
            "none of the columns is there, whatever separates them; the first row says: report, of, november",
            f"The first row has to name the columns: {HEADER.replace(',', ', ')}. Or name them in a mapping file.",
        ),
        (b"", 0, "", "the file is empty", "Export it again, with its header."),
        (b"\n\n  \n", 0, "", "the file is empty", "Export it again, with its header."),
        (
            b"\x00\x01\x02\x03\x80\x90" * 50,
            0,
            "",
            "the file is no text",
            "Name a CSV, an Excel workbook (.xlsx) or a Parquet file.",
        ),
        (
            b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",
            0,
            "",
            "the file is an old .xls workbook, or one with a password",
            "Save it as .xlsx, without a password.",
        ),
        (b"\x1f\x8b\x08\x00", 0, "", "the file is packed (gzip)", "Unpack it first."),
        (b"PAR1 and no more", 0, "", "the Parquet file is damaged, or cut off", "Export it again, whole."),
        (b"PK\x03\x04 and no more", 0, "", "the workbook is damaged, or cut off", "Save it again as .xlsx."),
        (
            GOOD.decode().encode("utf-16-le"),
            0,
            "",
            "the file looks like UTF-16 without a mark at its beginning",
            'Export it in UTF-8, or say encoding = "utf-16-le" or "utf-16-be" in a mapping file.',
        ),
        (
            GOOD.replace(b"loyalty_id", "Währung".encode("cp1252"), 1),
            1,
            "",
            "the header is not in the encoding of the file",
            'Export the file in UTF-8, or say its encoding in a mapping file, such as encoding = "cp1252".',
        ),
    ],
)
def test_a_file_that_cannot_be_read(content: bytes, row: int, field: str, problem: str, mend: str, told: Read) -> None:
    loaded = told(Side.POS, content)
    assert loaded.read.rows == 0
    assert only(loaded) == (row, "", field, problem, mend)


def test_each_missing_column_is_named(told: Read) -> None:
    content = GOOD.replace(b"store", b"shop", 1).replace(b"kind", b"what", 1)
    assert [bad.field for bad in told(Side.POS, content).read.bad] == ["store", "kind"]


def test_a_separator_that_does_not_fit(told: Read) -> None:
    loaded = told(Side.POS, GOOD, replace(canonical(Side.POS), delimiter=";"))
    problem = "nothing in the header is known when it is separated by semicolons"
    assert only(loaded) == (1, "", "", problem, 'Say delimiter = "," in the mapping file, or leave it out.')


@pytest.mark.parametrize(
    ("name", "problem", "mend"),
    [
        ("folder", "this is a folder", "Name the file in it."),
        ("nothing.csv", "there is no such file", "Look at how its name is written."),
        ("sheet.xlsx", "the file is called .xlsx and is not an Excel workbook", "Export it again."),
        ("rows.parquet", "the file is called .parquet and is not a Parquet file", "Export it again."),
    ],
)
def test_what_is_no_file(name: str, problem: str, mend: str, tmp_path: Path, con: Any) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "sheet.xlsx").write_bytes(GOOD)
    (tmp_path / "rows.parquet").write_bytes(GOOD)
    assert only(read(Side.POS, tmp_path / name, canonical(Side.POS), tmp_path, con)) == (0, "", "", problem, mend)


def test_a_header_alone_is_no_row(told: Read) -> None:
    loaded = told(Side.POS, f"{HEADER}\n".encode())
    assert (loaded.read.rows, loaded.read.bad_rows) == (0, 0)
    assert loaded.read.remarks == ("There are no rows.",)


def test_columns_are_found_by_their_names(told: Read) -> None:
    content = (
        b'\xef\xbb\xbf Note , "Code",EMAIL,account_id,phone,loyalty_id,AVAILABLE,currency,updated_at\nx,1,,A,,,5,USD,\n'
    )
    assert told(Side.STOREFRONT, content.replace(b' "Code"', b"Code")).read.rows == 1


def test_a_mark_blank_lines_and_rows_of_separators_are_no_rows(told: Read, con: Any) -> None:
    content = b"\xef\xbb\xbf" + lines(Side.POS, {}, {}, end="\r\n")
    first, second, third, *rest = content.splitlines(keepends=True)
    loaded = told(Side.POS, b"".join([first, second, b"\r\n", b" , ,,,,,,,,,,,\r\n", b"  \r\n", third, *rest, b"\r\n"]))
    assert loaded.read.bad == ()
    assert sorted(table(loaded, con).to_pyarrow()["row"].to_pylist()) == [2, 6, 7, 8]


def test_single_rows_in_another_encoding(told: Read) -> None:
    content = lines(Side.POS, {"operator": "José"}, {"operator": "Renée"})
    content = content.replace("José".encode(), "José".encode("cp1252"))
    loaded = told(Side.POS, content)
    mend = "Export the whole file in UTF-8, or name its encoding in a mapping file."
    assert only(loaded) == (3, "X3", "operator", "the cell is not in the encoding of the file", mend)
    assert loaded.read.rows == 3
    named = replace(canonical(Side.POS), encoding="cp1252")
    assert told(Side.POS, content.decode("latin-1").encode("cp1252"), named).read.rows == 4


def test_a_file_that_is_cut_off(told: Read) -> None:
    whole = lines(Side.POS, {}, {})
    row, _, field, problem, mend = only(told(Side.POS, whole[:-60]))
    assert (row, field) == (5, "")
    assert problem.endswith("cells where the header has 13")
    assert mend == "Was the file cut off here? Export it again, whole."
    quoted = lines(Side.POS, {}).rstrip() + b'\nX9,002,1,"op'
    row, name, _, problem, mend = only(told(Side.POS, quoted))
    assert (row, name) == (5, "X9")
    assert problem == "a quote in this row is not closed, or stands in the middle of a cell"
    assert mend == "Was the file cut off here? Export it again, whole."


def test_a_last_line_without_an_end_is_remarked_upon(told: Read) -> None:
    for content in (lines(Side.POS).rstrip(), lines(Side.POS, {"operator": '"a ""b"""'}, end="\r\n").rstrip()):
        loaded = told(Side.POS, content)
        assert loaded.read.bad == ()
        assert loaded.read.remarks == ("The last line has no line end.",)


def test_a_quote_that_is_never_closed_spoils_its_own_row_alone(told: Read) -> None:
    rows = [{}, {"store": '"002'}, *({"operator": f'"op, {number}"'} for number in range(300)), {}]
    loaded = told(Side.POS, lines(Side.POS, *rows))
    assert only(loaded)[0] == 4
    assert loaded.read.rows == 304


@pytest.mark.parametrize("between", [0, 1, 10, 100, 5000])
def test_two_quotes_that_are_never_closed_swallow_nothing_between_them(between: int, told: Read) -> None:
    rows = [{"store": '"002'}, *({} for _ in range(between)), {"store": '002"'}]
    loaded = told(Side.POS, lines(Side.POS, *rows))
    assert only(loaded)[0] == 3
    assert loaded.read.rows == between + 3


def test_all_bad_rows_are_counted_and_the_first_are_named(told: Read) -> None:
    loaded = told(Side.POS, lines(Side.POS, *({"amount": "-1"} for _ in range(1500))))
    assert loaded.read.bad_rows == 1500
    assert [bad.row for bad in loaded.read.bad] == list(range(3, 1003))
    assert loaded.read.rows == 2


def test_numbers_that_a_workbook_has_rounded(tmp_path: Path, con: Any) -> None:
    book = openpyxl.Workbook()
    sheet = book.active
    sheet.append(list(COLUMNS[Side.POS]))
    for code in (6281670170002304, 628167017000230, 62816701700.5):
        sheet.append([*{**POS, "transaction_id": f"T{sheet.max_row}", "amount": 0.1 + 0.2, "code": code}.values()])
    book.save(tmp_path / "pos.xlsx")
    loaded = read(Side.POS, tmp_path / "pos.xlsx", canonical(Side.POS), tmp_path, con)
    problem = "6.281670E+15 is a number that a spreadsheet has rounded: digits of it are lost"
    assert only(loaded) == (2, "T1", "code", problem, SPOILED)
    rows = table(loaded, con).order_by("row").to_pyarrow().to_pylist()
    assert [row["amount"] for row in rows] == [30, 30]
    assert rows[0]["code"] == "628167017000230"


def test_days_in_a_workbook_have_no_zone_of_their_own(tmp_path: Path, con: Any) -> None:
    book = openpyxl.Workbook()
    book.create_sheet("Exports").append(list(COLUMNS[Side.ERP]))
    when = datetime(2026, 11, 6, 2, 7, 45)  # noqa: DTZ001 - a workbook knows no zones
    book["Exports"].append([*{**ERP, "posted_at": when}.values()])
    book.save(tmp_path / "erp.xlsx")
    layout = replace(canonical(Side.ERP), sheet="Exports")
    assert only(read(Side.ERP, tmp_path / "erp.xlsx", layout, tmp_path, con))[3] == "2026-11-06 02:07:45 has no zone"
    zoned = replace(layout, time_zone="America/New_York")
    loaded = read(Side.ERP, tmp_path / "erp.xlsx", zoned, tmp_path, con)
    assert str(table(loaded, con).to_pyarrow()["posted_at"][0].as_py()) == "2026-11-06 07:07:45+00:00"
    other = replace(layout, sheet="Export")
    assert only(read(Side.ERP, tmp_path / "erp.xlsx", other, tmp_path, con))[3:] == (
        'there is no sheet "Export"',
        'Did you mean "Exports"?',
    )
