"""The ledger's benchmark in batches: commands through the desk, in this process, five hundred at a time."""

import asyncio
import itertools
import random
import statistics
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, TypeVar
from uuid import UUID

from tillbridge.cli.rig import RigFault
from tillbridge.cli.running import settle
from tillbridge.cli.sales import HOT, Sales
from tillbridge.credit.desk import Desk
from tillbridge.credit.model import Issue, Redeem
from tillbridge.ledger.gather import BATCH_MAX
from tillbridge.ledger.model import Answer, Posted

HANDS: Final = 2
"""Batches on their way at once: while PostgreSQL commits one, the next is made ready."""

C = TypeVar("C", Issue, Redeem)


@dataclass(frozen=True, slots=True)
class Spread:
    """The rates of some rounds, each in commands a second, and how many commands in all."""

    commands: int
    rounds: Sequence[float]

    def median(self) -> float:
        """The middle rate."""
        return statistics.median(self.rounds)


@dataclass(frozen=True, slots=True)
class Bounds:
    """How much: rounds, commands of each, and the seconds after which a round ends though not all are posted."""

    rounds: int
    commands: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Batches:
    """What was measured: issues, redemptions all over the credits, and redemptions that all hit one credit."""

    credits: int
    issues: Spread
    redeems: Spread
    hot: Spread


async def measure_batches(desk: Desk, sales: Sales, chance: random.Random, bounds: Bounds) -> Batches:
    """Issue, redeem all over, redeem from one. Raises RigFault when the ledger refuses any of it."""
    counter = Counter(desk)
    credits_made: list[UUID] = []

    async def issue(commands: Sequence[Issue]) -> int:
        made = await counter.issue(iter(commands), bounds.seconds)
        credits_made.extend(made)
        return len(made)

    async def redeem(commands: Sequence[Redeem]) -> int:
        return await counter.redeem(iter(commands), bounds.seconds)

    issued = await _spread(lambda: [sales.issue() for _ in range(bounds.commands)], issue, bounds.rounds)
    redeemed = await _spread(
        lambda: [sales.redeem(chance.choice(credits_made)) for _ in range(bounds.commands)], redeem, bounds.rounds
    )
    (hot,) = await counter.issue(iter([sales.issue(HOT)]), bounds.seconds)
    of_one = await _spread(lambda: [sales.redeem(hot) for _ in range(bounds.commands)], redeem, bounds.rounds)
    return Batches(len(credits_made), issued, redeemed, of_one)


class Counter:
    """Takes commands to the desk in batches."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def issue(self, commands: Iterator[Issue], seconds: float) -> list[UUID]:
        """Issue until the commands are out or the seconds over; the credits. Raises RigFault for a refusal."""
        answers = await self._all(commands, seconds)
        return [one.credit_id for one in answers]

    async def redeem(self, commands: Iterator[Redeem], seconds: float) -> int:
        """Redeem until the commands are out or the seconds over; how many were. Raises RigFault for a refusal."""
        return len(await self._all(commands, seconds))

    async def _all(self, commands: Iterator[Issue | Redeem], seconds: float) -> list[Answer]:
        until = time.perf_counter() + seconds
        answers: list[Answer] = []

        async def hand() -> None:
            while time.perf_counter() < until and (batch := list(itertools.islice(commands, BATCH_MAX))):
                answers.extend(map(_carried_out, await self._desk.submit(batch)))

        await asyncio.gather(*(hand() for _ in range(HANDS)))
        return answers


def _carried_out(answer: Answer | BaseException) -> Answer:
    """Raises RigFault when the ledger refused a command, and whatever it met instead of an answer."""
    if isinstance(answer, BaseException):
        raise answer
    if not isinstance(answer.result, Posted):
        raise RigFault(f"The ledger refused a command of the benchmark: {answer.result.code}.")
    return answer


async def _spread(
    sales: Callable[[], Sequence[C]], post: Callable[[Sequence[C]], Awaitable[int]], rounds: int
) -> Spread:
    """Post the sales of each round. They are made up before the clock starts: the hub has no part in that."""
    done, rates = 0, list[float]()
    for _ in range(rounds):
        commands = sales()
        settle()
        began = time.perf_counter()
        posted = await post(commands)
        rates.append(round(posted / (time.perf_counter() - began), 1))
        done += posted
    return Spread(done, rates)
