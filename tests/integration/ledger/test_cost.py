"""What a posting costs does not grow with the book: counted in rows read, so that no clock is needed."""

import asyncio

from tests.integration.ledger.postings import commit_to, issue, redeem
from tillbridge.kernel.db import Db, Query, open_db

FLUSH = Query("test", "SELECT pg_stat_force_next_flush()")
READ = Query(
    "test",
    """SELECT coalesce(sum(seq_tup_read), 0) + coalesce(sum(idx_tup_fetch), 0) AS fetched, (
        SELECT coalesce(sum(idx_tup_read), 0) FROM pg_stat_user_indexes WHERE schemaname = 'ledger'
    ) AS read
    FROM pg_stat_user_tables WHERE schemaname = 'ledger'""",
)
BATCH = 20


async def rows_read(db: Db, name: str) -> int:
    """Rows that one batch of issues and one of redemptions read, on one connection."""
    async with db.connection() as tx:
        await tx.fetch(FLUSH)
        await asyncio.sleep(0.05)
        before = await tx.fetch_one(READ)
    issued = await commit_to(db)([issue(f"{name}-{number}") for number in range(BATCH)])
    await commit_to(db)([redeem(f"{name}-r{number}", one.credit_id, 10) for number, one in enumerate(issued)])
    async with db.connection() as tx:
        await tx.fetch(FLUSH)
        await asyncio.sleep(0.05)
        after = await tx.fetch_one(READ)
    assert before is not None
    assert after is not None
    return int(after["fetched"] + after["read"] - before["fetched"] - before["read"])


async def test_a_posting_reads_as_much_in_a_large_book_as_in_a_small_one(db_url: str) -> None:
    # One connection: its counts are written down when it is asked to, and its plans are kept, as a hub's are.
    async with open_db(db_url, size=1) as db:
        for warm in range(8):
            await rows_read(db, f"warm-{warm}")
        small = await rows_read(db, "small")
        for number in range(60):
            await commit_to(db)([issue(f"many-{number}-{one}") for one in range(100)])
        large = await rows_read(db, "large")
    assert small > 0
    assert large < small + 2 * BATCH, (small, large)
