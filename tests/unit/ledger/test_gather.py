"""Group commit, without a database: what goes together, in which order, and what a failure does."""

import asyncio
from collections import deque
from collections.abc import Sequence, Set
from dataclasses import dataclass
from typing import Any

import pytest

from tillbridge.kernel.errors import DatabaseAway, DatabaseFault, TryAgain
from tillbridge.ledger.gather import BATCH_MAX, CLASH_TRIES, HELD_MAX, Gather, next_batch


@dataclass(frozen=True)
class Command:
    """A command with a key, perhaps a code, and the credits it is about."""

    key: str
    code: str = ""
    credit: str = ""
    other: str = ""
    last: bool = False

    def collisions(self) -> tuple[object, ...]:
        return (self.key, self.code) if self.code else (self.key,)

    def subjects(self) -> tuple[object, ...]:
        return tuple(one for one in (self.credit, self.other) if one)

    def alone(self) -> bool:
        return self.last


class Nobody:
    """Takes answers that nobody waits for."""

    def put(self, place: int, answer: object) -> None:
        raise AssertionError(f"nothing is committed here: {place}, {answer}")


Waiting = deque[tuple[Command, Any, int]]


def queue(*commands: Command) -> Waiting:
    return deque((command, Nobody(), place) for place, command in enumerate(commands))


def keys(waiting: Waiting, most: int, at_work: Set[object] = frozenset()) -> list[str]:
    """The keys of the next batch."""
    return [one.key for one, _, _ in next_batch(waiting, most, at_work)]


def test_a_batch_takes_all_that_wait_up_to_its_size() -> None:
    waiting = queue(*(Command(str(n)) for n in range(7)))
    assert keys(waiting, 5) == ["0", "1", "2", "3", "4"]
    assert keys(waiting, 5) == ["5", "6"]
    assert keys(waiting, 5) == []


def test_what_collides_waits_and_keeps_its_place() -> None:
    waiting = queue(Command("a"), Command("a"), Command("b"), Command("a"), Command("c", "b"), Command("d", "x"))
    assert keys(waiting, 9) == ["a", "b", "d"]
    assert [one.key for one, _, _ in waiting] == ["a", "a", "c"]
    assert keys(waiting, 9) == ["a", "c"]


def test_nothing_overtakes_what_waits_on_the_same_credit() -> None:
    waiting = queue(Command("a"), Command("a", credit="x"), Command("b", credit="x"), Command("c", credit="y"))
    assert keys(waiting, 9) == ["a", "c"]
    assert keys(waiting, 9) == ["a", "b"]


def test_a_command_on_two_credits_keeps_its_place_on_both() -> None:
    both = Command("b", credit="x", other="y")
    waiting = queue(Command("a"), Command("a", credit="x"), both, Command("c", credit="y"), Command("d", credit="z"))
    assert keys(waiting, 9) == ["a", "d"]
    assert keys(waiting, 9) == ["a", "b", "c"]


def test_what_is_at_work_in_another_lane_is_kept_out() -> None:
    waiting = queue(Command("a"), Command("b", credit="x"), Command("c", other="x"), Command("d", credit="y"))
    assert keys(waiting, 9, {"a", "x"}) == ["d"]
    assert keys(waiting, 9, frozenset()) == ["a", "b", "c"]


def test_what_must_find_its_credit_committed_goes_in_a_later_batch() -> None:
    refund = Command("b", credit="x", last=True)
    waiting = queue(Command("a", credit="x"), refund, Command("c", credit="x"), Command("d", credit="y", last=True))
    assert keys(waiting, 9) == ["a", "d"]
    assert keys(waiting, 9) == ["b", "c"]


def test_only_so_many_are_stepped_over() -> None:
    held = [Command("a") for _ in range(HELD_MAX)]
    waiting = queue(Command("a"), *held, Command("z"))
    assert keys(waiting, 9) == ["a"]
    assert len(waiting) == HELD_MAX + 1


