"""What was measured on a map, gathered for its assessment."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final

from tillbridge.handoff.measure import store
from tillbridge.handoff.measure.model import Outcome, Span
from tillbridge.kernel.db import Db
from tillbridge.stack.assess import Facts, Measured

TOO_LONG: Final = timedelta(hours=1)
"""What has been unknown for longer counts as lost until somebody finds it."""


async def facts(db: Db, since: datetime, at: datetime) -> Facts:
    """What came of everything that was recorded between `since` and `at`. Raises DatabaseError."""
    spans = {one.hop: one for one in await store.spans(db, since)}
    outcomes = await store.outcomes(db, since, at, at - TOO_LONG)
    issued = await store.issued(db, since)
    hops: Mapping[str, Measured] = {one.hop: _measured(one, spans.get(one.hop)) for one in outcomes}
    return Facts(at, since, hops, issued.count, issued.unlinked)


def _measured(outcome: Outcome, span: Span | None) -> Measured:
    return Measured(
        total=outcome.total,
        late=outcome.late + (span.late if span else 0),
        lost=outcome.dead + outcome.parked + outcome.unknown,
        rejected=outcome.rejected,
        parked=outcome.parked,
        p95=span.p95 if span else None,
    )
