"""A stub hub and the whole retailer beside it, both real servers on loopback."""

from collections.abc import AsyncIterator

import aiohttp
import pytest

from tests.unit.simulate.stub_hub import SECRET, TARGETS, StubHub
from tillbridge.simulate.servers import Key, Retailer, Shape, open_retailer

KEYS = {name: Key(f"key-{name}", SECRET) for name in ("registers", *TARGETS)}


@pytest.fixture
async def hub() -> AsyncIterator[StubHub]:
    async with StubHub().running() as running:
        yield running


@pytest.fixture
async def retailer(hub: StubHub) -> AsyncIterator[Retailer]:
    async with open_retailer(hub.url, KEYS, seed=7, shape=Shape(accounts=60)) as opened:
        hub.targets = dict(opened.urls)
        yield opened
        await hub.settled()


@pytest.fixture
async def browser() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session
