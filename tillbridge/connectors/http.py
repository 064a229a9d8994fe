"""Connector `http`: a system that takes signed JSON events over HTTP and can be asked by key.

    hub -> system   POST {url}/tillbridge/events          Idempotency-Key, Standard Webhooks headers, JSON body
    hub -> system   GET  {url}/tillbridge/events/{key}    has this one been applied?

What an answer means is decided by pure functions here, and always so that a doubt is `Unknown`: asking again costs a
question, a wrong guess costs money.
"""

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from types import TracebackType
from typing import Final, Self
from urllib.parse import quote

import aiohttp
import msgspec
from yarl import URL

from tillbridge.handoff.ports import (
    Accepted,
    CannotTell,
    Confirmed,
    Delivery,
    Found,
    NotSent,
    NotThere,
    NotYet,
    Outcome,
    Refused,
    There,
    Unknown,
)
from tillbridge.kernel.clock import Clock, SystemClock

ANSWER_MAX: Final = 64 * 1024
"""Bytes of an answer that are read; what is longer cannot be understood."""

_KEEP_ALIVE: Final = 4.0
"""Seconds a connection is kept unused: less than the shortest common server default, so that none closes under a
delivery."""
_CONNECT_SHARE: Final = 0.5
_LATER: Final[Mapping[int, str]] = {
    409: "conflict",
    423: "locked",
    425: "too-early",
    429: "too-many-requests",
    503: "unavailable",
}
_SECONDS: Final = re.compile(r"[0-9]{1,9}(\.[0-9]{1,6})?")


class HttpConnector:
    """The way to one system. An async context manager: it keeps connections open between deliveries."""

    def __init__(self, url: str, secret: str, clock: Clock | None = None) -> None:
        self._url = url
        self._events = _address(url.rstrip("/") + "/tillbridge/events")
        self._secret = secret_bytes(secret)
        self._clock = clock or SystemClock()
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(
            # How many run at once is the delivery loop's to say.
            connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=_KEEP_ALIVE),
            cookie_jar=aiohttp.DummyCookieJar(),
            headers={"Accept": "application/json", "User-Agent": "tillbridge"},
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def deliver(self, delivery: Delivery) -> Outcome:
        """Hand over one event; waits at most the delivery's timeout."""
        if self._events is None:
            return self._no_address()
        body = msgspec.json.encode(delivery.body)
        headers = {"Content-Type": "application/json", "Idempotency-Key": delivery.key}
        headers |= signed(delivery.key, int(self._clock.now().timestamp()), body, self._secret)
        try:
            async with self._open().post(
                self._events, data=body, headers=headers, timeout=_timeout(delivery), allow_redirects=False
            ) as response:
                return outcome_of(response.status, await _read(response), response.headers)
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError, aiohttp.InvalidURL) as error:
            return NotSent(f"No connection: {_words(error)}.")
        except TimeoutError:
            return Unknown(f"No answer within {delivery.timeout:g} s.")
        except (aiohttp.ClientError, OSError, ValueError) as error:
            return Unknown(f"The connection broke before the answer was read: {_words(error)}.")

    async def probe(self, delivery: Delivery) -> Found:
        """Ask whether the event has been applied; waits at most the delivery's timeout."""
        if self._events is None:
            return self._no_address()
        url = self._events.joinpath(quote(delivery.key, safe=""), encoded=True)
        try:
            async with self._open().get(url, timeout=_timeout(delivery), allow_redirects=False) as response:
                return found_of(response.status, await _read(response))
        except TimeoutError:
            return NotSent(f"No answer to the question within {delivery.timeout:g} s.")
        except (aiohttp.ClientError, OSError, ValueError) as error:
            return NotSent(f"It could not be asked: {_words(error)}.")

    def _no_address(self) -> NotSent:
        return NotSent(f"The system's url {self._url!r} is no address.")

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            raise RuntimeError("an HttpConnector is used inside its own async with block")
        return self._session


def secret_bytes(secret: str) -> bytes:
    """The key of the signature: `whsec_` and base64, or the text itself."""
    encoded = secret.removeprefix("whsec_")
    if encoded == secret:
        return secret.encode()
    try:
        return base64.b64decode(encoded, validate=True)
    except binascii.Error:
        return secret.encode()


