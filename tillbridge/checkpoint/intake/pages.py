"""One run over a feed: page by page, from a little behind where the last run ended.

A row's time is that of its transaction's start, so that one that is committed late appears behind the cursor: each run
begins an overlap behind it. The cursor moves to the newest time of a walk when the walk is at its end, and the place in
the walk moves when the rows of a page are confirmed or in quarantine: a crash repeats rows, and never skips one.
"""

import hashlib
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from tillbridge.checkpoint.intake import table
from tillbridge.checkpoint.intake.lease import Held
from tillbridge.checkpoint.intake.model import BadRow, Feed, Page, Row, SourceAway, Tally, WalkLost, Wrong
from tillbridge.checkpoint.intake.take import CHUNK, Taking
from tillbridge.kernel.clock import Clock, parse_time, time_text
from tillbridge.stack.model import Source

_LOG: Final = logging.getLogger("tillbridge.intake")

UPDATED: Final = "updated_at"
"""The field of a row that says when it was last changed; for a sale without it, the time of the sale."""


@dataclass(frozen=True, slots=True)
class Walk:
    """How far a feed has been read. `feed` tells which: how far one was read says nothing of another. `since` is the
    newest time of the last whole walk, None before the first; `after` and `latest` are of the walk under way: the
    place, and the newest time in it so far."""

    feed: str
    since: datetime | None = None
    after: str = ""
    latest: datetime | None = None

    def kept(self) -> Mapping[str, Any]:
        """As it is kept in the database."""
        moments = {"since": self.since, "latest": self.latest}
        return {"feed": self.feed, "after": self.after} | {name: time_text(at) for name, at in moments.items() if at}

    def onward(self, after: str, latest: datetime | None) -> "Walk":
        """The walk behind one more page; a walk that is at its end moves the cursor, never back."""
        if after:
            return Walk(self.feed, self.since, after, latest)
        return Walk(self.feed, max(filter(None, (self.since, latest)), default=None))


def feed_of(source: Source) -> str:
    """What tells a feed from another that a system has instead: SHA-256 of where it is and what it brings."""
    told = "\n".join((source.kind.value, source.url, source.what.value))
    return hashlib.sha256(told.encode()).hexdigest()


def walk_of(kept: Mapping[str, Any], feed: str) -> Walk:
    """What was kept of a feed; the beginning where it was kept of another."""
    if kept.get("feed") != feed:
        return Walk(feed)
    since, latest = (parse_time(kept[name]) if kept.get(name) else None for name in ("since", "latest"))
    return Walk(feed, since, kept.get("after", ""), latest)


@dataclass(frozen=True, slots=True)
class PageRun:
    """Everything that one run over a feed needs."""

    clock: Clock
    taking: Taking
    system: str
    source: Source
    feed: Feed
    held: Held
    tally: Tally

    async def run(self) -> None:
        """Read the feed to its end. Raises SourceAway, LeaseLost, DatabaseError."""
        walk = walk_of(self.held.source.cursor, feed_of(self.source))
        named, anew = {walk.after}, False
        prints: set[bytes] = set()
        while True:
            page = await self._page(walk, anew=anew)
            if page is None:
                walk, named, anew = Walk(walk.feed, walk.since), {""}, True
                continue
            if page.next and page.next in named:
                raise SourceAway(f"The feed of {self.system} names the page {page.next[:40]!r} twice: it goes round.")
            named.add(page.next)
            latest = await self._take(page, walk, prints)
            walk = walk.onward(page.next, latest)
            await self.held.move(walk.kept())
            if not page.next:
                return

    async def _page(self, walk: Walk, *, anew: bool) -> Page | None:
        """The next page; None when the feed has forgotten the walk, which begins anew, once in a run. Raises SourceAway
        for a feed that forgets it again."""
        since = walk.since - self.source.overlap if walk.since else None
        try:
            return await self.feed.page(since, walk.after)
        except WalkLost:
            if not walk.after or anew:
                raise
            _LOG.info("%s: the feed no longer knows where the walk was; it begins anew", self.system)
            return None

    async def _take(self, page: Page, walk: Walk, prints: set[bytes]) -> datetime | None:
        """Take in the rows of a page that were not in one before: rows move while a walk goes on. The newest time."""
        place = f"since {time_text(walk.since) if walk.since else 'ever'}, after {walk.after or 'nothing'}"
        latest, now, fresh = walk.latest, self.clock.now(), list[Row | BadRow]()
        for number, raw in enumerate(page.rows, start=1):
            print_ = table.print_of(raw)
            if print_ in prints:
                continue
            prints.add(print_)
            row = _row(number, raw, self.source)
            fresh.append(row)
            changed = _changed(row)
            if changed is not None and changed <= now:
                # A row from the future must not carry the cursor past what is yet to come.
                latest = changed if latest is None else max(latest, changed)
        for start in range(0, len(fresh), CHUNK):
            await self.taking.take(self.system, self.source, place[:200], fresh[start : start + CHUNK], self.tally)
            self.held.check()
        return latest


def _row(number: int, raw: Mapping[str, Any], source: Source) -> Row | BadRow:
    if set(raw) == {table.LINE}:
        return BadRow(number, raw, Wrong("row", "it is no JSON object", "Mend the feed, and replay the row mended."))
    return table.row_of(number, raw, source)


def _changed(row: Row | BadRow) -> datetime | None:
    """When a row was last changed, as far as it says so."""
    told = row.raw.get(UPDATED) or (row.cells.get("occurred_at") if isinstance(row, Row) else None)
    try:
        return parse_time(str(told)) if told else None
    except (ValueError, OverflowError):
        return None
