"""What is older never overrides what is newer: exports that were cut before the last event, rows in the wrong order."""

import random
from datetime import datetime, timedelta
from pathlib import Path
from uuid import UUID

from tests.integration.identity.test_rules import AT, DAY, IDS, tell, whose
from tillbridge.identity import store
from tillbridge.identity.directory import COLUMNS, Loaded, load, profile_of
from tillbridge.identity.model import Given, Profile
from tillbridge.kernel.clock import SetClock, time_text
from tillbridge.kernel.db import Db
from tillbridge.kernel.ids import Ids

GONE = "No online profile has this e-mail."


def written(folder: Path, *rows: tuple[str, str, datetime | None]) -> Path:
    file = folder / "customers.csv"
    lines = [f"{name},{email},,,,,,{time_text(at) if at else ''}" for name, email, at in rows]
    file.write_text("\n".join([",".join(COLUMNS), *lines]) + "\n", "utf-8")
    return file


async def read(db: Db, file: Path, at: datetime, as_of: datetime | None = None, *, full: bool = True) -> Loaded:
    clock = SetClock(at)
    ids = Ids(clock, random.Random(int(at.timestamp())))
    return await load(db, file, "web", "US", clock=clock, ids=ids, full=full, as_of=as_of)


async def test_an_older_export_overrides_no_newer_event_and_marks_nobody_gone_who_came_since(
    db: Db, tmp_path: Path
) -> None:
    ada = await tell(db, "E1", AT, email="old@example.com")
    await tell(db, "E3", AT - DAY, email="left@example.com")
    await tell(db, "E1", AT + 2 * DAY, email="new@example.com")
    fresh = await tell(db, "E2", AT + 2 * DAY, email="fresh@example.com")
    file = written(tmp_path, ("E1", "old@example.com", AT + DAY))
    loaded = await read(db, file, AT + 3 * DAY)
    assert (loaded.accounts, loaded.stale, loaded.gone) == (1, 1, 1)
    now = AT + 3 * DAY
    assert await whose(db, now, email="old@example.com") == GONE
    assert await whose(db, now, email="new@example.com") == ada
    assert await whose(db, now, email="fresh@example.com") == fresh
    assert await whose(db, now, email="left@example.com") == GONE


async def test_a_full_export_says_when_it_was_cut(db: Db, tmp_path: Path) -> None:
    ada = await tell(db, "E1", AT, email="ada@example.com")
    await tell(db, "E2", AT + DAY, email="ben@example.com")
    file = written(tmp_path, ("E3", "eve@example.com", None))
    assert (await read(db, file, AT + 9 * DAY, as_of=AT - DAY)).gone == 0
    assert (await read(db, file, AT + 9 * DAY, as_of=AT)).gone == 1
    assert await whose(db, AT + 9 * DAY, email="ada@example.com") == GONE
    assert (await read(db, file, AT + 9 * DAY, as_of=AT + DAY)).gone == 1
    # An export from before they were gone does not bring them back; a later one does.
    before = written(tmp_path, ("E1", "ada@example.com", None))
    assert (await read(db, before, AT + 9 * DAY, as_of=AT - DAY, full=False)).stale == 1
    assert await whose(db, AT + 9 * DAY, email="ada@example.com") == GONE
    assert (await read(db, before, AT + 9 * DAY, as_of=AT + 2 * DAY, full=False)).stale == 0
    assert await whose(db, AT + 9 * DAY, email="ada@example.com") == ada


async def test_of_two_rows_of_one_account_the_newer_one_counts(db: Db, tmp_path: Path) -> None:
    rows = [("E1", "old@example.com", AT - 300 * DAY), ("E1", "new@example.com", AT)]
    for order in (rows, rows[::-1]):
        loaded = await read(db, written(tmp_path, *order), AT + DAY)
        assert (loaded.accounts, loaded.bad) == (1, ())
        assert await whose(db, AT + DAY, email="old@example.com") == GONE
        assert isinstance(await whose(db, AT + DAY, email="new@example.com"), UUID)


async def test_events_in_the_wrong_order(db: Db) -> None:
    def told(email: str, at: datetime) -> Profile:
        made = profile_of("web", Given(account_id="E1", email=email), "US", stated_at=at)
        assert isinstance(made, Profile)
        return made

    newer, older = told("new@example.com", AT + DAY), told("old@example.com", AT)
    (first,) = await store.take_in(db, [newer], AT + 2 * DAY, IDS)
    (second,) = await store.take_in(db, [older], AT + 2 * DAY, IDS)
    assert (first.stale, second.stale, second.customer_id) == (False, True, first.customer_id)
    assert await whose(db, AT + 2 * DAY, email="new@example.com") == first.customer_id
    assert await whose(db, AT + 2 * DAY, email="old@example.com") == GONE
    # A clock that is ahead does not shut out what comes later.
    await store.take_in(db, [told("ahead@example.com", AT + 999 * DAY)], AT + 3 * DAY, IDS)
    await tell(db, "E1", AT + 3 * DAY + timedelta(seconds=1), email="last@example.com")
    assert await whose(db, AT + 4 * DAY, email="last@example.com") == first.customer_id
