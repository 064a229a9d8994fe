"""What ends by itself: holds whose time is up, and credits whose last moment has passed. And the book-keeping that
nobody should have to wait for."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from tillbridge.credit.desk import Desk
from tillbridge.credit.keys import expiry_key, lapse_key
from tillbridge.credit.model import Expire, Lapse
from tillbridge.kernel.clock import Clock
from tillbridge.kernel.db import Db
from tillbridge.kernel.errors import Refusal
from tillbridge.ledger import store as ledger
from tillbridge.ledger.gather import BATCH_MAX
from tillbridge.ledger.model import Answer, Ended, Hold, Posted

EXPIRE_EVERY: Final = timedelta(hours=1)
"""How often credits whose last moment has passed are ended. They cannot be spent from that moment on in any case."""

FOLD_EVERY: Final = timedelta(seconds=5)
"""How often what commits did to the totals is folded into them."""

FOLDS_MAX: Final = 50
"""How many times in a row: so many movements are never left over by honest work."""

USAGE_KEPT: Final = timedelta(days=3)
"""How long the counters of daily limits are kept: longer than any day in any zone."""

HUB: Final = "hub"
"""Who does what ends by itself."""


@dataclass(frozen=True, slots=True)
class Swept:
    """How many holds lapsed, credits expired, and movements were folded into the totals."""

    lapsed: int = 0
    expired: int = 0
    folded: int = 0


class Sweeper:
    """Ends what has ended. Any number of hubs may do it at once: each thing ends once, by its key."""

    def __init__(self, db: Db, desk: Desk, clock: Clock) -> None:
        self._db = db
        self._desk = desk
        self._clock = clock
        self._expired_at: datetime | None = None
        self._folded_at: datetime | None = None

    async def sweep(self) -> Swept:
        """Do what is due now. Raises DatabaseError; what was not done is done the next time."""
        at = self._clock.now()
        lapsed = await self._lapse(at)
        expired = folded = 0
        if _is_due(self._folded_at, FOLD_EVERY, at):
            folded = await self._fold()
            self._folded_at = at
        if _is_due(self._expired_at, EXPIRE_EVERY, at):
            expired = await self.expire(at)
            await ledger.forget_usage(self._db, (at - USAGE_KEPT).date())
            self._expired_at = at
        return Swept(lapsed, expired, folded)

    async def expire(self, at: datetime) -> int:
        """End every credit whose last moment has passed, and that the law does not let live on; how many there were.

        Raises DatabaseError.
        """
        ended = 0
        after: Ended | None = None
        while page := await ledger.ended_credits(self._db, at, after, BATCH_MAX):
            due = [one for one in page if await self._desk.may_end(one.credit_id, at)]
            ended += _posted(await self._desk.submit([_expire(one) for one in due]))
            after = page[-1]
        return ended

    async def _lapse(self, at: datetime) -> int:
        lapsed = 0
        while holds := await ledger.ended_holds(self._db, at, BATCH_MAX):
            answers = await self._desk.submit([_lapse(hold) for hold in holds])
            done = _posted(answers)
            # What was refused as too early, under this key, was so by a clock that has jumped back since.
            early = [hold for hold, answer in zip(holds, answers, strict=True) if _too_early(answer)]
            done += _posted(await self._desk.submit([_lapse(hold, late=True) for hold in early]))
            lapsed += done
            if not done:
                break
        return lapsed

    async def _fold(self) -> int:
        folded = 0
        for _ in range(FOLDS_MAX):
            some = await ledger.fold(self._db)
            folded += some
            if not some:
                break
        return folded


def _lapse(hold: Hold, *, late: bool = False) -> Lapse:
    return Lapse(
        key=lapse_key(hold.hold_id, late=late),
        actor=HUB,
        occurred_at=hold.expires_at,
        hold_id=hold.hold_id,
        credit_id=hold.credit_id,
    )


def _expire(one: Ended) -> Expire:
    key = expiry_key(one.credit_id, one.version)
    return Expire(key=key, actor=HUB, occurred_at=one.expires_at, credit_id=one.credit_id)


def _is_due(last: datetime | None, every: timedelta, at: datetime) -> bool:
    # A clock that jumped back is no reason to wait for it.
    return last is None or at - last >= every or at < last


def _too_early(answer: Answer | BaseException) -> bool:
    return isinstance(answer, Answer) and isinstance(answer.result, Refusal) and answer.result.code == "not-expired-yet"


def _posted(answers: list[Answer | BaseException]) -> int:
    """How many went through now. What failed with the database is raised; it is found again by the next sweep."""
    count = 0
    for answer in answers:
        if isinstance(answer, BaseException):
            raise answer
        count += isinstance(answer.result, Posted) and not answer.replay
    return count
