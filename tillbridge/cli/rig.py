"""A rig for demos and benchmarks: a folder, a stack map, keys, a hub in a process of its own, and the retailer."""

import asyncio
import json
import logging
import os
import shutil
import signal
import socket
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tillbridge.api.keys import make_key
from tillbridge.cli.running import settings_with
from tillbridge.kernel.clock import SystemClock
from tillbridge.kernel.db import stop_embedded
from tillbridge.kernel.errors import TillbridgeError
from tillbridge.kernel.ids import secret_token
from tillbridge.kernel.settings import Settings
from tillbridge.simulate.servers import NAMES, Key
from tillbridge.wiring import INBOX, open_database

START_SECONDS: Final = 60.0
STOP_SECONDS: Final = 20.0

_ROLES: Final[Mapping[str, tuple[str, str]]] = {
    "registers": ("register", ""),
    "processor": ("system", "processor"),
    "erp": ("system", "erp"),
    "web": ("system", "web"),
    "operations": ("operations", ""),
}

_MAP: Final = """\
# The retailer of the demo. Registers, payments, ERP and web store run beside the hub, on this machine.
[retailer]
name = "Harbor & Pine"
country = "US"
currency = "USD"
time_zone = "America/New_York"

[authority]
system = "platform"

[systems.registers]
role = "pos"
connector = "http"
url = "{registers}"

[systems.platform]
role = "platform"
connector = "built-in"

[systems.processor]
role = "payments"
connector = "http"
url = "{processor}"
secret = "env:TILLBRIDGE_SECRET_PROCESSOR"

[systems.erp]
role = "erp"
connector = "http"
url = "{erp}"
secret = "env:TILLBRIDGE_SECRET_ERP"

[systems.web]
role = "storefront"
connector = "http"
url = "{web}"
secret = "env:TILLBRIDGE_SECRET_WEB"

[[hops]]
from = "registers"
to = "platform"
trigger = "webhook"
sla = "2s"
checkpoint = true
transform = ["resolve-customer"]

[[hops]]
from = "platform"
to = "processor"
trigger = "webhook"
sla = "30s"
{pace}

[[hops]]
from = "processor"
to = "erp"
trigger = "webhook"
sla = "60s"
{pace}

[[hops]]
from = "platform"
to = "web"
trigger = "webhook"
sla = "5s"
checkpoint = true
{pace}
"""

_PACE: Final = 'timeout = "2s"\nattempts = 15\nbackoff = "200ms"\nbackoff_max = "5s"'


class RigFault(TillbridgeError):
    """A part of the rig did not start."""


@dataclass(frozen=True, slots=True)
class Rig:
    """What was set up: settings of the hub, the systems' addresses, and everybody's keys."""

    settings: Settings
    urls: Mapping[str, str]
    keys: Mapping[str, Key]
    operations: str

    def environment(self) -> Mapping[str, str]:
        """The environment of the hub's process."""
        secrets = {f"TILLBRIDGE_SECRET_{name.upper()}": self.keys[name].secret for name in ("processor", "erp", "web")}
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("TILLBRIDGE_")}
        return {**inherited, **secrets, "TILLBRIDGE_SMTP_URL": INBOX, "TILLBRIDGE_LOG_LEVEL": "error"}


@contextmanager
def folder_for(purpose: str, kept: Path | None = None) -> Iterator[Path]:
    """A folder of its own, gone at the end with the database in it; or `kept`, which stays."""
    folder = kept or Path(tempfile.mkdtemp(prefix=f"tillbridge-{purpose}-"))
    log = logging.getLogger("tillbridge")
    level = log.level
    # What a hub warns its operator of is noise beside a demo or a measurement, in which things go wrong on purpose.
    log.setLevel(logging.ERROR)
    try:
        yield folder
    finally:
        log.setLevel(level)
        stop_embedded(folder)
        if kept is None:
            shutil.rmtree(folder, ignore_errors=True)


