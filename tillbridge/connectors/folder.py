"""Connector of sources of kind `folder`: files that somebody puts into a folder of this machine.

A file that is put away goes into a hidden folder of its own first, out of the way of whoever puts the next one there
under the same name, and its marker with it. Only then is it seen whether it is the one that was read, and it gets its
name in the archive, never over another. What a crash leaves in a hidden folder is brought back at the next look.
"""

import asyncio
import errno
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from itertools import count
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from tillbridge.checkpoint.intake.model import Entry, SourceAway
from tillbridge.checkpoint.intake.names import ASIDE, REASON, is_meant, other_names

_NO_LINKS: Final = (errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK)
"""What a file system says that gives no file a second name."""


class Folder:
    """A folder of this machine. An async context manager, as all sources are."""

    def __init__(self, path: Path, pattern: str, marker: str) -> None:
        self._path = path
        self._pattern = pattern
        self._marker = marker

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None

    async def look(self) -> Mapping[str, Entry]:
        """The files that are meant, by name. Raises SourceAway."""
        try:
            return await asyncio.to_thread(self._look)
        except OSError as error:
            raise SourceAway(f"The folder {self._path} cannot be read: {_words(error)}.") from error

    @asynccontextmanager
    async def fetch(self, entry: Entry) -> AsyncIterator[Path]:
        """The file itself. Raises SourceAway for what goes wrong with it inside the block."""
        try:
            yield self._path / entry.name
        except OSError as error:
            raise SourceAway(f"A file in {self._path} cannot be read: {_words(error)}.") from error

    async def put_away(self, entry: Entry, folder: str, note: str = "") -> str:
        """Move a file into a folder below; blank when it is not the same file any more. Raises SourceAway."""
        try:
            return await asyncio.to_thread(self._put_away, entry, self._path / folder, note)
        except OSError as error:
            raise SourceAway(f"A file cannot be moved to {self._path / folder}: {_words(error)}.") from error

    def _look(self) -> dict[str, Entry]:
        for one in os.scandir(self._path):
            if one.name.startswith(ASIDE) and one.is_dir(follow_symlinks=False):
                self._bring_back(Path(one.path))
        there = {one.name: one for one in os.scandir(self._path) if one.is_file()}
        found: dict[str, Entry] = {}
        for name, one in there.items():
            if is_meant(name, self._pattern, self._marker):
                stat = one.stat()
                marked = bool(self._marker) and name + self._marker in there
                found[name] = Entry(name, stat.st_size, stat.st_mtime_ns, stat.st_ino, marked)
        return found

    def _put_away(self, entry: Entry, folder: Path, note: str) -> str:
        folder.mkdir(parents=True, exist_ok=True)
        if not _is(self._path / entry.name, entry):
            return ""
        aside = _new_folder(self._path)
        try:
            name = self._away(entry, aside, folder, note)
        finally:
            # What is still in it was not put away: it is there for the next run.
            self._bring_back(aside)
        return name

    def _away(self, entry: Entry, aside: Path, folder: Path, note: str) -> str:
        given, marker = self._path / entry.name, entry.name + self._marker
        if self._marker:
            # Before the file: a marker alone would let in the next one half-written.
            with suppress(FileNotFoundError):
                (self._path / marker).rename(aside / marker)
        given.rename(aside / entry.name)
        if not _is(aside / entry.name, entry):
            # Somebody wrote to it while it was read, or put another in its place: it is read by the next run.
            return ""
        if self._marker:
            (aside / marker).unlink(missing_ok=True)
        for name in other_names(entry.name):
            if _moved(aside / entry.name, folder / name):
                if note:
                    (folder / (name + REASON)).write_text(note, "utf-8")
                return name
        raise AssertionError("names do not come to an end")

    def _bring_back(self, aside: Path) -> None:
        """Put back what lies in a hidden folder, a file with its marker; it stays there while its name is taken."""
        for file in list(aside.iterdir()):
            if self._marker and file.name.endswith(self._marker):
                continue
            if not _moved(file, self._path / file.name):
                return
            if self._marker:
                (self._path / (file.name + self._marker)).touch()
                (aside / (file.name + self._marker)).unlink(missing_ok=True)
        for marker in list(aside.iterdir()):
            if not _moved(marker, self._path / marker.name):
                marker.unlink()
        aside.rmdir()


def _new_folder(path: Path) -> Path:
    """A hidden folder that nobody else has."""
    for number in count(1):
        with suppress(FileExistsError):
            (path / f"{ASIDE}{number}").mkdir()
            return path / f"{ASIDE}{number}"
    raise AssertionError("numbers do not come to an end")


def _moved(given: Path, put: Path) -> bool:
    """Give a file another name, never over another; False when that one is taken."""
    try:
        os.link(given, put)
    except FileExistsError:
        return False
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        return _moved_over_nothing(given, put)
    given.unlink()
    return True


def _moved_over_nothing(given: Path, put: Path) -> bool:
    """The same where a file has one name only: an empty file keeps the place until it comes."""
    try:
        os.close(os.open(put, os.O_CREAT | os.O_EXCL | os.O_WRONLY))
    except FileExistsError:
        return False
    try:
        given.rename(put)
    except OSError:
        put.unlink()
        raise
    return True


def _is(path: Path, entry: Entry) -> bool:
    stat = path.stat()
    return (stat.st_size, stat.st_mtime_ns, stat.st_ino) == (entry.size, entry.changed, entry.inode)


def _words(error: OSError) -> str:
    return error.strerror or type(error).__name__
