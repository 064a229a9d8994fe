"""The page that takes a reader from a napkin to a running, drawn and printed map: followed to the letter."""

import asyncio
import os
import shlex
import signal
import sys
from asyncio.subprocess import PIPE, Process
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp

from tests.docs.commands import typed
from tests.docs.conftest import free_port
from tests.docs.pages import DOCS, Block, block, blocks
from tillbridge.kernel.db import Db
from tillbridge.stack import store as editions

PAGE = DOCS / "howto" / "map-your-stack.md"


@dataclass
class Reader:
    """Somebody who types what the page says, in an empty folder."""

    folder: Path
    environment: dict[str, str]
    port: int
    hub: Process | None = None
    names: dict[str, str] = field(default_factory=dict)

    async def types(self, line: str) -> str:
        """What a line prints. The hub stays up behind it."""
        if line == "tillbridge serve":
            await self._serve()
            return ""
        if line.startswith("curl "):
            return await self._curl(line)
        name, _, inner = line.partition("=$(") if "=$(" in line else ("", "", line)
        process = await self._start(shlex.split(inner.rstrip(")") if name else inner)[1:])
        async with asyncio.timeout(60):
            out, complaints = await process.communicate()
        assert process.returncode == 0, f"{line}: {complaints.decode()}"
        if name:
            self.names[f"${name}"] = out.decode().strip()
        return out.decode()

    async def _start(self, words: list[str]) -> Process:
        return await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tillbridge.cli", *words),
            cwd=self.folder,
            stdout=PIPE,
            stderr=PIPE,
            env=self.environment,
        )

    async def _serve(self) -> None:
        self.hub = await self._start(["serve"])
        assert self.hub.stdout
        async with asyncio.timeout(60):
            assert b"listens on" in await self.hub.stdout.readline()

    async def _curl(self, line: str) -> str:
        words = shlex.split(line)
        headers = dict(words[at + 1].split(": ", 1) for at, word in enumerate(words) if word == "-H")
        headers["Authorization"] = f"Bearer {self.names['$TILL']}"
        address = next(word for word in words if word.startswith("http")).replace(":8080", f":{self.port}")
        sale = words[words.index("-d") + 1]
        async with aiohttp.ClientSession(headers=headers) as till, till.post(address, data=sale) as answer:
            assert answer.status == 201, await answer.text()
            return await answer.text()

    async def stops(self) -> None:
        """Ctrl-C in the hub's terminal."""
        if self.hub is not None and self.hub.returncode is None:
            self.hub.send_signal(signal.SIGINT)
            await self.hub.communicate()


def shown(one: Block) -> list[str]:
    """The output that a block shows, line by line."""
    lines = [line for line in one.text.splitlines() if line.strip()]
    return [line.rstrip() for line in lines[1:]] if len(typed(one.text)) == 1 and not lines[0].endswith("\\") else []


async def test_the_page_leads_to_a_running_drawn_and_printed_map(db: Db, db_url: str, tmp_path: Path) -> None:
    port = free_port()
    environment = {name: value for name, value in os.environ.items() if not name.startswith("TILLBRIDGE_")}
    environment |= {"TILLBRIDGE_DATABASE_URL": db_url, "TILLBRIDGE_PORT": str(port), "PYTHONIOENCODING": "utf-8"}
    reader = Reader(tmp_path, environment, port)
    file = tmp_path / "stack.toml"
    file.write_text("\n".join(one.text for one in blocks(PAGE) if one.kind == "toml"), "utf-8")
    try:
        for one in (one for one in blocks(PAGE) if one.kind == "console"):
            for line in typed(one.text):
                if line == "tillbridge map history":
                    await _changed(file, db)
                said = await reader.types(line)
                if line == "tillbridge map history":
                    assert "system erp: contact none -> erp@shop.example" in said
                if "--offline" in line:
                    printed = [row.rstrip() for row in said.splitlines()]
                    assert [row for row in shown(one) if row not in printed] == [], line
    finally:
        await reader.stops()
    assert {"path.svg", "spec.pdf", "spec.html", "spec.md"} <= written(tmp_path)
    assert "A real example: the newest event of this hop" in text_of(tmp_path / "spec.md")


def written(folder: Path) -> set[str]:
    """The files in a folder that are not empty."""
    return {path.name for path in folder.iterdir() if path.stat().st_size}


def text_of(file: Path) -> str:
    """What is in a file."""
    return file.read_text("utf-8")


def add_the_contact(file: Path) -> None:
    """The line that the page says to add."""
    owner = 'owner = "Finance systems"\n'
    assert text_of(file).count(owner) == 1
    file.write_text(text_of(file).replace(owner, owner + block(PAGE, "text", "contact = ").text), "utf-8")


async def _changed(file: Path, db: Db) -> None:
    """The changed map, and the hub that takes it up by itself."""
    add_the_contact(file)
    for _ in range(100):
        if len(await editions.editions(db)) == 2:
            return
        await asyncio.sleep(0.2)
    raise AssertionError("the running hub did not take up the changed map")
