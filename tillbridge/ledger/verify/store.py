"""The only file of this part that runs SQL: it reads, in one snapshot, and writes nothing."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from uuid import UUID

from tillbridge.kernel.db import Db, Row, Tx, load_queries
from tillbridge.kernel.errors import DatabaseFault
from tillbridge.ledger.verify.checks import Check, Finding, Head

_Q = load_queries("ledger/verify")

Account = tuple[str, str, str, str, str]
"""What a total is of: account, bucket, currency, store, state."""

Sums = tuple[int, int, int]
"""A total: amount in minor units, credits, entries."""


@dataclass(frozen=True, slots=True)
class Sizes:
    """How many rows there are, in how many blocks the codes lie, and where the chain says that it ends."""

    credits: int
    codes: int
    code_blocks: int
    holds: int
    batches: int
    head: Head


async def summarize(db: Db) -> None:
    """Bring the coarse indexes up to date where this user may; without, reading is slower and just as right."""
    with suppress(DatabaseFault):
        await db.fetch_one(_Q["summarize"])


async def settle(tx: Tx) -> None:
    """Set how this transaction reads. Raises DatabaseError."""
    await tx.fetch_one(_Q["settle"])


async def sizes(tx: Tx) -> Sizes | None:
    """How much there is to read; None when the row of the chain's end is gone. Raises DatabaseError."""
    row = await tx.fetch_one(_Q["sizes"])
    if row is None:
        return None
    head = Head(row["place"], row["hash"])
    return Sizes(row["credits"], row["codes"], row["code_blocks"], row["holds"], row["batches"], head)


async def credit_page(tx: Tx, low: UUID, credits: int) -> UUID | None:
    """The last of the next so many credits from `low` on; None when there are fewer."""
    row = await tx.fetch_one(_Q["credit_page"], low, credits)
    return None if row is None else row["last"]


async def batch_page(tx: Tx, low: int, rows: int) -> tuple[int, int] | None:
    """The last of the next batches from `low` on that hold so many rows, and how many they are; None for less."""
    row = await tx.fetch_one(_Q["batch_page"], low, rows)
    return None if row is None else (row["last"], row["batches"])


async def found(tx: Tx, check: Check, *bounds: object) -> list[Finding]:
    """What a check finds wrong; `bounds` are the range, if it goes by ranges, and how many findings are wanted."""
    rows = await tx.fetch(_Q[check.name], *bounds)
    return [Finding(check.name, row["found_in"], row["found"], row["sentence"]) for row in rows]


async def read(tx: Tx, low: UUID, high: UUID) -> list[Row]:
    """What there is between two credits: per account the sums, and how many `events` and `holds`."""
    return list(await tx.fetch(_Q["read"], low, high))


async def totals(tx: Tx) -> Mapping[Account, Sums]:
    """The totals as they are kept."""
    return {account_of(row): sums_of(row) for row in await tx.fetch(_Q["totals"])}


async def place_of_hash(tx: Tx, hash_: bytes) -> int | None:
    """Where in the chain a hash is; None when it is not."""
    row = await tx.fetch_one(_Q["place_of_hash"], hash_)
    return None if row is None else row["place"]


def account_of(row: Row) -> Account:
    """What the sums of a row are of."""
    return (row["account"], row["bucket"], row["currency"], row["store"], row["state"])


def sums_of(row: Row) -> Sums:
    """The sums of a row."""
    return (row["amount"], row["credits"], row["entries"])
