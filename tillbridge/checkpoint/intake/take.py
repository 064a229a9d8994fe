"""Rows taken in: sales through the checkpoint as a register's would be, accounts into the directory. What is taken in
twice changes nothing; what cannot be taken in goes into quarantine, and is not lost."""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from tillbridge.checkpoint.approvals import Approvals, agreed
from tillbridge.checkpoint.intake import rows as reading
from tillbridge.checkpoint.intake.model import BadRow, Row, Tally, Wrong
from tillbridge.checkpoint.intake.table import clean, kept, print_of
from tillbridge.checkpoint.model import Prepared, Sale
from tillbridge.checkpoint.register import Checkpoint
from tillbridge.credit.approval import Decision
from tillbridge.credit.desk import Desk
from tillbridge.credit.reading import check_occurred
from tillbridge.handoff.inbound import store
from tillbridge.handoff.inbound.model import SetAside
from tillbridge.identity import store as people
from tillbridge.identity.model import Profile
from tillbridge.kernel.clock import Clock
from tillbridge.kernel.db import Db
from tillbridge.kernel.errors import BadInput, Conflict, DatabaseAway, Decided, Refusal, TryAgain
from tillbridge.kernel.ids import Ids
from tillbridge.ledger import store as ledger
from tillbridge.ledger.model import Answer, State
from tillbridge.stack.model import Brings, Role, Source, Stack

_LOG: Final = logging.getLogger("tillbridge.intake")

CHUNK: Final = 200
"""How many rows are taken in at once."""

GIVE_WAY_SECONDS: Final = 0.05
GIVE_WAY_MOST: Final = 40
"""Registers that wait go first, for two seconds at most: a file must get through a busy day as well."""

