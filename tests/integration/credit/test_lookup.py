"""Look-ups by code on a real database: what is counted, across hubs, and for how long."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from tillbridge.credit import store
from tillbridge.credit.codes import Codes
from tillbridge.credit.lookup import Found, Inquiry, Lookup, Throttle
from tillbridge.kernel.clock import SetClock
from tillbridge.kernel.db import Db, Query
from tillbridge.kernel.errors import TooMany

CODES = Codes(b"a secret of thirty-two characters")
START = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
CREDIT, OWNER = UUID(int=1), UUID(int=2)
CODE, PIN = "6281670170002304", "4711"
THROTTLE = Throttle(per_key=8, per_code=3)
ROWS = Query("test", "SELECT subject, failures FROM credit.failed_lookup ORDER BY subject, window_start")
RIGHT = Inquiry("web", False, CODE, PIN, None)
WRONG = replace(RIGHT, pin="4712")


@dataclass
class Shelf:
    """One card with a PIN, found after a moment; counts how many look at once."""

    looking: int = 0
    most: int = 0

    async def find(self, code_hash: bytes) -> Found | None:
        self.looking += 1
        self.most = max(self.most, self.looking)
        await asyncio.sleep(0.005)
        self.looking -= 1
        return Found(CREDIT, CODES.hash_pin(CODE, PIN), OWNER) if code_hash == CODES.hash(CODE) else None


@pytest.fixture
def clock() -> SetClock:
    return SetClock(START)


@pytest.fixture
def shelf() -> Shelf:
    return Shelf()


@pytest.fixture
def hubs(db: Db, clock: SetClock, shelf: Shelf) -> tuple[Lookup, Lookup]:
    """Two hubs on one database."""
    first, second = (Lookup(db, CODES, clock, shelf.find, THROTTLE) for _ in range(2))
    return first, second


def guess(number: int) -> Inquiry:
    """A look-up of a code that nobody has."""
    return replace(RIGHT, code=f"NOSUCHCODE{number}")


async def rows(db: Db) -> Mapping[str, int]:
    return {row["subject"]: row["failures"] for row in await db.fetch(ROWS)}


async def outcome(hub: Lookup, inquiry: Inquiry) -> str:
    try:
        return "told" if await hub.look_up(inquiry) else "failed"
    except TooMany:
        return "too many"


async def test_success_writes_nothing(db: Db, hubs: tuple[Lookup, Lookup]) -> None:
    assert await hubs[0].look_up(RIGHT) == CREDIT
    assert await rows(db) == {}


async def test_one_code_is_locked_on_every_hub_until_its_window_ends(
    db: Db, hubs: tuple[Lookup, Lookup], clock: SetClock
) -> None:
    clock.move(timedelta(minutes=3, seconds=0.5))
    for number in range(3):
        assert await hubs[number % 2].look_up(replace(WRONG, asker=f"web-{number}")) is None
    for hub in hubs:
        for inquiry in (WRONG, RIGHT, replace(RIGHT, asker="till", card_present=True)):
            with pytest.raises(TooMany) as stopped:
                await hub.look_up(inquiry)
            assert (stopped.value.code, stopped.value.seconds) == ("too-many-lookups", 720)
    assert sum(count for subject, count in (await rows(db)).items() if subject.startswith("code:")) == 3
    clock.move(timedelta(minutes=12))
    assert await hubs[1].look_up(RIGHT) == CREDIT


async def test_a_code_that_does_not_exist_is_locked_alike(hubs: tuple[Lookup, Lookup]) -> None:
    unknown = [await outcome(hubs[0], guess(1)) for _ in range(6)]
    known = [await outcome(hubs[0], replace(WRONG, asker="app")) for _ in range(6)]
    assert unknown == known == ["failed"] * 3 + ["too many"] * 3


async def test_one_asker_is_stopped_on_every_hub_and_others_are_not(
    hubs: tuple[Lookup, Lookup], clock: SetClock
) -> None:
    for number in range(8):
        assert await hubs[number % 2].look_up(guess(number)) is None
    for hub in hubs:
        with pytest.raises(TooMany) as stopped:
            await hub.look_up(RIGHT)
        assert stopped.value.seconds == 60
        assert await hub.look_up(replace(RIGHT, asker="app")) == CREDIT
    clock.move(timedelta(seconds=59))
    assert await outcome(hubs[0], RIGHT) == "too many"
    clock.move(timedelta(seconds=1))
    assert await outcome(hubs[0], RIGHT) == "told"


async def test_fifty_guesses_at_once_are_no_more_than_the_limit(hubs: tuple[Lookup, Lookup], shelf: Shelf) -> None:
    asked = [outcome(hubs[number % 2], replace(WRONG, asker=f"web-{number}")) for number in range(50)]
    outcomes = await asyncio.gather(*asked)
    assert outcomes.count("failed") == 3
    assert outcomes.count("too many") == 47
    assert shelf.most <= 2, "a hub looks one code up after the other"


async def test_the_right_pin_among_fifty_is_not_found_behind_the_limit(hubs: tuple[Lookup, Lookup]) -> None:
    guesses = [replace(WRONG, asker=f"web-{number}", pin=f"{number:04}") for number in range(40)]
    outcomes = await asyncio.gather(*(outcome(hubs[0], one) for one in (*guesses, RIGHT)))
    assert outcomes.count("failed") == 3
    assert outcomes[-1] == "too many"


async def test_fifty_codes_at_once_by_one_asker(hubs: tuple[Lookup, Lookup]) -> None:
    outcomes = await asyncio.gather(*(outcome(hubs[number % 2], guess(number)) for number in range(50)))
    assert outcomes.count("failed") == 8
    assert outcomes.count("too many") == 42


async def test_windows_that_are_over_are_swept(db: Db, hubs: tuple[Lookup, Lookup], clock: SetClock) -> None:
    for number in range(8):
        await hubs[0].look_up(guess(number))
    assert len(await rows(db)) == 9
    clock.move(timedelta(hours=2))
    await hubs[0].look_up(guess(99))
    left = await rows(db)
    assert len(left) == 2, left


async def test_counting_says_how_many_there_are_by_now(db: Db) -> None:
    span = (START, START + timedelta(minutes=1))
    counted = [await store.count_failure(db, ["a", "b"], [span, span], START) for _ in range(3)]
    assert counted[-1] == {"a": 3, "b": 3}
    assert await store.failures(db, ["b", "c"], [START, START]) == {"b": 3}
