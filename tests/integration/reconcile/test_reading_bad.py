"""Every complaint about a row: its number, its field, the problem in words, and the mend."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from tests.integration.reconcile.little_exports import Read, duckdb, lines, only, reader
from tillbridge.diagnose.model import Side
from tillbridge.reconcile.sources.reading import table
from tillbridge.reconcile.sources.words import STATES


@pytest.fixture(scope="module")
def con() -> Iterator[Any]:
    with duckdb() as backend:
        yield backend


@pytest.fixture
def told(tmp_path: Path, con: Any) -> Read:
    return reader(tmp_path, con)


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
def test_a_bad_row_is_named(side: Side, row: dict[str, str], field: str, problem: str, mend: str, told: Read) -> None:
    loaded = told(side, lines(side, row))
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
