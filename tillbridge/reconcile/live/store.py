"""The only file of this package that runs SQL: it reads the ledger, page by page, and writes nothing."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from tillbridge.kernel.db import Row, Tx, load_queries

_Q: Final = load_queries("reconcile/live")


@dataclass(frozen=True, slots=True)
class Birth:
    """Where a credit came into being: the place, the transaction, and the key of whoever asked."""

    store: str
    register: str
    transaction_id: str
    actor: str


@dataclass(frozen=True, slots=True)
class Credit:
    """A credit as the ledger had it at a moment. `amount` is what it was issued for and `balance` what was left, in
    minor units; `account_id` is its owner's in the web store, `given` what the register sent where that is kept.

    `verb` is what it came into being by: `issue`, `activate` or `reissue`; `replaces` the credit it stands in for.
    """

    credit_id: UUID
    kind: str
    bucket: str
    currency: str
    replaces: UUID | None
    verb: str
    amount: int
    birth: Birth
    operator: str
    occurred_at: datetime
    state: str
    balance: int
    expires_at: datetime | None
    changed_at: datetime
    account_id: str
    known_by: tuple[str, str, str]
    given: Mapping[str, str]


async def by_key(tx: Tx) -> None:
    """Have this transaction read by keys alone; before the first page. Raises DatabaseError."""
    await tx.execute(_Q["by_key"])


async def page(tx: Tx, after: UUID, at: datetime, storefronts: Sequence[str], limit: int) -> list[Credit]:
    """Credits as they stood at a moment, in the order of their ids, behind `after`; begin with UUID(int=0). Raises
    DatabaseError."""
    return [_credit(row) for row in await tx.fetch(_Q["page"], after, at, storefronts, limit)]


async def roots(tx: Tx, reissues: Sequence[UUID]) -> Mapping[UUID, Birth]:
    """Where the credits came into being that these reissues go back to. Raises DatabaseError."""
    rows = await tx.fetch(_Q["roots"], reissues) if reissues else ()
    return {row["credit_id"]: _birth(row) for row in rows}


def _birth(row: Row) -> Birth:
    return Birth(row["store"], row["register"], row["transaction_id"], row["actor"])


def _credit(row: Row) -> Credit:
    return Credit(
        credit_id=row["credit_id"],
        kind=row["kind"],
        bucket=row["bucket"],
        currency=row["currency"],
        replaces=row["replaces"],
        verb=row["verb"],
        amount=row["amount"],
        birth=_birth(row),
        operator=row["operator"],
        occurred_at=row["occurred_at"],
        state=row["state"],
        balance=row["balance"],
        expires_at=row["expires_at"],
        changed_at=row["changed_at"],
        account_id=row["account_id"] or "",
        known_by=(row["email"] or "", row["phone"] or "", row["loyalty"] or ""),
        given=row["given"] or {},
    )
