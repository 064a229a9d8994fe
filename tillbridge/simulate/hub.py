"""The hub as these systems see it: an address, a key, and answers that may not come."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final, TypeVar

import aiohttp
import msgspec

T = TypeVar("T")

TIMEOUT_SECONDS: Final = 15.0
"""How long a system waits for the hub; longer than any checkpoint that the register asks it to wait for."""

_CONNECTIONS: Final = 256


@dataclass(frozen=True, slots=True)
class Answer:
    """What the hub said. `retry_after` is in seconds, where the hub named a time."""

    status: int
    body: bytes
    replayed: bool = False
    retry_after: float | None = None

    @property
    def good(self) -> bool:
        """Whether it is a yes."""
        return self.status in {200, 201, 202, 204}

    def read(self, shape: type[T]) -> T | None:
        """The body as a value, or None when it is something else."""
        try:
            return msgspec.json.decode(self.body, type=shape)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            return None


@dataclass(frozen=True, slots=True)
class NoAnswer:
    """Nobody knows whether the hub heard it. `sentence` says what happened to the connection."""

    sentence: str


class Problem(msgspec.Struct, frozen=True):
    """What is read of a problem document."""

    title: str = ""
    detail: str = ""
    code: str = ""
    cashier: str = ""
    retry: str = ""


class Hub:
    """Calls the hub. `url` may change: a hub that was moved is found again by setting it."""

    def __init__(self, url: str, session: aiohttp.ClientSession) -> None:
        self.url = url.rstrip("/")
        self._session = session

    async def call(
        self,
        method: str,
        path: str,
        bearer: str,
        *,
        body: object = None,
        headers: Mapping[str, str] | None = None,
        lose: bool = False,
    ) -> Answer | NoAnswer:
        """One call, one attempt. `lose` drops the connection before the answer is read: the hub has heard it."""
        sent = {"Authorization": f"Bearer {bearer}", **(headers or {})}
        data = None if body is None else msgspec.json.encode(body)
        if data is not None:
            sent["Content-Type"] = "application/json"
        try:
            async with self._session.request(method, self.url + path, data=data, headers=sent) as response:
                if lose:
                    response.close()
                    return NoAnswer("The answer was lost on the way.")
                return Answer(response.status, await response.read(), _replayed(response), _retry_after(response))
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            return NoAnswer(f"The hub did not answer ({type(error).__name__}).")


def _replayed(response: aiohttp.ClientResponse) -> bool:
    return response.headers.get("Idempotent-Replay", "").lower() == "true"


def _retry_after(response: aiohttp.ClientResponse) -> float | None:
    text = response.headers.get("Retry-After", "")
    return float(text) if text.isascii() and text.isdecimal() else None


@asynccontextmanager
async def open_hub(url: str, timeout_seconds: float = TIMEOUT_SECONDS) -> AsyncIterator[Hub]:
    """A hub client with its connections, closed at the end."""
    connector = aiohttp.TCPConnector(limit=_CONNECTIONS)
    timeout = aiohttp.ClientTimeout(total=timeout_seconds)
    jar = aiohttp.DummyCookieJar()
    async with aiohttp.ClientSession(connector=connector, timeout=timeout, cookie_jar=jar) as session:
        yield Hub(url, session)
