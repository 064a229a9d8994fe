"""Send again what was given up: with fresh attempts, the same key, and a replay number one higher."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from tillbridge.handoff import store
from tillbridge.handoff.model import STUCK, HandoffView, State, StuckCount
from tillbridge.kernel.db import Db
from tillbridge.kernel.errors import BadInput

_DEAD: Final = frozenset({State.DEAD})
_CHUNK: Final = 500
SHOWN: Final = 20
"""How many handoffs a preview shows."""

IDS_MAX: Final = 500
"""How many handoffs may be named one by one."""


@dataclass(frozen=True, slots=True)
class Selection:
    """Which handoffs are meant: those of `states` (dead, parked) that fit everything that is said. Blank or None: any.

    `since` and `until` (not included) are about when the event was recorded. `places`, where given, are credit, hop and
    version of those that may be meant at all.
    """

    states: frozenset[State] = _DEAD
    hop: str = ""
    since: datetime | None = None
    until: datetime | None = None
    reason_code: str = ""
    places: tuple[tuple[UUID, str, int], ...] | None = None


@dataclass(frozen=True, slots=True)
class Preview:
    """What a replay would set going: how many, by hop, state and reason, and the first of them."""

    count: int
    counts: tuple[StuckCount, ...]
    first: tuple[HandoffView, ...]


def states_of(word: str) -> frozenset[State]:
    """`dead`, `parked`, or blank for dead ones. Raises BadInput for another word."""
    names = {state.value: state for state in STUCK}
    if word and word not in names:
        raise BadInput("state", f"{word!r} cannot be replayed", "Use dead or parked.")
    return frozenset({names[word]}) if word else _DEAD


def read_id(text: str) -> tuple[UUID, str, int]:
    """A handoff's id, `credit.version.hop`, as credit, hop and version. Raises BadInput."""
    credit, _, rest = text.partition(".")
    version, _, hop = rest.partition(".")
    try:
        place = UUID(credit), hop, int(version)
    except ValueError:
        place = None
    if place is None or not hop or not hop.isprintable() or not 0 < place[2] < 2**31:
        raise BadInput("id", f"{text[:80]!r} is no id of a handoff", "Use the id that GET /v1/handoffs answers.")
    return place


async def replay_one(db: Db, at: datetime, credit_id: UUID, hop: str, version: int) -> bool:
    """Replay one dead or parked handoff; False when it is neither. Raises DatabaseError.

    A parked one is sent although nobody knows whether the target has it: that is what a person decided.
    """
    return await store.replay(db, at, [(credit_id, hop, version)]) == 1


async def replay_many(db: Db, at: datetime, places: Iterable[tuple[UUID, str, int]]) -> int:
    """Replay those of the given (credit, hop, version) that are dead or parked; how many. Raises DatabaseError."""
    return await store.replay(db, at, list(places))


async def replay_hop(db: Db, at: datetime, hop: str, states: Iterable[State] = _DEAD) -> int:
    """Replay everything on one hop that is dead (or in `states`: dead, parked); how many. Raises DatabaseError."""
    return await replay_selected(db, at, Selection(states=frozenset(states), hop=hop))


async def replay_selected(db: Db, at: datetime, selection: Selection) -> int:
    """Replay everything that is meant; how many. Raises DatabaseError.

    Goes in portions, each in a transaction of its own: after an error, what was replayed stays so.
    """
    if selection.places is not None:
        meant = [(one.credit_id, one.hop, one.version) for one in await _named(db, selection)]
        return await store.replay(db, at, meant)
    replayed, last = 0, (UUID(int=0), "", 0)
    while portion := await _stuck(db, selection, last, _CHUNK):
        places = [(one.credit_id, one.hop, one.version) for one in portion]
        replayed += await store.replay(db, at, places)
        last = places[-1]
    return replayed


async def preview(db: Db, selection: Selection) -> Preview:
    """What a replay would set going; changes nothing. Raises DatabaseError."""
    if selection.places is not None:
        meant = await _named(db, selection)
        counts: dict[tuple[str, State, str], int] = {}
        for one in meant:
            counts[one.hop, one.state, one.reason_code] = counts.get((one.hop, one.state, one.reason_code), 0) + 1
        return Preview(len(meant), tuple(StuckCount(*key, count) for key, count in counts.items()), meant[:SHOWN])
    found = await store.stuck_counts(
        db, selection.states, selection.hop, selection.since, selection.until, selection.reason_code
    )
    first = await _stuck(db, selection, (UUID(int=0), "", 0), SHOWN)
    return Preview(sum(one.count for one in found), found, first)


async def _stuck(db: Db, selection: Selection, after: tuple[UUID, str, int], limit: int) -> tuple[HandoffView, ...]:
    return await store.stuck(
        db, selection.states, selection.hop, selection.since, selection.until, selection.reason_code, after, limit
    )


async def _named(db: Db, selection: Selection) -> tuple[HandoffView, ...]:
    """Those of the named ones that the rest of the selection fits."""
    places = dict.fromkeys(selection.places or ())
    credits = dict.fromkeys(credit_id for credit_id, _, _ in places)
    kept = [one for credit_id in credits for one in await store.of_credit(db, credit_id)]
    return tuple(one for one in kept if (one.credit_id, one.hop, one.version) in places and _fits(one, selection))


def _fits(one: HandoffView, selection: Selection) -> bool:
    return (
        one.state in selection.states
        and selection.hop in ("", one.hop)
        and selection.reason_code in ("", one.reason_code)
        and (selection.since is None or one.recorded_at >= selection.since)
        and (selection.until is None or one.recorded_at < selection.until)
    )
