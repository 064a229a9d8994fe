"""The doors of a hub: one listening socket, which stays open while the hub behind it is changed for another."""

import asyncio
import logging
import socket
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any, Final

from aiohttp import web

from tillbridge.api.app import make_app
from tillbridge.api.requests import KEYS
from tillbridge.console.app import add_pages
from tillbridge.console.hub import HubConsole
from tillbridge.kernel.actor import Actor
from tillbridge.kernel.clock import Clock
from tillbridge.kernel.settings import Settings
from tillbridge.stack.model import Stack
from tillbridge.wiring import Hub, RefusedMap, open_hub

STOP_SECONDS: Final = 5.0
"""How long a stop waits for requests that are being answered."""

DRAIN_SECONDS: Final = 40.0
"""How long a hub that is changed for another may go on answering what it was asked: longer than a register may wait."""

_LOG: Final = logging.getLogger("tillbridge.doors")


@dataclass(eq=False)
class _Room:
    """A hub with its application, and how many requests it is answering."""

    hub: Hub
    server: web.Server
    closing: AsyncExitStack
    answering: int = 0
    idle: asyncio.Event = field(default_factory=asyncio.Event)


_ROOM: Final = web.RequestKey("room", _Room)


class Doors:
    """Answers every request with the hub that is in force when it comes in. No connection is cut by a change."""

    def __init__(
        self,
        settings: Settings,
        listener: socket.socket,
        public_url: str,
        *,
        deliver: bool = True,
        take_in: bool = False,
        trusted: dict[str, Actor] | None = None,
        refused_map: RefusedMap = lambda: None,
        clock: Clock | None = None,
    ) -> None:
        self._settings = settings
        self._listener = listener
        self._public_url = public_url
        self._deliver = deliver
        self._take_in = take_in
        self._trusted = trusted or {}
        self._refused_map = refused_map
        self._clock = clock
        self._room: _Room | None = None
        self._leaving: set[asyncio.Task[None]] = set()
        self._front: web.ServerRunner | None = None

    @property
    def hub(self) -> Hub:
        """The hub that is in force."""
        return self._now().hub

    async def open(self, stack: Stack) -> None:
        """Put a hub on this map behind the doors; the one before it answers what it was asked, and closes.

        Whatever is raised (DatabaseError, LawFault, SettingFault), the hub before it goes on.
        """
        before, self._room = self._room, await self._enter(stack)
        if self._front is None:
            await self._listen()
        if before is not None:
            leaving = asyncio.create_task(_leave(before, DRAIN_SECONDS))
            self._leaving.add(leaving)
            leaving.add_done_callback(self._leaving.discard)

    async def close(self) -> None:
        """Take no more requests, answer those that are being answered, and close the hub."""
        if self._front is None:
            self._listener.close()
        else:
            await self._front.cleanup()
        if self._room is not None:
            await self._room.closing.aclose()
        await asyncio.gather(*self._leaving)

    async def _enter(self, stack: Stack) -> _Room:
        async with AsyncExitStack() as closing:
            opening = open_hub(
                self._settings,
                stack,
                public_url=self._public_url,
                clock=self._clock,
                deliver=self._deliver,
                take_in=self._take_in,
                refused_map=self._refused_map,
            )
            hub = await closing.enter_async_context(opening)
            app = make_app(hub)
            for key, actor in self._trusted.items():
                app[KEYS].trust(key, actor)
            seal = hub.codes.token("console", "", 32)
            console = HubConsole(hub, app[KEYS])
            add_pages(app, console, secret=seal, clock=hub.clock, https=hub.public_url.startswith("https"))
            runner = web.AppRunner(app)
            await runner.setup()
            closing.push_async_callback(runner.cleanup)
            server = runner.server
            if server is None:
                raise RuntimeError("an application that is set up has a server")
            return _Room(hub, server, closing.pop_all())
        raise AssertionError("nothing above swallows what it raises")

    async def _listen(self) -> None:
        # Paths carry claim codes: no access log. Bodies are small: nothing is unpacked, so nothing can swell.
        server = web.Server(
            self._answer,
            request_factory=self._request,
            access_log=None,
            auto_decompress=False,
        )
        self._front = web.ServerRunner(server, shutdown_timeout=STOP_SECONDS)
        await self._front.setup()
        await web.SockSite(self._front, self._listener).start()

    def _now(self) -> _Room:
        if self._room is None:
            raise RuntimeError("the doors are open before there is a hub")
        return self._room

    def _request(self, *parts: Any) -> web.BaseRequest:
        """A request as the application in force makes it; it stays with that application."""
        room = self._now()
        request = room.server.request_factory(*parts)
        request[_ROOM] = room
        return request

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        room = request[_ROOM]
        room.answering += 1
        try:
            return await room.server.request_handler(request)
        finally:
            room.answering -= 1
            if not room.answering:
                room.idle.set()


async def _leave(room: _Room, seconds: float) -> None:
    """Close a hub when it has answered what it was asked."""
    try:
        async with asyncio.timeout(seconds):
            # A request that has been read is answered in this hub: it may be between the two for an instant.
            await asyncio.sleep(0.05)
            while room.answering:
                room.idle.clear()
                await room.idle.wait()
    except TimeoutError:
        _LOG.warning("Closing a hub that still has %s requests to answer.", room.answering)
    try:
        await room.closing.aclose()
    except Exception:
        _LOG.exception("A hub that was changed for another did not close in order.")
