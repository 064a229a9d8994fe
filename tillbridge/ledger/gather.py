"""Group commit: concurrent postings become one batch, one round trip, one commit.

The batch sizes itself. While a commit is under way, postings gather; when it is done, all that have gathered go
together. Under light load the batch is one, and waits for nothing.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Final, Generic, Protocol, TypeVar

from tillbridge.kernel.errors import DatabaseFault, TryAgain

BATCH_MAX: Final = 500
"""The most commands in one batch: above it a commit takes longer without getting cheaper per command."""

PRESSED: Final = 16
"""So many callers waiting at once are more than come by chance."""

CLASH_TRIES: Final = 5
"""How often a batch that clashed with another hub is tried again before each command is told to come back."""


class Gathered(Protocol):
    """A command that can be gathered: it names what no two commands of one batch may share."""

    def collisions(self) -> tuple[object, ...]:
        """Keys that must be unique within a batch."""

    def subject(self) -> object:
        """What its order is kept on: commands of one subject are committed as they came. None for no order."""


C = TypeVar("C", bound=Gathered)
A = TypeVar("A")


def next_batch(waiting: deque[tuple[C, "asyncio.Future[A]"]], most: int) -> list[tuple[C, "asyncio.Future[A]"]]:
    """Take the next batch off the queue, in order. A command that collides with one before it stays for the next, and
    so does whatever comes after it on the same subject."""
    taken: list[tuple[C, asyncio.Future[A]]] = []
    held: list[tuple[C, asyncio.Future[A]]] = []
    seen: set[object] = set()
    behind: set[object] = set()
    while waiting and len(taken) < most:
        item = waiting.popleft()
        keys, subject = item[0].collisions(), item[0].subject()
        if seen.isdisjoint(keys) and subject not in behind:
            taken.append(item)
        else:
            held.append(item)
            if subject is not None:
                behind.add(subject)
        seen.update(keys)
    waiting.extendleft(reversed(held))
    return taken


class Gather(Generic[C, A]):
    """Takes commands one by one and commits them in batches through `commit`, which answers each in order."""

    def __init__(self, commit: Callable[[Sequence[C]], Awaitable[Sequence[A]]], lanes: int = 1) -> None:
        self._commit = commit
        self._waiting: deque[tuple[C, asyncio.Future[A]]] = deque()
        self._idle_lanes = lanes
        self._unanswered = 0
        self._tasks: set[asyncio.Task[None]] = set()

    async def submit(self, command: C) -> A:
        """Commit one command, with whatever else is waiting; its answer. Raises what the commit raised for it."""
        future: asyncio.Future[A] = asyncio.get_running_loop().create_future()
        self._waiting.append((command, future))
        self._start_lane()
        self._unanswered += 1
        try:
            return await future
        finally:
            self._unanswered -= 1

    def pressed(self) -> bool:
        """Whether many callers wait for an answer right now."""
        return self._unanswered >= PRESSED

    async def drained(self) -> None:
        """Wait until everything that was submitted has been answered."""
        while self._tasks:
            await asyncio.wait(self._tasks)

    def _start_lane(self) -> None:
        if self._idle_lanes and self._waiting:
            self._idle_lanes -= 1
            task = asyncio.create_task(self._run_lane())
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _run_lane(self) -> None:
        try:
            # One turn of the loop lets requests that arrived in the same read join the first batch.
            await asyncio.sleep(0)
            while batch := next_batch(self._waiting, BATCH_MAX):
                await self._commit_batch(batch)
        except BaseException as error:
            # The process is ending: nobody who waits is left waiting.
            _fail(self._waiting, error)
            self._waiting.clear()
            raise
        finally:
            self._idle_lanes += 1

    async def _commit_batch(self, batch: list[tuple[C, "asyncio.Future[A]"]]) -> None:
        try:
            answers = await self._with_tries([command for command, _ in batch])
        except DatabaseFault as fault:
            await self._one_by_one(batch, fault)
        except Exception as error:
            _fail(batch, error)
        except BaseException as error:
            _fail(batch, error)
            raise
        else:
            for (_, future), answer in zip(batch, answers, strict=True):
                if not future.done():
                    future.set_result(answer)

    async def _with_tries(self, commands: Sequence[C]) -> Sequence[A]:
        for left in range(CLASH_TRIES - 1, -1, -1):
            try:
                return await self._commit(commands)
            except TryAgain:
                if not left:
                    raise
        raise AssertionError("unreachable")

    async def _one_by_one(self, batch: list[tuple[C, "asyncio.Future[A]"]], fault: DatabaseFault) -> None:
        """A batch that PostgreSQL refused is taken apart, so that only the command at fault fails."""
        if len(batch) == 1:
            _fail(batch, fault)
            return
        for item in batch:
            await self._commit_batch([item])


def _fail(batch: Iterable[tuple[object, "asyncio.Future[A]"]], error: BaseException) -> None:
    for _, future in batch:
        if not future.done():
            future.set_exception(error)
