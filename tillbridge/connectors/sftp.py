"""Connector of sources of kind `sftp`: files that somebody puts into a folder of an SFTP server.

The same as a folder of this machine: whole files only, put away below by way of a hidden folder, never over another.
The server is met only if
it has the key that the map names. Needs asyncssh: `pip install 'tillbridge[sftp]'`.
"""

import tempfile
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from itertools import count
from pathlib import Path
from types import ModuleType, TracebackType
from typing import TYPE_CHECKING, Any, Final, Self
from urllib.parse import unquote, urlsplit

from tillbridge.checkpoint.intake.model import Entry, SourceAway
from tillbridge.checkpoint.intake.names import ASIDE, REASON, is_meant, other_names
from tillbridge.stack.model import Source

if TYPE_CHECKING:
    import asyncssh

PORT: Final = 22

_FILE, _FOLDER = 1, 2
"""The kinds of what lies there, as the protocol numbers them."""


class Sftp:
    """A folder of an SFTP server. An async context manager: one connection for one run."""

    def __init__(self, source: Source, beside: Path) -> None:
        """`beside` is the folder that the file of a private key is named from."""
        self._source = source
        self._beside = beside
        self._closing = AsyncExitStack()
        self._client: asyncssh.SFTPClient | None = None

    async def __aenter__(self) -> Self:
        """Raises SourceAway when the server cannot be reached, is another one, or does not let us in."""
        ssh = _asyncssh()
        try:
            with _told(ssh):
                options = _options(ssh, self._source, self._beside)
                connection = await self._closing.enter_async_context(ssh.connect(**options))
                self._client = await self._closing.enter_async_context(connection.start_sftp_client())
        except BaseException:
            await self._closing.aclose()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._closing.aclose()

    async def look(self) -> Mapping[str, Entry]:
        """The files that are meant, by name. Raises SourceAway."""
        with _told(_asyncssh()):
            there = await self._listed()
            left = [name for name, one in there.items() if name.startswith(ASIDE) and one.type == _FOLDER]
            for name in left:
                await self._bring_back(self._place(name))
            there = await self._listed() if left else there
        marker = self._source.marker
        found: dict[str, Entry] = {}
        for name, attributes in there.items():
            is_file = attributes.type == _FILE
            if is_file and is_meant(name, self._source.pattern, marker):
                marked = bool(marker) and name + marker in there
                found[name] = Entry(name, attributes.size or 0, attributes.mtime or 0, 0, marked)
        return found

    @asynccontextmanager
    async def fetch(self, entry: Entry) -> AsyncIterator[Path]:
        """A copy of the file, gone after the block. Raises SourceAway."""
        with tempfile.TemporaryDirectory(prefix="tillbridge-sftp-") as folder:
            copy = Path(folder) / "file"
            with _told(_asyncssh()):
                await self._open().get(self._place(entry.name), str(copy), follow_symlinks=True)
            yield copy

    async def put_away(self, entry: Entry, folder: str, note: str = "") -> str:
        """Move a file into a folder below; blank when it is not the same file any more. Raises SourceAway."""
        with _told(_asyncssh()):
            return await self._put_away(entry, self._place(folder), note)

    async def _put_away(self, entry: Entry, folder: str, note: str) -> str:
        await self._open().makedirs(folder, exist_ok=True)
        if not await self._is(self._place(entry.name), entry):
            return ""
        aside = await self._new_folder()
        try:
            name = await self._away(entry, aside, folder, note)
        finally:
            # What is still in it was not put away: it is there for the next run.
            await self._bring_back(aside)
        return name

    async def _away(self, entry: Entry, aside: str, folder: str, note: str) -> str:
        client, given, marker = self._open(), self._place(entry.name), self._source.marker
        if marker and await client.exists(given + marker):
            # Before the file: a marker alone would let in the next one half-written.
            await client.rename(given + marker, f"{aside}/{entry.name}{marker}")
        await client.rename(given, f"{aside}/{entry.name}")
        if not await self._is(f"{aside}/{entry.name}", entry):
            # Somebody wrote to it while it was read, or put another in its place: it is read by the next run.
            return ""
        if marker and await client.exists(f"{aside}/{entry.name}{marker}"):
            await client.remove(f"{aside}/{entry.name}{marker}")
        name = await self._free_name(folder, entry.name)
        await client.rename(f"{aside}/{entry.name}", f"{folder}/{name}")
        if note:
            async with client.open(f"{folder}/{name}{REASON}", "w", encoding="utf-8") as reason:
                await reason.write(note)
        return name

    async def _bring_back(self, aside: str) -> None:
        """Put back what lies in a hidden folder, a file with its marker; it stays there while its name is taken."""
        client, marker = self._open(), self._source.marker
        there = [str(one) for one in await client.listdir(aside) if str(one) not in (".", "..")]
        for name in there:
            if marker and name.endswith(marker):
                continue
            if await client.exists(self._place(name)):
                return
            await client.rename(f"{aside}/{name}", self._place(name))
            if marker and name + marker not in there:
                async with client.open(self._place(name + marker), "w"):
                    pass
        for name in there:
            if not marker or not name.endswith(marker):
                continue
            if await client.exists(self._place(name)):
                await client.remove(f"{aside}/{name}")
            else:
                await client.rename(f"{aside}/{name}", self._place(name))
        await client.rmdir(aside)

    async def _new_folder(self) -> str:
        """A hidden folder that nobody else has: a server makes none that is there already."""
        for number in count(1):
            folder = self._place(f"{ASIDE}{number}")
            if not await self._open().exists(folder):
                await self._open().mkdir(folder)
                return folder
        raise AssertionError("numbers do not come to an end")

    async def _listed(self) -> Mapping[str, "asyncssh.SFTPAttrs"]:
        return {str(one.filename): one.attrs for one in await self._open().readdir(self._source.path)}

    async def _free_name(self, folder: str, name: str) -> str:
        for candidate in other_names(name):
            if not await self._open().exists(f"{folder}/{candidate}"):
                return candidate
        raise AssertionError("names do not come to an end")

    async def _is(self, place: str, entry: Entry) -> bool:
        attributes = await self._open().stat(place)
        return (attributes.size, attributes.mtime) == (entry.size, entry.changed)

    def _place(self, name: str) -> str:
        return f"{self._source.path.rstrip('/')}/{name}"

    def _open(self) -> "asyncssh.SFTPClient":
        if self._client is None:
            raise RuntimeError("an Sftp is used inside its own async with block")
        return self._client


