"""Looks whether the map that a running hub runs on has changed."""

import asyncio
import hashlib
import logging
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from tillbridge.kernel.errors import DatabaseError, LawFault, SettingFault, StackFault
from tillbridge.stack.load import load
from tillbridge.stack.model import Stack

LOOK_SECONDS: Final = 2.0
"""How often the file is looked at."""

_LOG: Final = logging.getLogger("tillbridge.map")

Sight = tuple[tuple[int, int, str], ...]
"""What was seen of the map and the files beside it: the time and size of each, and the hash of what is in it."""


class MapWatch:
    """One map file under the eyes of a running hub. `fault` says why the newest text of it was refused."""

    def __init__(self, running: Stack) -> None:
        self.running = running
        self.fault: StackFault | None = None
        self._file = Path(running.file)
        self._told = asyncio.Event()
        # Nothing is taken as seen: the file may have changed since it was read.
        self._read: Sight | None = None
        self._before: Sight | None = None
        self._mended: tuple[Stack, Sight | None] | None = None

    def refused(self) -> StackFault | None:
        """Why the newest text of the map was refused; None while the hub runs on what the file says."""
        return self.fault

    @contextmanager
    def told(self) -> Iterator[None]:
        """While the block runs, SIGHUP means: read the map again, now."""
        loop, name = asyncio.get_running_loop(), getattr(signal, "SIGHUP", None)
        if name is not None:
            loop.add_signal_handler(name, self._told.set)
        try:
            yield
        finally:
            if name is not None:
                loop.remove_signal_handler(name)

    async def changed(self) -> AsyncIterator[Stack]:
        """Each map that can run and is another than the one that runs, for as long as anybody asks.

        A file that is still being written is left until it has stood still from one look to the next. One that is
        refused is logged once, and `fault` says so until it is mended.
        """
        while True:
            by_signal = await self._pause()
            sight = await asyncio.to_thread(_sight, _files(self.running))
            still, self._before = sight == self._before, sight
            if by_signal or (still and sight != self._read):
                # What is gone for a moment may be on its way to being another.
                if sight is None and not by_signal:
                    continue
                self._read, self._mended = sight, None
                if (stack := await self._load()) is not None:
                    yield stack
            elif self.fault is not None and (stack := await self._beside()) is not None:
                yield stack

    def again(self) -> None:
        """Offer the map once more at the next look: it could not be taken up just now."""
        self._read = None

    async def _beside(self) -> Stack | None:
        """The map after all, where what was refused was mended in a file beside it: once all of them stand still."""
        try:
            stack = await asyncio.to_thread(load, self._file)
        except StackFault as fault:
            self._mended = None
            if str(fault) != str(self.fault):
                self._refuse(fault)
            return None
        before, self._mended = self._mended, (stack, await asyncio.to_thread(_sight, _files(stack)))
        if before != self._mended:
            return None
        self._mended = self.fault = None
        return None if stack == self.running else stack

    async def _pause(self) -> bool:
        """Wait for the next look; whether a signal cut it short."""
        try:
            async with asyncio.timeout(LOOK_SECONDS):
                await self._told.wait()
        except TimeoutError:
            return False
        self._told.clear()
        return True

    async def _load(self) -> Stack | None:
        try:
            stack = await asyncio.to_thread(load, self._file)
        except StackFault as fault:
            self._refuse(fault)
            return None
        self.fault = None
        return None if stack == self.running else stack

    def _refuse(self, fault: StackFault) -> None:
        self.fault = fault
        _LOG.warning("The map is refused, and the one before it goes on running. %s", fault)


def _files(stack: Stack) -> tuple[Path, ...]:
    """The map, and the files beside it that its transformations name."""
    file = Path(stack.file)
    named = {str(getattr(transform, "file", "")) for hop in stack.hops for transform in hop.transform}
    return (file, *(file.parent / name for name in sorted(named) if name))


def _sight(files: Sequence[Path]) -> Sight | None:
    """What there is to be seen; None where one of the files is not there or cannot be read."""
    try:
        return tuple((*_stamp(file), hashlib.sha256(file.read_bytes()).hexdigest()) for file in files)
    except OSError:
        return None


def _stamp(file: Path) -> tuple[int, int]:
    state = file.stat()
    return state.st_mtime_ns, state.st_size


async def take_up(watch: MapWatch, open_: Callable[[Stack], Awaitable[object]]) -> None:
    """Run on every map that the file comes to hold, until cancelled. `open_` puts one in force; where it cannot right
    now, the one before it goes on and it is tried again."""
    while True:
        try:
            async for stack in watch.changed():
                await _take_up(watch, stack, open_)
        except Exception:
            # A defect of ours must not blind the hub to its map for good.
            _LOG.exception("The look at the map stumbled, and goes on.")
            watch.again()


async def _take_up(watch: MapWatch, stack: Stack, open_: Callable[[Stack], Awaitable[object]]) -> None:
    try:
        await open_(stack)
    except (DatabaseError, LawFault, SettingFault) as error:
        _LOG.warning("The new map cannot be taken up right now, and is tried again. %s", error)
        watch.again()
    else:
        watch.running = stack
        _LOG.warning("The map has changed and is in force: %s hops, %s systems.", len(stack.hops), len(stack.systems))
