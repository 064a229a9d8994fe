"""Which credits do not agree on all sides: found in one pass over all rows, grouped by code. Ibis expressions only.

Every row of every side becomes one narrow line; lines of one key are added up, and a key whose sums say "once on each
side, the same money, the same currency" is a credit that agrees. All others are suspects, whose rows are looked at one
by one. So the wide rows of the many that agree are never joined, and a code that stands somewhere twice counts as two.

A key is the code; of a row without one, the transaction id.
"""

from collections.abc import Mapping
from typing import Any, Final

import ibis
from ibis import _
from ibis.expr.types import BooleanValue, StringValue, Table, Value

from tillbridge.diagnose.model import Side
from tillbridge.diagnose.view import GONE, LIVE, Scope

BY_TRANSACTION: Final = "transaction "
"""What the key of a row without a code begins with; no code has a blank."""

_MOMENT: Final = "timestamp('UTC', 6)"
_NO_AMOUNT: Final = ibis.null("int64")
_NO_TIME: Final = ibis.null(_MOMENT)


def keyed(tables: Mapping[Side, Table]) -> dict[Side, Table]:
    """The same tables, each row with its `key`; accounts without a credit are left out."""
    found = {}
    for side, table in tables.items():
        if side is Side.STOREFRONT:
            found[side] = table.filter(_.code != "").mutate(key=_.code)
        elif side is Side.PLATFORM:
            found[side] = table.mutate(key=_.code)
        else:
            found[side] = table.mutate(key=_key(table))
    return found


def coded(table: Table, platform: Table) -> Table:
    """A side whose rows lack codes, with the codes that the platform has under the same transaction id.

    Each code goes to one row at the most, in the order of the rows, and none that a row of this side names itself.
    """
    blank = table.filter((_.code == "") & (_.transaction_id != ""))
    named = table.filter(_.code != "").select("code").distinct()
    free = platform.filter(_.transaction_id != "").select("transaction_id", "code").anti_join(named, "code")
    wanting = blank.mutate(place=_place(blank.row, blank.transaction_id))
    given = free.mutate(place=_place(free.code, free.transaction_id)).rename(given="code", given_to="transaction_id")
    joined = wanting.left_join(given, [wanting.transaction_id == given.given_to, wanting.place == given.place]).mutate(
        code=ibis.coalesce(_.given, "")
    )
    rest = table.filter((_.code != "") | (_.transaction_id == ""))
    return rest.union(joined.select(*table.columns), distinct=False)


def _place(order: Value, group: Value) -> Value:
    return ibis.row_number().over(ibis.window(group_by=group, order_by=order))


def suspects(tables: Mapping[Side, Table], scope: Scope) -> Table:
    """The keys that do not surely agree, of credits that were made or changed in the window. `tables` have keys."""
    lines = ibis.union(*(_narrow(side, table) for side, table in tables.items()), distinct=False)
    sums = lines.group_by("key").agg(
        sales=_.sales.sum(),
        held=_.held.sum(),
        shown=_.shown.sum(),
        posted=_.posted.sum(),
        failed=_.failed.sum(),
        sold=_.sold.max(),
        issued=_.issued.max(),
        left=_.left.max(),
        available=_.available.max(),
        booked=_.booked.max(),
        live=_.live.max(),
        gone=_.gone.max(),
        ordered=_.ordered.max(),
        backed=_.backed.max(),
        currency_first=_.currency.min(),
        currency_last=_.currency.max(),
        born_at=_.born_at.min(),
        touched_at=_.touched_at.max(),
    )
    since = ibis.literal(scope.since).cast(_MOMENT)
    if Side.PLATFORM not in tables:
        agrees = _agrees_without_platform(sums, tables)
    else:
        old = (sums.sales == 0) & (sums.born_at < since)
        agrees = (
            (sums.held == 1)
            & (sums.currency_first == sums.currency_last)
            & _sale_agrees(sums, old, Side.POS in tables)
            & _store_agrees(sums, old, Side.STOREFRONT in tables)
            & _books_agree(sums, old, Side.ERP in tables)
        )
    touched = ibis.coalesce(sums.touched_at >= since, True)
    return sums.filter(touched & ~ibis.coalesce(agrees, False)).select("key")


