"""What the benchmark of deliveries stands on: three systems in processes of their own, and a hub on one of two maps."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import aiohttp

from tillbridge.cli.rig import Rig, RigFault, ports_of
from tillbridge.simulate import sink

TARGETS: Final = ("processor", "erp", "web")
BATCH: Final = 100
_TICKS: Final = os.sysconf("SC_CLK_TCK") if hasattr(os, "sysconf") else 100


@dataclass(frozen=True, slots=True)
class Books:
    """What the three systems have in their own books: events applied, repeats of one they had, and requests."""

    applied: int
    repeats: int
    requests: int


@asynccontextmanager
async def sinks(rig: Rig) -> AsyncIterator[Mapping[str, int]]:
    """The three systems; the port of each."""
    async with AsyncExitStack() as closing:
        yield {name: await closing.enter_async_context(_sink(rig.keys[name].secret)) for name in TARGETS}


@asynccontextmanager
async def _sink(secret: str) -> AsyncIterator[int]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", sink.__name__, env={**os.environ, sink.SECRET: secret}, stdout=asyncio.subprocess.PIPE
    )
    try:
        line = await process.stdout.readline() if process.stdout else b""
        if not line.startswith(b"listens on "):
            raise RigFault("A system that takes deliveries did not start.")
        yield int(line.split()[-1])
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


def rig_with(rig: Rig, ports: Mapping[str, int], batch: int) -> Rig:
    """The rig with a map of its own, on which these systems take so many events at once."""
    text = rig.settings.stack.read_text("utf-8")
    for name, port in ports_of(rig).items():
        if name in ports:
            takes = f"\nbatch = {batch}" if batch > 1 else ""
            text = text.replace(f'url = "http://127.0.0.1:{port}"', f'url = "http://127.0.0.1:{ports[name]}"{takes}')
    file = rig.settings.stack.with_name(f"batch-{batch}.toml")
    file.write_text(text, "utf-8")
    return replace(rig, settings=replace(rig.settings, stack=file))


async def books(ports: Mapping[str, int]) -> Books:
    """The three books together."""
    told = []
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=10)) as session:
        for port in ports.values():
            async with session.get(f"http://127.0.0.1:{port}/book") as answer:
                told.append(await answer.json())
    return Books(*(sum(one[name] for one in told) for name in ("applied", "repeats", "requests")))


def server_seconds(folder: Path) -> float | None:
    """Seconds of a core that the embedded PostgreSQL in this folder has used; None where the system does not say."""
    try:
        pid = int((folder / "postgres" / "postmaster.pid").read_text("utf-8").split("\n", 1)[0])
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text("utf-8").split()
    except OSError:
        return None
    own = [_seconds(str(pid), ended=True), *(_seconds(child) for child in children)]
    return sum(one for one in own if one is not None)


def process_seconds(pid: int) -> float | None:
    """Seconds of a core that a process has used; None where the system does not say."""
    return _seconds(str(pid))


def _seconds(pid: str, *, ended: bool = False) -> float | None:
    try:
        parts = Path(f"/proc/{pid}/stat").read_text("utf-8").rpartition(")")[2].split()
    except OSError:
        return None
    # utime and stime; of the first process also those of its children that have ended.
    return sum(int(one) for one in parts[11 : 15 if ended else 13]) / _TICKS
