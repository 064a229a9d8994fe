"""Tills that call a hub as fast as they are answered: prepared bytes over connections that stay open.

Nothing is parsed but the status line and the length of an answer, so that what is measured is the hub and not these.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, cast
from urllib.parse import urlsplit

from tillbridge.simulate.reckoning import Figures, figures

NO_ANSWER: Final = 0
"""The status of a request whose connection broke."""

PATIENCE_SECONDS: Final = 30.0
"""How long the last answers are waited for once nothing more is sent."""

_END: Final = b"\r\n\r\n"
_LENGTH: Final = b"content-length:"


@dataclass(frozen=True, slots=True)
class Rung:
    """What came of a load: good answers, how many a second, how long each took, and how often each status came."""

    good: int
    per_second: float
    answer_ms: Figures
    statuses: Mapping[int, int]

    def failed(self) -> int:
        """Requests that were not answered as they should have been."""
        return sum(self.statuses.values()) - self.good


def request_bytes(url: str, path: str, bearer: str, key: str, body: bytes) -> bytes:
    """A POST of JSON, ready to be sent. `path` begins with a slash; `key` is its idempotency key."""
    head = (
        f"POST {path} HTTP/1.1\r\nHost: {urlsplit(url).netloc}\r\nAuthorization: Bearer {bearer}\r\n"
        f"Idempotency-Key: {key}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


async def ring(url: str, requests: Sequence[bytes], clients: int, seconds: float, good: int = 201) -> Rung:
    """Send the requests over `clients` connections, each its next when the last was answered, until all are sent or
    the seconds are over. An answer counts when its status is `good`. Raises OSError when nobody listens."""
    address, left = urlsplit(url), iter(requests)
    loop = asyncio.get_running_loop()
    until = time.perf_counter() + seconds
    tills = []
    for _ in range(clients):
        _, till = await loop.create_connection(
            lambda: Till(left, until), address.hostname or "127.0.0.1", address.port or 80
        )
        tills.append(till)
    began = time.perf_counter()
    for till in tills:
        till.next()
    await asyncio.wait([till.done for till in tills], timeout=seconds + PATIENCE_SECONDS)
    elapsed = time.perf_counter() - began
    for till in tills:
        till.close()
    statuses = Counter(status for till in tills for status in till.statuses)
    took = [ms for till in tills for ms, status in zip(till.took_ms, till.statuses, strict=True) if status == good]
    return Rung(statuses[good], round(statuses[good] / elapsed, 1), figures(took), dict(statuses))


class Till(asyncio.Protocol):
    """One connection: a request, its answer, the next request."""

    def __init__(self, requests: Iterator[bytes], until: float) -> None:
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.statuses: list[int] = []
        self.took_ms: list[float] = []
        self._requests = requests
        self._until = until
        self._sent_at = 0.0
        self._open = False
        self._got = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The hub has taken the call."""
        self._transport = cast(asyncio.Transport, transport)

    def next(self) -> None:
        """Send the next request, or be done."""
        now = time.perf_counter()
        request = next(self._requests, None) if now < self._until else None
        if request is None or self._transport is None:
            self._finish()
            return
        self._open, self._sent_at = True, now
        self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        """A part of an answer, or all of it."""
        self._got = self._got + data if self._got else data
        status = whole_answer(self._got)
        if status is None:
            return
        self._got = b""
        self._answered(status)
        self.next()

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection broke, or was closed."""
        del exc
        if self._open:
            self._answered(NO_ANSWER)
        self._transport = None
        self._finish()

    def close(self) -> None:
        """Hang up."""
        if self._transport is not None:
            self._transport.close()

    def _answered(self, status: int) -> None:
        self._open = False
        self.statuses.append(status)
        self.took_ms.append((time.perf_counter() - self._sent_at) * 1000)

    def _finish(self) -> None:
        if not self.done.done():
            self.done.set_result(None)


def whole_answer(got: bytes) -> int | None:
    """The status of an HTTP/1.1 answer with a Content-Length, or None when some of it is still on its way."""
    end = got.find(_END)
    if end < 0:
        return None
    head = got[:end].lower()
    at = head.find(_LENGTH)
    line = head[at + len(_LENGTH) :].split(b"\r\n", 1)[0] if at >= 0 else b"0"
    return int(got[9:12]) if len(got) >= end + len(_END) + int(line) else None
