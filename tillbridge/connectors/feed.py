"""Connector of sources of kind `http`: a system that tells its rows page by page.

    hub -> system   GET {url}?since=2026-11-21T19:02:11+00:00&after=PLACE&limit=500      Authorization: Bearer TOKEN

`since` is left out the first time, `after` on the first page. The answer is JSON,
`{"rows": [{...}], "next": "PLACE"}`, where `next` is null or left out on the last page; or JSON lines
(`application/x-ndjson`, `application/jsonl`), one row a line, where a last line `{"next": "PLACE"}` names the next one.
Numbers are read as decimals, never as floats.
"""

import json
import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from email.utils import parsedate_to_datetime
from types import TracebackType
from typing import Any, Final, Self

import aiohttp
from yarl import URL

from tillbridge.checkpoint.intake.model import Page, SourceAway, WalkLost
from tillbridge.kernel.clock import time_text

ANSWER_MAX: Final = 32 * 1024 * 1024
"""The longest page, in bytes."""

LINES: Final = ("application/x-ndjson", "application/jsonl", "application/x-jsonlines")
LINE: Final = "line"
"""What a line is kept under that is no JSON object."""

_NEXT_MAX: Final = 2_000
_SECONDS: Final = re.compile(r"[0-9]{1,9}")


class HttpFeed:
    """The way to one feed. An async context manager: it keeps a connection open from page to page."""

    def __init__(self, url: str, token: str, limit: int, timeout: timedelta) -> None:
        self._url = URL(url)
        self._token = token
        self._limit = limit
        self._timeout = timeout
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        headers = {"Accept": f"application/json, {LINES[0]}", "User-Agent": "tillbridge"}
        if self._token:
            headers["Authorization"] = f"Bearer {self._token}"
        self._session = aiohttp.ClientSession(
            headers=headers,
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=self._timeout.total_seconds()),
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def page(self, since: datetime | None, after: str) -> Page:
        """The rows since a moment, behind a place. Raises SourceAway, WalkLost."""
        asked = {"limit": str(self._limit)}
        if since is not None:
            asked["since"] = time_text(since)
        if after:
            asked["after"] = after
        try:
            async with self._open().get(self._url.update_query(asked), allow_redirects=False) as response:
                raw = await _read(response)
                _check(response.status, response.headers, after)
                return page_of(raw, response.content_type)
        except TimeoutError as error:
            raise SourceAway(f"The feed did not answer within {self._timeout.total_seconds():g} s.") from error
        except (aiohttp.ClientError, OSError) as error:
            raise SourceAway(f"The feed cannot be read: {str(error) or type(error).__name__}.") from error

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            raise RuntimeError("an HttpFeed is used inside its own async with block")
        return self._session


def page_of(raw: bytes, content_type: str) -> Page:
    """An answer as a page. Raises SourceAway for one that is none."""
    try:
        text = raw.decode()
        if content_type in LINES:
            return _lines(text)
        told = _json(text)
    except (ValueError, RecursionError) as error:
        raise SourceAway(f"The feed answered no JSON ({str(error)[:100]}).") from error
    rows = told.get("rows") if isinstance(told, dict) else None
    if not isinstance(rows, list):
        raise SourceAway('The feed answered JSON without a list "rows".')
    return Page(tuple(_row(one) for one in rows), _next(told))


def retry_after(headers: Mapping[str, str]) -> timedelta | None:
    """How long a Retry-After header asks for; a date counts from the answer's own Date. None when there is none."""
    text = headers.get("Retry-After", "").strip()
    if _SECONDS.fullmatch(text):
        return timedelta(seconds=int(text))
    try:
        span = parsedate_to_datetime(text) - parsedate_to_datetime(headers.get("Date", ""))
    except (TypeError, ValueError):
        return None
    return max(timedelta(), span)


def _check(status: int, headers: Mapping[str, str], after: str) -> None:
    """Raises SourceAway for any answer that is no page, WalkLost for one to a place that is not known any more."""
    if status == 200:
        return
    if status == 410 or (after and status in {400, 404, 422}):
        raise WalkLost(f"The feed answered {status}: it does not know the page any more.")
    if status in {401, 403}:
        raise SourceAway(f"The feed answered {status}: it does not take our token. Check token in the map.")
    if 300 <= status < 400:
        place = headers.get("Location", "another address")
        raise SourceAway(f"The feed sends us to {place}: set the source's url.")
    raise SourceAway(f"The feed answered {status}.", retry_after(headers))


def _lines(text: str) -> Page:
    following, rows = "", list[Mapping[str, Any]]()
    for line in text.split("\n"):
        if not line.strip():
            continue
        try:
            told = _json(line)
        except (ValueError, RecursionError):
            # One bad line is one bad row: it goes into quarantine, and the rest goes on.
            rows.append({LINE: line})
            continue
        if isinstance(told, dict) and set(told) == {"next"}:
            following = _next(told)
        else:
            rows.append(_row(told))
    return Page(tuple(rows), following)


def _row(told: Any) -> Mapping[str, Any]:
    return told if isinstance(told, dict) else {LINE: json.dumps(told, default=str)}


def _next(told: Mapping[str, Any]) -> str:
    following = told.get("next")
    if following is None:
        return ""
    if not isinstance(following, str | int) or isinstance(following, bool) or len(str(following)) > _NEXT_MAX:
        raise SourceAway('The feed\'s "next" is no short text.')
    return str(following)


def _json(text: str) -> Any:
    return json.loads(text, parse_float=Decimal, parse_constant=_no_number)


def _no_number(name: str) -> Any:
    raise ValueError(f"{name} is no number")


async def _read(response: aiohttp.ClientResponse) -> bytes:
    parts, length = [], 0
    async for part in response.content.iter_chunked(1 << 16):
        parts.append(part)
        length += len(part)
        if length > ANSWER_MAX:
            raise SourceAway(f"The feed's page is longer than {ANSWER_MAX >> 20} MB: ask for shorter ones.")
    return b"".join(parts)
