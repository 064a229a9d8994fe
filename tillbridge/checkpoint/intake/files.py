"""One run over a folder: whole files only, each read to its end before it is put away.

A crash at any moment leaves it right: a file is put away only when all its rows are confirmed or in quarantine; until
then it lies where it was, and is read again, and what is taken in twice changes nothing.
"""

import asyncio
import hashlib
import logging
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from itertools import islice
from pathlib import Path
from typing import BinaryIO, Final
from zoneinfo import ZoneInfo

from tillbridge.checkpoint.intake import table
from tillbridge.checkpoint.intake.lease import Held
from tillbridge.checkpoint.intake.model import BadRow, Entry, Row, Shelf, SourceAway, Tally
from tillbridge.checkpoint.intake.take import CHUNK, Accounts, Taking
from tillbridge.handoff.inbound import store
from tillbridge.kernel.clock import Clock
from tillbridge.kernel.db import Db
from tillbridge.kernel.errors import BadInput
from tillbridge.stack.model import Brings, Source

_LOG: Final = logging.getLogger("tillbridge.intake")

ARCHIVE: Final = "archive"
SET_ASIDE: Final = "set-aside"
"""The folders below the source's own that files are put away into, each with one a day in the retailer's zone."""

Pause = Callable[[timedelta], Awaitable[None]]


async def pause(time: timedelta) -> None:
    """Wait."""
    await asyncio.sleep(time.total_seconds())


@dataclass(frozen=True, slots=True)
class FileRun:
    """Everything that one run over a folder needs."""

    db: Db
    clock: Clock
    zone: ZoneInfo
    taking: Taking
    system: str
    source: Source
    shelf: Shelf
    held: Held
    tally: Tally
    wait: Pause = pause

    async def run(self) -> None:
        """Take in what is whole. One file of sales that cannot be read holds up none behind it, and is told at the end;
        of a directory the newest file must come last. Raises SourceAway, LeaseLost, DatabaseError."""
        ready, left = await self._whole()
        self.tally.left += left
        bad: list[str] = []
        for entry in ready:
            self.held.check()
            try:
                async with self.shelf.fetch(entry) as path:
                    await self._take(entry, path)
            except SourceAway as error:
                bad.append(f"{table.clean(entry.name)}: {error}")
                if self.source.what is Brings.CUSTOMERS:
                    break
        if bad:
            raise SourceAway(" ".join(bad[:3]) + (f" And {len(bad) - 3} more." if len(bad) > 3 else ""))

    async def _whole(self) -> tuple[list[Entry], int]:
        """The files that stood still between two looks, or whose marker is there; and how many others there are."""
        first = await self.shelf.look()
        if not first:
            return [], 0
        if self.source.marker:
            ready = [entry for entry in first.values() if entry.marked]
        else:
            await self.wait(self.source.settle)
            second = await self.shelf.look()
            ready = [entry for name, entry in first.items() if entry.same(second.get(name))]
        return sorted(ready, key=lambda entry: entry.name), len(first) - len(ready)

    async def _take(self, entry: Entry, path: Path) -> None:
        print_ = await asyncio.to_thread(_print_of, path)
        seen = await store.file_of(self.db, self.system, print_)
        # What was sold once stays sold; who a customer is may be said again after something else was said.
        again = seen is not None and (seen.newest or self.source.what is Brings.SALES)
        if seen is not None and seen.state == "taken" and again:
            name = table.clean(entry.name)
            _LOG.info("%s: %s was taken in before, as %s at %s", self.system, name, seen.name, seen.ended_at)
            await self._put_away(entry, ARCHIVE)
            self.tally.again += 1
            return
        before = self.tally.shown()
        try:
            whole = await self._rows(entry, path) == print_
        except BadInput as error:
            await self._set_aside(entry, print_, str(error))
            return
        if not whole:
            self._leave(entry)
            return
        brought = {name: count - before.get(name, 0) for name, count in self.tally.shown().items()}
        await self._note(print_, entry, "taken", brought=brought)
        await self._put_away(entry, ARCHIVE)
        self.tally.files += 1

    async def _rows(self, entry: Entry, path: Path) -> bytes:
        """Take in every row of a file; the print of what was read. Raises BadInput for a header that is wrong."""
        content = hashlib.sha256()
        place, accounts = table.clean(entry.name), Accounts()
        with await asyncio.to_thread(path.open, "rb") as opened:
            rows = table.read(_lines(opened, content.update), self.source)
            while chunk := await asyncio.to_thread(_some, rows):
                await self.taking.take(self.system, self.source, place, chunk, self.tally, accounts)
                self.held.check()
        return content.digest()

    async def _set_aside(self, entry: Entry, print_: bytes, reason: str) -> None:
        """A file that cannot be read as a whole: it is put away with the reason beside it."""
        _LOG.warning("%s: %s is set aside: %s", self.system, table.clean(entry.name), reason)
        await self._note(print_, entry, "set-aside", reason=table.clean(reason))
        await self._put_away(entry, SET_ASIDE, f"{reason}\n")
        self.tally.set_aside += 1

    async def _note(
        self, print_: bytes, entry: Entry, state: str, *, reason: str = "", brought: Mapping[str, int] | None = None
    ) -> None:
        name, at = table.clean(entry.name), self.clock.now()
        await store.note_file(
            self.db, self.held.source, print_, name, state, at, reason=reason, brought=brought
        )  # fmt: skip

    async def _put_away(self, entry: Entry, folder: str, note: str = "") -> None:
        self.held.check()
        day = self.clock.now().astimezone(self.zone).date().isoformat()
        if not await self.shelf.put_away(entry, f"{folder}/{day}", note):
            self._leave(entry)

    def _leave(self, entry: Entry) -> None:
        """It was written to while it was read: what is new in it is taken in when it stands still."""
        _LOG.warning("%s: %s changed while it was read; it is read again", self.system, table.clean(entry.name))
        self.tally.left += 1


def _print_of(path: Path) -> bytes:
    with path.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").digest()


def _lines(opened: BinaryIO, seen: Callable[[bytes], None]) -> Iterator[str]:
    """The lines of a file as texts. What is not UTF-8 stays recognisable, for the row to be set aside alone."""
    for line in opened:
        seen(line)
        yield line.decode("utf-8", "surrogateescape")


def _some(rows: Iterator[Row | BadRow]) -> list[Row | BadRow]:
    return list(islice(rows, CHUNK))
