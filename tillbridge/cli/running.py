"""How commands run: one event loop, settings from the environment, and what serves until it is told to stop."""

import asyncio
import gc
import signal
import socket
import sys
from collections.abc import Callable, Coroutine
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, TypeVar

import click

from tillbridge.kernel.errors import SettingFault
from tillbridge.kernel.settings import Settings, read_settings
from tillbridge.stack.load import load
from tillbridge.stack.model import Stack

T = TypeVar("T")


def run(work: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine to its end on the fastest loop there is."""
    if sys.platform == "win32":
        return asyncio.run(work)
    import uvloop  # noqa: PLC0415 - not made for Windows

    return uvloop.run(work)


def settings_with(data_dir: Path | None = None, stack: Path | None = None, **changes: Any) -> Settings:
    """The settings from the environment, with what the command line says instead."""
    settings = read_settings()
    if data_dir is not None:
        changes["data_dir"] = data_dir.expanduser().absolute()
    if stack is not None:
        changes["stack"] = stack.expanduser().absolute()
    return replace(settings, **changes)


class _Unneeded(dict[str, str]):
    """Stands for the environment where secrets are not needed: a command that only reads sends nothing to anybody."""

    def get(self, key: str, default: object = None) -> str:
        """Any secret, the same for all."""
        del key, default
        return "unneeded"


def read_stack(settings: Settings, *, secrets: bool = True) -> Stack:
    """The stack map that the settings name. Without `secrets`, those that are in the environment may be missing.

    Raises StackFault, and SettingFault when there is no such file.
    """
    if not settings.stack.exists():
        mend = "Write one with 'tillbridge init', or name yours with --stack."
        raise SettingFault("TILLBRIDGE_STACK", f"there is no {settings.stack}", mend)
    return load(settings.stack, None if secrets else _Unneeded())


def listen(host: str, port: int) -> socket.socket:
    """A listening socket; port 0 takes a free one. Raises SettingFault when the port is taken."""
    try:
        return socket.create_server((host, port), backlog=1024, reuse_port=False)
    except OSError as error:
        mend = "Stop what listens there, or choose another with --port (0 takes a free one)."
        raise SettingFault("TILLBRIDGE_PORT", f"cannot listen on {host}:{port} ({error.strerror})", mend) from error


def address_of(listener: socket.socket) -> str:
    """The address of a listening socket, for people and clients of this machine."""
    host, port = listener.getsockname()[:2]
    shown = "127.0.0.1" if host == "0.0.0.0" else host  # noqa: S104 - it is only shown
    return f"http://[{shown}]:{port}" if ":" in shown else f"http://{shown}:{port}"


def own_address(settings: Settings) -> str:
    """Where vouchers are claimed that a process opens which has no doors of its own."""
    return settings.public_url or f"http://{settings.host}:{settings.port}"


COLLECT_AFTER: Final = (20_000, 20, 50)
"""After how many new objects the collector looks at the young ones, and how many such looks lead to a wider one."""


def settle() -> None:
    """Take everything that is loaded by now for what it is: there until the process ends.

    The garbage collector then passes over it. Otherwise it looks through all of it about once a second in a hub that is
    busy, and every register waits some 70 ms for that. What is made for a request goes when it is answered, without the
    collector: it need look less often than it does by itself. Said again when much of what was there has gone.
    """
    gc.unfreeze()
    gc.collect()
    gc.freeze()
    gc.set_threshold(*COLLECT_AFTER)


async def until_told(announce: Callable[[], None] | None = None) -> None:
    """Wait for SIGINT or SIGTERM."""
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    for name in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(name, stop.set)
    if announce is not None:
        announce()
    await stop.wait()


def say(text: str) -> None:
    """A line for the person who looks on; it leaves at once even when nobody does."""
    click.echo(text)
    sys.stdout.flush()
