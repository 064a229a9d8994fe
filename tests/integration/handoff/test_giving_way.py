"""While registers wait, only a few handoffs are under way at once; none is forgotten, and the rush ends."""

import asyncio
from typing import Any

import pytest
from aiohttp import web

from tests.integration.handoff.parts import delivering, one_hop, post_many, tally, until
from tests.integration.handoff.target import Target, confirm, serve
from tillbridge.handoff.lane import PRESSED_MAX
from tillbridge.kernel.db import Db

COUNT = 40


class Counted:
    """A target that takes its time, and counts how many it is asked at once."""

    def __init__(self) -> None:
        self.now = 0
        self.most = 0

    async def __call__(self, target: Target, key: str, body: dict[str, Any], request: web.Request) -> web.Response:
        self.now += 1
        self.most = max(self.most, self.now)
        await asyncio.sleep(0.02)
        self.now -= 1
        return await confirm(target, key, body, request)


@pytest.mark.parametrize("waiting", [True, False])
async def test_a_customer_at_the_till_goes_before_a_handoff(db: Db, waiting: bool) -> None:
    async with serve() as target:
        counted = Counted()
        target.always = counted
        stack = one_hop(target.url)
        async with delivering(db, stack, concurrency=16) as deliverer:
            deliverer.give_way(lambda: waiting)
            await post_many(db, stack, COUNT)
            deliverer.wake()

            async def all_there() -> bool:
                return (await tally(db))["confirmed"] == COUNT

            await until(all_there)
    assert len(target.book) == COUNT
    assert target.repeats == 0
    assert counted.most <= PRESSED_MAX if waiting else counted.most > PRESSED_MAX
