"""A door in front of PostgreSQL that a test can shut: connections through it are cut, and new ones refused."""

import asyncio
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

_SOCKET = ".s.PGSQL.5432"


class Door:
    """Passes bytes between a socket of its own and the server, while it is open."""

    def __init__(self, database_url: str, folder: Path) -> None:
        parts = urlsplit(database_url)
        self._host = parse_qs(parts.query).get("host", [""])[0]
        self._address = (parts.hostname or "127.0.0.1", parts.port or 5432)
        self._folder = folder
        self._server: asyncio.Server | None = None
        self._passages: set[asyncio.StreamWriter] = set()
        user = parts.netloc.rpartition("@")[0]
        self.url = f"{parts.scheme}://{user}@{parts.path}?host={folder}"

    async def open(self) -> None:
        """Let connections through."""
        self._server = await asyncio.start_unix_server(self._pass, self._folder / _SOCKET)

    async def shut(self) -> None:
        """Cut every connection and take no new one."""
        assert self._server is not None
        self._server.close()
        (self._folder / _SOCKET).unlink(missing_ok=True)
        for writer in list(self._passages):
            writer.transport.abort()

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._host:
            inner, outward = await asyncio.open_unix_connection(Path(self._host) / _SOCKET)
        else:
            inner, outward = await asyncio.open_connection(*self._address)
        self._passages |= {writer, outward}
        with suppress(ConnectionError, asyncio.CancelledError):
            await asyncio.gather(_pump(reader, outward), _pump(inner, writer))
        self._passages -= {writer, outward}


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while part := await reader.read(65536):
        writer.write(part)
        await writer.drain()
    writer.close()


@asynccontextmanager
async def door_to(database_url: str) -> AsyncIterator[Door]:
    """An open door to a database. Its folder is short: the name of a socket may not be long."""
    with tempfile.TemporaryDirectory(prefix="tb") as folder:
        door = Door(database_url, Path(folder))
        await door.open()
        try:
            yield door
        finally:
            await door.shut()
