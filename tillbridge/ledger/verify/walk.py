"""The walk over the whole book, range by range: what is in memory is one range, however long the book."""

from collections.abc import Callable, Mapping, Sequence
from typing import Final
from uuid import UUID

from tillbridge.kernel.db import Db, Tx
from tillbridge.ledger.verify import store
from tillbridge.ledger.verify.checks import CHECKS, Check, Finding, Head, Read, Verdict, Walk
from tillbridge.ledger.verify.store import Account, Sizes, Sums

Told = Callable[[Walk, int, int], None]
"""Told how far a walk is: which, how many it has done, of how many."""

PAGE_ROWS: Final = 10_000
"""Credits, or codes, in a range; a range of batches has twice as many rows."""

CODES_IN_A_BLOCK: Final = 70
"""About so many; a range of codes is as many blocks as hold a page of them."""

SUMMARIZE_EVERY: Final = 50
"""Ranges of batches after which the coarse index takes in what a running hub has written since."""

_FIRST_ID: Final = UUID(int=0)
_LAST_ID: Final = UUID(int=(1 << 128) - 1)
_FIRST_BATCH: Final = -(1 << 63)
_LAST_BATCH: Final = (1 << 63) - 1
_NOTHING: Final[Sums] = (0, 0, 0)


async def verify(
    db: Db, *, heads: Sequence[Head] = (), most: int = 1, page_rows: int = PAGE_ROWS, told: Told | None = None
) -> Verdict:
    """Read the whole book in one snapshot and say what is wrong with it, first things first, at most `most` rows.

    `heads` are ends of the chain that were noted elsewhere: each must still be in it. A hub may run meanwhile. Raises
    DatabaseError.
    """
    await store.summarize(db)
    async with db.snapshot() as tx:
        await store.settle(tx)
        sizes = await store.sizes(tx)
        if sizes is None:
            gone = Finding("chain_end", "chain", "end", "The row that says where the chain ends is missing.")
            return Verdict((gone,), Read(), Head(0, b""))
        work = _Work(db, tx, sizes, most, page_rows, told or _nobody)
        for step in (work.credits, work.batches, work.codes):
            await step()
            if work.full():
                break
        else:
            await work.end(heads)
        return Verdict(tuple(work.findings), work.read, sizes.head)


def _nobody(_walk: Walk, _done: int, _of: int) -> None:
    """Nobody looks on."""


class _Work:
    """One verifying: what it found so far, and the totals that it adds up."""

    def __init__(self, db: Db, tx: Tx, sizes: Sizes, most: int, page_rows: int, told: Told) -> None:
        self._db = db
        self._tx = tx
        self._sizes = sizes
        self._most = most
        self._page_rows = page_rows
        self._code_blocks = max(page_rows // CODES_IN_A_BLOCK, 1)
        self._told = told
        self._holds = 0
        self._totals: dict[Account, Sums] = {}
        self.findings: list[Finding] = []
        self.read = Read()

    def full(self) -> bool:
        """Whether as much was found as is wanted."""
        return len(self.findings) >= self._most

    async def credits(self) -> None:
        """Credits, and what is of credits that are not there: the first range begins, the last ends, with all ids."""
        low, high = _FIRST_ID, None
        while high != _LAST_ID and not self.full():
            last = await store.credit_page(self._tx, low, self._page_rows)
            high = _LAST_ID if last is None else last
            await self._look(Walk.CREDITS, low, high)
            await self._add_up(low, high)
            self.read.credits = min(self.read.credits + self._page_rows, self._sizes.credits)
            self._told(Walk.CREDITS, self.read.credits, self._sizes.credits)
            low = UUID(int=min(high.int + 1, _LAST_ID.int))

    async def codes(self) -> None:
        """Codes where they lie, block by block, and with each the first event of its credit."""
        blocks = self._sizes.code_blocks
        for low in range(0, blocks, self._code_blocks):
            if self.full():
                return
            high = min(low + self._code_blocks, blocks)
            await self._look(Walk.CODES, (low, 0), (high, 0))
            self.read.codes = self._sizes.codes * high // blocks
            self._told(Walk.CODES, self.read.codes, self._sizes.codes)

    async def batches(self) -> None:
        """The chain, and what was written in each of its batches."""
        low, high, pages = _FIRST_BATCH, None, 0
        while high != _LAST_BATCH and not self.full():
            page = await store.batch_page(self._tx, low, 2 * self._page_rows)
            high, batches = (_LAST_BATCH, self._sizes.batches - self.read.batches) if page is None else page
            await self._look(Walk.BATCHES, low, high)
            self.read.batches += batches
            self._told(Walk.BATCHES, self.read.batches, self._sizes.batches)
            low, pages = min(high + 1, _LAST_BATCH), pages + 1
            if pages % SUMMARIZE_EVERY == 0:
                await store.summarize(self._db)

    async def end(self, heads: Sequence[Head]) -> None:
        """What can be said only when all has been read."""
        await self._look_at_end("chain_end")
        # By now every code fits its own credit, and every hold that an event placed is there: numbers tell the rest.
        if self._sizes.codes != self._sizes.credits:
            await self._look_at_end("credit_without_code")
        if self._sizes.holds != self._holds:
            await self._look_at_end("hold_without_event")
        self._keep(differences(await store.totals(self._tx), self._totals))
        for head in heads:
            place = await store.place_of_hash(self._tx, head.hash)
            if place is None or head.place not in (None, place):
                sentence = f"The chain no longer holds {head}, which was noted before: it was written anew."
                self._keep([Finding("head", "batch", f"hash {head}", sentence)])

    async def _look(self, walk: Walk, low: object, high: object) -> None:
        for check in CHECKS:
            if check.walk is walk and not self.full():
                self._keep(await store.found(self._tx, check, low, high, self._most))

    async def _look_at_end(self, name: str) -> None:
        if not self.full():
            self._keep(await store.found(self._tx, _BY_NAME[name], self._most))

    def _keep(self, findings: Sequence[Finding]) -> None:
        self.findings += findings[: max(self._most - len(self.findings), 0)]

    async def _add_up(self, low: UUID, high: UUID) -> None:
        for row in await store.read(self._tx, low, high):
            account, (amount, credits, entries) = store.account_of(row), store.sums_of(row)
            before = self._totals.get(account, _NOTHING)
            self._totals[account] = (before[0] + amount, before[1] + credits, before[2] + entries)
            self.read.events += row["events"]
            self.read.entries += entries
            self._holds += row["holds"]


_BY_NAME: Final[Mapping[str, Check]] = {check.name: check for check in CHECKS}


def differences(kept: Mapping[Account, Sums], made: Mapping[Account, Sums]) -> list[Finding]:
    """Where the totals that are kept are not what the events and entries make; a total of nothing need not be there."""
    return [
        Finding("total", "total", " ".join(word for word in account if word), _told_of(account, has, should))
        for account in sorted(kept.keys() | made.keys())
        if (has := kept.get(account, _NOTHING)) != (should := made.get(account, _NOTHING))
    ]


def _told_of(account: Account, has: Sums, should: Sums) -> str:
    name, bucket, currency, place, state = account
    where = f"account {name}, bucket {bucket}, store {place or 'unknown'}{f', state {state}' if state else ''}"
    said, made = (f"{amount} on {credits} credits in {entries} entries" for amount, credits, entries in (has, should))
    return f"The total of {where}, in minor units of {currency}, is kept as {said}; the events make {made}."
