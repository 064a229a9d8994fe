"""A system at the other end of a hop: a real HTTP server with a book of its own, that does what a test tells it."""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web

Handler = Callable[["Target", str, dict[str, Any], web.Request], Awaitable[web.Response]]


async def nothing() -> None:
    """There is no server to stop yet."""


class Target:
    """Applies each key once. `script` holds what the next deliveries meet; when it is empty, all goes well."""

    def __init__(self) -> None:
        self.url = ""
        self.book: dict[str, dict[str, Any]] = {}
        self.versions: dict[str, list[int]] = {}
        self.requests: Counter[str] = Counter()
        self.repeats = 0
        self.probes = 0
        self.script: list[Handler] = []
        self.always: Handler = confirm
        self.can_be_asked = True
        self.batches: list[int] = []
        self.stop: Callable[[], Awaitable[None]] = nothing

    def apply(self, key: str, body: dict[str, Any]) -> str:
        """Write an event into the book, once; the reference."""
        if key in self.book:
            self.repeats += 1
        else:
            self.book[key] = body
            self.versions.setdefault(body["credit"]["id"], []).append(body["version"])
        return f"ref-{key[:8]}"

    async def post(self, request: web.Request) -> web.Response:
        key, body = request.headers["Idempotency-Key"], await request.json()
        self.requests[key] += 1
        handler = self.script.pop(0) if self.script else self.always
        return await handler(self, key, body, request)

    async def post_batch(self, request: web.Request) -> web.Response:
        """Many events: each meets what it would have met alone. An answer that is lost is lost for all."""
        self.batches.append(len((await request.json())["events"]))
        answers = []
        for one in (await request.json())["events"]:
            self.requests[one["key"]] += 1
            handler = self.script.pop(0) if self.script else self.always
            said = await handler(self, one["key"], one["body"], request)
            body = json.loads(said.body) if isinstance(said.body, bytes) else {}
            answers.append({"key": one["key"], "status": said.status, **body})
        return web.json_response({"answers": answers})

    async def post_questions(self, request: web.Request) -> web.Response:
        keys = (await request.json())["keys"]
        self.probes += len(keys)
        answers = [
            {"key": key, "status": 200, "state": "applied", "reference": f"ref-{key[:8]}"}
            if key in self.book
            else {"key": key, "status": 404}
            for key in keys
        ]
        return web.json_response({"answers": answers})

    async def get(self, request: web.Request) -> web.Response:
        self.probes += 1
        if not self.can_be_asked:
            return web.json_response({"code": "no-probe", "message": "Nobody can ask here."}, status=405)
        key = request.match_info["key"]
        if key in self.book:
            return web.json_response({"state": "applied", "reference": f"ref-{key[:8]}"})
        return web.json_response({"code": "not-applied", "message": "Nothing by this key."}, status=404)


async def confirm(target: Target, key: str, body: dict[str, Any], _: web.Request) -> web.Response:
    return web.json_response({"reference": target.apply(key, body)})


async def accept(target: Target, key: str, body: dict[str, Any], _: web.Request) -> web.Response:
    """Take it in and confirm it later, by a call of its own that the test makes (or forgets)."""
    target.apply(key, body)
    return web.json_response({}, status=202)


async def lose_answer(target: Target, key: str, body: dict[str, Any], request: web.Request) -> web.Response:
    """Apply it, then drop the connection."""
    target.apply(key, body)
    return await drop(target, key, body, request)


async def drop(_target: Target, _key: str, _body: dict[str, Any], request: web.Request) -> web.Response:
    """Drop the connection without applying anything."""
    assert request.transport is not None
    request.transport.abort()
    return web.Response(status=500)


async def hang(_target: Target, _key: str, _body: dict[str, Any], _: web.Request) -> web.Response:
    """Apply nothing, answer nothing."""
    await asyncio.sleep(30)
    return web.Response(status=500)


def refuse(status: int, code: str, **headers: str) -> Handler:
    async def refused(_target: Target, _key: str, _body: dict[str, Any], _: web.Request) -> web.Response:
        return web.json_response({"code": code, "message": f"Refused: {code}."}, status=status, headers=headers)

    return refused


@asynccontextmanager
async def serve(target: Target | None = None, port: int = 0) -> AsyncIterator[Target]:
    """The system on a free port of loopback."""
    target = target or Target()
    app = web.Application(client_max_size=4 * 1024 * 1024)
    app.router.add_post("/tillbridge/events", target.post)
    app.router.add_get("/tillbridge/events/{key}", target.get)
    app.router.add_post("/tillbridge/batches", target.post_batch)
    app.router.add_post("/tillbridge/questions", target.post_questions)
    runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", port, reuse_address=True)
    await site.start()
    target.stop = runner.cleanup
    target.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield target
    finally:
        await runner.cleanup()
