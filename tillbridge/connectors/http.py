"""Connector `http`: a system that takes signed JSON events over HTTP and can be asked by key.

    hub -> system   POST {url}/tillbridge/events          Idempotency-Key, Standard Webhooks headers, JSON body
    hub -> system   GET  {url}/tillbridge/events/{key}    has this one been applied?
    hub -> system   POST {url}/tillbridge/batches         several events, each with its key; an answer for each
    hub -> system   POST {url}/tillbridge/questions       several keys; an answer for each
    hub -> system   POST {url}/tillbridge/listing         {"after": "", "limit": 1000}; a page of its credits
    hub -> system   POST {url}/tillbridge/sight           {"credit": "..."}; what it shows of one credit

What is about events carries a traceparent: one credit is one trace.

What an answer means is decided by pure functions here, and always so that a doubt is `Unknown`: asking again costs a
question, a wrong guess costs money.
"""

import asyncio
import base64
import binascii
import hashlib
import hmac
import re
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from email.utils import parsedate_to_datetime
from types import TracebackType
from typing import Final, Self, TypeVar
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
from tillbridge.reconcile.live.ports import NOT_A_ROW, ListingFault, Page
from tillbridge.reconcile.reissue.ports import CannotTell as CannotSay
from tillbridge.reconcile.reissue.ports import Sight
from tillbridge.reconcile.reissue.told import sight_of

T = TypeVar("T")

ANSWER_MAX: Final = 64 * 1024
"""Bytes of an answer that are read; what is longer cannot be understood."""

BATCH_ANSWER_MAX: Final = 2 * 1024 * 1024
"""Bytes of an answer to many events that are read."""

PAGE_MAX: Final = 8 * 1024 * 1024
"""Bytes of a page of a listing that are read."""

LIST_SECONDS: Final = 30.0
"""How long a page is waited for."""

SIGHT_SECONDS: Final = 5.0
"""How long is waited for what a system shows of one credit: it is frozen meanwhile."""

_ALONE_AT_ONCE: Final = 16
"""Requests at once, where a system does not take a batch as a whole."""

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
_PLACE_MAX: Final = 2_000
_SECONDS: Final = re.compile(r"[0-9]{1,9}(\.[0-9]{1,6})?")


