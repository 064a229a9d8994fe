"""The delivery loop: claim what is due, hand it over, write down what came of it.

One loop turns all hops. A turn is one round trip: it settles every answer that has come in since the last turn and
claims whatever there is room for, what those answers made due included. While a turn is in the database, answers
gather for the next one, so that the batches size themselves. The deliveries themselves run beside the loop, each hop
with room of its own: a target that hangs fills its own lane and no other.
"""

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from random import Random
from typing import Final
from uuid import UUID

from tillbridge.handoff import store
from tillbridge.handoff.alarm import Alarm
from tillbridge.handoff.breaker import is_failure
from tillbridge.handoff.lane import Lane, no_answer
from tillbridge.handoff.model import Claimed, Conclusion, Result, Room, Settled, State, Turned
from tillbridge.handoff.ports import Connector, Found, Outcome, Refused
from tillbridge.handoff.retry import decide
from tillbridge.handoff.route import onward
from tillbridge.handoff.watch import Watch
from tillbridge.kernel.clock import Clock
from tillbridge.kernel.db import Db
from tillbridge.kernel.errors import DatabaseError, DatabaseFault
from tillbridge.stack.model import Stack

OnSettled = Callable[[UUID, int, str, State], None]
"""Told of every handoff whose state was written: credit, version, hop, state."""

IDLE: Final = 0.5
"""Seconds between looks around when nobody wakes the loop."""

GRACE: Final = timedelta(seconds=10)
"""How long a stop waits for what is under way."""

FRESH: Final = 2.0
"""Seconds after which what the database answers to a claim is no longer sent: its lease may run out under way."""

_WIND_UP: Final = 5.0
_REST_MAX: Final = 2.0
_SPARE: Final = 1.0
_log = logging.getLogger("tillbridge.handoff")


