"""The history of the map, on a real database."""

import asyncio
import json
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from tests.unit.stack.maps import ENVIRONMENT, good, spoiled
from tillbridge.kernel.db import Db, Query
from tillbridge.kernel.errors import DatabaseFault
from tillbridge.stack import store
from tillbridge.stack.load import parse
from tillbridge.stack.model import Stack

AT = datetime(2026, 11, 21, 12, tzinfo=UTC)


def faster() -> Stack:
    return parse(spoiled('sla = "13h"', 'sla = "2h"'), "stack.toml", ENVIRONMENT)


async def test_each_change_is_one_entry_with_its_sentences(db: Db) -> None:
    assert await store.newest(db) is None
    first = await store.record(db, good(), AT, "hub on a")
    assert (first.number, first.changes) == (1, ("first edition",))
    assert await store.record(db, good(), AT + timedelta(days=1), "hub on b") == first
    second = await store.record(db, faster(), AT + timedelta(days=2), "worker on b")
    assert (second.number, second.recorded_by) == (2, "worker on b")
    assert second.changes == ("hop erp-web: SLA 13 h -> 2 h",)
    third = await store.record(db, good(), AT + timedelta(days=3), "hub on a")
    assert (third.number, third.print) == (3, first.print), "going back is a change too"
    assert [one.number for one in await store.editions(db)] == [3, 2, 1]
    assert await store.editions(db, 1) == (third,)


async def test_no_secret_reaches_the_database(db: Db) -> None:
    kept = await store.record(db, good(), AT, "hub")
    assert "signs-the-payments" not in json.dumps(dict(kept.map))
    rows = await db.fetch(Query("tests.all", "SELECT edition::text AS whole FROM stack.edition"))
    assert "signs-the-payments" not in rows[0]["whole"]


async def test_hubs_that_start_together_write_it_once(db: Db) -> None:
    kept = await asyncio.gather(*(store.record(db, good(), AT, f"hub {number}") for number in range(20)))
    assert len(set(map(str, kept))) == 1
    await asyncio.gather(*(store.record(db, faster(), AT, f"hub {number}") for number in range(20)))
    assert [one.number for one in await store.editions(db)] == [2, 1]


async def test_hubs_that_start_together_on_two_maps_lose_neither(db: Db) -> None:
    maps = [good(), faster()] * 10
    await asyncio.gather(*(store.record(db, stack, AT, f"hub {place}") for place, stack in enumerate(maps)))
    kept = await store.editions(db)
    assert len({one.print for one in kept}) == 2
    assert [one.number for one in kept] == list(range(len(kept), 0, -1))
    assert all(later.print != earlier.print for later, earlier in pairwise(kept))


@pytest.mark.parametrize("statement", ["UPDATE stack.edition SET number = 9", "DELETE FROM stack.edition"])
async def test_what_was_is_never_changed(db: Db, statement: str) -> None:
    await store.record(db, good(), AT, "hub")
    with pytest.raises(DatabaseFault, match="append-only"):
        await db.execute(Query("tests.change", statement))
