"""Send again what was given up: with fresh attempts, the same key, and a replay number one higher."""

from collections.abc import Iterable
from datetime import datetime
from typing import Final
from uuid import UUID

from tillbridge.handoff import store
from tillbridge.handoff.model import State
from tillbridge.kernel.db import Db

_DEAD: Final = frozenset({State.DEAD})
_CHUNK: Final = 500


async def replay_one(db: Db, at: datetime, credit_id: UUID, hop: str, version: int) -> bool:
    """Replay one dead or parked handoff; False when it is neither. Raises DatabaseError.

    A parked one is sent although nobody knows whether the target has it: that is what a person decided.
    """
    return await store.replay(db, at, [(credit_id, hop, version)]) == 1


async def replay_many(db: Db, at: datetime, places: Iterable[tuple[UUID, str, int]]) -> int:
    """Replay those of the given (credit, hop, version) that are dead or parked; how many. Raises DatabaseError."""
    return await store.replay(db, at, list(places))


async def replay_hop(db: Db, at: datetime, hop: str, states: Iterable[State] = _DEAD) -> int:
    """Replay everything on one hop that is dead (or in `states`: dead, parked); how many. Raises DatabaseError.

    Goes in portions, each in a transaction of its own: after an error, what was replayed stays so.
    """
    wanted, replayed = frozenset(states), 0
    last = (UUID(int=0), 0)
    while portion := await store.stuck_on_hop(db, hop, wanted, last, _CHUNK):
        replayed += await store.replay(db, at, [(credit_id, hop, version) for credit_id, version in portion])
        last = portion[-1]
    return replayed