class Committer:
    """Remembers its batches; fails as told."""

    def __init__(self, *failures: Exception) -> None:
        self.batches: list[list[str]] = []
        self.failures = list(failures)
        self.gate = asyncio.Event()
        self.gate.set()

    async def __call__(self, commands: Sequence[Command]) -> list[str]:
        await self.gate.wait()
        self.batches.append([one.key for one in commands])
        if self.failures:
            raise self.failures.pop(0)
        return [f"answer to {one.key}" for one in commands]


async def test_under_light_load_the_batch_is_one() -> None:
    commit = Committer()
    gather: Gather[Command, str] = Gather(commit)
    for key in "abc":
        assert await gather.submit(Command(key)) == f"answer to {key}"
    assert commit.batches == [["a"], ["b"], ["c"]]


async def test_what_comes_during_a_commit_goes_together() -> None:
    commit = Committer()
    commit.gate.clear()
    gather: Gather[Command, str] = Gather(commit, lanes=1)
    tasks = [asyncio.create_task(gather.submit(Command("first")))]
    await asyncio.sleep(0.01)
    tasks += [asyncio.create_task(gather.submit(Command(str(n)))) for n in range(BATCH_MAX + 10)]
    await asyncio.sleep(0.01)
    commit.gate.set()
    answers = await asyncio.gather(*tasks)
    assert [len(batch) for batch in commit.batches] == [1, BATCH_MAX, 10]
    assert answers[:2] == ["answer to first", "answer to 0"]
    await gather.drained()


async def test_a_clash_is_tried_again_and_then_told() -> None:
    commit = Committer(TryAgain("clash"), TryAgain("clash"))
    gather: Gather[Command, str] = Gather(commit)
    assert await gather.submit(Command("a")) == "answer to a"
    commit.failures = [TryAgain("clash")] * CLASH_TRIES
    with pytest.raises(TryAgain):
        await gather.submit(Command("b"))
    assert await gather.submit(Command("c")) == "answer to c"


async def test_a_faulty_command_fails_alone() -> None:
    async def commit(commands: Sequence[Command]) -> list[str]:
        if any(one.key == "bad" for one in commands):
            raise DatabaseFault("no")
        return [one.key for one in commands]

    gather: Gather[Command, str] = Gather(commit, lanes=1)
    results = await asyncio.gather(*(gather.submit(Command(key)) for key in ("a", "bad", "b")), return_exceptions=True)
    assert results[0] == "a"
    assert results[2] == "b"
    assert isinstance(results[1], DatabaseFault)


async def test_a_database_that_is_away_fails_all_and_the_gather_goes_on() -> None:
    commit = Committer(DatabaseAway("away"))
    gather: Gather[Command, str] = Gather(commit, lanes=1)
    results = await asyncio.gather(*(gather.submit(Command(key)) for key in "ab"), return_exceptions=True)
    assert all(isinstance(one, DatabaseAway) for one in results)
    assert await gather.submit(Command("c")) == "answer to c"


async def test_a_caller_that_gives_up_disturbs_nobody() -> None:
    commit = Committer()
    commit.gate.clear()
    gather: Gather[Command, str] = Gather(commit)
    impatient = asyncio.create_task(gather.submit(Command("a")))
    patient = asyncio.create_task(gather.submit(Command("b")))
    await asyncio.sleep(0.01)
    impatient.cancel()
    commit.gate.set()
    assert await patient == "answer to b"
    assert commit.batches == [["a", "b"]]


async def test_an_error_that_nobody_foresaw_leaves_nobody_waiting() -> None:
    commit = Committer(ValueError("unforeseen"))
    gather: Gather[Command, str] = Gather(commit)
    tasks = [gather.submit(Command("a")), gather.submit(Command("a")), gather.submit(Command("b"))]
    results = await asyncio.wait_for(asyncio.gather(*tasks, return_exceptions=True), 2)
    assert [type(one) for one in results] == [ValueError, str, ValueError]
