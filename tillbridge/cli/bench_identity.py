"""The benchmark of identity: who is linked, and never wrongly; is the right one among the candidates; how fast."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, replace
from itertools import islice
from pathlib import Path
from random import Random
from typing import Any, Final
from uuid import UUID

from tillbridge.cli.bench_asks import asks_of, with_number_of
from tillbridge.cli.febrl import Ask, folder_of, labelled
from tillbridge.cli.rig import folder_for
from tillbridge.cli.running import settings_with
from tillbridge.identity import normalise, store
from tillbridge.identity.directory import BATCH, profile_of
from tillbridge.identity.model import Candidate, Given, Linked, Profile
from tillbridge.identity.recognise import candidates_for, recognise
from tillbridge.kernel.clock import Clock, SystemClock
from tillbridge.kernel.db import Db
from tillbridge.kernel.ids import Ids
from tillbridge.simulate.crowd import Crowd, Person
from tillbridge.wiring import open_database

COUNTRY: Final = "US"
SYSTEM: Final = "web"
STATEMENT_SECONDS: Final = 900.0
WARM: Final = 50
"""Requests that are asked first and not counted."""

SCORE_TAKEN: Final = 90
"""The score from which on the naive linker takes the first candidate."""

HOUSEHOLD: Final = 1.98
"""People in a household of the crowd, about."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What to measure: people in the directory, requests, the seed, and the folder of FEBRL (None to leave it out)."""

    profiles: int
    requests: int
    seed: int
    febrl: Path | None


@dataclass(frozen=True, slots=True)
class Naive:
    """What a linker without rules would have done: links, and how many of them to the wrong person."""

    name: str
    linked: int
    wrong: int


@dataclass(frozen=True, slots=True)
class Part:
    """One directory and what was asked of it. Times in seconds and milliseconds; `bytes` is its tables and indexes.

    `findable` requests are about somebody in the directory; of those, `found` had the right one among the first five.
    `beyond` are links of guests who gave somebody's phone and nothing else: no rule can tell them from that person, so
    that they are not among the `wrong`.
    """

    name: str
    profiles: int
    load_seconds: float
    bytes: int
    requests: int
    linked: int
    wrong: int
    findable: int
    found: int
    first: int
    lookup_ms: tuple[float, float]
    candidates_ms: tuple[float, float]
    naive: tuple[Naive, ...]
    beyond: int = 0

    @property
    def found_share(self) -> float:
        """The share of the findable whose right one was among the first five."""
        return self.found / self.findable if self.findable else 1.0


@dataclass(frozen=True, slots=True)
class Report:
    """All parts."""

    parts: tuple[Part, ...]

    def wrong(self) -> int:
        """Links to the wrong person."""
        return sum(part.wrong for part in self.parts)

    def as_json(self) -> dict[str, Any]:
        """The report for machines."""
        return {"wrong": self.wrong(), "parts": [{**asdict(one), "found_share": one.found_share} for one in self.parts]}


async def measure(folder: Path, plan: Plan, told: Callable[[int], None]) -> Report:
    """Measure every part, each in a database of its own below `folder`. `told` hears how many profiles were loaded.

    Raises BadInput when the files of FEBRL are not there, DatabaseError.
    """
    parts: list[Part] = []
    if plan.febrl is not None:
        for one in labelled(folder_of(plan.febrl)):
            profiles = [_profile(given) for given in one.directory]
            async with _database(folder / one.name.replace(" ", "-")) as db:
                parts.append(await _part(db, one.name, iter(profiles), one.asks, _untold))
    if plan.profiles:
        crowd, households = Crowd(plan.seed), max(2, round(plan.profiles / HOUSEHOLD))
        asks = tuple(asks_of(crowd, Random(plan.seed), households, plan.requests))
        async with _database(folder / "crowd") as db:
            everybody = map(_profile_of_person, crowd.people(households))
            takers = [number for number in range(1, households) if crowd.gives_on(number - 1)]
            # Every other one gives the number up before the next one has it.
            givers = tuple(
                _profile_of_person(replace(crowd.household(number - 1)[0], phone="")) for number in takers[::2]
            )
            handed_on = tuple(
                _profile_of_person(with_number_of(crowd, number, crowd.household(number)[0])) for number in takers
            )
            parts.append(await _part(db, "crowd", everybody, asks, told, (givers, handed_on)))
    return Report(tuple(parts))


@asynccontextmanager
async def _database(folder: Path) -> AsyncIterator[Db]:
    """A database of its own, which stops with the block."""
    settings = settings_with(folder, folder / "stack.toml", database_url="", secret="", host="127.0.0.1", port=0)
    with folder_for("bench", folder):
        async with open_database(settings, statement_seconds=STATEMENT_SECONDS) as db:
            yield db


def _untold(count: int) -> None:
    """A small directory is loaded before anybody could look on."""
    del count


