"""Every complaint about a file: its row, its field, the problem in words, and the mend."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import ibis
import openpyxl
import pytest

from tillbridge.diagnose.model import Side
from tillbridge.reconcile.columns import COLUMNS
from tillbridge.reconcile.sources.layout import Layout, canonical
from tillbridge.reconcile.sources.model import Loaded
from tillbridge.reconcile.sources.reading import read, table
from tillbridge.reconcile.sources.words import STATES

POS: Final = {
    "transaction_id": "T1",
    "store": "002",
    "register": "1",
    "operator": "op24",
    "occurred_at": "2026-11-05T10:27:10-05:00",
    "kind": "gift_card",
    "bucket": "paid",
    "amount": "5.00",
    "currency": "USD",
    "code": "6281670170002304",
    "email": "a@example.net",
    "phone": "",
    "loyalty_id": "",
}
PLATFORM: Final = {
    "credit_id": "C1",
    "code": "6281670170002304",
    "transaction_id": "T1",
    "origin": "register",
    "issued_at": "2026-11-05T10:27:10-05:00",
    "state": "active",
    "issued": "5.00",
    "balance": "5.00",
    "currency": "USD",
    "bucket": "paid",
    "customer_id": "A1",
    "email": "",
    "phone": "",
    "loyalty_id": "",
    "last_activity_at": "",
}
STOREFRONT: Final = {
    "account_id": "A1",
    "email": "a@example.net",
    "phone": "",
    "loyalty_id": "",
    "code": "6281670170002304",
    "available": "5.00",
    "currency": "USD",
    "updated_at": "2026-11-05T10:27:10-05:00",
}
ERP: Final = {
    "document_id": "JE1",
    "transaction_id": "T1",
    "code": "6281670170002304",
    "posted_at": "2026-11-06T02:07:45-05:00",
    "amount": "5.00",
    "currency": "USD",
    "status": "posted",
    "error": "",
}
ROW: Final = {Side.POS: POS, Side.PLATFORM: PLATFORM, Side.STOREFRONT: STOREFRONT, Side.ERP: ERP}
ID: Final = {
    Side.POS: "transaction_id",
    Side.PLATFORM: "credit_id",
    Side.STOREFRONT: "account_id",
    Side.ERP: "document_id",
}

Read = Callable[..., Loaded]


@pytest.fixture(scope="module")
def con() -> Iterator[Any]:
    backend = ibis.duckdb.connect(preserve_insertion_order=False)
    backend.con.execute("SET TimeZone = 'UTC'")
    yield backend
    backend.disconnect()


@pytest.fixture
def told(tmp_path: Path, con: Any) -> Read:
    """Reads a file of these bytes, and holds that the table has as many rows as are said to be usable."""

    def read_bytes(side: Side, content: bytes, layout: Layout | None = None, name: str = "side.csv") -> Loaded:
        (tmp_path / name).write_bytes(content)
        loaded = read(side, tmp_path / name, layout or canonical(side), tmp_path, con)
        assert int(table(loaded, con).count().execute()) == loaded.read.rows
        assert all(bad.side == side and bad.file == str(tmp_path / name) for bad in loaded.read.bad)
        return loaded

    return read_bytes


def lines(side: Side, *changed: dict[str, str], end: str = "\n") -> bytes:
    """A canonical export with a good row before and behind the changed ones, each with an id of its own."""
    rows = [{}, *changed, {}]
    header = ",".join(COLUMNS[side])
    cells = [{**ROW[side], ID[side]: f"X{number}", **row} for number, row in enumerate(rows, start=2)]
    return end.join([header, *(",".join(row.values()) for row in cells), ""]).encode()


def only(loaded: Loaded) -> tuple[int, str, str, str, str]:
    """The one thing that is wrong."""
    (bad,) = loaded.read.bad
    assert loaded.read.bad_rows == 1
    return bad.row, bad.name, bad.field, bad.problem, bad.mend


ISO: Final = "Write it as 2026-11-05T10:27:10-05:00: date, time, and the offset of its zone from UTC."
SPOILED: Final = "Format the column as text before it is filled, and export again."
BELOW: Final = "No credit can be worth less than nothing: find out what this row is, and correct it or take it out."


@pytest.mark.parametrize(
    ("side", "row", "field", "problem", "mend"),
    [
        (
            Side.POS,
            {"amount": '"1,234.50"'},
            "amount",
            '"1,234.50" is no plain amount',
            'Write 1234.50, or say thousands = "," in a mapping file.',
        ),
        (
            Side.POS,
            {"amount": '"1.234,50"'},
            "amount",
            '"1.234,50" is no plain amount',
            'Write 1234.50, or say decimal = "," and thousands = "." in a mapping file.',
        ),
        (
            Side.POS,
            {"amount": '"12,50"'},
            "amount",
            '"12,50" is no plain amount',
            'Write 12.50, or say decimal = "," in a mapping file.',
        ),
        (
            Side.POS,
            {"amount": "1 234.50"},
            "amount",
            '"1 234.50" is no plain amount',
            'Write 1234.50, or say thousands = " " in a mapping file.',
        ),
        (
            Side.POS,
            {"amount": "$5.00"},
            "amount",
            '"$5.00" is no plain amount',
            "Write the number alone, such as 12.50: the currency has a column of its own.",
        ),
        (
            Side.POS,
            {"amount": "five"},
            "amount",
            '"five" is no plain amount',
            "Write a plain decimal, such as 12.50.",
        ),
        (
            Side.POS,
            {"amount": "5.005"},
            "amount",
            "5.005 is finer than USD allows",
            "Round it to the currency's smallest coin where it is made.",
        ),
        (
            Side.POS,
            {"amount": "5.5", "currency": "JPY"},
            "amount",
            "5.5 is finer than JPY allows",
            "Round it to the currency's smallest coin where it is made.",
        ),
        (Side.POS, {"amount": "-5.00"}, "amount", "-5.00 is below zero", BELOW),
        (Side.PLATFORM, {"balance": "(5.00)"}, "balance", "(5.00) is below zero", BELOW),
        (Side.STOREFRONT, {"available": "-0.01"}, "available", "-0.01 is below zero", BELOW),
        (Side.ERP, {"amount": "5.00-"}, "amount", "5.00- is below zero", BELOW),
        (
            Side.ERP,
            {"amount": "99999999999999.00"},
            "amount",
            "99999999999999.00 USD is larger than any credit",
            "Look whether it is an amount.",
        ),
        (
            Side.POS,
            {"currency": "XXZ"},
            "currency",
            '"XXZ" is no currency',
            "Write three letters of ISO 4217, such as USD.",
        ),
        (Side.POS, {"currency": ""}, "currency", "currency is blank", "Fill it in where it is made, and export again."),
        (
            Side.POS,
            {"occurred_at": "2026-11-05T10:27:10"},
            "occurred_at",
            "2026-11-05T10:27:10 has no zone",
            f'{ISO} Or say time_zone = "America/New_York", or which it is, in a mapping file.',
        ),
        (
            Side.POS,
            {"occurred_at": "2026-02-30T10:27:10Z"},
            "occurred_at",
            "2026-02-30T10:27:10Z does not exist",
            "Look where it comes from, and correct it.",
        ),
        (
            Side.POS,
            {"occurred_at": "2026-11-05T24:27:10Z"},
            "occurred_at",
            "2026-11-05T24:27:10Z does not exist",
            "Look where it comes from, and correct it.",
        ),
        (
            Side.POS,
            {"occurred_at": "0001-01-01T00:00:00Z"},
            "occurred_at",
            "0001-01-01T00:00:00Z is no time of this age",
            "Export the true time.",
        ),
        (
            Side.POS,
            {"occurred_at": "2026-11-05T10:27:10+15:00"},
            "occurred_at",
            "2026-11-05T10:27:10+15:00 is in no zone: +15:00 is no offset from UTC",
            ISO,
        ),
        (
            Side.POS,
            {"occurred_at": "11/05/2026 10:27 AM"},
            "occurred_at",
            '"11/05/2026 10:27 AM" is no time',
            f'{ISO} Or say dates = "dmy" or "mdy" in a mapping file, whether the day or the month comes first.',
        ),
        (Side.POS, {"occurred_at": "yesterday"}, "occurred_at", '"yesterday" is no time', ISO),
        (
            Side.PLATFORM,
            {"state": "alive"},
            "state",
            '"alive" is not known as a state',
            f"Use one of {', '.join(STATES)}, or say in a mapping file which of them it stands for.",
        ),
        (
            Side.ERP,
            {"status": "parked"},
            "status",
            '"parked" is not known as a status',
            "Use one of posted, error, or say in a mapping file which of them it stands for.",
        ),
        (
            Side.POS,
            {"code": "6.00592E+15"},
            "code",
            "6.00592E+15 is a number that a spreadsheet has rounded: digits of it are lost",
            SPOILED,
        ),
        (
            Side.POS,
            {"transaction_id": "1.2E+20"},
            "transaction_id",
            "1.2E+20 is a number that a spreadsheet has rounded: digits of it are lost",
            SPOILED,
        ),
        (
            Side.STOREFRONT,
            {"available": ""},
            "available",
            "an account's code needs available",
            "Export it with the code.",
        ),
        (
            Side.STOREFRONT,
            {"code": "-"},
            "code",
            "the account shows money, and no code",
            "Export the code of each credit with its amount.",
        ),
        (
            Side.ERP,
            {"transaction_id": "", "code": " "},
            "code",
            "the document names neither a code nor a transaction id",
            "Export one of the two, so that it can be found on the other sides.",
        ),
        (
            Side.ERP,
            {"posted_at": ""},
            "posted_at",
            "a document that is posted needs posted_at",
            "Export it with the document.",
        ),
        (
            Side.ERP,
            {"status": "error", "currency": ""},
            "currency",
            "there is an amount, and no currency",
            "Write three letters of ISO 4217.",
        ),
        (Side.POS, {"store": "0\x002"}, "store", "the cell holds a NUL character", "Export the file again."),
        (
            Side.POS,
            {"operator": "x" * 4001},
            "operator",
            "the cell is longer than 4000 characters",
            "Look whether a quote before it was never closed.",
        ),
        (
            Side.POS,
            {"operator": 'x"y"', "store": '"a"b'},
            "",
            "a quote in this row is not closed, or stands in the middle of a cell",
            "Put cells that hold the separator or a line break between quotes, and export again.",
        ),
        (
            Side.POS,
            {"operator": "a,b"},
            "",
            "14 cells where the header has 13",
            "Put cells that hold the separator or a line break between quotes, and export again.",
        ),
    ],
)
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_bad_row_is_named(
    side: Side, row: dict[str, str], field: str, problem: str, mend: str, end: str, told: Read
) -> None:
    loaded = told(side, lines(side, row, end=end))
    number, _, *rest = only(loaded)
    assert number == 3
    assert rest == [field, problem, mend]
    assert loaded.read.rows == 2


def test_a_row_is_called_by_its_id(told: Read) -> None:
    assert only(told(Side.POS, lines(Side.POS, {"amount": "x"})))[1] == "X3"
    assert only(told(Side.POS, lines(Side.POS, {"transaction_id": "", "code": "60-1"})))[1] == "60-1"
    assert only(told(Side.PLATFORM, lines(Side.PLATFORM, {"state": "x", "code": ""})))[1] == "X3"


@pytest.mark.parametrize(
    ("side", "row"),
    [
        (Side.STOREFRONT, {"code": "", "available": "", "currency": ""}),
        (Side.STOREFRONT, {"code": "", "available": "0.00"}),
        (Side.ERP, {"status": "ERROR", "amount": "", "posted_at": "", "currency": "", "error": '"locked, ""hard"""'}),
        (Side.ERP, {"transaction_id": ""}),
        (Side.ERP, {"code": ""}),
        (Side.PLATFORM, {"state": " Active "}),
        (Side.PLATFORM, {"code": "gift-60 0592"}),
        (Side.POS, {"occurred_at": "2026-11-05 10:27:10.123456789+0530"}),
        (Side.POS, {"occurred_at": "2026-11-05T10:27Z"}),
        (Side.POS, {"amount": "1200", "currency": "jpy"}),
        (Side.POS, {"amount": "1.2345", "currency": "CLF"}),
        (Side.POS, {"amount": "7.000000"}),
        (Side.POS, {"operator": '5" pipe'}),
        (Side.POS, {"operator": '"two\nlines"'}),
    ],
)
def test_what_is_fine(side: Side, row: dict[str, str], told: Read) -> None:
    loaded = told(side, lines(side, row))
    assert loaded.read.bad == ()
    assert loaded.read.rows == 3