def _asyncssh() -> ModuleType:
    """The library that speaks SSH. Raises SourceAway when it is not there."""
    try:
        import asyncssh  # noqa: PLC0415 - only who fetches over SFTP needs it
    except ImportError as error:
        sentence = "Files are fetched over SFTP by asyncssh, which is not installed: pip install 'tillbridge[sftp]'."
        raise SourceAway(sentence) from error
    return asyncssh


def _options(ssh: ModuleType, source: Source, beside: Path) -> dict[str, Any]:
    """How the server is met: by its pinned key, with one password or key, and nothing of this machine's own."""
    parts = urlsplit(source.url)
    options: dict[str, Any] = {
        "host": parts.hostname,
        "port": parts.port or PORT,
        "username": unquote(parts.username or ""),
        "known_hosts": ([ssh.import_public_key(source.host_key)], [], []),
        "config": [],
        "agent_path": None,
        "client_keys": None,
        "connect_timeout": source.timeout.total_seconds(),
        "login_timeout": source.timeout.total_seconds(),
        "keepalive_interval": 15,
    }
    if source.password:
        return {**options, "password": source.password, "preferred_auth": "password,keyboard-interactive"}
    kept = source.private_key
    if kept.startswith("file:"):
        key = ssh.read_private_key(beside / Path(kept.removeprefix("file:")).expanduser())
    else:
        key = ssh.import_private_key(kept)
    return {**options, "client_keys": [key], "preferred_auth": "publickey"}


@contextmanager
def _told(ssh: ModuleType) -> Iterator[None]:
    """Turn what the library raises into a sentence, once, here."""
    try:
        yield
    except ssh.HostKeyNotVerifiable as error:
        sentence = "The SFTP server has another key than host_key in the map: it may be another server. Not a byte of a"
        raise SourceAway(f"{sentence} password was sent. Ask whoever runs it.") from error
    except ssh.PermissionDenied as error:
        raise SourceAway("The SFTP server does not let us in: check user, password and key in the map.") from error
    except (ssh.KeyImportError, ssh.KeyEncryptionError) as error:
        raise SourceAway(f"A key of the SFTP source cannot be read: {error}.") from error
    except ssh.SFTPError as error:
        raise SourceAway(f"The SFTP server refused: {error.reason or type(error).__name__}.") from error
    except (ssh.Error, OSError, TimeoutError) as error:
        raise SourceAway(f"The SFTP server cannot be reached: {str(error) or type(error).__name__}.") from error
