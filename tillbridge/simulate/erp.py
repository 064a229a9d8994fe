"""The ERP: posts a document per event, and tells the hub by a call of its own when it is done.

`confirm` is `webhook` (202 now, the call later) or `answer` (200 with the document's number).
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from functools import partial
from typing import Final, Literal

from aiohttp import web
from msgspec import Struct

from tillbridge.kernel.clock import Clock
from tillbridge.simulate.book import Applied, Book
from tillbridge.simulate.chance import Chance
from tillbridge.simulate.faults import Mishap
from tillbridge.simulate.hub import Answer, Hub
from tillbridge.simulate.intake import Intake, confirm_at_once
from tillbridge.simulate.listing import booked
from tillbridge.simulate.wire import new_app, read, said

SWITCHES: Final = frozenset(
    {"refuse", "delay", "lose_answer", "lock_error", "reject_currency", "lose_webhook", "no_probe"}
)
_CALLERS: Final = 4
_ATTEMPTS: Final = 6
_DRAIN_SECONDS: Final = 2.0
_LATER: Final = frozenset({408, 409, 425, 429})
_MENDS: Final = {"": 'Send {"confirm": "answer"} or {"confirm": "webhook"}.'}


class Mode(Struct, frozen=True, forbid_unknown_fields=True):
    """How the ERP confirms."""

    confirm: Literal["answer", "webhook"]


class Erp:
    """The ERP's book behind its server, and the calls that it owes the hub. `confirm` is `webhook` or `answer`."""

    def __init__(self, name: str, secret: str, bearer: str, hub: Hub, clock: Clock, chance: Chance) -> None:
        self.book = Book(name, "JE")
        self.confirm: str = "webhook"
        self.webhooks: dict[str, int] = {"sent": 0, "lost": 0, "given_up": 0}
        self.intake = Intake(self.book, secret, clock, chance, SWITCHES, self._answer)
        self._path = f"/v1/events/{name}"
        self._bearer = bearer
        self._hub = hub
        self._owed: asyncio.Queue[Applied] = asyncio.Queue()

    def app(self) -> web.Application:
        """The server."""
        app = new_app()
        self.intake.add_routes(app)
        app.router.add_post("/tillbridge/listing", self.post_listing)
        app.router.add_get("/mode", self.get_mode)
        app.router.add_put("/mode", self.put_mode)
        return app

    async def post_listing(self, request: web.Request) -> web.Response:
        """The documents by which credits were booked, page by page."""
        return await self.intake.post_listing(request, partial(booked, self.book))

    async def get_mode(self, _: web.Request) -> web.Response:
        """How it confirms, and how its calls went."""
        return said({"confirm": self.confirm, "webhooks": self.webhooks})

    async def put_mode(self, request: web.Request) -> web.Response:
        """Set how it confirms."""
        self.confirm = read(await request.read(), Mode, _MENDS).confirm
        return said({"confirm": self.confirm})

    def _answer(self, line: Applied, mishap: Mishap) -> web.Response:
        if self.confirm == "answer":
            return confirm_at_once(line, mishap)
        if mishap.lose_webhook:
            self.webhooks["lost"] += 1
        else:
            self._owed.put_nowait(line)
        return said({"state": "accepted"}, 202)

    @asynccontextmanager
    async def calling(self) -> AsyncIterator[None]:
        """Make the calls owed while the block runs; what is still owed at its end gets a moment, then is left."""
        callers = [asyncio.create_task(self._call_forever()) for _ in range(_CALLERS)]
        try:
            yield
            await self._drain()
        finally:
            for caller in callers:
                caller.cancel()
            await asyncio.gather(*callers, return_exceptions=True)

    async def _drain(self) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._owed.join(), _DRAIN_SECONDS)

    async def _call_forever(self) -> None:
        while True:
            line = await self._owed.get()
            try:
                await self._confirm(line)
            finally:
                self._owed.task_done()

    async def _confirm(self, line: Applied) -> None:
        """Tell the hub, again and again while it does not answer. It can ask us, so giving up loses nothing."""
        body: Mapping[str, object] = {"type": "handoff.confirmed", "key": line.key, "reference": line.reference}
        for attempt in range(_ATTEMPTS):
            answer = await self._hub.call("POST", self._path, self._bearer, body=body)
            if isinstance(answer, Answer) and answer.status < 500 and answer.status not in _LATER:
                self.webhooks["sent" if answer.good else "given_up"] += 1
                return
            await asyncio.sleep(0.1 * 2**attempt)
        self.webhooks["given_up"] += 1