class HttpConnector:
    """The way to one system. An async context manager: it keeps connections open between deliveries."""

    def __init__(self, url: str, secret: str, clock: Clock | None = None) -> None:
        self._url = url
        self._events = _address(url.rstrip("/") + "/tillbridge/events")
        self._batches = _address(url.rstrip("/") + "/tillbridge/batches")
        self._questions = _address(url.rstrip("/") + "/tillbridge/questions")
        self._listing = _address(url.rstrip("/") + "/tillbridge/listing")
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
        headers |= _traced(delivery)
        try:
            async with self._open().post(
                self._events, data=body, headers=headers, timeout=_timeout(delivery.timeout), allow_redirects=False
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
            async with self._open().get(
                url, headers=_traced(delivery), timeout=_timeout(delivery.timeout), allow_redirects=False
            ) as response:
                return found_of(response.status, await _read(response))
        except TimeoutError:
            return NotSent(f"No answer to the question within {delivery.timeout:g} s.")
        except (aiohttp.ClientError, OSError, ValueError) as error:
            return NotSent(f"It could not be asked: {_words(error)}.")

    async def deliver_many(self, deliveries: Sequence[Delivery]) -> Sequence[Outcome]:
        """Hand over several events in one request; waits at most their timeout, twice where it goes one by one.

        A system that refuses the batch as a whole, and for good, is given the events one by one: one of them may be at
        fault, and the others are not to suffer for it. Those that their time was too short to begin are not sent.
        """
        began = time.monotonic()
        if len(deliveries) == 1 or self._batches is None:
            return [await self.deliver(delivery) for delivery in deliveries]
        events = [{"key": delivery.key, **_traced(delivery), "body": delivery.body} for delivery in deliveries]
        try:
            status, body, headers = await self._post(self._batches, {"events": events}, _timeout(deliveries[0].timeout))
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError, aiohttp.InvalidURL) as error:
            return [NotSent(f"No connection: {_words(error)}.")] * len(deliveries)
        except TimeoutError:
            return [Unknown(f"No answer within {deliveries[0].timeout:g} s.")] * len(deliveries)
        except (aiohttp.ClientError, OSError, ValueError) as error:
            sentence = f"The connection broke before the answer was read: {_words(error)}."
            return [Unknown(sentence)] * len(deliveries)
        keys = [delivery.key for delivery in deliveries]
        if status == 200:
            return outcomes_of(body, keys)
        if _for_good(status):
            return await _each(self.deliver, deliveries, began)
        whole = outcome_of(status, body, headers)
        if isinstance(whole, Confirmed):
            return [Unknown(f"It answered {status} to a batch and named no event.")] * len(keys)
        return [whole] * len(keys)

    async def probe_many(self, deliveries: Sequence[Delivery]) -> Sequence[Found]:
        """Ask about several events in one request; one by one where the system has no door for that.

        Waits at most their timeout, twice where it goes one by one.
        """
        began = time.monotonic()
        if len(deliveries) == 1 or self._questions is None:
            return [await self.probe(delivery) for delivery in deliveries]
        keys = [delivery.key for delivery in deliveries]
        try:
            status, body, _ = await self._post(self._questions, {"keys": keys}, _timeout(deliveries[0].timeout))
        except TimeoutError:
            return [NotSent(f"No answer to the question within {deliveries[0].timeout:g} s.")] * len(keys)
        except (aiohttp.ClientError, OSError, ValueError) as error:
            return [NotSent(f"It could not be asked: {_words(error)}.")] * len(keys)
        if status == 200:
            return finds_of(body, keys)
        if status in {400, 404, 405, 422, 501}:
            return await _each(self.probe, deliveries, began)
        return [NotSent(f"It answered {status} when asked.")] * len(keys)

    async def list_credits(self, after: str, limit: int) -> Page:
        """A page of the system's credits, from a place on. Raises ListingFault."""
        if self._listing is None:
            raise ListingFault(f"its url {self._url!r} is no address", "Mend url in the map.")
        try:
            status, body, headers = await self._post(
                self._listing, {"after": after, "limit": limit}, _timeout(LIST_SECONDS), PAGE_MAX
            )
        except TimeoutError:
            sentence = f"it did not answer within {LIST_SECONDS:g} s"
            raise ListingFault(sentence, "Ask again when it does.", passing=True) from None
        except (aiohttp.ClientError, OSError, ValueError) as error:
            mend = "Ask again when it answers, or give its export as a file."
            raise ListingFault(f"it cannot be reached: {_words(error)}", mend, passing=True) from error
        return page_of(status, body, headers)

    async def shows(self, credit: str) -> Sight:
        """What the system shows of one credit."""
        url = _address(self._url.rstrip("/") + "/tillbridge/sight")
        if url is None:
            return CannotSay(self._no_address().sentence)
        try:
            status, body, _ = await self._post(url, {"credit": credit}, _timeout(SIGHT_SECONDS))
        except TimeoutError:
            return CannotSay(f"It did not answer within {SIGHT_SECONDS:g} s.")
        except (aiohttp.ClientError, OSError, ValueError) as error:
            return CannotSay(f"It could not be asked: {_words(error)}.")
        return sight_of(status, body)

    async def _post(
        self, url: URL, said: object, timeout: aiohttp.ClientTimeout, most: int = BATCH_ANSWER_MAX
    ) -> tuple[int, bytes, Mapping[str, str]]:
        """One signed request about many: status, answer, headers. Raises what aiohttp raises."""
        body = msgspec.json.encode(said)
        name = "many_" + hashlib.sha256(body).hexdigest()[:40]
        headers = {"Content-Type": "application/json"}
        headers |= signed(name, int(self._clock.now().timestamp()), body, self._secret)
        async with self._open().post(
            url, data=body, headers=headers, timeout=timeout, allow_redirects=False
        ) as response:
            return response.status, await _read(response, most), response.headers

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
    | other 4xx, except 408, with a JSON object | refused for good |
    | other 4xx, except 408, without one | something on the way answered, not the system: the hop pauses |
    | everything else | unknown |
    """
    said = _object(body)
    if said is None and _for_good(status):
        return Refused(f"http-{status}", _not_its_word(status), False, retry_after(headers), everything=True)
    return _outcome(status, said or {}, retry_after(headers), headers.get("Location", "another address"))


def outcomes_of(body: bytes, keys: Sequence[str]) -> Sequence[Outcome]:
    """What the answer to a batch means for each key: as if each had been answered alone. What it does not name is
    unknown."""
    said = _by_key(body)
    return [_of_batch(said.get(key)) for key in keys]


def _of_batch(said: Mapping[str, object] | None) -> Outcome:
    if said is None:
        return Unknown("The answer to the batch does not name it.")
    after = said.get("retry_after")
    outcome = _outcome(_status(said), said, float(after) if isinstance(after, int | float) else None, "another address")
    # The batch was taken: what is said of one event is not about the system.
    return replace(outcome, everything=False) if isinstance(outcome, Refused) else outcome


def finds_of(body: bytes, keys: Sequence[str]) -> Sequence[Found]:
    """What the answer to a question about many keys means for each."""
    said, silent = _by_key(body), NotSent("The answer to the question does not name it.")
    return [_found(_status(said[key]), said[key]) if key in said else silent for key in keys]


def _by_key(body: bytes) -> Mapping[str, Mapping[str, object]]:
    """The answers of a batch by their keys; a key that is named twice is not answered."""
    answers = (_object(body) or {}).get("answers")
    listed = [one for one in answers if isinstance(one, dict)] if isinstance(answers, list) else []
    named = Counter(_text(one, "key") for one in listed)
    return {_text(one, "key"): one for one in listed if named[_text(one, "key")] == 1}


def _status(said: Mapping[str, object]) -> int:
    status = said.get("status")
    return status if isinstance(status, int) else 0


def _outcome(status: int, said: Mapping[str, object], after: float | None, place: str) -> Outcome:
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
        return Refused(code, sentence, False, after, everything=status in {429, 503})
    if status in {401, 403}:
        # A wrong secret is mended on either side; the events are not at fault.
        return Refused(_text(said, "code") or "not-allowed", sentence, False, everything=True)
    if 300 <= status < 400:
        return Refused("redirected", f"It sends us to {place}: set the system's url.", False, everything=True)
    if _for_good(status):
        return Refused(_text(said, "code") or f"http-{status}", sentence, True)
    return Unknown(f"{sentence} Nobody knows whether it was applied.")


def found_of(status: int, body: bytes) -> Found:
    """What an answer to a question means: 200 `applied` there, 404 with a JSON object not there, 405 or 501 cannot be
    asked."""
    said = _object(body)
    # What is taken for not there is sent again: only the system itself may say so.
    return NotSent(_not_its_word(status)) if status == 404 and said is None else _found(status, said or {})


def _for_good(status: int) -> bool:
    """Whether a status alone means that the same request would be refused again."""
    return 400 <= status < 500 and status not in {401, 403, 408, *_LATER}


def _not_its_word(status: int) -> str:
    return f"It answered {status} without a JSON object, so it may not have been the system that answered."


def _found(status: int, said: Mapping[str, object]) -> Found:
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


def page_of(status: int, body: bytes, headers: Mapping[str, str]) -> Page:
    """An answer to the listing as a page. Raises ListingFault for any other."""
    said, file = _object(body), "Give its export as a file instead."
    listed = said.get("rows") if said is not None else None
    if status == 200 and said is not None and isinstance(listed, list):
        following = said.get("next")
        if following is not None and not (isinstance(following, str) and len(following) <= _PLACE_MAX):
            raise ListingFault('its "next" is no short text', "Have it answer a text, or null on the last page.")
        rows = tuple(row if isinstance(row, dict) else {NOT_A_ROW: row} for row in listed)
        return Page(rows, following or "")
    words = _text(said or {}, "message").rstrip(".")
    sentence = f"it answered {status}" + (f" ({words})" if words else "")
    if status in {401, 403}:
        raise ListingFault(sentence, "Its secret in the map must be the one that it checks signatures with.")
    if status in {404, 405, 501}:
        raise ListingFault(f"it has no listing: {sentence}", file)
    if status in _LATER or status >= 500:
        mend = f"Ask again when it answers. {file}"
        raise ListingFault(sentence, mend, passing=True, retry_after=retry_after(headers))
    if status == 200:
        raise ListingFault('it answered no JSON with a list "rows"', f"Look at what stands at its url. {file}")
    raise ListingFault(sentence, f"Look at its url in the map. {file}")


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


async def _each(
    ask: Callable[[Delivery], Awaitable[T]], deliveries: Sequence[Delivery], began: float
) -> list[T | NotSent]:
    """One by one, a few at once; the answers in order.

    But for the first few, none is begun later than their timeout after `began`: so all end within twice that, and what
    was answered stays answered.
    """
    free = asyncio.Semaphore(_ALONE_AT_ONCE)

    async def alone(place: int, delivery: Delivery) -> T | NotSent:
        async with free:
            if place >= _ALONE_AT_ONCE and time.monotonic() - began >= delivery.timeout:
                return NotSent("Its batch went one by one, and there was no time left to begin this one.", begun=False)
            return await ask(delivery)

    return await asyncio.gather(*(alone(place, delivery) for place, delivery in enumerate(deliveries)))


async def _read(response: aiohttp.ClientResponse, most: int = ANSWER_MAX) -> bytes:
    """The answer, or nothing when it is too long to be one of ours."""
    parts, length = [], 0
    async for part in response.content.iter_chunked(ANSWER_MAX):
        parts.append(part)
        length += len(part)
        if length > most:
            response.close()
            return b""
    return b"".join(parts)


def _traced(delivery: Delivery) -> dict[str, str]:
    """The header by which the system can go on with the credit's trace (W3C Trace Context)."""
    return {"traceparent": delivery.trace} if delivery.trace else {}


def _timeout(seconds: float) -> aiohttp.ClientTimeout:
    """A connection that does not come about within a share of the time is known not to have sent anything."""
    return aiohttp.ClientTimeout(total=seconds, sock_connect=seconds * _CONNECT_SHARE)


def _object(body: bytes) -> Mapping[str, object] | None:
    """The JSON object of an answer; None where it is none."""
    try:
        value = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    return value if isinstance(value, dict) else None


def _text(said: Mapping[str, object], name: str) -> str:
    value = said.get(name)
    return value if isinstance(value, str) else ""


def _words(error: Exception) -> str:
    return (str(error) or type(error).__name__).rstrip(".")
