"""When a source runs, and when it is tried again. Pure: the moment and the chance are handed in."""

import random
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from tillbridge.checkpoint.intake.lease import LEASE
from tillbridge.handoff.inbound.model import SourceNow
from tillbridge.handoff.inbound.store import SKEW
from tillbridge.stack.model import Brings, Source
from tillbridge.stack.schedule import next_in_rhythm

RETRY: Final = timedelta(seconds=5)
RETRY_MAX: Final = timedelta(minutes=15)
"""The longest pause after a first run that failed, and after many."""

ASKED_MAX: Final = timedelta(hours=1)
"""The longest that a source may ask to be left alone."""

DOUBLINGS: Final = 10


def rhythm_of(source: Source) -> str:
    """The rhythm in words, so that another one is told from it."""
    return f"{source.trigger.value} {source.schedule or source.interval}"


def planned(source: Source, after: datetime, zone: ZoneInfo) -> datetime:
    """The next run by the map."""
    return next_in_rhythm(source.trigger, source.interval, source.schedule, after, zone)


def latest_next(source: Source, now: datetime, zone: ZoneInfo) -> datetime:
    """No next run that was set in order is later than this; one that is was set by a clock that ran ahead."""
    return max(planned(source, now, zone), now + ASKED_MAX)


def next_after(
    source: Source,
    now: datetime,
    zone: ZoneInfo,
    *,
    failures: int,
    chance: random.Random,
    asked: timedelta | None = None,
    left: bool = False,
) -> datetime:
    """The next run behind one that ended now. `failures` are those in a row with this one, 0 when it went well; `asked`
    is how long the source wants to be left alone; `left` says that files were not whole yet."""
    if asked is not None:
        return now + min(asked, ASKED_MAX)
    soon = now + max(source.settle, RETRY / 5) if left else None
    if failures:
        longest = min(RETRY * 2 ** min(failures - 1, DOUBLINGS), RETRY_MAX)
        soon = now + longest * (0.5 + chance.random() / 2)
    run = planned(source, now, zone)
    return run if soon is None else min(run, soon)


def due(sources: Mapping[str, Source], kept: Mapping[str, SourceNow], now: datetime, zone: ZoneInfo) -> list[str]:
    """The sources that run now. Sales wait for a directory that is to be read first and has not failed: who bought must
    be known before what was bought."""
    ready = [
        name
        for name, source in sources.items()
        if name in kept and not now < kept[name].next_run <= latest_next(source, now, zone)
    ]
    reading = [
        name
        for name, source in sources.items()
        if source.what is Brings.CUSTOMERS and name in kept and not kept[name].failures and (
            name in ready or _leased(kept[name], now)
        )
    ]  # fmt: skip
    free = [name for name in ready if not _leased(kept[name], now)]
    return [name for name in free if not reading or sources[name].what is Brings.CUSTOMERS]


def _leased(kept: SourceNow, now: datetime) -> bool:
    """Whether somebody has it. A lease that ends later than any may was given by a clock that ran far ahead."""
    return kept.lease_until is not None and now < kept.lease_until <= now + LEASE + SKEW
