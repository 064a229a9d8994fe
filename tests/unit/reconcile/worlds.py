"""Small worlds for the tests: a few credits on four sides as they may be, made by chance that is handed in.

Each credit begins as one that agrees everywhere and is then changed a little, up to a handful of times, so that most
worlds are nearly right: that is where a quick look goes wrong.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any, Final

import pyarrow as pa
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from tillbridge.diagnose.model import Side
from tillbridge.diagnose.view import Scope
from tillbridge.diagnose.way import way_of
from tillbridge.reconcile.columns import SCHEMAS
from tillbridge.stack.model import Stack

SINCE: Final = datetime(2026, 10, 22, 16, tzinfo=UTC)
UNTIL: Final = datetime(2026, 11, 20, 16, tzinfo=UTC)
AS_OF: Final = datetime(2026, 11, 21, 16, tzinfo=UTC)

Row = dict[str, Any]
World = Mapping[Side, Sequence[Row]]

MOMENTS: Final = (
    SINCE - timedelta(days=400),
    SINCE - timedelta(days=1),
    SINCE - timedelta(seconds=1),
    SINCE,
    SINCE + timedelta(days=1),
    SINCE + timedelta(days=10),
    UNTIL - timedelta(days=2),
    UNTIL,
    AS_OF - timedelta(hours=1),
    AS_OF,
    AS_OF + timedelta(days=1),
)
AMOUNTS: Final = (0, 1000, 1500, 2500, 5000)
STATES: Final = ("active", "unclaimed", "pending", "frozen", "redeemed", "void", "expired")

# What a field of a row may be instead. Codes and receipts are of the same few, so that credits get into each other.
OTHERWISE: Final[Mapping[Side, Mapping[str, Sequence[Any]]]] = {
    Side.POS: {
        "code": ("", "A", "B", "C"),
        "transaction_id": ("T1", "T2", "T3"),
        "amount": AMOUNTS,
        "currency": ("USD", "CAD"),
        "occurred_at": MOMENTS,
    },
    Side.PLATFORM: {
        "code": ("A", "B", "C"),
        "transaction_id": ("", "T1", "T2", "T3"),
        "origin": ("register", "online_order", "erp_manual", ""),
        "state": STATES,
        "issued": AMOUNTS,
        "balance": AMOUNTS,
        "currency": ("USD", "CAD"),
        "issued_at": MOMENTS,
        "last_activity_at": (None, *MOMENTS),
        "customer_id": ("", "A1"),
    },
    Side.STOREFRONT: {
        "code": ("A", "B", "C"),
        "account_id": ("A1", "A2"),
        "available": AMOUNTS,
        "currency": ("USD", "CAD"),
        "updated_at": (None, *MOMENTS),
    },
    Side.ERP: {
        "code": ("", "A", "B", "C", "D"),
        "transaction_id": ("", "T1", "T2", "T3"),
        "amount": (None, *AMOUNTS),
        "currency": ("USD", "CAD"),
        "posted_at": (None, *MOMENTS),
        "status": ("posted", "error"),
        "error": ("", "deadlock detected", "currency not mapped"),
    },
}


def row(side: Side, **values: Any) -> Row:
    """A row of a side: blank, but for these values."""
    blank = {name: "" if pa.types.is_string(SCHEMAS[side].field(name).type) else None for name in SCHEMAS[side].names}
    return {**blank, **values}


def agreeing(code: str, receipt: str, amount: int, at: datetime, currency: str = "USD") -> dict[Side, list[Row]]:
    """A credit that a register sold, and that every side has alike."""
    second, night = at + timedelta(seconds=1), at + timedelta(hours=12)
    money = {"currency": currency, "code": code}
    return {
        Side.POS: [
            row(Side.POS, transaction_id=receipt, store="001", occurred_at=at, bucket="paid", amount=amount, **money)
        ],
        Side.PLATFORM: [
            row(
                Side.PLATFORM,
                credit_id=f"C-{code}",
                transaction_id=receipt,
                origin="register",
                issued_at=second,
                state="active",
                issued=amount,
                balance=amount,
                bucket="paid",
                customer_id="A1",
                last_activity_at=second,
                **money,
            )
        ],
        Side.STOREFRONT: [row(Side.STOREFRONT, account_id="A1", available=amount, updated_at=night, **money)],
        Side.ERP: [
            row(
                Side.ERP,
                document_id=f"D-{code}",
                transaction_id=receipt,
                posted_at=night,
                amount=amount,
                status="posted",
                **money,
            )
        ],
    }


def joined(*worlds: Mapping[Side, Sequence[Row]]) -> dict[Side, list[Row]]:
    """Several worlds in one."""
    return {side: [one for world in worlds for one in world.get(side, ())] for side in Side}


def world(chance: Random) -> dict[Side, list[Row]]:
    """Up to three credits, changed a little."""
    made = joined(
        *(
            agreeing(code, receipt, chance.choice(AMOUNTS[1:]), chance.choice(MOMENTS))
            for code, receipt in zip("ABC"[: chance.randint(1, 3)], ("T1", "T2", "T3"), strict=False)
        )
    )
    for _ in range(chance.randint(0, 7)):
        _change(chance, made)
    for place, one in enumerate(made[Side.PLATFORM]):
        one["credit_id"] += f"-{place}"
    for place, one in enumerate(made[Side.ERP]):
        one["document_id"] += f"-{place}"
    return made


def _change(chance: Random, made: dict[Side, list[Row]]) -> None:
    how = chance.random()
    if how < 0.1:
        # The same credit once more in another currency, on the sides that draw it.
        for rows in made.values():
            rows += [{**one, "currency": "CAD"} for one in rows if chance.random() < 0.8 and one["currency"] == "USD"]
        return
    side = chance.choice(list(Side))
    if not made[side]:
        return
    place = chance.randrange(len(made[side]))
    if how < 0.25:
        del made[side][place]
        return
    if how < 0.45:
        made[side].append(dict(made[side][place]))
        place = -1
    field = chance.choice(sorted(OTHERWISE[side]))
    made[side][place][field] = chance.choice(OTHERWISE[side][field])


def apart(many: Sequence[Mapping[Side, Sequence[Row]]]) -> dict[Side, list[Row]]:
    """Many worlds side by side, none of which knows another: one question to the engine answers for all."""
    return joined(*(_named(world, f"{number}") for number, world in enumerate(many)))


def _named(world: Mapping[Side, Sequence[Row]], name: str) -> dict[Side, list[Row]]:
    names = ("code", "transaction_id", "credit_id", "document_id")
    return {
        side: [{**one, **{field: f"{one[field]}{name}" for field in names if one.get(field)}} for one in rows]
        for side, rows in world.items()
    }


def tables(world: Mapping[Side, Sequence[Row]], read: frozenset[Side]) -> dict[Side, pa.Table]:
    """Typed tables of the sides that are read, the rows numbered as in a file."""
    return {
        side: pa.Table.from_pylist([{**one, "row": number} for number, one in enumerate(world[side], 2)], SCHEMAS[side])
        for side in Side
        if side in read
    }


def scope(stack: Stack | None, read: frozenset[Side] = frozenset(Side), until: datetime = UNTIL) -> Scope:
    """What is looked at: 30 days, up to a day before the cut."""
    return Scope(SINCE, until, AS_OF, way_of(stack, read), read)


READS: Final[SearchStrategy[frozenset[Side]]] = st.one_of(
    st.just(frozenset(Side)), st.frozensets(st.sampled_from(Side), min_size=2)
)
"""The sides that are read: mostly all, and any two of them at least."""
