"""A system that takes everything, at little cost: what the benchmark of deliveries sends to.

It speaks as much HTTP as the hub needs, checks every signature, keeps a book of the keys, and answers events alone, in
batches, and questions. Run as a process of its own: `python -m tillbridge.simulate.sink`, with the secret in
`SINK_SECRET`; it says on which port it listens.
"""

import asyncio
import os
import sys
from collections.abc import Mapping
from typing import Final, cast
from urllib.parse import unquote

import msgspec

from tillbridge.kernel.clock import Clock, SystemClock
from tillbridge.simulate.signature import Verifier

SECRET: Final = "SINK_SECRET"  # noqa: S105 - the name of a setting

_END: Final = b"\r\n\r\n"
_REASONS: Final = {200: "OK", 401: "Unauthorized", 404: "Not Found", 422: "Unprocessable Content"}


class One(msgspec.Struct):
    """An event of a batch."""

    key: str
    body: msgspec.Raw


class Many(msgspec.Struct):
    """A batch."""

    events: list[One]


class Keys(msgspec.Struct):
    """A question."""

    keys: list[str]


class Sink:
    """The book: each key once, with its number, and how often one came again."""

    def __init__(self, secret: str, clock: Clock) -> None:
        self.book: dict[str, int] = {}
        self.repeats = 0
        self.requests = 0
        self._verifier = Verifier(secret)
        self._clock = clock

    def answer(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> tuple[int, object]:
        """Status and answer of one request."""
        if method == "GET":
            return self._told(path)
        self.requests += 1
        fault = self._verifier.fault(headers, body, self._clock.now())
        if fault is not None:
            return 401, {"code": "signature", "message": fault}
        try:
            if path == "/tillbridge/batches":
                many = msgspec.json.decode(body, type=Many)
                return 200, {"answers": [self._taken(one.key) for one in many.events]}
            if path == "/tillbridge/questions":
                return 200, {"answers": [self._found(key) for key in msgspec.json.decode(body, type=Keys).keys]}
            msgspec.json.decode(body)
        except msgspec.DecodeError as error:
            return 422, {"code": "body", "message": str(error)}
        return 200, self._taken(headers.get("idempotency-key", ""))

    def _told(self, path: str) -> tuple[int, object]:
        if path == "/book":
            return 200, {"applied": len(self.book), "repeats": self.repeats, "requests": self.requests}
        said = self._found(unquote(path.rpartition("/")[2]))
        return (200, said) if said["status"] == 200 else (404, said)

    def _taken(self, key: str) -> Mapping[str, object]:
        number = self.book.get(key)
        if number is None:
            number = self.book[key] = len(self.book) + 1
        else:
            self.repeats += 1
        return {"key": key, "status": 200, "reference": f"S{number:08}"}

    def _found(self, key: str) -> Mapping[str, object]:
        number = self.book.get(key)
        if number is None:
            return {"key": key, "status": 404, "code": "not-applied"}
        return {"key": key, "status": 200, "state": "applied", "reference": f"S{number:08}"}


class Wire(asyncio.Protocol):
    """One connection: requests one after the other, each with a Content-Length."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._read = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the way back."""
        # A connection is both ways; the fastest loop's transports say so by what they do, not by what they are.
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Answer every request that is whole."""
        self._read += data
        while (end := self._read.find(_END)) >= 0:
            first, *lines = self._read[:end].decode("latin-1").split("\r\n")
            headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
            start = end + len(_END)
            length = int(headers.get("content-length", "0"))
            if len(self._read) < start + length:
                return
            body, self._read = self._read[start : start + length], self._read[start + length :]
            method, path, _ = first.split(" ", 2)
            self._reply(*self._sink.answer(method, path, headers, body))

    def _reply(self, status: int, said: object) -> None:
        body = msgspec.json.encode(said)
        head = f"HTTP/1.1 {status} {_REASONS[status]}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}"
        if self._transport is not None:
            self._transport.write(head.encode() + _END + body)


async def serve(secret: str, clock: Clock) -> None:
    """Listen on a free port of loopback, say which, and go on until the process is stopped."""
    sink = Sink(secret, clock)
    server = await asyncio.get_running_loop().create_server(lambda: Wire(sink), "127.0.0.1", 0)
    sys.stdout.write(f"listens on {server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await server.serve_forever()


def main() -> None:
    """Run until stopped, on the fastest loop there is."""
    work = serve(os.environ[SECRET], SystemClock())
    if sys.platform == "win32":
        asyncio.run(work)
    else:
        import uvloop  # noqa: PLC0415 - not made for Windows

        uvloop.run(work)


if __name__ == "__main__":
    main()
