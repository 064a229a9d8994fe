"""A side passes through memory; it is never in it as a whole."""

import tracemalloc
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import pyarrow.parquet as pq

from tests.acceptance.conftest import QUIET_MAP
from tillbridge.diagnose.model import Side
from tillbridge.kernel.db import Db
from tillbridge.reconcile.live.ports import Page
from tillbridge.reconcile.live.stage import Live, stage
from tillbridge.reconcile.model import Cut
from tillbridge.stack.load import parse

AT = datetime(2026, 11, 21, 19, 0, tzinfo=UTC)
ROWS = 60_000
PEAK_MAX = 24_000_000
"""Bytes: about 20,000 rows on their way to the file. All rows at once take twice as much."""


class Many:
    """A web store with many accounts."""

    def __init__(self, rows: int) -> None:
        self._rows = rows

    async def list_credits(self, after: str, limit: int) -> Page:
        start = int(after or 0)
        rows = tuple(shown(number) for number in range(start, min(start + limit, self._rows)))
        return Page(rows, str(start + limit) if start + limit < self._rows else "")


def shown(number: int) -> dict[str, Any]:
    return {
        "account_id": f"A{number:07}",
        "email": f"customer.{number}@example.com",
        "phone": f"+1212{number:07}",
        "credit_id": f"{number:032x}",
        "available": f"{number % 500}.00",
        "currency": "USD",
        "updated_at": "2026-11-21T14:02:11-05:00",
    }


async def test_a_long_listing_does_not_pile_up(tmp_path: Path) -> None:
    stack, cut = parse(QUIET_MAP, "stack.toml", {}), Cut(AT, AT, AT)
    # What is loaded once is not counted.
    await stage(Side.STOREFRONT, "web", Live(cast("Db", None), stack, {"web": Many(10)}), cut, tmp_path)
    live = Live(cast("Db", None), stack, {"web": Many(ROWS)})
    tracemalloc.start()
    try:
        read, path = await stage(Side.STOREFRONT, "web", live, cut, tmp_path)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert (read.rows, pq.read_metadata(path).num_rows) == (ROWS, ROWS)
    assert peak < PEAK_MAX, f"{peak:,} bytes"
