"""Waiting for hops: what settles, what does not, and what settles at the worst moment."""

import asyncio
import time
from collections.abc import Collection
from datetime import timedelta
from uuid import UUID

from tillbridge.checkpoint.wait import LOOK, Awaited, Settlements

ONE: Awaited = (UUID(int=1), 1, "platform-web")
TWO: Awaited = (UUID(int=1), 1, "platform-erp")
LONG = timedelta(seconds=20)


class Book:
    """The truth: what is still open. `told` settles as this process does, `silent` as another one does."""

    def __init__(self, *still_open: Awaited) -> None:
        self.waits = Settlements()
        self.still_open = set(still_open)
        self.looked = 0

    async def look(self) -> Collection[Awaited]:
        self.looked += 1
        return set(self.still_open)

    def told(self, one: Awaited, state: str) -> None:
        if state == "confirmed":
            self.still_open.discard(one)
        self.waits.settled(*one, state)

    def wait(self, patience: timedelta = LONG) -> "asyncio.Task[None]":
        return asyncio.create_task(self.waits.wait([ONE, TWO], patience, self.look))


async def test_it_returns_when_all_have_settled() -> None:
    book = Book(ONE, TWO)
    waiting = book.wait()
    await asyncio.sleep(0.01)
    book.told(ONE, "confirmed")
    await asyncio.sleep(0.01)
    assert not waiting.done()
    book.told(TWO, "due")
    await asyncio.sleep(0.01)
    assert not waiting.done()
    began = time.monotonic()
    book.told(TWO, "confirmed")
    await asyncio.wait_for(waiting, 2)
    assert time.monotonic() - began < LOOK.total_seconds()
    assert not book.waits._events


async def test_it_returns_when_patience_is_over_and_forgets() -> None:
    book = Book(ONE, TWO)
    began = time.monotonic()
    await book.wait(timedelta(milliseconds=250))
    assert 0.2 < time.monotonic() - began < 2
    assert not book.waits._events
    book.told(ONE, "confirmed")


async def test_what_another_process_settles_is_noticed_too() -> None:
    book = Book(ONE, TWO)
    waiting = book.wait()
    await asyncio.sleep(0.01)
    book.still_open.clear()
    await asyncio.wait_for(waiting, 2)
    assert book.looked >= 2


async def test_what_settles_while_the_truth_is_looked_at_is_not_missed() -> None:
    book = Book(ONE)

    async def settles_meanwhile() -> Collection[Awaited]:
        found = await book.look()
        book.told(ONE, "confirmed")
        return found

    await asyncio.wait_for(book.waits.wait([ONE], LONG, settles_meanwhile), 2)


async def test_what_has_settled_before_is_not_waited_for() -> None:
    book = Book()
    await asyncio.wait_for(book.wait(), 2)
    assert book.looked == 1


async def test_two_who_wait_for_the_same_are_both_told() -> None:
    book = Book(ONE)
    both = [book.wait(), book.wait()]
    await asyncio.sleep(0.01)
    book.told(ONE, "confirmed")
    await asyncio.wait_for(asyncio.gather(*both), 2)