def _agrees_without_platform(sums: Table, tables: Mapping[Side, Table]) -> BooleanValue:
    """Without the platform nobody says what is left or what stands behind it: only what was sold can be looked for."""
    there = sums.sales == 0
    once = ibis.literal(True)
    if Side.STOREFRONT in tables:
        once &= sums.shown == 1
    if Side.ERP in tables:
        once &= sums.posted == 1
    return there | ((sums.sales == 1) & once)


def _sale_agrees(sums: Table, old: BooleanValue, read: bool) -> BooleanValue:
    if not read:
        return sums.backed == 1
    return ((sums.sales == 1) & (sums.sold == sums.issued)) | ((sums.sales == 0) & ((sums.ordered == 1) | old))


def _store_agrees(sums: Table, old: BooleanValue, read: bool) -> BooleanValue:
    if not read:
        return ibis.literal(True)
    shown = (sums.shown == 1) & (sums.available == sums.left)
    return shown | ((sums.shown == 0) & ((sums.live == 0) | (sums.left == 0) | old))


def _books_agree(sums: Table, old: BooleanValue, read: bool) -> BooleanValue:
    if not read:
        return ibis.literal(True)
    posted = (sums.posted == 1) & (sums.failed == 0) & (sums.booked == sums.issued)
    return posted | ((sums.posted == 0) & ((sums.gone == 1) | old))


def rows_of(table: Table, names: Table, by: str) -> Table:
    """The rows of a side whose column `by` is among the names."""
    return table.semi_join(names, by)


def _key(table: Table) -> StringValue:
    return (table.code == "").ifelse(ibis.literal(BY_TRANSACTION) + table.transaction_id, table.code)


def _narrow(side: Side, table: Table) -> Table:
    """One line a row: what it counts for, and its money and times."""
    own = {**_NOTHING, **_OWN[side](table)}
    moments = {name: own.pop(name).cast(_MOMENT) for name in ("born_at", "touched_at")}
    return table.select(key=table.key, currency=table.currency.nullif(""), **own, **moments)


_NOTHING: Final[Mapping[str, Any]] = {
    **{name: ibis.literal(0, "int64") for name in ("sales", "held", "shown", "posted", "failed")},
    **dict.fromkeys(("sold", "issued", "left", "available", "booked"), _NO_AMOUNT),
    **{name: ibis.literal(0, "int64") for name in ("live", "gone", "ordered", "backed")},
    **dict.fromkeys(("born_at", "touched_at"), _NO_TIME),
}
"""A line that counts for nothing."""

_ONE: Final = ibis.literal(1, "int64")


def _of_sale(table: Table) -> Mapping[str, Any]:
    return {"sales": _ONE, "sold": table.amount, "born_at": table.occurred_at, "touched_at": table.occurred_at}


def _of_credit(table: Table) -> Mapping[str, Any]:
    gone = table.state.isin(sorted(GONE))
    return {
        "held": _ONE,
        "issued": table.issued,
        "left": gone.ifelse(0, table.balance).cast("int64"),
        "live": table.state.isin(sorted(LIVE)).cast("int64"),
        "gone": gone.cast("int64"),
        "ordered": ((table.origin == "online_order") & (table.transaction_id != "")).cast("int64"),
        "backed": (table.origin.isin(["online_order", "register"]) & (table.transaction_id != "")).cast("int64"),
        "born_at": table.issued_at,
        "touched_at": ibis.greatest(table.issued_at, ibis.coalesce(table.last_activity_at, table.issued_at)),
    }


def _of_account(table: Table) -> Mapping[str, Any]:
    return {"shown": _ONE, "available": table.available, "touched_at": table.updated_at}


def _of_document(table: Table) -> Mapping[str, Any]:
    posted = table.status == "posted"
    return {
        "posted": posted.cast("int64"),
        "failed": (table.status == "error").cast("int64"),
        "booked": posted.ifelse(table.amount, _NO_AMOUNT),
        "touched_at": table.posted_at,
    }


_OWN: Final = {
    Side.POS: _of_sale,
    Side.PLATFORM: _of_credit,
    Side.STOREFRONT: _of_account,
    Side.ERP: _of_document,
}
