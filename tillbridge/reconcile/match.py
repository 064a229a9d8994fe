"""Which credits do not agree on all sides: found in one pass over all rows, grouped by code. Ibis expressions only.

Every row of every side becomes one narrow line of whole numbers; lines of one key are added up, and a key whose sums
say "once on each side, the same money, the same currency" is a credit that agrees. All others are suspects, whose rows
are looked at one by one. So the wide rows of the many that agree are never joined, a code that stands somewhere twice
counts as two, and what is added up is five numbers a key.

A key is the code; of a row without one, the transaction id.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from enum import IntEnum
from typing import Final

import ibis
from ibis import _
from ibis.expr.types import BooleanValue, IntegerValue, StringValue, Table, TimestampValue, Value

from tillbridge.diagnose.model import Side
from tillbridge.diagnose.view import GONE, LIVE, SAME_MOMENT, Scope

BY_TRANSACTION: Final = "transaction "
"""What the key of a row without a code begins with; no code has a blank."""

_OTHER_CURRENCY: Final = "\t"
"""What stands between the key of a line and its currency, where that is not the usual one."""


def keyed(tables: Mapping[Side, Table]) -> dict[Side, Table]:
    """The same tables, each row with its `key`; accounts without a credit are left out."""
    found: dict[Side, Table] = {}
    for side, table in tables.items():
        if side is Side.STOREFRONT:
            found[side] = table.filter(_.code != "").mutate(key=_.code)
        elif side is Side.PLATFORM:
            found[side] = table.mutate(key=_.code)
        else:
            found[side] = table.mutate(key=_key(table))
    return found


def coded(table: Table, side: Side, platform: Table, since: datetime) -> Table:
    """The registers' or the books' rows, those that lack a code with the one that the platform has under the same
    transaction id: of the same money first, else whichever is left.

    Each code goes to one row at the most, and none that a row of this side names itself. What is older than the window
    is left alone: a number may have stood on a receipt before.
    """
    edge = ibis.literal(since - SAME_MOMENT)
    at = table.occurred_at if side is Side.POS else table.posted_at
    lacking = (table.code == "") & (table.transaction_id != "") & (at.isnull() | (at >= edge))
    named = table.filter(_.code != "").select("code").distinct()
    free = (
        platform.filter((_.transaction_id != "") & (_.issued_at >= edge))
        .anti_join(named, "code")
        .select("transaction_id", given="code", money=_money(platform.issued, platform.currency), **_first(platform))
    )
    blank = table.filter(lacking).mutate(money=_money(table.amount, table.currency), at=at)
    exact = _paired(blank, free, "money")
    rest = exact.filter(_.given == "").drop("given")
    left = free.anti_join(exact.filter(_.given != ""), "given")
    paired = exact.filter(_.given != "").union(_paired(rest, left), distinct=False)
    columns = [name for name in table.columns if name != "code"]
    return table.filter(~lacking).union(paired.select(*columns, code="given").select(*table.columns), distinct=False)


def _money(amount: IntegerValue, currency: StringValue) -> StringValue:
    return ibis.coalesce(amount.cast("string"), "") + currency


def _first(platform: Table) -> Mapping[str, Value]:
    """By what one credit of a transaction goes before another: what is still worth something, and the older."""
    return {"gone": platform.state.isin(sorted(GONE)), "issued_at": platform.issued_at}


def _paired(blank: Table, free: Table, *also: str) -> Table:
    """Rows with a code of their transaction as `given`, blank where none is left for them. The n-th goes with the n-th
    of those that are the same in `also`, too."""
    groups = ["transaction_id", *also]
    mine = [blank[name] for name in groups]
    theirs = [free[name] for name in groups]
    order = [blank["at"], blank.money, blank.row]
    wanting = blank.mutate(place=ibis.row_number().over(ibis.window(group_by=mine, order_by=order)))
    offered = free.mutate(
        place=ibis.row_number().over(ibis.window(group_by=theirs, order_by=[free.gone, free.issued_at, free.given]))
    ).select("given", "place", **{f"{name}_given": _[name] for name in groups})
    pairs = [wanting[name] == offered[f"{name}_given"] for name in groups]
    joined = wanting.left_join(offered, [*pairs, wanting.place == offered.place])
    return joined.mutate(given=ibis.coalesce(_.given, "")).select(*blank.columns, "given")


def suspects(tables: Mapping[Side, Table], scope: Scope, home: str) -> Table:
    """The keys that do not surely agree, of credits that were made or changed in the window. `tables` have keys; `home`
    is the currency that most rows are in."""
    lines = ibis.union(*(_narrow(side, table, scope, home) for side, table in tables.items()), distinct=False)
    sums = lines.group_by("line").agg(
        count=_["count"].sum(),
        signs=_.signs.sum(),
        sold_less_issued=_.sold_less_issued.sum(),
        shown_less_left=_.shown_less_left.sum(),
        booked_less_issued=_.booked_less_issued.sum(),
    )
    if Side.PLATFORM in tables:
        agrees = (
            (_counted(sums, Count.HELD) == 1)
            & _sale_agrees(sums, Side.POS in tables)
            & _store_agrees(sums, Side.STOREFRONT in tables)
            & _books_agree(sums, Side.ERP in tables)
        )
    else:
        agrees = _agrees_without_platform(sums, tables)
    # A code may stand for something in several currencies, and what was touched may be another line than what differs.
    abroad = sums.line.contains(_OTHER_CURRENCY)
    touched = _signed(sums, Sign.RECENT) > 0
    lines = sums.select(
        key=sums.line.split(_OTHER_CURRENCY)[0],
        differs=(~agrees).ifelse(1, 0),
        touched=(touched | (abroad & ~agrees)).ifelse(1, 0),
        kept=abroad | ~agrees,
    ).filter(_.kept)
    keys = lines.group_by("key").agg(differs=_.differs.max(), touched=_.touched.max())
    return keys.filter((_.differs == 1) & (_.touched == 1)).select("key")


class Count(IntEnum):
    """What a line counts for: its place among the counts that are added up in one number."""

    SOLD = 0
    HELD = 1
    SHOWN = 2
    POSTED = 3
    FAILED = 4


class Sign(IntEnum):
    """What a line says beside its money: its place among the signs that are added up in one number."""

    LIVE = 0
    GONE = 1
    ORDERED = 2
    BACKED = 3
    OLD = 4
    RECENT = 5


_DIGIT: Final = 1 << 10
"""Counts and signs are digits of one number, so that one sum does for all. A code that stands on a side a thousand
times spills into the next digit, and cannot come out as agreeing."""


def _digit(number: IntegerValue, place: int) -> IntegerValue:
    return (number // _DIGIT**place) % _DIGIT


def _counted(sums: Table, place: Count) -> IntegerValue:
    return _digit(sums["count"], place)


def _signed(sums: Table, place: Sign) -> IntegerValue:
    return _digit(sums.signs, place)


def _sale_agrees(sums: Table, read: bool) -> BooleanValue:
    if not read:
        return _signed(sums, Sign.BACKED) == 1
    sold = _counted(sums, Count.SOLD)
    unsold = (_signed(sums, Sign.ORDERED) == 1) | (_signed(sums, Sign.OLD) == 1)
    return ((sold == 1) & (sums.sold_less_issued == 0)) | ((sold == 0) & unsold)


def _store_agrees(sums: Table, read: bool) -> BooleanValue:
    if not read:
        return ibis.literal(True)
    shown, old = _counted(sums, Count.SHOWN), _old(sums)
    # Where nothing is shown, the difference is what is left, below zero.
    nothing_to_show = (_signed(sums, Sign.LIVE) == 0) | (sums.shown_less_left == 0) | old
    return ((shown == 1) & (sums.shown_less_left == 0)) | ((shown == 0) & nothing_to_show)


def _books_agree(sums: Table, read: bool) -> BooleanValue:
    if not read:
        return ibis.literal(True)
    posted, failed = _counted(sums, Count.POSTED), _counted(sums, Count.FAILED)
    booked = (posted == 1) & (failed == 0) & (sums.booked_less_issued == 0)
    return booked | ((posted == 0) & ((_signed(sums, Sign.GONE) == 1) | _old(sums)))


def _old(sums: Table) -> BooleanValue:
    """Whether it is older than the window, and no register of the window sold it."""
    return (_signed(sums, Sign.OLD) == 1) & (_counted(sums, Count.SOLD) == 0)


def _agrees_without_platform(sums: Table, tables: Mapping[Side, Table]) -> BooleanValue:
    """Without the platform nobody says what is left or what stands behind it: only what was sold can be looked for, and
    compared with the books."""
    once = _counted(sums, Count.SOLD) == 1
    nothing = _counted(sums, Count.SOLD) == 0
    if Side.STOREFRONT in tables:
        once &= _counted(sums, Count.SHOWN) == 1
    if Side.POS in tables and Side.ERP in tables:
        posted, failed = _counted(sums, Count.POSTED), _counted(sums, Count.FAILED)
        once &= (posted == 1) & (failed == 0) & (sums.booked_less_issued == sums.sold_less_issued)
        # A document in another currency than the sale's is a line of its own.
        nothing &= posted == 0
    return nothing | once


def _key(table: Table) -> StringValue:
    return (table.code == "").ifelse(ibis.literal(BY_TRANSACTION) + table.transaction_id, table.code)


def _narrow(side: Side, table: Table, scope: Scope, home: str) -> Table:
    """One line a row: what it counts for, and its money. A row in another currency than `home` is a line of its own,
    which no row in another currency agrees with."""
    own = _OWN[side](table, ibis.literal(scope.since))
    abroad = table.key + _OTHER_CURRENCY + table.currency
    return table.select(line=(table.currency == home).ifelse(table.key, abroad), **{**_NOTHING, **own})


_ZERO: Final = ibis.literal(0, "int64")

_NOTHING: Final[Mapping[str, IntegerValue]] = dict.fromkeys(
    ("count", "signs", "sold_less_issued", "shown_less_left", "booked_less_issued"), _ZERO
)
"""A line that counts for nothing."""


def _one(place: int) -> IntegerValue:
    return ibis.literal(_DIGIT**place, "int64")


def _signs(signs: Mapping[Sign, BooleanValue]) -> IntegerValue:
    """Signs as one number. A moment that nobody gives counts as no."""
    return sum((ibis.coalesce(sign, False).ifelse(_one(place), _ZERO) for place, sign in signs.items()), _ZERO)


def _of_sale(table: Table, since: TimestampValue) -> Mapping[str, IntegerValue]:
    recent = _signs({Sign.RECENT: table.occurred_at >= since})
    return {"count": _one(Count.SOLD), "signs": recent, "sold_less_issued": table.amount}


def _of_credit(table: Table, since: TimestampValue) -> Mapping[str, IntegerValue]:
    gone = table.state.isin(sorted(GONE))
    named = table.transaction_id != ""
    by_order = table.origin == "online_order"
    signs = {
        Sign.LIVE: table.state.isin(sorted(LIVE)),
        Sign.GONE: gone,
        Sign.ORDERED: by_order & named,
        # Where no register is read, what says that it came from one, or says nothing, is taken at its word.
        Sign.BACKED: (by_order & named) | table.origin.isin(["register", ""]),
        Sign.OLD: table.issued_at < since,
        Sign.RECENT: (table.issued_at >= since) | ibis.coalesce(table.last_activity_at >= since, False),
    }
    return {
        "count": _one(Count.HELD),
        "signs": _signs(signs),
        "sold_less_issued": -table.issued,
        "shown_less_left": gone.ifelse(_ZERO, -table.balance),
        "booked_less_issued": -table.issued,
    }


def _of_account(table: Table, since: TimestampValue) -> Mapping[str, IntegerValue]:
    # What nobody dates is looked at.
    recent = _signs({Sign.RECENT: table.updated_at.isnull() | (table.updated_at >= since)})
    return {"count": _one(Count.SHOWN), "signs": recent, "shown_less_left": table.available}


def _of_document(table: Table, since: TimestampValue) -> Mapping[str, IntegerValue]:
    posted = table.status == "posted"
    return {
        "count": posted.ifelse(_one(Count.POSTED), _one(Count.FAILED)),
        "signs": _signs({Sign.RECENT: table.posted_at.isnull() | (table.posted_at >= since)}),
        "booked_less_issued": posted.ifelse(ibis.coalesce(table.amount, _ZERO), _ZERO),
    }


_OWN: Final[Mapping[Side, Callable[[Table, TimestampValue], Mapping[str, IntegerValue]]]] = {
    Side.POS: _of_sale,
    Side.PLATFORM: _of_credit,
    Side.STOREFRONT: _of_account,
    Side.ERP: _of_document,
}
