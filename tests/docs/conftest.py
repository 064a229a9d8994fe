"""A hub, and the example receiver of the docs as the web store that it hands events to."""

import asyncio
import os
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import aiohttp
import pytest

from tests.acceptance.conftest import settings_in
from tests.docs.pages import DOCS, block
from tillbridge.api.keys import make_key
from tillbridge.cli.serving import serving
from tillbridge.stack.load import parse
from tillbridge.wiring import Hub

SECRET = "a secret of the examples"
CUSTOMER = {"account_id": "A0000002", "email": "quinn.vargas2@example.com", "email_verified": True}

_MAP = """
[retailer]
name = "Your Shop"
country = "US"
currency = "USD"
time_zone = "America/New_York"

[authority]
system = "platform"

[systems.registers]
role = "pos"
connector = "http"

[systems.platform]
role = "platform"
connector = "built-in"

[systems.web]
role = "storefront"
connector = "http"
url = "{web}"
secret = "{secret}"

[[hops]]
from = "registers"
to = "platform"
trigger = "webhook"
sla = "2s"
checkpoint = true

[[hops]]
from = "platform"
to = "web"
trigger = "webhook"
sla = "5s"
checkpoint = true
"""


@dataclass(frozen=True)
class Shop:
    """A hub that listens, two keys for it, and the address of the web store behind it."""

    hub: Hub
    url: str
    register: str
    operations: str
    web_url: str

    def session(self, key: str) -> aiohttp.ClientSession:
        """A client of the hub."""
        return aiohttp.ClientSession(self.url, headers={"Authorization": f"Bearer {key}"})


def free_port() -> int:
    """A port of loopback that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port: int = taken.getsockname()[1]
        return port


@asynccontextmanager
async def receiving(folder: Path) -> AsyncIterator[str]:
    """The receiver of `connect-a-system.md`, run as it stands there; its address."""
    program = folder / "receiver.py"
    program.write_text(block(DOCS / "howto" / "connect-a-system.md", "python", "class Receiver").text, "utf-8")
    port = free_port()
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, str(program), str(port)),
        cwd=folder,
        env={**os.environ, "SECRET": SECRET},
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        await _listening(port)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        await process.wait()


async def _listening(port: int) -> None:
    async with asyncio.timeout(20):
        while True:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                await asyncio.sleep(0.05)
            else:
                writer.close()
                await writer.wait_closed()
                return


@asynccontextmanager
async def open_hub(folder: Path, db_url: str, web_url: str, port: int = 0) -> AsyncIterator[tuple[Hub, str]]:
    """A hub on a port (0: a free one), and its address."""
    stack = parse(_MAP.format(web=web_url, secret=SECRET), "stack.toml", {})
    async with serving(replace(settings_in(folder, db_url), port=port), stack) as opened:
        yield opened


@asynccontextmanager
async def open_shop(folder: Path, db_url: str, web_url: str) -> AsyncIterator[Shop]:
    """A hub with keys that knows one customer."""
    async with open_hub(folder, db_url, web_url) as (hub, url):
        register = await make_key(hub.db, hub.clock, "till", "register")
        operations = await make_key(hub.db, hub.clock, "operations", "operations")
        shop = Shop(hub, url, register, operations, web_url)
        async with (
            shop.session(operations) as client,
            client.post("/v1/events/web", json={"type": "customer.updated", "customer": CUSTOMER}) as told,
        ):
            assert told.status == 202, await told.text()
        yield shop


@pytest.fixture
async def shop(db_url: str, tmp_path: Path) -> AsyncIterator[Shop]:
    """A hub whose web store is the example receiver."""
    async with receiving(tmp_path) as web_url, open_shop(tmp_path, db_url, web_url) as opened:
        yield opened
