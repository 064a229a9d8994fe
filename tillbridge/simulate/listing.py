"""What the web store and the ERP list when the hub asks for all they have, page by page."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from itertools import islice
from typing import Final

from tillbridge.simulate.book import Applied, Book
from tillbridge.simulate.directory import Account, Directory

Page = tuple[Sequence[Mapping[str, object]], int | None]
"""Rows, and the place of the next page; None after the last one."""

BOOKED: Final = frozenset({"credit.issued", "credit.activated"})
"""The events whose documents say that a credit is owed; what is spent of it later has documents of its own."""


def shown_credits(directory: Directory, book: Book, kept: bool, start: int, limit: int) -> Page:
    """Accounts from the one of number `start`, in the order in which they were made, until there are `limit` rows. An
    account is on one page with all its credits; one without any is a row without a credit.

    `kept`: the store goes by what arrived last; else by the newest version, however it arrived.
    """
    rows: list[Mapping[str, object]] = []
    place = start
    for account in islice(directory, start, None):
        place += 1
        rows.extend(_of_account(account, book.of_account(account.account_id), kept))
        if len(rows) >= limit:
            return rows, place if place < len(directory) else None
    return rows, None


def _of_account(account: Account, lines: Iterable[Applied], kept: bool) -> Iterable[Mapping[str, object]]:
    whose = {
        "account_id": account.account_id,
        "email": account.email,
        "phone": account.phone,
        "loyalty_id": account.loyalty_id,
    }
    in_order = lines if kept else sorted(lines, key=lambda line: line.version)
    newest = {line.credit_id: line for line in in_order}
    if not newest:
        return [whose]
    return [
        {
            **whose,
            "credit_id": line.credit_id,
            "available": line.balance.text(),
            "currency": line.balance.currency,
            "updated_at": _time(line.applied_at),
        }
        for line in newest.values()
    ]


def booked(book: Book, start: int, limit: int) -> Page:
    """The documents of `limit` lines of the book, from the one behind number `start`."""
    lines = book.lines(start, limit)
    rows = [
        {
            "document_id": line.reference,
            "transaction_id": line.transaction_id,
            "credit_id": line.credit_id,
            "posted_at": _time(line.applied_at),
            "amount": line.amount.text(),
            "currency": line.amount.currency,
            "status": "posted",
        }
        for line in lines
        if line.type in BOOKED
    ]
    return rows, start + limit if len(lines) == limit else None


def _time(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds")
