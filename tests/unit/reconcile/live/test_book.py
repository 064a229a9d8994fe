"""The ledger's credits as rows of the platform and of the registers."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from tillbridge.diagnose.model import Side
from tillbridge.reconcile.columns import COLUMNS
from tillbridge.reconcile.live.book import origin_of, platform_row, register_row, state_at
from tillbridge.reconcile.live.keys import key_of, plain
from tillbridge.reconcile.live.store import Birth, Credit
from tillbridge.reconcile.model import Cut

AT = datetime(2026, 11, 21, 19, 0, tzinfo=UTC)
CUT = Cut(AT - timedelta(days=30), AT, AT)
SOLD = Birth("006", "3", "T0063-118", "registers")
CREDIT = Credit(
    credit_id=UUID(int=1),
    kind="store_credit",
    bucket="refund",
    currency="USD",
    replaces=None,
    verb="issue",
    amount=8800,
    birth=SOLD,
    operator="op07",
    occurred_at=AT,
    state="active",
    balance=5800,
    expires_at=None,
    changed_at=AT,
    account_id="A1",
    known_by=("ava@example.com", "", ""),
    given={},
)


@pytest.mark.parametrize(
    ("birth", "origin"),
    [
        (SOLD, "register"),
        (replace(SOLD, transaction_id=" "), "manual"),
        (replace(SOLD, register=""), "manual"),
        (replace(SOLD, actor="web"), "online_order"),
        (replace(SOLD, register="", store="web"), "online_order"),
        (replace(SOLD, actor="web", transaction_id=""), "manual"),
    ],
)
def test_what_stands_behind_a_credit(birth: Birth, origin: str) -> None:
    assert origin_of(birth, ["web"]) == origin


@pytest.mark.parametrize(
    ("changes", "state"),
    [
        ({}, "active"),
        ({"balance": 0}, "redeemed"),
        ({"state": "unclaimed", "balance": 0}, "unclaimed"),
        ({"expires_at": AT}, "expired"),
        ({"expires_at": AT + timedelta(seconds=1)}, "active"),
        ({"state": "void", "balance": 0, "expires_at": AT}, "void"),
        ({"state": "frozen"}, "frozen"),
    ],
)
def test_states_in_the_words_of_the_sides(changes: dict[str, Any], state: str) -> None:
    assert state_at(replace(CREDIT, **changes), AT) == state


def platform(credit: Credit, root: Birth | None = None) -> dict[str, Any]:
    return dict(zip(COLUMNS[Side.PLATFORM], platform_row(credit, root, ["web"], AT), strict=True))


def test_a_platform_row_names_the_account_and_how_the_owner_is_reached() -> None:
    row = platform(CREDIT)
    assert (row["credit_id"], row["code"]) == (str(UUID(int=1)), "00000000000000000000000000000001")
    assert (row["issued"], row["balance"], row["customer_id"], row["email"]) == (8800, 5800, "A1", "ava@example.com")


def test_a_reissue_has_the_receipt_of_the_credit_that_it_goes_back_to() -> None:
    reissue = replace(CREDIT, verb="reissue", replaces=UUID(int=2), birth=Birth("", "", "", "ops"))
    assert (platform(reissue, SOLD)["transaction_id"], platform(reissue, SOLD)["origin"]) == ("T0063-118", "register")
    assert register_row(reissue, ["web"], CUT) is None


def test_a_sale_has_what_was_typed_as_long_as_it_is_kept() -> None:
    waiting = replace(CREDIT, given={"phone": " 212 555 0199 ", "name": "Ava"}, known_by=("", "", ""))
    row = dict(zip(COLUMNS[Side.POS], register_row(waiting, ["web"], CUT) or (), strict=True))
    assert (row["email"], row["phone"], row["code"]) == ("", "212 555 0199", key_of(UUID(int=1)))
    assert (row["amount"], row["operator"]) == (8800, "op07")


@pytest.mark.parametrize("moment", [CUT.since - timedelta(seconds=1), CUT.until + timedelta(seconds=1)])
def test_a_sale_of_another_time_is_no_row(moment: datetime) -> None:
    assert register_row(replace(CREDIT, occurred_at=moment), ["web"], CUT) is None


def test_a_key_is_the_id_as_codes_are_spelled() -> None:
    assert plain(str(UUID(int=255))) == key_of(UUID(int=255))