def free_ports(count: int) -> list[int]:
    """Ports of loopback that are free right now."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    try:
        return [one.getsockname()[1] for one in sockets]
    finally:
        for one in sockets:
            one.close()


def new_stack_file(folder: Path) -> Path:
    """Make the folder; where its stack map will be. Raises RigFault when somebody has used the folder before."""
    folder.mkdir(parents=True, exist_ok=True)
    stack_file = folder / "stack.toml"
    if stack_file.exists():
        raise RigFault(f"{folder} has been used before. Name a new folder with --data-dir.")
    return stack_file


async def set_up(folder: Path) -> Rig:
    """Make the folder ready: database, keys, and a stack map that names ports for the four systems.

    Raises RigFault when somebody has used the folder before.
    """
    stack_file = new_stack_file(folder)
    settings = settings_with(folder, stack_file, database_url="", secret="", host="127.0.0.1", port=free_ports(1)[0])
    ports = dict(zip(NAMES, free_ports(len(NAMES)), strict=True))
    urls = {name: f"http://127.0.0.1:{port}" for name, port in ports.items()}
    async with open_database(settings) as db:
        bearers = {
            name: await make_key(db, SystemClock(), name, role, system) for name, (role, system) in _ROLES.items()
        }
    keys = {name: Key(bearers[name], secret_token() if name != "registers" else "") for name in NAMES}
    stack_file.write_text(_MAP.format(**urls, pace=_PACE), "utf-8")
    return Rig(settings, urls, keys, bearers["operations"])


@asynccontextmanager
async def hub_process(rig: Rig, *, deliver: bool = True) -> AsyncIterator["HubProcess"]:
    """The hub as a process of its own, until the block ends. With `deliver` false it confirms only."""
    hub = HubProcess(rig, deliver=deliver)
    await hub.start()
    try:
        yield hub
    finally:
        await hub.stop()


class HubProcess:
    """A hub that can be started, stopped and killed."""

    def __init__(self, rig: Rig, *, deliver: bool = True) -> None:
        self._rig = rig
        self._options = () if deliver else ("--no-work",)
        self._process: asyncio.subprocess.Process | None = None
        self.url = f"http://127.0.0.1:{rig.settings.port}"

    async def start(self) -> None:
        """Start it and wait until it listens. Raises RigFault."""
        rig = self._rig
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", "tillbridge.cli", "serve", "--data-dir", str(rig.settings.data_dir)),
            *("--stack", str(rig.settings.stack), "--host", "127.0.0.1", "--port", str(rig.settings.port)),
            *self._options,
            env=rig.environment(),
            stdout=asyncio.subprocess.PIPE,
        )
        try:
            async with asyncio.timeout(START_SECONDS):
                line = await self._process.stdout.readline() if self._process.stdout else b""
        except TimeoutError:
            line = b""
        if b"listens on" not in line:
            await self.stop()
            raise RigFault("The hub did not start.")

    async def stop(self, by: signal.Signals = signal.SIGTERM) -> None:
        """Stop it and wait until it is gone; SIGKILL gives it no time to clean up."""
        process, self._process = self._process, None
        if process is None or process.returncode is not None:
            return
        process.send_signal(by)
        try:
            async with asyncio.timeout(STOP_SECONDS):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()

    @property
    def pid(self) -> int:
        """The number of the hub's process. Raises RigFault when it does not run."""
        if self._process is None:
            raise RigFault("The hub does not run.")
        return self._process.pid

    def memory_mb(self) -> float | None:
        """Resident memory of the hub's process in megabytes; None where it does not run, or the system does not say."""
        return None if self._process is None else memory_mb(self._process.pid)


def memory_mb(pid: int) -> float | None:
    """Resident memory of a process in megabytes; None where the system does not say (only Linux does)."""
    try:
        pages = Path(f"/proc/{pid}/statm").read_text("utf-8").split()[1]
    except OSError:
        return None
    return int(pages) * os.sysconf("SC_PAGE_SIZE") / 1e6


def write_keys(rig: Rig, file: Path) -> None:
    """The systems' keys as a file for `tillbridge simulate --serve`, readable by its owner alone."""
    file.touch(mode=0o600)
    file.write_text(json.dumps({name: {"bearer": key.bearer, "secret": key.secret} for name, key in rig.keys.items()}))


def ports_of(rig: Rig) -> Mapping[str, int]:
    """The port of each system."""
    return {name: int(url.rpartition(":")[2]) for name, url in rig.urls.items()}