FAULT: Final = Wrong("row", "the hub met a fault of its own with it", "Tell whoever keeps the hub: its log says more.")
OUT_OF_ORDER: Final = "the same account had other identifiers in row {}"
_AWAY: Final = (DatabaseAway, TryAgain)


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of a row that is taken in: `confirmed` now, `before`, `waiting` for a person, or an `account`."""

    how: str
    voucher: bool = False


class Accounts:
    """The accounts of one file so far: one stands in a directory once per credit, and says the same each time."""

    def __init__(self) -> None:
        self._seen: dict[str, tuple[int, int]] = {}

    def wrong(self, number: int, profile: Profile) -> Wrong | None:
        """What is wrong with an account that was seen before in this file; None for one that says the same."""
        look = hash(tuple(one.key for one in profile.identifiers))
        first, first_look = self._seen.setdefault(profile.reference.account_id, (number, look))
        mend = "Find out which one is right, and replay the row with it."
        return None if look == first_look else Wrong("account_id", OUT_OF_ORDER.format(first), mend)


class Taking:
    """Takes rows in. Made once per hub."""

    def __init__(
        self, db: Db, checkpoint: Checkpoint, desk: Desk, approvals: Approvals, stack: Stack, clock: Clock, ids: Ids
    ) -> None:
        self._db = db
        self._checkpoint = checkpoint
        self._desk = desk
        self._approvals = approvals
        self._stack = stack
        self._clock = clock
        self._ids = ids

    async def take(
        self,
        system: str,
        source: Source,
        place: str,
        rows: Sequence[Row | BadRow],
        tally: Tally,
        accounts: Accounts | None = None,
    ) -> None:
        """Take rows in, or put them into quarantine: afterwards each is one or the other. `place` is the file or the
        page. Raises DatabaseError: then nothing is known, and the same rows are taken again."""
        await self._give_way()
        readable = [row for row in rows if isinstance(row, Row)]
        outcomes = iter(await self.outcomes(system, source, readable, accounts=accounts))
        came = [(row, row.wrong if isinstance(row, BadRow) else next(outcomes)) for row in rows]
        bad = [set_aside_row(place, row.number, row.raw, said) for row, said in came if isinstance(said, Wrong)]
        tally.quarantined += await store.set_aside(self._db, system, self._clock.now(), self._ids, bad)
        tally.rows += len(rows)
        taken = [said for _, said in came if isinstance(said, Taken)]
        tally.confirmed += sum(one.how == "confirmed" for one in taken)
        tally.before += sum(one.how == "before" for one in taken)
        tally.waiting += sum(one.how == "waiting" for one in taken)
        tally.accounts += sum(one.how == "account" for one in taken)
        tally.vouchers += sum(one.voucher and one.how == "confirmed" for one in taken)

    async def outcomes(
        self,
        system: str,
        source: Source,
        rows: Sequence[Row],
        refused: Mapping[int, int] | None = None,
        accounts: Accounts | None = None,
    ) -> list[Taken | Wrong]:
        """What becomes of each row. `refused` says how often the ledger has refused the row at a place of the list.

        A row for which something unforeseen is raised goes alone and spoils none of the others. Raises DatabaseError
        when the database is away.
        """
        tries = refused or {}
        try:
            return await self._together(system, source, rows, tries, accounts)
        except _AWAY:
            raise
        except Exception:
            if len(rows) == 1:
                _LOG.exception("a fault with row %s of %s", rows[0].number, system)
                return [FAULT]
        alone = [
            await self.outcomes(system, source, [row], {0: tries.get(place, 0)}, accounts)
            for place, row in enumerate(rows)
        ]
        return [one for came in alone for one in came]

    def read(self, system: str, source: Source, row: Row, again: int = 0) -> Sale | Profile:
        """A row as what it asks for. Raises BadInput."""
        if source.what is Brings.SALES:
            return reading.sale_of(row.cells, source, system, again)
        proves = self._stack.systems[system].role is Role.STOREFRONT
        return reading.profile(row.cells, source, system, self._stack.retailer.country, proves=proves)

    async def _together(
        self,
        system: str,
        source: Source,
        rows: Sequence[Row],
        tries: Mapping[int, int],
        accounts: Accounts | None,
    ) -> list[Taken | Wrong]:
        said: list[Taken | Wrong | None] = [None for _ in rows]
        sales: dict[int, Sale] = {}
        profiles: dict[int, Profile] = {}
        for place, row in enumerate(rows):
            try:
                asked = self.read(system, source, row, tries.get(place, 0))
            except BadInput as error:
                said[place] = _wrong(error)
                continue
            if isinstance(asked, Sale):
                sales[place] = asked
            else:
                said[place] = accounts.wrong(row.number, asked) if accounts else None
                if said[place] is None:
                    profiles[place] = asked
        for place, outcome in {**await self._issue(sales), **await self._learn(profiles)}.items():
            said[place] = outcome
        return [FAULT if one is None else one for one in said]

    async def _learn(self, profiles: Mapping[int, Profile]) -> dict[int, Taken | Wrong]:
        """Accounts into the directory; of one that comes twice the later row counts."""
        latest = {profile.reference.account_id: profile for profile in profiles.values()}
        await people.take_in(self._db, list(latest.values()), self._clock.now(), self._ids)
        return dict.fromkeys(profiles, Taken("account"))

    async def _issue(self, sales: Mapping[int, Sale]) -> dict[int, Taken | Wrong]:
        said: dict[int, Taken | Wrong] = {}
        cleared: dict[int, Sale] = {}
        for place, sale in sales.items():
            ready = await self._cleared(sale)
            if isinstance(ready, Sale):
                cleared[place] = ready
            else:
                said[place] = ready
        found = dict(zip(cleared, await self._checkpoint.prepare(list(cleared.values())), strict=True))
        ready_to_post = {place: one for place, one in found.items() if isinstance(one, Prepared)}
        answers = await self._desk.submit([one.command for one in ready_to_post.values()])
        given = dict(zip(ready_to_post, answers, strict=True))
        for place, one in found.items():
            if isinstance(one, Prepared):
                said[place] = await self._settled(one, given[place])
            else:
                said[place] = _wrong_of(one)
        return said

    async def _cleared(self, sale: Sale) -> Sale | Taken | Wrong:
        """The sale as it may be posted: not from the future, and agreed to where somebody has to."""
        try:
            await self._check_time(sale)
            held = await self._approvals.standing(sale)
        except (BadInput, Conflict, Decided) as error:
            return _wrong_of(error)
        if held is None:
            return sale
        return Taken("waiting") if held.state is Decision.WAITING else agreed(sale, held.decided_by)

    async def _check_time(self, sale: Sale) -> None:
        """Raises BadInput for a sale from the future, unless it was answered before: the first answer stays."""
        try:
            check_occurred(sale.occurred_at, self._clock.now())
        except BadInput:
            if await ledger.credit_of_key(self._db, sale.key) is None:
                raise

    async def _settled(self, prepared: Prepared, answer: Answer | BaseException) -> Taken | Wrong:
        """What the ledger's answer means for the row; a voucher is kept where nobody owns the credit."""
        if isinstance(answer, BaseException):
            return _wrong_of(answer)
        if isinstance(answer.result, Refusal):
            refusal = answer.result
            mend = "Mend the row or the map, and replay it." if refusal.retry != "never" else "Ask whoever sold it."
            return Wrong(refusal.field or "row", f"{refusal.code}: {refusal.engineer}", mend, refused=True)
        unclaimed = answer.result.state is State.UNCLAIMED
        if unclaimed:
            await self._checkpoint.settle(prepared, answer)
        return Taken("before" if answer.replay else "confirmed", voucher=unclaimed)

    async def _give_way(self) -> None:
        for _ in range(GIVE_WAY_MOST):
            if not self._desk.pressed():
                return
            await asyncio.sleep(GIVE_WAY_SECONDS)


def set_aside_row(place: str, number: int, raw: Mapping[str, object], wrong: Wrong) -> SetAside:
    """A row on its way into quarantine."""
    words = (clean(wrong.field), clean(wrong.problem), clean(wrong.mend))
    return SetAside(print_of(raw), clean(place), number, kept(raw), *words, int(wrong.refused))


def _wrong_of(error: BaseException) -> Wrong:
    """Why a row cannot be taken in. Raises what is not the row's fault."""
    if isinstance(error, BadInput):
        return _wrong(error)
    if isinstance(error, Conflict):
        problem = f"the key {error.key} was used before, with another {error.field}"
        return Wrong(error.field, problem, "Look up what was sold then; replay the row with what is right, or drop it.")
    if isinstance(error, Decided):
        return Wrong("row", str(error).rstrip("."), "Drop it, or ask whoever turned it down.")
    raise error


def _wrong(error: BadInput) -> Wrong:
    return Wrong(error.field, error.problem, error.mend)
