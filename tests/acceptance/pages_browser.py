"""Chromium over its DevTools protocol: opens pages as a person's browser would, and says what it saw."""

import asyncio
import json
import subprocess
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import aiohttp

_FLAGS: Final = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    "--remote-debugging-port=0",
)

# Every text that can be seen, with its contrast against the nearest background below it (WCAG 2.2, 1.4.3).
_CONTRASTS: Final = """(() => {
  const parts = c => (c.match(/[\\d.]+/g) || [0, 0, 0, 0]).map(Number);
  const light = c => parts(c).slice(0, 3).map(v => v / 255)
    .map(v => v <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4)
    .reduce((sum, v, i) => sum + v * [.2126, .7152, .0722][i], 0);
  const solid = c => (parts(c)[3] ?? 1) > 0;
  const below = e => { for (; e; e = e.parentElement) { const s = getComputedStyle(e);
    if (e.tagName === 'rect' || e.tagName === 'svg') continue;
    if (solid(s.backgroundColor)) return s.backgroundColor; } return 'rgb(255,255,255)'; };
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT), found = [];
  for (let n; n = walker.nextNode();) {
    const e = n.parentElement, s = getComputedStyle(e);
    if (!n.data.trim() || e.closest('title, style') || !e.getClientRects().length) continue;
    const ink = e instanceof SVGElement ? s.fill : s.color;
    const [a, b] = [light(ink), light(below(e))].sort((x, y) => y - x);
    found.push([Math.round((a + .05) / (b + .05) * 100) / 100, n.data.trim().slice(0, 40)]);
  }
  return found;
})()"""

_WIDER: Final = """[...document.querySelectorAll('body *')].filter(e => !e.closest('.unseen, .skip, thead'))
  .filter(e => e.getBoundingClientRect().right > innerWidth + 1 || e.scrollWidth > e.clientWidth + 1 && e.clientWidth
    && getComputedStyle(e).display !== 'inline' && e.tagName !== 'INPUT')
  .map(e => e.tagName + '.' + (e.getAttribute('class') || ''))"""


class Browser:
    """One tab. `requested` holds the address of everything it asked for."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self._numbers = count(1)
        self.requested: list[str] = []
        self.complaints: list[str] = []

    async def call(self, method: str, **parameters: object) -> Mapping[str, Any]:
        """One call of the protocol, and its answer."""
        number = next(self._numbers)
        await self._socket.send_json({"id": number, "method": method, "params": parameters})
        while True:
            said = await self._hear()
            if said.get("id") == number:
                assert "error" not in said, said
                return dict(said["result"])

    async def open(self, address: str) -> None:
        """Open a page and wait until it has loaded."""
        await self.call("Page.navigate", url=address)
        await self.until_loaded()

    async def until_loaded(self) -> None:
        """Wait for the page that is on its way."""
        while (await self._hear()).get("method") != "Page.loadEventFired":
            pass

    async def evaluate(self, expression: str) -> Any:
        """The value of an expression in the page."""
        answer = await self.call("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    async def look(self, width: int, *, dark: bool = False, paper: bool = False) -> None:
        """See the page at a width, in light or dark, on a screen or on paper."""
        await self.call(
            "Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=width < 600
        )
        features = [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]
        await self.call("Emulation.setEmulatedMedia", media="print" if paper else "", features=features)

    async def faint(self, least: float = 4.5) -> list[tuple[float, str]]:
        """Texts whose contrast is less than it has to be."""
        return [(ratio, text) for ratio, text in await self.evaluate(_CONTRASTS) if ratio < least]

    async def wider(self) -> list[str]:
        """What reaches over the right edge of the window or out of its own box."""
        return list(await self.evaluate(_WIDER))

    async def _hear(self) -> Mapping[str, Any]:
        said: Mapping[str, Any] = json.loads((await self._socket.receive(timeout=20)).data)
        if said.get("method") == "Network.requestWillBeSent":
            self.requested.append(said["params"]["request"]["url"])
        if said.get("method") == "Log.entryAdded":
            self.complaints.append(said["params"]["entry"]["text"])
        return said


@asynccontextmanager
async def browser(chromium: str) -> AsyncIterator[Browser]:
    """A fresh Chromium with one tab."""
    with TemporaryDirectory(prefix="tillbridge-chromium-", ignore_cleanup_errors=True) as folder:
        process = subprocess.Popen(  # noqa: ASYNC220 - started once, and returns at once
            [chromium, *_FLAGS, f"--user-data-dir={folder}", "about:blank"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            port = await _debugging_port(Path(folder, "DevToolsActivePort"))
            async with aiohttp.ClientSession() as session, _tab(session, port) as tab:
                yield tab
                # Closed from inside, so that its own helpers are gone before its folder goes.
                await tab.call("Browser.close")
            await asyncio.to_thread(process.wait, 20)
        finally:
            if process.poll() is None:
                process.kill()
                await asyncio.to_thread(process.wait, 20)


@asynccontextmanager
async def _tab(session: aiohttp.ClientSession, port: int) -> AsyncIterator[Browser]:
    async with session.get(f"http://127.0.0.1:{port}/json/list") as answer:
        targets = await answer.json(content_type=None)
    address = next(target["webSocketDebuggerUrl"] for target in targets if target["type"] == "page")
    async with session.ws_connect(address, max_msg_size=64 * 2**20) as socket:
        tab = Browser(socket)
        for domain in ("Page", "Runtime", "Network", "Log"):
            await tab.call(f"{domain}.enable")
        yield tab


async def _debugging_port(file: Path) -> int:
    for _ in range(300):
        if (port := _written_port(file)) is not None:
            return port
        await asyncio.sleep(0.1)
    raise AssertionError("Chromium did not start within 30 s")


def _written_port(file: Path) -> int | None:
    """The port that Chromium listens on; it writes the file when it is ready."""
    lines = file.read_text("utf-8").split() if file.is_file() else []
    return int(lines[0]) if lines else None