async def _part(
    db: Db,
    name: str,
    everybody: Iterator[Profile],
    asks: Sequence[Ask],
    told: Callable[[int], None],
    events: Sequence[Sequence[Profile]] = (),
) -> Part:
    """Fill the directory, then ask one request after the other, as a register does."""
    clock = SystemClock()
    began = time.perf_counter()
    profiles = await _load(db, everybody, clock, told)
    seconds = time.perf_counter() - began
    for number, happened in enumerate(events):
        for start in range(0, len(happened), BATCH):
            ids = Ids(clock, Random(len(events) * start + number))
            await store.take_in(db, happened[start : start + BATCH], clock.now(), ids)
    await store.analyse(db)
    for ask in asks[:WARM]:
        await candidates_for(db, COUNTRY, ask.sought)
    marks = [await _asked(db, clock, ask) for ask in asks]
    findable = [one for one in marks if one.truth is not None]
    sizes = await db.table_sizes()
    return Part(
        name=name,
        profiles=profiles,
        load_seconds=seconds,
        bytes=sum(size for table, size in sizes.items() if table.startswith("identity.")),
        requests=len(marks),
        linked=sum(one.linked is not None for one in marks),
        wrong=sum(one.linked is not None and one.linked != one.truth and not one.beyond for one in marks),
        beyond=sum(one.linked is not None and one.beyond for one in marks),
        findable=len(findable),
        found=sum(one.truth in one.shown for one in findable),
        first=sum(one.shown[:1] == (one.truth,) for one in findable),
        lookup_ms=_middle_and_tail(one.lookup_ms for one in marks),
        candidates_ms=_middle_and_tail(one.candidates_ms for one in marks),
        naive=(
            _naive("exact match, proved or not", marks, lambda one: one.exact),
            _naive(f"first candidate from a score of {SCORE_TAKEN} on", marks, lambda one: one.alike),
        ),
    )


async def _load(db: Db, everybody: Iterator[Profile], clock: Clock, told: Callable[[int], None]) -> int:
    """Take everybody in as a full export is: one batch is made while the one before is written."""
    ids, count = Ids(clock, Random(1)), 0

    async def made() -> list[Profile]:
        return await asyncio.to_thread(lambda: list(islice(everybody, BATCH)))

    ahead = asyncio.create_task(made())
    while batch := await ahead:
        ahead = asyncio.create_task(made())
        count += len(await store.take_in(db, batch, clock.now(), ids, dated=False))
        told(count)
    return count


@dataclass(frozen=True, slots=True)
class _Mark:
    """What came of one request; people by our id, None for nobody."""

    truth: UUID | None
    linked: UUID | None
    shown: tuple[UUID, ...]
    exact: UUID | None
    alike: UUID | None
    lookup_ms: float
    candidates_ms: float
    beyond: bool


async def _asked(db: Db, clock: Clock, ask: Ask) -> _Mark:
    truth = None if ask.truth is None else await store.customer_by_reference(db, SYSTEM, ask.truth)
    began = time.perf_counter()
    (resolution,) = await recognise(db, COUNTRY, [ask.given], clock.now(), ranked=False)
    looked = time.perf_counter()
    candidates = await candidates_for(db, COUNTRY, ask.sought)
    ranked = time.perf_counter()
    return _Mark(
        truth=truth,
        linked=resolution.customer_id if isinstance(resolution, Linked) else None,
        shown=tuple(one.customer_id for one in candidates),
        exact=await _exact(db, ask.given),
        alike=_alike(candidates),
        lookup_ms=1000 * (looked - began),
        candidates_ms=1000 * (ranked - looked),
        beyond=ask.beyond,
    )


async def _exact(db: Db, given: Given) -> UUID | None:
    """Whom a linker takes that goes by the first identifier which anybody holds, proved or not."""
    usable = normalise.given(given, COUNTRY).usable
    owners = await store.owners_of(db, (normal.key for normal in usable))
    return next((owners[normal.key][0].customer_id for normal in usable if owners.get(normal.key)), None)


def _alike(candidates: Sequence[Candidate]) -> UUID | None:
    """Whom a linker takes that trusts a score."""
    return candidates[0].customer_id if candidates and candidates[0].score >= SCORE_TAKEN else None


def _naive(name: str, marks: Sequence[_Mark], taken: Callable[[_Mark], UUID | None]) -> Naive:
    pairs = [(whom, one.truth) for one in marks if (whom := taken(one)) is not None]
    return Naive(name, len(pairs), sum(whom != truth for whom, truth in pairs))


def _middle_and_tail(values: Iterable[float]) -> tuple[float, float]:
    """p50 and p99."""
    ordered = sorted(values)
    if not ordered:
        return 0.0, 0.0
    return ordered[len(ordered) // 2], ordered[min(len(ordered) - 1, len(ordered) * 99 // 100)]


def _profile(given: Given, *, email_verified: bool = True, phone_verified: bool = True) -> Profile:
    made = profile_of(SYSTEM, given, COUNTRY, email_verified=email_verified, phone_verified=phone_verified)
    if not isinstance(made, Profile):
        raise TypeError(made.sentence)
    return made


def _profile_of_person(one: Person) -> Profile:
    told = (one.name, one.street, one.city, one.postcode, one.birth_date)
    given = Given(one.email, one.phone, one.loyalty_id, one.account_id, *told)
    return _profile(given, email_verified=one.email_verified, phone_verified=one.phone_verified)
