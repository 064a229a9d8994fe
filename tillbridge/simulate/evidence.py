"""What the reckoning is made from: the registers' receipts, the hub's credits and handoffs, and the systems' books."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from tillbridge.kernel.money import Money
from tillbridge.simulate.book import Book
from tillbridge.simulate.receipt import Receipt
from tillbridge.simulate.servers import Retailer


@dataclass(frozen=True, slots=True)
class LedgerCredit:
    """A credit as the hub has it. `key` is the register's idempotency key, blank where the hub does not tell it."""

    credit_id: str
    transaction_id: str
    key: str
    state: str
    issued: Money


@dataclass(frozen=True, slots=True)
class HandoffLine:
    """A handoff as the hub has it. `waits_for` lists hops, `claim` or `earlier`; `target` is the system it goes to."""

    credit_id: str
    version: int
    hop: str
    target: str
    key: str
    state: str
    waits_for: tuple[str, ...] = ()
    due_at: datetime | None = None
    deadline: datetime | None = None
    confirmed_at: datetime | None = None
    attempts: int = 0
    reason_code: str = ""


@dataclass(frozen=True, slots=True)
class BookLine:
    """An event in a system's book, and how often its key was applied."""

    key: str
    times: int
    credit_id: str
    version: int
    type: str
    event_id: str
    transaction_id: str
    applied_at: datetime


@dataclass(frozen=True, slots=True)
class Evidence:
    """All of it, as of one moment. `books` is by system; `hops` are those that every event has to take;
    `storefront` is the system that customers look at."""

    as_of: datetime
    receipts: Sequence[Receipt]
    credits: Sequence[LedgerCredit]
    handoffs: Sequence[HandoffLine]
    books: Mapping[str, Sequence[BookLine]]
    hops: Sequence[str] = ()
    storefront: str = "web"


def book_lines(book: Book) -> Sequence[BookLine]:
    """A book as evidence."""
    return [
        BookLine(
            key=line.key,
            times=book.times[line.key],
            credit_id=line.credit_id,
            version=line.version,
            type=line.type,
            event_id=line.event_id,
            transaction_id=line.transaction_id,
            applied_at=line.applied_at,
        )
        for line in book
    ]


def evidence_of(
    retailer: Retailer,
    credits: Sequence[LedgerCredit],
    handoffs: Sequence[HandoffLine],
    as_of: datetime,
    hops: Sequence[str] = (),
) -> Evidence:
    """The retailer's own side as it stands, beside what the hub says. `hops` are those that every event has to take."""
    books = {book.system: book_lines(book) for book in (retailer.processor.book, retailer.erp.book, retailer.web.book)}
    return Evidence(as_of, tuple(retailer.registers.journal), credits, handoffs, books, hops)
