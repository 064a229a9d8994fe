"""The only file of this package that runs SQL."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from tillbridge.kernel.clock import Clock
from tillbridge.kernel.db import Db, Row, Tx, load_queries
from tillbridge.kernel.errors import DatabaseFault, NotAllowed, NotFound
from tillbridge.reconcile.reissue.model import NEXT, Item, Move, Plan, State, Step

_Q: Final = load_queries("reconcile/reissue")

PLANS_SHOWN: Final = 100
"""How many plans are listed."""


async def keep_plan(tx: Tx, plan: Plan) -> int:
    """Keep a plan; the number it is known by from now on. Raises DatabaseError."""
    row = await tx.fetch_one(
        _Q["keep_plan"], plan.made_by, plan.made_at, plan.source, plan.source_print, plan.above, plan.currency
    )
    assert row is not None  # noqa: S101 - an INSERT that returns its row, for the type checker
    return int(row["plan_id"])


async def keep_item(tx: Tx, item: Item, at: datetime) -> bool:
    """Keep an item of a plan, and its first step; False when its credit is in another plan. Raises DatabaseError."""
    kept = await tx.execute(
        _Q["keep_item"], item.plan_id, item.number, item.finding_id, item.kind, item.cause, item.transaction_id,
        item.store, item.credit, item.last4, item.amount, item.currency, item.system, item.account_id, item.customer_id,
        item.state.value, item.reason, item.sentence, list(item.evidence), list(item.candidates), item.planned_by,
        item.version,
    )  # fmt: skip
    if kept:
        await tx.execute(
            _Q["note"], item.plan_id, item.number, item.state.value, at, item.planned_by, item.sentence
        )  # fmt: skip
    return kept > 0


async def plans(db: Db) -> list[tuple[Plan, Mapping[State, int]]]:
    """The newest plans, each with how many of its items stand how. Raises DatabaseError."""
    rows = await db.fetch(_Q["plans"], PLANS_SHOWN)
    return [(_plan(row), {State(state): count for state, count in row["states"].items()}) for row in rows]


async def plan(db: Db | Tx, plan_id: int) -> Plan:
    """One plan. Raises NotFound, DatabaseError."""
    row = await db.fetch_one(_Q["plan"], plan_id)
    if row is None:
        raise NotFound("plan", str(plan_id))
    return _plan(row)


async def items(db: Db | Tx, plan_id: int) -> list[Item]:
    """The items of a plan, in order. Raises DatabaseError."""
    return [_item(row) for row in await db.fetch(_Q["items"], plan_id)]


async def item(db: Db | Tx, plan_id: int, number: int) -> Item:
    """One item of a plan. Raises NotFound, DatabaseError."""
    row = await db.fetch_one(_Q["item"], plan_id, number)
    if row is None:
        raise NotFound("item", f"{plan_id}.{number}")
    return _item(row)


async def steps(db: Db, plan_id: int) -> list[Step]:
    """Every step of a plan, by item, oldest first. Raises DatabaseError."""
    return [Step(**dict(row)) for row in await db.fetch(_Q["steps"], plan_id)]


async def plan_of_credit(db: Db | Tx, credit: str) -> tuple[int, State] | None:
    """The plan that a credit is in and how it stands there; None when it is in none. Raises DatabaseError."""
    row = await db.fetch_one(_Q["plan_of_credit"], credit)
    return None if row is None else (row["plan_id"], State(row["state"]))


async def move(tx: Db | Tx, item: Item, move: Move, at: datetime, by: str) -> bool:
    """An item moves on, and the step is noted; False when it does not stand where it was seen. Raises ValueError for a
    step that leads nowhere from there, DatabaseError."""
    if move.to not in NEXT[item.state]:
        raise ValueError(f"an item that is {item.state} does not become {move.to}")
    return (
        await tx.execute(
            _Q["move"], item.plan_id, item.number, item.state.value, move.to.value, at, by, move.seen, move.reason,
            move.frozen_version, move.new_credit, move.new_last4,
        )
        > 0
    )  # fmt: skip


async def decide(tx: Db | Tx, decided: Item, at: datetime) -> bool:
    """A person decided on an item, which is handed in as it is to be; False when it does not wait any more, or
    somebody decided at the same moment, or it was begun. Raises DatabaseError."""
    said = (decided.state.value, decided.reason, decided.sentence, decided.system, decided.account_id)
    about = (
        decided.customer_id,
        decided.amount,
        decided.decided_by,
        decided.vouched,
        at,
        decided.tries,
        decided.version,
    )
    return await tx.execute(_Q["decide"], decided.plan_id, decided.number, *said, *about) > 0


async def approve(tx: Tx, shown: Item, by: str, at: datetime) -> bool:
    """A second person approves an item as it was shown to them; False when it is another by now. Raises NotAllowed for
    whoever planned it or decided on it, DatabaseError."""
    seen = f"As it was shown, {shown.print[:12]}: {shown.money} to {shown.account_id}."
    said = (by, shown.print, shown.tries, at, seen)
    try:
        return await tx.execute(_Q["approve"], shown.plan_id, shown.number, *said) > 0
    except DatabaseFault as fault:
        if fault.constraint != "second_person":
            raise
        sentence = f"{by} planned or decided item {shown.number}. Another person has to approve it."
        raise NotAllowed(sentence, known=True, reason="own-command", who=by) from fault


class Kept:
    """The journal of a run: items and steps in the database."""

    def __init__(self, db: Db, clock: Clock) -> None:
        self._db = db
        self._clock = clock

    async def begin(self, item: Item) -> Item:
        """The work on an item begins, once; the item as it is now. Raises DatabaseError."""
        await self._db.execute(_Q["begin"], item.plan_id, item.number, self._clock.now())
        return await self.again(item)

    async def move(self, item: Item, to: Move, by: str) -> Item:
        """An item moves on, if it still stands where it was seen; the item as it is now. Raises DatabaseError."""
        await move(self._db, item, to, self._clock.now(), by)
        return await self.again(item)

    async def again(self, item: Item) -> Item:
        """The item as it is now. Raises DatabaseError."""
        row = await self._db.fetch_one(_Q["item"], item.plan_id, item.number)
        return item if row is None else _item(row)


def _plan(row: Row) -> Plan:
    return Plan(
        row["plan_id"], row["made_by"], row["made_at"], row["source"], row["source_print"], row["above"],
        row["currency"],
    )  # fmt: skip


def _item(row: Row) -> Item:
    told: dict[str, Any] = dict(row)
    told["kind"] = told.pop("class")
    told["state"] = State(told["state"])
    return Item(**told)
