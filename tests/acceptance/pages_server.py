"""A real server with the pages on loopback, and somebody who looks at them."""

import html
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

import aiohttp
from aiohttp import web

from tests.acceptance.pages_port import FakePort
from tillbridge.console.app import add_pages
from tillbridge.kernel.clock import Clock, SetClock

SECRET = b"a secret of this very test"
START = datetime(2026, 11, 21, 19, 2, tzinfo=UTC)


@dataclass(frozen=True)
class Seen:
    """An answer as it came. `text` is empty for what is no text."""

    status: int
    headers: Mapping[str, str]
    text: str
    body: bytes
    url: str

    def field(self, name: str) -> str:
        """The value of a form's field on the page."""
        found = re.search(f'name="{name}"[^>]*value="([^"]*)"', self.text)
        assert found, f"no field {name}"
        return html.unescape(found[1])


class Visitor:
    """A browser without scripts: keeps cookies, follows links, fills in forms."""

    def __init__(self, session: aiohttp.ClientSession, base: str) -> None:
        self.session = session
        self.base = base

    async def get(self, path: str, *, follow: bool = True, headers: Mapping[str, str] | None = None) -> Seen:
        """Open a page."""
        async with self.session.get(self.base + path, allow_redirects=follow, headers=headers) as answer:
            return await _seen(answer)

    async def post(
        self, path: str, fields: Mapping[str, str], *, follow: bool = True, headers: Mapping[str, str] | None = None
    ) -> Seen:
        """Send a form, exactly these fields."""
        address = self.base + path
        async with self.session.post(address, data=fields, allow_redirects=follow, headers=headers) as answer:
            return await _seen(answer)

    async def send(self, shown: Seen, path: str, *, follow: bool = True, **fields: str) -> Seen:
        """Send the form of a page that was shown."""
        return await self.post(path, {"form": shown.field("form"), **fields}, follow=follow)

    async def sign_in(self, key: str = "tb_operations") -> Seen:
        """Go through the sign-in."""
        return await self.send(await self.get("/sign-in"), "/sign-in", key=key, onward="/")


async def _seen(answer: aiohttp.ClientResponse) -> Seen:
    body = await answer.read()
    text = body.decode() if answer.charset else ""
    return Seen(answer.status, answer.headers, text, body, str(answer.url.relative()))


@asynccontextmanager
async def served(port: FakePort, clock: Clock | None = None, *, https: bool = False) -> AsyncIterator[str]:
    """The address of a server with the pages, and with an API that answers for itself."""

    async def nothing(_request: web.Request) -> web.Response:
        return web.json_response({"credits": []})

    app = web.Application(client_max_size=65536)
    app.router.add_get("/v1/credits", nothing)
    add_pages(app, port, secret=SECRET, clock=clock or SetClock(START), https=https)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield site.name
    finally:
        await runner.cleanup()


@asynccontextmanager
async def visiting(port: FakePort, clock: Clock | None = None) -> AsyncIterator[Visitor]:
    """A server and a browser in front of it."""
    async with served(port, clock) as base, aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as session:
        yield Visitor(session, base)
