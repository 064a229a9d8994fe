"""Rows in quarantine, tried again: after the map or the directory was mended, or with what they should have said."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from tillbridge.checkpoint.accepts import not_taken
from tillbridge.checkpoint.intake.model import Row, Wrong
from tillbridge.checkpoint.intake.table import LINE, row_of
from tillbridge.checkpoint.intake.take import Taken, Taking, set_aside_row
from tillbridge.checkpoint.model import Sale
from tillbridge.handoff.inbound import store
from tillbridge.handoff.inbound.model import Quarantined
from tillbridge.kernel.clock import Clock
from tillbridge.kernel.db import Db
from tillbridge.kernel.errors import BadInput
from tillbridge.stack.model import Source, Stack

NO_SOURCE = Wrong("source", "the map has no such source any more", "Put it back into the map, or drop the row.")
UNREADABLE = Wrong("row", "it could not be split into cells", "Export it, fill in its columns, replay it with them.")


@dataclass(frozen=True, slots=True)
class Mended:
    """What became of a row that was tried again: how it was taken in, or what is still wrong with it."""

    row: Quarantined
    outcome: Taken | Wrong


class Mending:
    """Tries rows of the quarantine again. Made once per hub."""

    def __init__(self, db: Db, stack: Stack, taking: Taking, clock: Clock) -> None:
        self._db = db
        self._stack = stack
        self._sources: Mapping[str, Source] = stack.sources()
        self._taking = taking
        self._clock = clock

    async def replay(
        self, rows: Sequence[Quarantined], instead: Mapping[UUID, Mapping[str, str]] | None = None
    ) -> list[Mended]:
        """Take rows in, or say what is still wrong with them. `instead` has by id the cells of a row, by their columns,
        that are to stand in place of its own. Raises DatabaseError: then the same is asked again."""
        return [await self._try(row, (instead or {}).get(row.id, {})) for row in rows]

    def look(self, row: Quarantined, instead: Mapping[str, str] | None = None) -> Wrong | None:
        """What would be wrong with a row before anybody is asked; None when it would be sent. Changes nothing."""
        made = self._made(row, instead or {})
        if isinstance(made, Wrong):
            return made
        try:
            asked = self._taking.read(row.source, self._sources[row.source], made, row.refused)
        except BadInput as error:
            return Wrong(error.field, error.problem, error.mend)
        wrong = not_taken(self._stack, asked.amount, asked.bucket) if isinstance(asked, Sale) else None
        return Wrong(*wrong, "Mend the row, or what the authority takes in the map.") if wrong else None

    async def _try(self, row: Quarantined, instead: Mapping[str, str]) -> Mended:
        made = self._made(row, instead)
        if isinstance(made, Wrong):
            return Mended(row, made)
        source = self._sources[row.source]
        (outcome,) = await self._taking.outcomes(row.source, source, [made], {0: row.refused})
        if isinstance(outcome, Taken):
            await store.replayed(self._db, [row.id], self._clock.now())
        else:
            await store.still_bad(self._db, row.id, set_aside_row(row.place, row.row_number, made.raw, outcome))
        return Mended(row, outcome)

    def _made(self, row: Quarantined, instead: Mapping[str, str]) -> Row | Wrong:
        """The row with what stands in place of its own cells."""
        if row.source not in self._sources:
            return NO_SOURCE
        raw: dict[str, Any] = {**(row.raw or {}), **instead}
        if LINE in raw and not instead:
            return UNREADABLE
        raw.pop(LINE, None)
        made = row_of(row.row_number, raw, self._sources[row.source])
        return made if isinstance(made, Row) else made.wrong
