"""A told row is typed, or its field and the mend are named."""

from datetime import UTC, datetime
from typing import Any

import pytest

from tillbridge.diagnose.model import Side
from tillbridge.kernel.errors import BadInput
from tillbridge.reconcile.columns import COLUMNS
from tillbridge.reconcile.live.told import ROW_OF, fields_of, name_of

SHOWN: dict[str, Any] = {
    "account_id": " A1 ",
    "email": "ava.reed@example.com",
    "credit_id": "019aa7f4-0c3e-7a0d-9b1e-0d4f6d7c2b10",
    "available": "88.00",
    "currency": "usd",
    "updated_at": "2026-11-21T14:02:11-05:00",
    "a field of theirs": 7,
}
BOOKED: dict[str, Any] = {
    "document_id": "JE1",
    "transaction_id": "T0063-118",
    "posted_at": "2026-11-21T19:02:11Z",
    "amount": "1200",
    "currency": "JPY",
    "status": "posted",
}
AT = datetime(2026, 11, 21, 19, 2, 11, tzinfo=UTC)


def row(side: Side, said: dict[str, Any]) -> dict[str, Any]:
    return dict(zip(COLUMNS[side], ROW_OF[side](said), strict=True))


def test_a_shown_credit() -> None:
    told = row(Side.STOREFRONT, SHOWN)
    assert told == {
        "account_id": "A1",
        "email": "ava.reed@example.com",
        "phone": "",
        "loyalty_id": "",
        "code": "019AA7F40C3E7A0D9B1E0D4F6D7C2B10",
        "available": 8800,
        "currency": "USD",
        "updated_at": AT,
    }


def test_a_code_stands_where_a_system_knows_no_id_of_ours() -> None:
    assert row(Side.STOREFRONT, {**SHOWN, "credit_id": "", "code": "6281 6701-7000 2304"})["code"] == "6281670170002304"


def test_an_account_without_a_credit() -> None:
    told = row(Side.STOREFRONT, {"account_id": "A1", "phone": None})
    assert (told["code"], told["available"], told["updated_at"]) == ("", None, None)


def test_a_document() -> None:
    told = row(Side.ERP, BOOKED)
    assert (told["amount"], told["currency"], told["posted_at"], told["code"]) == (1200, "JPY", AT, "")
    failed = row(Side.ERP, {"document_id": "JE2", "status": "error", "error": "locked"})
    assert (failed["amount"], failed["posted_at"], failed["error"]) == (None, None, "locked")


@pytest.mark.parametrize(
    ("side", "change", "field", "said"),
    [
        (Side.STOREFRONT, {"account_id": " "}, "account_id", "blank"),
        (Side.STOREFRONT, {"available": None}, "available", "blank"),
        (Side.STOREFRONT, {"available": 88}, "available", "int, not a text"),
        (Side.STOREFRONT, {"available": "1,234.50"}, "available", "no plain decimal"),
        (Side.STOREFRONT, {"available": "1.005"}, "available", "finer than USD"),
        (Side.STOREFRONT, {"currency": "XXQ"}, "currency", "no ISO 4217"),
        (Side.STOREFRONT, {"updated_at": "2026-11-21T14:02:11"}, "updated_at", "no time with a zone"),
        (Side.STOREFRONT, {"email": "a\nb"}, "email", "control characters"),
        (Side.STOREFRONT, {"email": "a" * 1001}, "email", "too long"),
        (Side.ERP, {"status": "done"}, "status", "neither posted nor error"),
        (Side.ERP, {"posted_at": ""}, "posted_at", "blank"),
        (Side.ERP, {"transaction_id": ""}, "credit_id", "neither a credit nor a receipt"),
        (Side.ERP, {"amount": ""}, "amount", "blank"),
        (Side.ERP, {"document_id": 12}, "document_id", "not a text"),
    ],
)
def test_what_cannot_be_read_is_named(side: Side, change: dict[str, Any], field: str, said: str) -> None:
    good = SHOWN if side is Side.STOREFRONT else BOOKED
    with pytest.raises(BadInput, match=said) as caught:
        ROW_OF[side]({**good, **change})
    assert caught.value.field == field
    assert caught.value.mend


def test_a_bad_row_has_the_name_that_can_be_read() -> None:
    assert name_of(Side.STOREFRONT, SHOWN) == "A1"
    assert name_of(Side.ERP, {"document_id": 12, "transaction_id": "T1"}) == "T1"
    assert name_of(Side.ERP, {}) == ""


def test_a_system_tells_the_columns_of_an_export_and_our_id() -> None:
    assert set(fields_of(Side.ERP)) == {*COLUMNS[Side.ERP], "credit_id"}
