"""Pages that show requests and their answers: run against a real hub, one after the other, with their ids put in.

A request stands in a block of kind `http`, its answer in the block of `json` behind it. `CREDIT`, `HOLD` and `APPROVAL`
stand for the newest id of each that the hub has answered, `$TILL` for a key of that name.
"""

import json
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import aiohttp

from tests.acceptance.asking import ask, sale_command
from tests.acceptance.conftest import ACCOUNTS, QUIET_MAP, settings_in
from tests.docs.pages import blocks
from tillbridge.api.keys import make_key
from tillbridge.cli.serving import serving
from tillbridge.kernel.clock import SystemClock
from tillbridge.stack.load import parse

ROLES: Final = {"till": "register", "web": "system", "support": "support", "ops": "operations"}
FIRST: Final[Mapping[str, object]] = {"kind": "gift_card", "bucket": "paid", "amount": "50.00"}
SECOND: Final[Mapping[str, object]] = {"bucket": "promo", "amount": "10.00", "expires_at": "2031-01-01T00:00:00Z"}
SALES: Final[Mapping[str, tuple[Mapping[str, object], ...]]] = {
    "spend-hold-and-give-back": (SECOND, FIRST),
    "correct-a-balance": ({},),
}
"""What the register issued before each walk begins; CREDIT is the last."""


@dataclass
class Walk:
    """A hub at which a page is walked through, and what its names stand for by now."""

    url: str
    names: dict[str, str] = field(default_factory=dict)

    async def answer(self, request: str) -> Any:
        """What the hub answers to a request of the page."""
        head, _, body = self._named(request).partition("\n\n")
        first, *lines = head.splitlines()
        method, path = first.split()
        headers = dict(line.split(": ", 1) for line in lines)
        sent = re.sub(r'"ends": "[^"]*"', f'"ends": "{_soon()}"', body).encode()
        async with (
            aiohttp.ClientSession(self.url, headers=headers) as client,
            client.request(method, path, data=sent or None) as response,
        ):
            answered = await response.json(content_type=None)
        self._remember(answered)
        return answered

    def _named(self, text: str) -> str:
        for name, stands_for in self.names.items():
            text = text.replace(name, stands_for)
        return text

    def _remember(self, answered: Any) -> None:
        for name, place in (("HOLD", "hold"), ("APPROVAL", "approval")):
            if found := answered.get(place):
                self.names[name] = found["id"]
        if new := answered.get("new"):
            self.names["CREDIT"] = new["credit_id"]


def _soon() -> str:
    return (SystemClock().now() + timedelta(days=9)).isoformat()


@asynccontextmanager
async def walking(page: Path, folder: Path, db_url: str) -> AsyncIterator[Walk]:
    """A hub as a page begins with it."""
    stack = parse(QUIET_MAP + '\n[approval]\nabove = "100.00"\n', "stack.toml", {})
    async with serving(settings_in(folder, db_url), stack) as (hub, url):
        walk = Walk(url)
        for name, role in ROLES.items():
            key = await make_key(hub.db, hub.clock, name, role, "web" if role == "system" else "")
            walk.names[f"${name.upper()}"] = key
        ops = {"Authorization": f"Bearer {walk.names['$OPS']}"}
        async with aiohttp.ClientSession(url, headers=ops) as client:
            await ask(client, "/v1/events/web", {"type": "customers.updated", "customers": ACCOUNTS})
            commands = [sale_command(f"sale-{place}", **one) for place, one in enumerate(SALES[page.stem])]
            _, body, _ = await ask(client, "/v1/batches", {"commands": commands})
        walk.names["CREDIT"] = body["answers"][-1]["body"]["credit"]["id"]
        yield walk


def steps(page: Path) -> list[tuple[str, str]]:
    """The requests of a page, each with the answer that is shown behind it."""
    found = [one for one in blocks(page) if one.kind in ("http", "json")]
    assert [one.kind for one in found] == ["http", "json"] * (len(found) // 2)
    return [(asked.text, shown.text) for asked, shown in zip(found[::2], found[1::2], strict=True)]


def as_shown(answered: Any) -> str:
    """An answer as it is put into a page."""
    return json.dumps(answered, indent=2, ensure_ascii=False)
