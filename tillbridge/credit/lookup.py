"""Looking a credit up by its code: throttled, and with one answer for whatever stands against telling.

Who guesses codes, PINs or owners learns nothing from the answer: a code that is unknown, a PIN that is wrong or
missing, and a credit that is somebody else's cost the same work and get the same answer. And who guesses is soon
stopped: failed look-ups are counted in the database, by asker and by code (whether there is such a code or not).

What is guaranteed, with any number of hubs on one database: in one window at most as many failed look-ups as the limit
are answered as such, however many come at once; every one beyond is answered TooMany. A look-up that begins after the
limit was reached tells nothing, right or wrong. A right guess beyond the limit can be found out only by a look-up that
was under way when the limit was reached: of one code that is at most one for each further hub, because a hub looks one
code up after the other; of one asker it is those that the asker had under way.
"""

import asyncio
import hmac
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID
from weakref import WeakValueDictionary

from tillbridge.credit import store
from tillbridge.credit.codes import Codes
from tillbridge.kernel.clock import Clock
from tillbridge.kernel.db import Db
from tillbridge.kernel.errors import TooMany
from tillbridge.ledger import store as ledger

NOBODY: Final = UUID(int=0)
"""The id of a customer whom nobody knows: no credit has this owner."""

KEPT: Final = timedelta(hours=1)
"""How long a window that is over is kept: longer than clocks of two hubs can differ."""

_NO_PIN: Final = bytes(32)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Throttle:
    """How many look-ups may fail: `per_key` of one asker in each `key_window`, `per_code` of one code in each
    `code_window`. Windows lie side by side: minutes of the clock, quarters of the hour."""

    per_key: int = 30
    per_code: int = 5
    key_window: timedelta = timedelta(minutes=1)
    code_window: timedelta = timedelta(minutes=15)


@dataclass(frozen=True, slots=True)
class Inquiry:
    """A look-up. `asker` is the name of the key, `card_present` whether it may do without the PIN; `code` and `pin` are
    plain, `pin` blank for none. `customer` is who the credit has to belong to, if to anybody; None when nobody is
    named, NOBODY when it is somebody unknown."""

    asker: str
    card_present: bool
    code: str
    pin: str
    customer: UUID | None
    same_person: frozenset[UUID] = frozenset()


@dataclass(frozen=True, slots=True)
class Found:
    """What a code stands for. `pin_hash` is None for a credit without a PIN, `owner` for one that nobody owns."""

    credit_id: UUID
    pin_hash: bytes | None
    owner: UUID | None


Find = Callable[[bytes], Awaitable[Found | None]]
"""Finds what a code's hash stands for; the same work whether there is such a code or not."""


@dataclass(frozen=True, slots=True)
class Window:
    """One count: of whom or what, in which time, and how many may fail in it."""

    subject: str
    start: datetime
    end: datetime
    most: int


def windows(throttle: Throttle, asker: str, code_hash: bytes, at: datetime) -> tuple[Window, Window]:
    """The counts that a look-up at a moment is held against: that of the asker, and that of the code."""
    return (
        _of_asker(throttle, asker, at),
        _window(f"code:{code_hash.hex()}", throttle.code_window, throttle.per_code, at),
    )


def _of_asker(throttle: Throttle, asker: str, at: datetime) -> Window:
    return _window(f"key:{asker}", throttle.key_window, throttle.per_key, at)


def _window(subject: str, length: timedelta, most: int, at: datetime) -> Window:
    start = _EPOCH + (at - _EPOCH) // length * length
    return Window(subject, start, start + length, most)


def wait_for(of: tuple[Window, ...], failures: Mapping[str, int], least: int, at: datetime) -> timedelta | None:
    """How long to wait until none of the counts stands in the way; None when none does. `least` is by how many a count
    must pass what is allowed: 0 for a look-up to come, 1 for one that has been counted."""
    ends = [one.end for one in of if failures.get(one.subject, 0) >= one.most + least]
    return max(ends) - at if ends else None


def may_see(inquiry: Inquiry, found: Found | None, pin_hash: bytes) -> bool:
    """Whether the asker may be told about the credit; `pin_hash` is that of the PIN that was sent. The same work
    whatever the outcome."""
    kept = found.pin_hash if found is not None else None
    right_pin = hmac.compare_digest(kept or _NO_PIN, pin_hash)
    pin_ok = right_pin if kept is not None and inquiry.pin else kept is None or inquiry.card_present
    owner = found.owner if found is not None else None
    owner_ok = inquiry.customer is None or owner is None or owner in {inquiry.customer, *inquiry.same_person}
    return found is not None and pin_ok and owner_ok


class Lookup:
    """Looks credits up by code. Made once per hub."""

    def __init__(self, db: Db, codes: Codes, clock: Clock, find: Find, throttle: Throttle) -> None:
        self._db = db
        self._codes = codes
        self._clock = clock
        self._find = find
        self._throttle = throttle
        self._turns: WeakValueDictionary[bytes, asyncio.Lock] = WeakValueDictionary()

    async def look_up(self, inquiry: Inquiry) -> UUID | None:
        """The credit; None when it is unknown, its PIN is wrong or missing, or it is somebody else's: not said which.

        Raises TooMany when too many look-ups of this asker or of this code failed, DatabaseError.
        """
        code_hash = self._codes.hash(inquiry.code)
        pin_hash = self._codes.hash_pin(inquiry.code, inquiry.pin)
        turn = self._turns.setdefault(code_hash, asyncio.Lock())
        async with turn:
            at = self._clock.now()
            counts = windows(self._throttle, inquiry.asker, code_hash, at)
            subjects, starts = [one.subject for one in counts], [one.start for one in counts]
            failed, found = await asyncio.gather(store.failures(self._db, subjects, starts), self._find(code_hash))
            _stop(wait_for(counts, failed, 0, at))
            if found is not None and may_see(inquiry, found, pin_hash):
                return found.credit_id
            spans = [(one.start, one.end) for one in counts]
            failed = await store.count_failure(self._db, subjects, spans, at - KEPT)
            _stop(wait_for(counts, failed, 1, at))
            return None

    async def check(self, asker: str) -> None:
        """Raises TooMany when too many look-ups of this asker failed: then nothing of theirs may tell about a code.
        Raises DatabaseError."""
        at = self._clock.now()
        mine = _of_asker(self._throttle, asker, at)
        _stop(wait_for((mine,), await store.failures(self._db, [mine.subject], [mine.start]), 0, at))

    async def count_refusal(self, asker: str) -> None:
        """Count the refusal of a command that brought a code as a failed look-up: it tells whether there is such a
        code. Raises TooMany when there were too many: then the refusal must not be told. Raises DatabaseError."""
        at = self._clock.now()
        mine = _of_asker(self._throttle, asker, at)
        failed = await store.count_failure(self._db, [mine.subject], [(mine.start, mine.end)], at - KEPT)
        _stop(wait_for((mine,), failed, 1, at))


def _stop(wait: timedelta | None) -> None:
    """Raises TooMany when there is something to wait for."""
    if wait is not None:
        seconds = max(1, -(-wait // timedelta(seconds=1)))
        sentence = f"Too many look-ups of codes failed. Ask again in {seconds} seconds."
        raise TooMany("too-many-lookups", sentence, seconds)


def find_in(db: Db) -> Find:
    """Finds codes in the ledger."""

    async def find(code_hash: bytes) -> Found | None:
        kept = await ledger.kept_code(db, code_hash)
        return None if kept is None else Found(kept.credit_id, kept.pin_hash, kept.owner)

    return find