def signed(name: str, at: int, body: bytes, secret: bytes) -> Mapping[str, str]:
    """The Standard Webhooks headers of a message; `at` in whole seconds since 1970."""
    digest = hmac.digest(secret, f"{name}.{at}.".encode() + body, hashlib.sha256)
    return {
        "webhook-id": name,
        "webhook-timestamp": str(at),
        "webhook-signature": f"v1,{base64.b64encode(digest).decode()}",
    }


def outcome_of(status: int, body: bytes, headers: Mapping[str, str]) -> Outcome:
    """What an answer to a delivery means.

    | status | meaning |
    |---|---|
    | 200, 201 with a JSON object that has a `reference` | confirmed |
    | 202 | accepted: the system confirms by a call of its own |
    | 409, 423, 425 | refused for now |
    | 401, 403, 429, 503, redirects | refused for now, and whatever the event: the hop pauses |
    | other 4xx, except 408 | refused for good |
    | everything else | unknown |
    """
    said = _object(body)
    if status in {200, 201}:
        reference = said.get("reference")
        if isinstance(reference, str):
            return Confirmed(reference)
        return Unknown(f"It answered {status} without a reference, so it may not have been the system that answered.")
    if status == 202:
        return Accepted()
    sentence = _text(said, "message") or f"It answered {status}."
    if status in _LATER:
        code = _text(said, "code") or _LATER[status]
        return Refused(code, sentence, False, retry_after(headers), everything=status in {429, 503})
    if status in {401, 403}:
        # A wrong secret is mended on either side; the events are not at fault.
        return Refused(_text(said, "code") or "not-allowed", sentence, False, everything=True)
    if 300 <= status < 400:
        place = headers.get("Location", "another address")
        return Refused("redirected", f"It sends us to {place}: set the system's url.", False, everything=True)
    if 400 <= status < 500 and status != 408:
        return Refused(_text(said, "code") or f"http-{status}", sentence, True)
    return Unknown(f"{sentence} Nobody knows whether it was applied.")


def found_of(status: int, body: bytes) -> Found:
    """What an answer to a question means: 200 `applied` there, 404 not there, 405 or 501 cannot be asked."""
    said = _object(body)
    if status == 200:
        state = _text(said, "state")
        if state == "applied":
            return There(_text(said, "reference"))
        return NotYet(f"It says: {state}.") if state else NotSent("It answered 200 without a state.")
    if status == 404:
        return NotThere()
    if status in {405, 501}:
        return CannotTell(_text(said, "message") or f"It answered {status}.")
    return NotSent(f"It answered {status} when asked.")


def retry_after(headers: Mapping[str, str]) -> float | None:
    """The seconds of a Retry-After header; a date counts from the answer's own Date. None when there is none."""
    text = headers.get("Retry-After", "").strip()
    if _SECONDS.fullmatch(text):
        return float(text)
    try:
        span = parsedate_to_datetime(text) - parsedate_to_datetime(headers.get("Date", ""))
    except (TypeError, ValueError):
        return None
    return max(0.0, span.total_seconds())


def _address(text: str) -> URL | None:
    """An http address, or None when it is none."""
    try:
        url = URL(text)
        return url if url.scheme in {"http", "https"} and url.host and url.port else None
    except ValueError:
        return None


async def _read(response: aiohttp.ClientResponse) -> bytes:
    """The answer, or nothing when it is too long to be one of ours."""
    parts, length = [], 0
    async for part in response.content.iter_chunked(ANSWER_MAX):
        parts.append(part)
        length += len(part)
        if length > ANSWER_MAX:
            response.close()
            return b""
    return b"".join(parts)


def _timeout(delivery: Delivery) -> aiohttp.ClientTimeout:
    """A connection that does not come about within a share of the time is known not to have sent anything."""
    return aiohttp.ClientTimeout(total=delivery.timeout, sock_connect=delivery.timeout * _CONNECT_SHARE)


def _object(body: bytes) -> Mapping[str, object]:
    try:
        value = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return {}
    return value if isinstance(value, dict) else {}


def _text(said: Mapping[str, object], name: str) -> str:
    value = said.get(name)
    return value if isinstance(value, str) else ""


def _words(error: Exception) -> str:
    return (str(error) or type(error).__name__).rstrip(".")
