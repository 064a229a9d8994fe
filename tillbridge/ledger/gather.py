"""Group commit: concurrent postings become one batch, one round trip, one commit.

The batch sizes itself. While a commit is under way, postings gather; when it is done, all that have gathered go
together. Under light load the batch is one, and waits for nothing.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Sequence, Set
from typing import Final, Generic, Protocol, TypeVar

from tillbridge.kernel.errors import DatabaseFault, TryAgain

BATCH_MAX: Final = 500
"""The most commands in one batch: above it a commit takes longer without getting cheaper per command."""

LANE_FULL: Final = 100
"""So many commands are worth a lane of their own beside one that is at work; fewer wait for it and go together."""

HELD_MAX: Final = 2 * BATCH_MAX
"""How many commands that have to wait are stepped over in search of one that need not."""

PRESSED: Final = 16
"""So many callers waiting at once are more than come by chance."""

CLASH_TRIES: Final = 5
"""How often a batch that clashed with another hub is tried again before each command is told to come back."""


class Gathered(Protocol):
    """A command that can be gathered: it names what no two commands at work may share."""

    def collisions(self) -> tuple[object, ...]:
        """Keys that must be unique among all that is at work."""

    def subjects(self) -> tuple[object, ...]:
        """What its order is kept on: commands of one subject are committed as they came."""

    def alone(self) -> bool:
        """Whether it has to find what came before it on its subjects committed."""


C = TypeVar("C", bound=Gathered)
A = TypeVar("A")


class _Sink(Generic[A]):
    """Collects the answers to what was submitted together."""

    def __init__(self, count: int) -> None:
        self.future: asyncio.Future[list[A | BaseException]] = asyncio.get_running_loop().create_future()
        self._answers: list[A | BaseException] = [_MISSING] * count
        self._left = count

    def put(self, place: int, answer: A | BaseException) -> None:
        if self._answers[place] is not _MISSING:
            return
        self._answers[place] = answer
        self._left -= 1
        if not self._left and not self.future.done():
            self.future.set_result(self._answers)


_MISSING: Final = AssertionError("not answered")
Item = tuple[C, _Sink[A], int]


def next_batch(waiting: deque[Item[C, A]], most: int, at_work: Set[object]) -> list[Item[C, A]]:
    """Take the next batch off the queue, in order. A command that collides with one before it, or with one at work,
    stays for later, and so does whatever comes after it on the same subjects."""
    taken: list[Item[C, A]] = []
    held: list[Item[C, A]] = []
    seen: set[object] = set()
    behind: set[object] = set()
    touched: set[object] = set()
    while waiting and len(taken) < most and len(held) < HELD_MAX:
        item = waiting.popleft()
        keys, subjects = item[0].collisions(), item[0].subjects()
        free = (
            seen.isdisjoint(keys)
            and behind.isdisjoint(subjects)
            and at_work.isdisjoint(keys)
            and at_work.isdisjoint(subjects)
            and not (item[0].alone() and not touched.isdisjoint(subjects))
        )
        seen.update(keys)
        if free:
            taken.append(item)
            touched.update(subjects)
        else:
            held.append(item)
            behind.update(subjects)
    waiting.extendleft(reversed(held))
    return taken


class Gather(Generic[C, A]):
    """Takes commands and commits them in batches through `commit`, which answers each in order.

    With several lanes, one batch is put together while another is committed. What is at work in one lane is kept out
    of the others, so that order within a subject holds.
    """

    def __init__(self, commit: Callable[[Sequence[C]], Awaitable[Sequence[A]]], lanes: int = 2) -> None:
        self._commit = commit
        self._waiting: deque[Item[C, A]] = deque()
        self._lanes = self._idle_lanes = lanes
        self._unanswered = 0
        self._at_work: set[object] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    async def submit(self, command: C) -> A:
        """Commit one command, with whatever else is waiting; its answer. Raises what the commit raised for it."""
        (answer,) = await self.submit_all((command,))
        if isinstance(answer, BaseException):
            raise answer
        return answer

    async def submit_all(self, commands: Sequence[C]) -> list[A | BaseException]:
        """Commit commands in their order, with whatever else is waiting; for each its answer, or what was raised for
        it. They may fall into several batches: one that fails spoils none of the others."""
        if not commands:
            return []
        sink: _Sink[A] = _Sink(len(commands))
        self._waiting.extend((command, sink, place) for place, command in enumerate(commands))
        self._start_lane()
        self._unanswered += len(commands)
        try:
            return await sink.future
        finally:
            self._unanswered -= len(commands)

    def pressed(self) -> bool:
        """Whether many callers wait for an answer right now."""
        return self._unanswered >= PRESSED

    async def drained(self) -> None:
        """Wait until everything that was submitted has been answered."""
        while self._tasks:
            await asyncio.wait(self._tasks)

    def _start_lane(self) -> None:
        alone = self._idle_lanes == self._lanes
        if self._idle_lanes and self._waiting and (alone or len(self._waiting) >= LANE_FULL):
            self._idle_lanes -= 1
            task = asyncio.create_task(self._run_lane())
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _run_lane(self) -> None:
        try:
            # One turn of the loop lets requests that arrived in the same read join the first batch.
            await asyncio.sleep(0)
            while batch := next_batch(self._waiting, BATCH_MAX, self._at_work):
                mine = {one for command, _, _ in batch for one in (*command.collisions(), *command.subjects())}
                self._at_work |= mine
                self._start_lane()
                try:
                    await self._commit_batch(batch)
                finally:
                    self._at_work -= mine
        except BaseException as error:
            # The process is ending: nobody who waits is left waiting.
            _fail(self._waiting, error)
            self._waiting.clear()
            raise
        finally:
            self._idle_lanes += 1

    async def _commit_batch(self, batch: list[Item[C, A]]) -> None:
        try:
            answers = await self._with_tries([command for command, _, _ in batch])
        except DatabaseFault as fault:
            await self._one_by_one(batch, fault)
        except Exception as error:
            _fail(batch, error)
        except BaseException as error:
            _fail(batch, error)
            raise
        else:
            for (_, sink, place), answer in zip(batch, answers, strict=True):
                sink.put(place, answer)

    async def _with_tries(self, commands: Sequence[C]) -> Sequence[A]:
        for left in range(CLASH_TRIES - 1, -1, -1):
            try:
                return await self._commit(commands)
            except TryAgain:
                if not left:
                    raise
        raise AssertionError("unreachable")

    async def _one_by_one(self, batch: list[Item[C, A]], fault: DatabaseFault) -> None:
        """A batch that PostgreSQL refused is taken apart, so that only the command at fault fails."""
        if len(batch) == 1:
            _fail(batch, fault)
            return
        for item in batch:
            await self._commit_batch([item])


def _fail(batch: Iterable[Item[C, A]], error: BaseException) -> None:
    for _, sink, place in batch:
        sink.put(place, error)
