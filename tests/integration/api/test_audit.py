"""Audit lines on a real database: gathered, bounded, and never changed."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from tests.integration.api.lines import NEWEST, OLDEST, written
from tillbridge.api import audit as audit_module
from tillbridge.api import store
from tillbridge.api.audit import OPEN_MAX, WAITING_MAX, Audit
from tillbridge.api.model import Denial, Line, What
from tillbridge.kernel.clock import SetClock
from tillbridge.kernel.db import Db, Query, Tx
from tillbridge.kernel.errors import DatabaseAway, DatabaseFault
from tillbridge.kernel.ids import Ids

START = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
DENIAL = Denial(401, "", "POST", "/v1/credits", "issue", "unknown-key", "192.0.2.7")


@pytest.fixture
def clock() -> SetClock:
    return SetClock(START)


@pytest.fixture
def ids(clock: SetClock) -> Ids:
    return Ids(clock, random.Random(5))


@pytest.fixture
def audit(db: Db, clock: SetClock, ids: Ids) -> Audit:
    return Audit(db, clock, ids)


async def test_the_first_is_written_at_once_and_its_repeats_as_one_line(db: Db, audit: Audit, clock: SetClock) -> None:
    audit.note(DENIAL)
    await audit.write()
    (first,) = await written(db)
    for _ in range(49):
        clock.move(timedelta(seconds=1))
        audit.note(DENIAL)
    assert (first.what, first.count, first.at, first.until) == (What.REFUSED, 1, START, START)
    told = (first.status, first.who, first.method, first.subject, first.right, first.reason, first.remote)
    assert told == (401, "", "POST", "/v1/credits", "issue", "unknown-key", "192.0.2.7")
    await audit.write()
    assert len(await written(db)) == 1, "the minute is not over"
    clock.move(timedelta(seconds=11))
    await audit.write()
    repeats, again = await written(db)
    assert again == first
    assert repeats.count == 49
    assert (repeats.at, repeats.until) == (START + timedelta(seconds=1), START + timedelta(seconds=49))
    audit.note(DENIAL)
    await audit.write()
    assert [line.count for line in await written(db)] == [1, 49, 1]


async def test_what_differs_has_a_line_of_its_own(db: Db, audit: Audit) -> None:
    others = [
        replace(DENIAL, remote="192.0.2.8"),
        replace(DENIAL, who="till"),
        replace(DENIAL, path="/v1/batches"),
        replace(DENIAL, reason="revoked-key"),
        replace(DENIAL, status=403),
    ]
    for one in (DENIAL, *others):
        audit.note(one)
    await audit.write()
    assert len(await written(db)) == 6


async def test_closing_writes_the_minute_that_is_not_over(db: Db, audit: Audit) -> None:
    for _ in range(7):
        audit.note(DENIAL)
    await audit.close()
    assert sorted(line.count for line in await written(db)) == [1, 6]


async def test_a_flood_from_everywhere_fills_neither_disk_nor_memory(db: Db, audit: Audit, clock: SetClock) -> None:
    for number in range(5000):
        audit.note(replace(DENIAL, remote=f"2001:db8::{number:x}"))
    await audit.write()
    lines = await written(db)
    assert len(lines) == OPEN_MAX + 1
    (rest,) = [line for line in lines if line.what is What.UNWRITTEN]
    assert rest.count == 5000 - OPEN_MAX
    assert sum(line.count for line in lines) == 5000
    audit.note(replace(DENIAL, remote="late"))
    await audit.write()
    assert len(await written(db)) == OPEN_MAX + 1, "what is left out is told once a minute"
    clock.move(timedelta(minutes=1))
    audit.note(replace(DENIAL, remote="later"))
    await audit.write()
    assert sum(line.count for line in await written(db)) == 5002


class Away:
    """Stands before a database: no answer as long as `away` is set, and the first one after that is lost."""

    def __init__(self, db: Db) -> None:
        self._db = db
        self.away = True
        self.lose = True

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Tx]:
        if self.away:
            raise DatabaseAway("away")
        async with self._db.connection() as tx:
            yield tx
        if self.lose:
            self.lose = False
            raise DatabaseAway("lost")


async def test_lines_wait_for_a_database_that_is_away_and_are_written_once(db: Db, clock: SetClock, ids: Ids) -> None:
    door = Away(db)
    audit = Audit(door, clock, ids)  # type: ignore[arg-type]
    for minute in range(WAITING_MAX // OPEN_MAX + 2):
        for number in range(OPEN_MAX):
            audit.note(replace(DENIAL, remote=f"{minute}.{number}"))
        with pytest.raises(DatabaseAway):
            await audit.write()
        clock.move(timedelta(minutes=1))
        with pytest.raises(DatabaseAway):
            await audit.write()
    door.away = False
    with pytest.raises(DatabaseAway):
        await audit.write()
    await audit.write()
    await audit.close()
    lines = await written(db)
    assert len([line for line in lines if line.what is What.REFUSED]) == WAITING_MAX
    assert sum(line.count for line in lines) == WAITING_MAX + 2 * OPEN_MAX


async def test_the_writer_writes_by_itself_and_goes_on_after_a_fault(
    db: Db, clock: SetClock, ids: Ids, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(audit_module, "LOOK_SECONDS", 0.01)
    door = Away(db)
    audit = Audit(door, clock, ids)  # type: ignore[arg-type]
    writing = asyncio.create_task(audit.run())
    audit.note(DENIAL)
    await asyncio.sleep(0.1)
    door.away = False
    async with asyncio.timeout(5):
        for _ in range(1000):
            if await written(db):
                break
            await asyncio.sleep(0.005)
    writing.cancel()
    await asyncio.wait([writing])
    assert len([one for one in caplog.messages if "wait for the database" in one]) <= 2


@pytest.mark.parametrize("statement", ["UPDATE api.audit SET count = 1", "DELETE FROM api.audit", "TRUNCATE api.audit"])
async def test_lines_are_never_changed(db: Db, audit: Audit, statement: str) -> None:
    audit.note(DENIAL)
    await audit.write()
    with pytest.raises(DatabaseFault, match="append-only"):
        await db.execute(Query("test", statement))
    assert len(await written(db)) == 1


async def test_lines_are_listed_newest_first_in_pages(db: Db, clock: SetClock, ids: Ids) -> None:
    made = []
    for number in range(7):
        made.append(Line(ids.new(), What.REFUSED, clock.now(), clock.now(), status=403, remote=str(number)))
        clock.move(timedelta(seconds=1))
    async with db.connection() as tx:
        await store.add_lines(tx, made)
        await store.add_lines(tx, made)
    page = await store.lines(db, NEWEST, OLDEST, 3)
    assert [line.remote for line in page] == ["6", "5", "4"]
    assert [line.remote for line in await store.lines(db, page[-1].line_id, OLDEST, 3)] == ["3", "2", "1"]
    assert [line.remote for line in await store.lines(db, NEWEST, made[5].line_id, 50)] == ["6", "5"]
