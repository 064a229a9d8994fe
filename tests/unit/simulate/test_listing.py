"""What the simulated web store and ERP list."""

from datetime import UTC, datetime

import pytest

from tillbridge.simulate.book import Book, CreditPart, CustomerPart, Event
from tillbridge.simulate.directory import Account, Directory
from tillbridge.simulate.listing import booked, shown_credits

AT = datetime(2026, 11, 21, 19, 0, tzinfo=UTC)
DIRECTORY = Directory(Account(f"A{number}", "", f"a{number}@example.com", "", "", True, False) for number in range(5))


def event(credit: str, version: int, balance: str, type_: str = "credit.issued") -> Event:
    """An event of a credit of account A1."""
    part = CreditPart(credit, "store_credit", "refund", "USD")
    customer = CustomerPart("c", {"web": "A1"})
    return Event(type_, f"{credit}-{version}", version, "active", "88.00", balance, part, "T1", customer)


def book(*events: Event) -> Book:
    written = Book("web", "WEB")
    for one in events:
        written.apply(one.event_id, one, AT)
    return written


def test_every_account_is_on_one_page_with_all_its_credits() -> None:
    store = book(event("one", 1, "88.00"), event("two", 1, "5.00"))
    rows, following = shown_credits(DIRECTORY, store, False, 0, 2)
    assert [(row["account_id"], row.get("credit_id")) for row in rows] == [("A0", None), ("A1", "one"), ("A1", "two")]
    assert following == 2
    rows, following = shown_credits(DIRECTORY, store, False, 2, 100)
    assert [row["account_id"] for row in rows] == ["A2", "A3", "A4"]
    assert following is None


def test_the_last_page_may_be_full() -> None:
    rows, following = shown_credits(DIRECTORY, book(), False, 3, 2)
    assert (len(rows), following) == (2, None)


@pytest.mark.parametrize(("kept", "available"), [(True, "88.00"), (False, "58.00")])
def test_a_store_with_balances_of_its_own_goes_by_what_came_last(kept: bool, available: str) -> None:
    late = book(event("one", 2, "58.00", "credit.redeemed"), event("one", 1, "88.00"))
    rows, _ = shown_credits(DIRECTORY, late, kept, 1, 1)
    assert [row["available"] for row in rows] == [available]


def test_the_books_list_what_is_owed_and_go_by_their_own_numbers() -> None:
    erp = book(event("one", 1, "88.00"), event("one", 2, "58.00", "credit.redeemed"), event("two", 1, "5.00"))
    rows, following = booked(erp, 0, 2)
    assert [(row["document_id"], row["credit_id"]) for row in rows] == [("WEB00000001", "one")]
    assert following == 2
    rows, following = booked(erp, 2, 2)
    assert [(row["document_id"], row["amount"]) for row in rows] == [("WEB00000003", "88.00")]
    assert following is None
