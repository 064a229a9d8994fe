"""A walk through the listing of a system, from its first page to its last, however the system stumbles."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Final

from tillbridge.reconcile.live.ports import Lister, ListingFault, Page

PAGE: Final = 1000
"""Rows asked for at once."""

TRIES: Final = 4
"""How often a page is asked for before the system is taken for away."""

PAUSE: Final = 0.25
"""Seconds before a page is asked for again; twice as long each time."""

PAUSE_MAX: Final = 30.0
"""The longest that a system is waited for, whatever it asks for."""

EMPTY_MAX: Final = 100
"""How many pages without a row may follow each other."""

Pause = Callable[[float], Awaitable[None]]
"""Waits for so many seconds."""


async def pages(lister: Lister, pause: Pause = asyncio.sleep, limit: int = PAGE) -> AsyncIterator[Page]:
    """Every page of a listing, in order. It comes to an end whatever the system answers: a place that comes twice is
    a circle, and pages without rows are no walk. Raises ListingFault."""
    after, empty, seen = "", 0, set[str]()
    while True:
        page = await _page(lister, after, limit, pause)
        yield page
        if not page.following:
            return
        if page.following in seen:
            raise ListingFault(
                f"it named the place {page.following[:40]!r} twice as the next, so its listing never ends",
                "Have the system go on from the place that it is asked for.",
            )
        empty = 0 if page.rows else empty + 1
        if empty > EMPTY_MAX:
            raise ListingFault(
                f"it answered {empty} pages without a row one after the other",
                "Have the system leave out next on its last page.",
            )
        seen.add(page.following)
        after = page.following


async def _page(lister: Lister, after: str, limit: int, pause: Pause) -> Page:
    for attempt in range(1, TRIES + 1):
        try:
            return await lister.list_credits(after, limit)
        except ListingFault as fault:
            if not fault.passing or attempt == TRIES:
                raise
            wanted = fault.retry_after if fault.retry_after is not None else PAUSE * 2 ** (attempt - 1)
            await pause(min(wanted, PAUSE_MAX))
    raise AssertionError("a page is answered or a fault is raised")
