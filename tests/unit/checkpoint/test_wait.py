"""Waiting for hops: what settles, what does not, and what settles at the worst moment."""

import asyncio
import time
from collections.abc import Container
from datetime import timedelta
from uuid import UUID

from tillbridge.checkpoint.wait import Awaited, Settlements

ONE: Awaited = (UUID(int=1), 1, "platform-web")
TWO: Awaited = (UUID(int=1), 1, "platform-erp")


async def everything() -> Container[Awaited]:
    return {ONE, TWO}


async def test_it_returns_when_all_have_settled() -> None:
    waits = Settlements()
    waiting = asyncio.create_task(waits.wait([ONE, TWO], timedelta(seconds=20), everything))
    await asyncio.sleep(0.01)
    waits.settled(*ONE, "confirmed")
    await asyncio.sleep(0.01)
    assert not waiting.done()
    waits.settled(*TWO, "due")
    await asyncio.sleep(0.01)
    assert not waiting.done()
    waits.settled(*TWO, "dead")
    await asyncio.wait_for(waiting, 2)
    assert not waits._events


async def test_it_returns_when_patience_is_over_and_forgets() -> None:
    waits = Settlements()
    began = time.monotonic()
    await waits.wait([ONE], timedelta(milliseconds=50), everything)
    assert 0.04 < time.monotonic() - began < 2
    assert not waits._events
    waits.settled(*ONE, "confirmed")


async def test_what_settles_while_the_truth_is_looked_at_is_not_missed() -> None:
    waits = Settlements()

    async def settles_meanwhile() -> Container[Awaited]:
        waits.settled(*ONE, "confirmed")
        return {ONE}

    await asyncio.wait_for(waits.wait([ONE], timedelta(seconds=20), settles_meanwhile), 2)


async def test_what_has_settled_before_is_not_waited_for() -> None:
    async def nothing() -> Container[Awaited]:
        return ()

    await asyncio.wait_for(Settlements().wait([ONE], timedelta(seconds=20), nothing), 2)


async def test_two_who_wait_for_the_same_are_both_told() -> None:
    waits = Settlements()
    both = [asyncio.create_task(waits.wait([ONE], timedelta(seconds=20), everything)) for _ in range(2)]
    await asyncio.sleep(0.01)
    waits.settled(*ONE, "confirmed")
    await asyncio.wait_for(asyncio.gather(*both), 2)
