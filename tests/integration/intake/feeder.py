"""A feed on loopback: rows by the time at which they were changed, pages by place, and faults on demand."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from aiohttp import web

TOKEN = "let me read"


@dataclass
class Feeder:
    """`rows` are sorted by their time when they are told. A place is the time and the key of the last row of a page.

    `faults` are answers to be given in place of the next pages, first to last; `meanwhile` is called before each page.
    """

    url: str = ""
    rows: list[dict[str, Any]] = field(default_factory=list)
    asked: list[dict[str, str]] = field(default_factory=list)
    faults: list[web.Response] = field(default_factory=list)
    meanwhile: Callable[[int], None] = lambda _: None
    lines: bool = False
    pause: float = 0

    async def page(self, request: web.Request) -> web.StreamResponse:
        self.meanwhile(len(self.asked))
        await asyncio.sleep(self.pause)
        self.asked.append(dict(request.query))
        if request.headers.get("Authorization") != f"Bearer {TOKEN}":
            return web.json_response({}, status=401)
        if self.faults:
            return self.faults.pop(0)
        since, after = request.query.get("since"), request.query.get("after", "")
        told = sorted(self.rows, key=_place)
        if since:
            told = [row for row in told if _at(row) >= datetime.fromisoformat(since)]
        told = [row for row in told if not after or _place(row) > after]
        limit = int(request.query["limit"])
        following = _place(told[limit - 1]) if len(told) > limit else None
        if self.lines:
            text = "\n".join([*(json.dumps(row) for row in told[:limit]), json.dumps({"next": following})])
            return web.Response(text=text, content_type="application/x-ndjson")
        return web.json_response({"rows": told[:limit], "next": following})


def _at(row: dict[str, Any]) -> datetime:
    return datetime.fromisoformat(row["updated_at"])


def _place(row: dict[str, Any]) -> str:
    return f"{_at(row).isoformat()} {row['transaction_id']}"


@asynccontextmanager
async def feeding() -> AsyncIterator[Feeder]:
    """A feed, until the block ends."""
    feeder, app = Feeder(), web.Application()
    app.router.add_get("/sales", feeder.page)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    host, port = runner.addresses[0][:2]
    feeder.url = f"http://{host}:{port}/sales"
    try:
        yield feeder
    finally:
        await runner.cleanup()
