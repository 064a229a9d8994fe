"""The spec sheet of a map, with what the database knows of it."""

from collections.abc import Mapping
from datetime import datetime

from tillbridge.handoff.breaker import FAILURES_TO_OPEN
from tillbridge.handoff.measure import store
from tillbridge.kernel.db import Db
from tillbridge.stack import store as editions
from tillbridge.stack.example import Example
from tillbridge.stack.model import Stack
from tillbridge.stack.spec import Spec, spec_of


async def spec_now(db: Db | None, stack: Stack, at: datetime) -> Spec:
    """The sheet as of `at`; without a database, by the map alone. Raises DatabaseError."""
    if db is None:
        return spec_of(stack, at, (), {}, FAILURES_TO_OPEN)
    return spec_of(stack, at, await editions.editions(db), await _examples(db, stack), FAILURES_TO_OPEN)


async def _examples(db: Db, stack: Stack) -> Mapping[str, Example]:
    found = {hop.name: await store.newest(db, hop.name) for hop in stack.deliveries()}
    return {hop: example for hop, example in found.items() if example is not None}
