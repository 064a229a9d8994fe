"""The ledger's benchmark of a book that grows: is it as fast with millions of entries as it was with few?"""

import os
import random
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from tillbridge.cli.bench_batches import Counter
from tillbridge.cli.rig import memory_mb
from tillbridge.cli.sales import Sales
from tillbridge.kernel.db import Db

ENTRIES_PER_COMMAND: Final = 2
FIRST_LOOK: Final = 1_000_000
"""Entries at which the rate is read first."""

STEP: Final = 20_000
"""Commands between two looks at the clock."""

WINDOW: Final = 5
"""Steps that a rate is taken over: autovacuum and checkpoints come and go within them."""

REDEEMS_PER_ISSUE: Final = 3
REMEMBERED: Final = 100_000
STEP_SECONDS: Final = 600.0
TABLES: Final = 6
"""How many tables are told of."""


@dataclass(frozen=True, slots=True)
class Mark:
    """The book at a size: commands a second just then, this process's memory, the largest tables in bytes."""

    entries: int
    per_second: float
    memory_mb: float | None
    tables: Mapping[str, int]


async def measure_growth(
    db: Db, counter: Counter, sales: Sales, chance: random.Random, entries: int, told: Callable[[int], None]
) -> list[Mark]:
    """Fill the book with `entries` more entries, one issue to three redemptions of any of the last 100,000 credits, and
    say how fast it went at the first million and at the end. `told` hears how many there are, from time to time."""
    known: deque[UUID] = deque(maxlen=REMEMBERED)
    took: deque[float] = deque(maxlen=WINDOW)
    marks: list[Mark] = []
    made = 0
    while made < entries:
        step = min(STEP, -(-(entries - made) // ENTRIES_PER_COMMAND))
        began = time.perf_counter()
        issues = max(1, step // (1 + REDEEMS_PER_ISSUE))
        known.extend(await counter.issue((sales.issue() for _ in range(issues)), STEP_SECONDS))
        choice = tuple(known)
        await counter.redeem((sales.redeem(chance.choice(choice)) for _ in range(step - issues)), STEP_SECONDS)
        took.append(step / (time.perf_counter() - began))
        made += step * ENTRIES_PER_COMMAND
        told(made)
        if made >= entries or (made >= FIRST_LOOK and not marks):
            rate = round(len(took) / sum(1 / one for one in took), 1)
            marks.append(Mark(made, rate, memory_mb(os.getpid()), await _tables(db)))
    return marks


async def _tables(db: Db) -> Mapping[str, int]:
    """The largest tables of the hub; pgbench's own are not in its schemas."""
    sizes = await db.table_sizes()
    return dict([(name, size) for name, size in sizes.items() if not name.startswith("public.")][:TABLES])
