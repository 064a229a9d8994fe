"""Everything at once: workers killed at random, PostgreSQL stopped at once under load, answers lost after applying, and
clocks that jump hours ahead and back. Nothing is lost or applied twice, and the order of each credit is kept."""

import asyncio
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

from aiohttp import web

from tests.integration.handoff import target as acts
from tests.integration.handoff.parts import IDS, chain, delivering, post_many, tally, until
from tests.integration.handoff.target import Target, serve
from tests.integration.handoff.worker import MIXED, PATIENT
from tillbridge.kernel import db as kernel_db
from tillbridge.kernel.db import Db, Query, migrate, open_db
from tillbridge.kernel.errors import DatabaseAway, DatabaseError, DatabaseFault

ROOT = Path(__file__).parents[3]
HOPS = ("platform-pay", "pay-erp", "erp-web")
CREDITS = 1670
VERSIONS = 4
WORKERS = 3
STORM_SECONDS = 18.0
CALM_SECONDS = 90.0
_MESSAGES = Query("tests.messages", "SELECT credit_id, version, event_id FROM handoff.message")


class Books(Target):
    """A system that counts what it applies: a key it has is answered again, as a real one does, and never applied."""

    def __init__(self) -> None:
        super().__init__()
        self.applied: Counter[str] = Counter()
        self.order: dict[tuple[str, str], list[int]] = {}

    def apply(self, key: str, body: dict[str, Any]) -> str:
        if key not in self.book:
            self.applied[key] += 1
            self.order.setdefault((body["hop"], body["credit"]["id"]), []).append(body["version"])
        return super().apply(key, body)


async def test_twenty_thousand_handoffs_come_through_a_storm(data_dir: Path) -> None:
    chance = random.Random(20)

    async def moody(target: Target, key: str, body: dict[str, Any], request: web.Request) -> web.Response:
        act: acts.Handler = acts.confirm
        if chance.random() < 0.004:
            act = chance.choice(
                [acts.lose_answer, acts.drop, acts.refuse(503, "unavailable", **{"Retry-After": "0.2"})]
            )
        return await act(target, key, body, request)

    url = kernel_db.embedded(data_dir)
    await migrate(url)
    books = Books()
    books.always = moody
    credits = [IDS.new() for _ in range(CREDITS)]
    async with serve(books) as target, open_db(url, acquire_seconds=2) as db:
        posting = asyncio.create_task(_post_all(db, target.url, credits))
        killed, stopped = await _storm(url, target.url, data_dir, chance)
        await posting
        arrived = len(books.book)
        books.always = acts.confirm
        calm = chain(target.url, PATIENT, takes=MIXED)
        async with delivering(db, calm, seed=1), open_db(url) as looking:
            await until(lambda: _all_arrived(looking), CALM_SECONDS, 0.5)
            rows = await looking.fetch(_MESSAGES)
    assert len(rows) == CREDITS * VERSIONS
    expected = {f"{row['event_id']}:{hop}" for row in rows for hop in HOPS}
    assert set(books.book) == expected, "nothing is lost"
    assert set(books.applied.values()) == {1}, "nothing is applied twice"
    assert all(books.order[hop, str(credit)] == [1, 2, 3, 4] for hop in HOPS for credit in credits)
    # There was a storm: hundreds came through while it raged, and many were asked about.
    assert arrived >= 500
    assert books.probes >= 50
    assert killed >= 5
    assert stopped == 2


async def _post_all(db: Db, target_url: str, credits: list[UUID]) -> None:
    """Every version of every credit, in order, while all this goes on; what may have been written is tried again."""
    stack = chain(target_url, PATIENT, takes=MIXED)
    for version in range(1, VERSIONS + 1):
        for start in range(0, len(credits), 167):
            await _post(db, stack, version, credits[start : start + 167])
            await asyncio.sleep(0.1)


async def _post(db: Db, stack: Any, version: int, credits: list[UUID]) -> None:
    while True:
        try:
            await post_many(db, stack, 0, version=version, credits=credits)
        except DatabaseFault as fault:
            # It had been written: a credit has one event of each version.
            if fault.constraint != "message_pkey":
                raise
            return
        except DatabaseError:
            await asyncio.sleep(0.2)
        else:
            return


async def _storm(url: str, target_url: str, data_dir: Path, chance: random.Random) -> tuple[int, int]:
    """Workers come and go, and PostgreSQL twice; how many were killed, and how often it was stopped."""
    began, killed, stopped = time.monotonic(), 0, 0
    async with _workers(url, target_url) as workers:
        while (elapsed := time.monotonic() - began) < STORM_SECONDS:
            await asyncio.sleep(chance.uniform(1.0, 2.0))
            victim = chance.randrange(WORKERS)
            workers[victim].send_signal(signal.SIGKILL)
            await asyncio.to_thread(workers[victim].wait, 10)
            workers[victim] = _worker(url, target_url, str(chance.random()))
            killed += 1
            if elapsed > STORM_SECONDS * (stopped + 1) / 3 and stopped < 2:
                postmaster = int((data_dir / "postgres" / "postmaster.pid").read_text("utf-8").splitlines()[0])
                os.kill(postmaster, signal.SIGQUIT)
                stopped += 1
                await asyncio.sleep(1)
                await _revived(data_dir)
    return killed, stopped


async def _revived(data_dir: Path) -> None:
    for _ in range(50):
        try:
            await asyncio.to_thread(kernel_db.revive_embedded, data_dir)
        except DatabaseAway:
            await asyncio.sleep(0.2)
        else:
            return


@asynccontextmanager
async def _workers(url: str, target_url: str) -> AsyncIterator[list[subprocess.Popen[bytes]]]:
    workers = [_worker(url, target_url, str(number)) for number in range(WORKERS)]
    try:
        yield workers
    finally:
        for one in workers:
            one.kill()
        for one in workers:
            await asyncio.to_thread(one.wait, 10)


def _worker(url: str, target_url: str, seed: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "tests.integration.handoff.worker", url, target_url, seed, MIXED]
    return subprocess.Popen(command, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, stderr=subprocess.DEVNULL)


async def _all_arrived(db: Db) -> bool:
    return dict(await tally(db)) == {"confirmed": CREDITS * VERSIONS * len(HOPS)}