def test_words_that_no_list_has_are_only_remarked_upon(told: Read) -> None:
    loaded = told(Side.POS, lines(Side.POS, {"kind": "Token", "bucket": "PROMO"}))
    assert loaded.read.rows == 3
    assert loaded.read.remarks == ('1 rows have the kind "Token", which is none of store_credit, gift_card.',)


@pytest.mark.parametrize(
    ("side", "rows", "field", "problem"),
    [
        (
            Side.POS,
            [{"transaction_id": "T"}, {"transaction_id": "T", "code": "628167017000-2304"}],
            "transaction_id",
            "the transaction stands there already with this code, in row 3",
        ),
        (
            Side.PLATFORM,
            [{"credit_id": "C"}, {"credit_id": "C", "code": "1"}],
            "credit_id",
            "the credit stands there already, in row 3",
        ),
        (
            Side.STOREFRONT,
            [{"account_id": "A"}, {"account_id": "A"}],
            "account_id",
            "the account stands there already with this code, in row 3",
        ),
        (
            Side.ERP,
            [{"document_id": "D"}, {"document_id": "D", "code": "1"}],
            "document_id",
            "the document stands there already, in row 3",
        ),
    ],
)
def test_a_row_that_stands_twice(
    side: Side, rows: list[dict[str, str]], field: str, problem: str, told: Read, con: Any
) -> None:
    loaded = told(side, lines(side, *rows))
    number, _, *rest = only(loaded)
    assert number == 4
    assert rest == [field, problem, "Find out which of the two is true, and take the other out."]
    assert sorted(table(loaded, con).to_pyarrow()["row"].to_pylist()) == [2, 3, 5]


def test_one_sale_may_issue_several_credits(told: Read) -> None:
    rows = [{"transaction_id": "T", "code": code, "amount": amount} for code, amount in [("1", "5"), ("2", "5")]]
    assert told(Side.POS, lines(Side.POS, *rows)).read.rows == 4
    # A register that does not know the codes tells them apart by their money.
    rows = [{"transaction_id": "T", "code": "", "amount": amount} for amount in ("5", "6")]
    assert told(Side.POS, lines(Side.POS, *rows)).read.rows == 4
    rows = [{"transaction_id": "T", "code": "", "amount": amount} for amount in ("5", "5.00")]
    assert only(told(Side.POS, lines(Side.POS, *rows)))[0] == 4


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