class Deliverer:
    """Carries events over the hops whose target has a connector (`connectors` by system name); others stay due.

    Any number of deliverers, in any number of processes, may work one database. `concurrency` is per hop.
    """

    def __init__(
        self,
        db: Db,
        stack: Stack,
        connectors: Mapping[str, Connector],
        clock: Clock,
        chance: Random,
        on_settled: OnSettled | None = None,
        concurrency: int = 32,
    ) -> None:
        self._db = db
        self._stack = stack
        self._clock = clock
        self._chance = chance
        self._on_settled = on_settled
        self._lanes = _lanes(stack, connectors, concurrency)
        self._pressed: Callable[[], bool] = lambda: False
        self._watch = Watch(db, stack, clock, self._lanes)
        self._alarm = Alarm(clock)
        self._results: list[Result] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._stop_by: float | None = None
        self._ended = asyncio.Event()
        self._ended.set()
        self._troubles = 0

    def give_way(self, pressed: Callable[[], bool]) -> None:
        """Carry no more than a few at a time while `pressed` says so: a customer at the till goes before a handoff."""
        self._pressed = pressed

    def wake(self, hops: Iterable[str] | None = None) -> None:
        """Hint that something has become due on these hops (None: on any). Call it from the loop's own thread."""
        for hop in self._lanes if hops is None else hops:
            if lane := self._lanes.get(hop):
                lane.woken = True
        self._alarm.ring()

    def note(self, conclusion: Conclusion) -> None:
        """Take note of what a system or a person has said about a handoff: what it starts need not wait."""
        if conclusion.changed:
            self._tell([conclusion.settled])
            self.wake()

    async def run(self) -> None:
        """Work until `stop()`. A database that is away, or any error, is waited out; nothing claimed is forgotten."""
        self._ended.clear()
        try:
            while not self._finished():
                await self._round()
            await self._wind_up()
        finally:
            for task in self._tasks:
                task.cancel()
            self._ended.set()

    async def stop(self, grace: timedelta = GRACE) -> None:
        """Claim nothing more, finish what is under way within `grace`, write it down, and end `run()`."""
        self._stop_by = time.monotonic() + grace.total_seconds()
        self._alarm.ring()
        await self._ended.wait()

    def _finished(self) -> bool:
        if self._stop_by is None:
            return False
        return not (self._tasks or self._results) or time.monotonic() >= self._stop_by

    async def _round(self) -> None:
        try:
            # Answers first: what is in hand must not be taken for lost by the look at leases.
            await self._turn()
            if await self._watch.look_around(self._clock.now()):
                self._alarm.ring()
        except DatabaseError as error:
            await self._rest(error)
        except Exception as error:
            # A defect of ours must not end the loop: the handoffs that it concerns come back when their lease ends.
            _log.exception("The delivery loop stumbled.")
            await self._rest(error)
        else:
            self._troubles = 0
            await self._wait()

    async def _wait(self) -> None:
        """Until someone wakes the loop, an answer comes in, a retry is due, or it is time to look around."""
        for hop in await self._alarm.wait(self._patience(min(IDLE, self._watch.pause))):
            self._lanes[hop].woken = True

    def _patience(self, seconds: float) -> float:
        """This long, or until the stop if that is sooner."""
        return seconds if self._stop_by is None else max(0.0, min(seconds, self._stop_by - time.monotonic()))

    async def _rest(self, error: Exception) -> None:
        """Wait a little longer after every failure in a row."""
        self._troubles += 1
        if self._troubles == 1:
            _log.warning("Deliveries pause: %s", error)
        await asyncio.sleep(self._patience(min(_REST_MAX, 0.02 * 2 ** min(self._troubles, 10))))
        self.wake()

    async def _turn(self) -> None:
        at, began = self._clock.now(), time.monotonic()
        results, self._results = self._results, []
        rooms = self._rooms(at, results) if self._watch.ready and self._stop_by is None else []
        if not results and not rooms:
            return
        try:
            ahead = onward(self._stack, at) if any(_confirms(result) for result in results) else ()
            turned = await store.turn(self._db, at, results, ahead, rooms)
        except DatabaseFault:
            self._results += results
            await self._one_by_one(at)
            raise
        except BaseException:
            self._results += results
            raise
        self._free(results)
        self._tell(turned.settled)
        for hop in turned.limited:
            self._alarm.ring_at(at + self._lanes[hop].refill, hop)
        slow = max(time.monotonic() - began, (self._clock.now() - at).total_seconds()) > FRESH
        if turned.claimed and (slow or self._stop_by is not None):
            await store.give_back(self._db, [one.lease for one in turned.claimed])
        else:
            self._start(at, turned, rooms)

    def _rooms(self, at: datetime, results: Sequence[Result]) -> list[Room]:
        """Room on every hop that was woken, or that these results may have made something due on."""
        freed = Counter(result.lease.hop for result in results)
        wanted = {name for name, lane in self._lanes.items() if lane.woken}
        for result in results:
            wanted.add(result.lease.hop)
            if _confirms(result):
                wanted.update(self._lanes[result.lease.hop].downstream)
        rooms, pressed = [], self._pressed()
        for name in wanted:
            lane = self._lanes[name]
            lane.woken = False
            if room := lane.room(at, freed[name], pressed=pressed):
                rooms.append(room)
        return rooms

    async def _one_by_one(self, at: datetime) -> None:
        """The database refused a batch: settle each result alone, so that one that cannot be written holds up no other.

        When it refuses even an empty turn, the fault is not with a result, and all are kept for later.
        """
        await store.turn(self._db, at, (), (), ())
        results, self._results = self._results, []
        for result in results:
            try:
                turned = await store.turn(self._db, at, [result], onward(self._stack, at), ())
            except DatabaseFault:
                _log.exception("A result cannot be written; its lease will run out and the target will be asked.")
                self._free([result])
            except DatabaseError:
                self._results.append(result)
            else:
                self._free([result])
                self._tell(turned.settled)

    def _free(self, results: Iterable[Result]) -> None:
        for result in results:
            self._lanes[result.lease.hop].in_flight -= 1
            if result.decision.due_at is not None:
                self._alarm.ring_at(result.decision.due_at, result.lease.hop)

    def _tell(self, settled: Iterable[Settled]) -> None:
        if self._on_settled is None:
            return
        for one in settled:
            try:
                self._on_settled(one.credit_id, one.version, one.hop, one.state)
            except Exception:
                _log.exception("A listener stumbled over a settled handoff.")

    def _start(self, at: datetime, turned: Turned, rooms: Sequence[Room]) -> None:
        if turned.claimed:
            self._watch.found()
        by_hop: dict[str, list[Claimed]] = {}
        for one in turned.claimed:
            by_hop.setdefault(one.lease.hop, []).append(one)
        for hop, claimed in by_hop.items():
            lane = self._lanes[hop]
            if lane.start(at, len(claimed)):
                self._watch.moved(lane)
            for portion in lane.portions(claimed):
                task = asyncio.create_task(self._carry(lane, portion))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)
        for room in rooms:
            # A hop that took all it had room for may have more.
            self._lanes[room.hop].woken |= len(by_hop.get(room.hop, ())) >= room.count
        for hop in turned.more:
            self._lanes[hop].woken = True
            self._alarm.ring()

    async def _carry(self, lane: Lane, claimed: Sequence[Claimed]) -> None:
        """What goes out together, from start to results."""
        started_at = self._clock.now()
        answers = await self._ask(lane, claimed)
        ended_at = self._clock.now()
        for one, answer in zip(claimed, answers, strict=True):
            decision = decide(one.lease, answer, lane.hop, ended_at, self._chance)
            self._results.append(Result(one.lease, started_at, ended_at, decision))
        # One request says one thing about the target: that it lives, if any of the answers does.
        asked = [answer for answer in answers if not (isinstance(answer, Refused) and answer.unasked)] or answers
        sign = next((answer for answer in asked if not is_failure(answer)), asked[0])
        if lane.answered(sign, ended_at, self._chance):
            _log.warning("Hop %s is %s.", lane.hop.name, lane.breaker.state.value)
            self._watch.moved(lane)
        self._alarm.ring()

    async def _ask(self, lane: Lane, claimed: Sequence[Claimed]) -> Sequence[Outcome | Found]:
        """What the connector says. Whatever goes wrong, there are answers, and never one that nothing was sent."""
        kind = claimed[0].lease.kind
        try:
            async with asyncio.timeout(lane.patience.total_seconds() + _SPARE):
                answers = await lane.carry(claimed)
            if len(answers) == len(claimed):
                return answers
            sentence = f"The connector gave {len(answers)} answers to {len(claimed)} events."
        except TimeoutError:
            sentence = f"{lane.hop.target} gave no answer in time."
        except asyncio.CancelledError:
            sentence = "The hub stopped before the answer came."
        except Exception as error:
            _log.exception("The connector of %s stumbled.", lane.hop.target)
            sentence = f"The connector stumbled: {type(error).__name__}."
        return [no_answer(kind, sentence)] * len(claimed)

    async def _wind_up(self) -> None:
        """The grace is over: what is still under way is unknown from now on, and written down as such if possible."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        try:
            async with asyncio.timeout(_WIND_UP):
                await self._turn()
        except (DatabaseError, TimeoutError) as error:
            _log.warning("Left for the leases to run out: %s", str(error) or "the database does not answer")


def _lanes(stack: Stack, connectors: Mapping[str, Connector], concurrency: int) -> dict[str, Lane]:
    """A lane for every delivery whose target can be reached, each knowing the lanes it feeds."""
    reached = [hop for hop in stack.deliveries() if hop.target in connectors]
    feeding = {hop.name: fed_by.name for hop in reached if (fed_by := stack.upstream(hop))}
    return {
        hop.name: Lane(
            hop,
            connectors[hop.target],
            concurrency,
            tuple(name for name, fed_by in feeding.items() if fed_by == hop.name),
            stack.systems[hop.target],
            stack.retailer.currency,
        )
        for hop in reached
    }


def _confirms(result: Result) -> bool:
    return result.decision.state is State.CONFIRMED
