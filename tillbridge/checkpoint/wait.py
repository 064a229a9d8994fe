"""Waiting for hops to confirm while the register waits for the answer (`Prefer: wait`)."""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Collection, Iterable
from datetime import timedelta
from typing import Final
from uuid import UUID

WAIT_MAX: Final = timedelta(seconds=30)
"""The longest a register may ask the hub to hold its answer."""

LOOK: Final = timedelta(milliseconds=100)
"""How often the truth is looked at while waiting: another process may be the one that settles."""

Awaited = tuple[UUID, int, str]
"""A handoff that somebody waits for: credit, version, hop."""


class Settlements:
    """Tells those who wait that a handoff was confirmed or given up. A hint: the database holds the truth."""

    def __init__(self) -> None:
        self._events: dict[Awaited, list[asyncio.Event]] = defaultdict(list)

    def settled(self, credit_id: UUID, version: int, hop: str, state: str) -> None:
        """A handoff reached an end for now; whoever waits for it may look."""
        if state in ("confirmed", "dead", "parked"):
            for event in self._events.pop((credit_id, version, hop), ()):
                event.set()

    async def wait(
        self, awaited: Iterable[Awaited], patience: timedelta, still_open: Callable[[], Awaitable[Collection[Awaited]]]
    ) -> None:
        """Return when all have settled or patience is over.

        Interest is shown first and `still_open` asked after that, so that one which settles in between is not missed.
        """
        events = {key: self._expect(key) for key in awaited}
        try:
            async with asyncio.timeout(min(patience, WAIT_MAX).total_seconds()):
                while unsettled := [events[key] for key in await still_open() if key in events]:
                    await _any(unsettled)
        except TimeoutError:
            return
        finally:
            for key, event in events.items():
                self._forget(key, event)

    def _expect(self, key: Awaited) -> asyncio.Event:
        event = asyncio.Event()
        self._events[key].append(event)
        return event

    def _forget(self, key: Awaited, event: asyncio.Event) -> None:
        waiting = self._events.get(key)
        if waiting and event in waiting:
            waiting.remove(event)
            if not waiting:
                del self._events[key]


async def _any(events: Collection[asyncio.Event]) -> None:
    """Wait until one of the events is set, or for LOOK."""
    waiting = [asyncio.ensure_future(event.wait()) for event in events]
    try:
        await asyncio.wait(waiting, timeout=LOOK.total_seconds(), return_when=asyncio.FIRST_COMPLETED)
    finally:
        for one in waiting:
            one.cancel()
