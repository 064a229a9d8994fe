"""The only file of this package that runs SQL: first what changes handoffs, then what reads them."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

from tillbridge.handoff.breaker import Breaker, Gate
from tillbridge.handoff.model import (
    AttemptView,
    Claimed,
    Conclusion,
    HandoffView,
    HopCount,
    HopSigns,
    Kept,
    Latency,
    Lease,
    Onward,
    Result,
    Ripe,
    Room,
    Settled,
    State,
    StuckCount,
    Turned,
)
from tillbridge.handoff.trace import Trace, trace_of
from tillbridge.kernel.db import Db, Row, load_queries
from tillbridge.kernel.errors import BadInput

_Q: Final = load_queries("handoff")
_STATES: Final = frozenset(State)


async def turn(
    db: Db, at: datetime, results: Sequence[Result], onward: Sequence[Onward], rooms: Sequence[Room]
) -> Turned:
    """Settle results and claim what there is room for, in one round trip and one commit.

    Of the results, only those whose lease is still the newest come back as settled. Safe to repeat with the same
    results after an error that leaves open whether it was written. Raises DatabaseError.
    """
    rows = await db.fetch(
        _Q["turn"], at, [_result_row(result) for result in results], _onward_rows(onward),
        [(room.hop, room.count, room.lease_until, room.system, room.rate, room.deadline) for room in rooms],
    )  # fmt: skip
    by_kind: dict[str, list[Row]] = {"settled": [], "claimed": [], "more": [], "limited": []}
    for row in rows:
        by_kind[row["what"]].append(row)
    return Turned(
        [_settled(row) for row in by_kind["settled"]],
        [_claimed(row) for row in by_kind["claimed"]],
        frozenset(row["hop"] for row in by_kind["more"]),
        frozenset(row["hop"] for row in by_kind["limited"]),
    )


async def give_back(db: Db, leases: Iterable[Lease]) -> int:
    """Give back leases whose delivery has not begun; how many there were. Raises DatabaseError."""
    taken = [(one.credit_id, one.hop, one.version, one.token) for one in leases]
    return await db.execute(_Q["give_back"], *([row[part] for row in taken] for part in range(4)))


async def sweep(db: Db, at: datetime, latest: datetime) -> Mapping[str, Breaker]:
    """Make unknown what was leased until `at`, or until later than `latest`; all breakers that have ever moved.

    Raises DatabaseError.
    """
    return _breakers(await db.fetch(_Q["sweep"], at, latest))


async def mend_due(
    db: Db, hop: str, due_at: datetime, latest: datetime, latest_asked: datetime, by_now: datetime
) -> int:
    """Set due times that cannot be to `due_at`; how many there were.

    Later than `latest` is only what a target asked for in an attempt before `by_now`; later than `latest_asked` nothing
    is. Raises DatabaseError.
    """
    return await db.execute(_Q["mend_due"], hop, latest, due_at, latest_asked, by_now)


async def mend_waiting(
    db: Db, at: datetime, onward: Sequence[Onward], hops: Sequence[str], until: datetime
) -> tuple[int, int]:
    """Start what waits for a hop that has confirmed; and of what was recorded up to `until`, what waits for one that is
    not among `hops`, those of the map, while what is open on such a hop is given up, by portions.

    How many were given up, and how many started. Raises DatabaseError.
    """
    row = await db.fetch_one(_Q["mend_waiting"], at, _onward_rows(onward), list(hops), until)
    return (row["taken"], row["mended"]) if row else (0, 0)


async def conclude(  # noqa: PLR0913 - one statement's worth of facts
    db: Db,
    at: datetime,
    event_id: UUID,
    hop: str,
    kind: str,
    state: State,
    onward: Sequence[Onward],
    *,
    reference: str = "",
    reason_code: str = "",
    reason: str = "",
) -> Conclusion | None:
    """Confirm a handoff or declare it dead on someone's word; None when no event has this id and hop.

    `kind` is `answer` (the system's) or `person`. Raises DatabaseError.
    """
    row = await db.fetch_one(
        _Q["conclude"], at, event_id, hop, kind, state.value, reference, reason_code, reason, _onward_rows(onward)
    )
    if row is None:
        return None
    return Conclusion(_settled(row), changed=row["what"] == "settled")


async def replay(db: Db, at: datetime, places: Sequence[tuple[UUID, str, int]]) -> int:
    """Send again those of the given (credit, hop, version) that are dead or parked; how many. Raises DatabaseError."""
    credits, hops, versions = ([place[part] for place in places] for part in range(3))
    row = await db.fetch_one(_Q["replay"], at, credits, hops, versions)
    return int(row["replayed"]) if row else 0


async def stuck(
    db: Db,
    states: Iterable[State],
    hop: str,
    since: datetime | None,
    until: datetime | None,
    reason_code: str,
    after: tuple[UUID, str, int],
    limit: int,
) -> tuple[HandoffView, ...]:
    """What is dead or parked and fits, without attempts, after a place in the order of credit, hop and version.

    Blank texts and None fit all. Raises DatabaseError.
    """
    wanted = sorted(state.value for state in states)
    rows = await db.fetch(_Q["stuck"], wanted, hop, since, until, reason_code, *after, limit)
    return tuple(_view(row) for row in rows)


async def stuck_counts(
    db: Db, states: Iterable[State], hop: str, since: datetime | None, until: datetime | None, reason_code: str
) -> tuple[StuckCount, ...]:
    """How many are dead or parked and fit, by hop, state and reason. Raises DatabaseError."""
    wanted = sorted(state.value for state in states)
    rows = await db.fetch(_Q["stuck_counts"], wanted, hop, since, until, reason_code)
    return tuple(StuckCount(row["hop"], State(row["state"]), row["reason_code"], row["count"]) for row in rows)


async def breakers(db: Db) -> Mapping[str, Breaker]:
    """All breakers that have ever moved, by hop. Raises DatabaseError."""
    return _breakers(await db.fetch(_Q["breakers"]))


def _breakers(rows: Iterable[Row]) -> Mapping[str, Breaker]:
    return {
        row["hop"]: Breaker(Gate(row["state"]), row["failures"], row["opened_at"], row["until"])
        for row in rows
        if row["hop"]
    }


async def set_breakers(db: Db, moved: Mapping[str, Breaker]) -> None:
    """Write down the breakers that have moved. Raises DatabaseError."""
    hops = sorted(moved)
    await db.execute(
        _Q["set_breakers"],
        hops,
        [moved[hop].state.value for hop in hops],
        [moved[hop].failures for hop in hops],
        [moved[hop].opened_at for hop in hops],
        [moved[hop].until for hop in hops],
    )


async def of_credit(db: Db, credit_id: UUID) -> tuple[HandoffView, ...]:
    """Every handoff of a credit with its attempts, by version and hop. Raises DatabaseError."""
    async with db.connection() as tx:
        rows = await tx.fetch(_Q["of_credit"], credit_id)
        tried = await tx.fetch(_Q["attempts_of_credit"], credit_id)
    history: dict[tuple[str, int], list[AttemptView]] = {}
    for row in tried:
        history.setdefault((row["hop"], row["version"]), []).append(_attempt(row))
    return tuple(_view(row, tuple(history.get((row["hop"], row["version"]), ()))) for row in rows)


async def by_key(db: Db, event_id: UUID, hop: str) -> HandoffView | None:
    """The handoff of one event and hop, without its attempts. Raises DatabaseError."""
    row = await db.fetch_one(_Q["by_key"], event_id, hop)
    return _view(row) if row else None


async def trace(db: Db, credit_id: UUID) -> Trace:
    """The trace of a credit, at its first event. Raises DatabaseError."""
    row = await db.fetch_one(_Q["trace"], credit_id)
    return trace_of(credit_id, row and row["trace"], row["event_id"] if row else credit_id)


async def page(
    db: Db, at: datetime, state: State | None, hop: str = "", cursor: str = "", limit: int = 50
) -> tuple[tuple[HandoffView, ...], str]:
    """Handoffs in one state (None: those late at `at`), without attempts, and the cursor of the next page or blank.

    A blank `hop` means all hops. Raises BadInput for a cursor that is none, DatabaseError.
    """
    place = read_cursor(cursor)
    query, first = (_Q["page_late"], at) if state is None else (_Q["page_by_state"], state.value)
    rows = await db.fetch(query, first, hop, *place, limit + 1)
    views = tuple(_view(row) for row in rows[:limit])
    return views, write_cursor(views[-1]) if len(rows) > limit else ""


async def counts(db: Db, at: datetime, since: datetime) -> tuple[HopCount, ...]:
    """Handoffs by hop and state; of the confirmed, only those recorded since `since`. Raises DatabaseError."""
    rows = await db.fetch(_Q["counts"], at, since)
    return tuple(
        HopCount(row["hop"], State(row["state"]), row["count"], row["late"], row["oldest_due"]) for row in rows
    )


async def signs(db: Db, at: datetime) -> tuple[HopSigns, ...]:
    """How each hop is doing that has anything to say. Raises DatabaseError."""
    found: dict[str, list[Row]] = {}
    for row in await db.fetch(_Q["signs"], at):
        found.setdefault(row["hop"], []).append(row)
    return tuple(_signs(hop, rows) for hop, rows in sorted(found.items()))


async def kept(db: Db, at: datetime, spans: Sequence[Ripe]) -> tuple[Kept, ...]:
    """How many promises of these spans were kept; a hop without any is left out. Raises DatabaseError."""
    hops, begins, ends = ([getattr(span, name) for span in spans] for name in ("hop", "begin", "end"))
    return tuple(
        Kept(row["hop"], row["due"], row["kept"]) for row in await db.fetch(_Q["kept"], at, hops, begins, ends)
    )


async def latencies(db: Db, since: datetime, hop: str = "") -> tuple[Latency, ...]:
    """From recorded to confirmed, per hop, of what was recorded since `since`. Raises DatabaseError."""
    return tuple(
        Latency(row["hop"], row["count"], row["p50_ms"], row["p95_ms"], row["p99_ms"], row["max_ms"])
        for row in await db.fetch(_Q["latencies"], hop, since)
    )


def write_cursor(last: HandoffView) -> str:
    """The place of a handoff in the order of pages, as a text that can stand in an address."""
    return f"{last.credit_id}.{last.version}.{last.hop}"


def read_cursor(cursor: str) -> tuple[UUID, str, int]:
    """A place in the order of pages: credit, hop, version; blank is the beginning. Raises BadInput."""
    if not cursor:
        return UUID(int=0), "", 0
    credit, _, rest = cursor.partition(".")
    version, _, hop = rest.partition(".")
    try:
        place = UUID(credit), hop, int(version)
    except ValueError:
        place = None
    if place is None or not hop.isprintable() or not 0 <= place[2] < 2**31:
        raise BadInput(
            "cursor", "it is none of ours", "Send the cursor of the page before, or none for the first page."
        )
    return place


def _signs(hop: str, rows: Sequence[Row]) -> HopSigns:
    counted = {row["state"]: row["count"] for row in rows}
    states = {State(state): count for state, count in counted.items() if state in _STATES}
    breaker = next((state.removeprefix("breaker ") for state in counted if state.startswith("breaker ")), "closed")
    oldest = min((row["oldest_due"] for row in rows if row["oldest_due"]), default=None)
    return HopSigns(hop, states, sum(row["late"] for row in rows), oldest, counted.get("expired", 0), breaker)


def _view(row: Row, history: tuple[AttemptView, ...] = ()) -> HandoffView:
    return HandoffView(**{**row, "state": State(row["state"])}, history=history)


def _attempt(row: Row) -> AttemptView:
    return AttemptView(**{name: value for name, value in row.items() if name not in {"hop", "version"}})


def _onward_rows(onward: Sequence[Onward]) -> list[tuple[object, ...]]:
    return [(one.after, one.hop, one.due_at, one.deadline) for one in onward]


def _result_row(result: Result) -> tuple[object, ...]:
    lease, decision = result.lease, result.decision
    return (
        lease.credit_id, lease.hop, lease.version, lease.token, lease.replay, lease.attempt, lease.kind,
        result.started_at, result.ended_at, decision.outcome, decision.state.value, decision.due_at,
        decision.reason_code, decision.reason, decision.reference, decision.retry_after,
    )  # fmt: skip


def _settled(row: Row) -> Settled:
    return Settled(row["credit_id"], row["version"], row["hop"], State(row["state"]))


def _claimed(row: Row) -> Claimed:
    lease = Lease(
        credit_id=row["credit_id"],
        hop=row["hop"],
        version=row["version"],
        token=row["lease"],
        kind=row["kind"],
        attempt=row["attempt"],
        probes=row["probes"],
        replay=row["replay"],
        reason_code=row["reason_code"],
    )
    return Claimed(
        lease=lease,
        event_id=row["event_id"],
        event_state=row["event_state"],
        amount=row["amount"],
        balance=row["balance"],
        currency=row["currency"],
        credit_kind=row["credit_kind"],
        bucket=row["bucket"],
        last4=row["last4"],
        recorded_at=row["recorded_at"],
        customer=row["customer"],
        payload=row["payload"],
        change=row["change"],
        born_on=row["born_on"],
    )
