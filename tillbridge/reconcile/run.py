"""One reconciliation, from four tables to findings. It decides nothing itself: it asks the engine for the suspects, has
their rows put together, asks the directory whose they are, and has each case explained."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, Final, NamedTuple, TypeVar

import ibis
import pyarrow as pa
from ibis import _
from ibis.expr.types import Table

from tillbridge.diagnose.findings import finding_of, needs_the_directory
from tillbridge.diagnose.model import Case, Cause, Finding, Held, Sale, Side
from tillbridge.diagnose.view import Scope, View
from tillbridge.identity.model import Given
from tillbridge.reconcile import match, rows
from tillbridge.reconcile.candidates import nearest
from tillbridge.reconcile.cases import NO_KIN, Kin, Suspects, cases
from tillbridge.reconcile.directory import ask

One = TypeVar("One")


class Home(NamedTuple):
    """Where the retailer is at home: the country (ISO 3166) by which phones without their own are read, and the
    currency that most rows are in."""

    country: str = "US"
    currency: str = "USD"


Told = Callable[[str], None]
"""Told what is being done, for whoever looks on."""


def find(
    tables: Mapping[Side, Table], scope: Scope, home: Home, con: Any, told: Told = lambda _: None
) -> list[Finding]:
    """Every difference in scope, explained, in the order of codes.

    `tables` are typed as `columns.SCHEMAS`, on the backend `con`.
    """
    told("comparing")
    keyed = match.keyed(_with_codes(tables))
    keys = con.create_table("suspects", match.suspects(keyed, scope, home.currency), overwrite=True)
    told("gathering what differs")
    found = cases(*_gathered(keyed, keys, con))
    told("asking whose it is")
    found = _asked(found, tables, scope, home.country, con)
    told("explaining")
    findings = [finding for case in found if (finding := finding_of(case, scope))]
    return _with_candidates(findings, {case.code: case for case in found}, tables, home.country, con)


def looked_at(tables: Mapping[Side, Table], scope: Scope) -> int:
    """How many credits came into being in the window: on the platform, or else at the registers."""
    side, column = (Side.PLATFORM, "issued_at") if Side.PLATFORM in tables else (Side.POS, "occurred_at")
    if side not in tables:
        return 0
    born = tables[side][column]
    inside = (born >= ibis.literal(scope.since)) & (born <= ibis.literal(scope.until))
    return int(tables[side].filter(inside).count().execute())


def newest(tables: Mapping[Side, Table]) -> datetime | None:
    """When the newest sale or credit that was read came into being."""
    found = [
        tables[side].agg(newest=tables[side][column].max())
        for side, column in ((Side.PLATFORM, "issued_at"), (Side.POS, "occurred_at"))
        if side in tables
    ]
    moments = [row["newest"] for table in found for row in rows.rows(table.to_pyarrow())]
    return max((moment for moment in moments if moment is not None), default=None)


def _with_codes(tables: Mapping[Side, Table]) -> Mapping[Side, Table]:
    """The tables, with codes for the rows of registers and books that lack them, where there are any."""
    if Side.PLATFORM not in tables:
        return tables
    found = dict(tables)
    for side in (Side.POS, Side.ERP):
        table = tables.get(side)
        if table is not None and table.filter((_.code == "") & (_.transaction_id != "")).count().execute():
            found[side] = match.coded(table, tables[Side.PLATFORM])
    return found


def _gathered(keyed: Mapping[Side, Table], keys: Table, con: Any) -> tuple[Suspects, Kin]:
    """The rows of the suspects, and all rows of the sales that their credits name."""
    suspects = Suspects(
        _fetched(keyed, Side.POS, keys, rows.sale),
        _fetched(keyed, Side.PLATFORM, keys, rows.held),
        _fetched(keyed, Side.STOREFRONT, keys, rows.shown),
        _fetched(keyed, Side.ERP, keys, rows.booked),
    )
    sold = {key for key, _sale in suspects.sales}
    names = sorted({held.transaction_id for key, held in suspects.held if held.transaction_id and key not in sold})
    if not names:
        return suspects, NO_KIN
    wanted = con.create_table("kin", pa.table({"transaction_id": names}), overwrite=True)
    return suspects, Kin(_kin(keyed, Side.POS, wanted, rows.sale), _kin(keyed, Side.PLATFORM, wanted, rows.held))


def _fetched(
    keyed: Mapping[Side, Table], side: Side, keys: Table, value: Callable[[rows.Row], One]
) -> list[tuple[str, One]]:
    if side not in keyed:
        return []
    table = keyed[side].semi_join(keys, "key").to_pyarrow()
    return [(row["key"], value(row)) for row in _in_order(table)]


def _kin(
    keyed: Mapping[Side, Table], side: Side, wanted: Table, value: Callable[[rows.Row], One]
) -> Mapping[str, tuple[One, ...]]:
    found: dict[str, list[One]] = defaultdict(list)
    if side in keyed:
        for row in _in_order(keyed[side].semi_join(wanted, "transaction_id").to_pyarrow()):
            found[row["transaction_id"]].append(value(row))
    return {name: tuple(values) for name, values in found.items()}


def _in_order(table: pa.Table) -> Iterable[rows.Row]:
    """Rows in the order of their file, so that two engines give the same."""
    return rows.rows(table.sort_by("row"))


def _asked(found: Sequence[Case], tables: Mapping[Side, Table], scope: Scope, country: str, con: Any) -> list[Case]:
    """The cases, those with the directory's answer whose cause hangs on it."""
    if Side.STOREFRONT not in tables:
        return list(found)
    wanting = [place for place, case in enumerate(found) if needs_the_directory(case, scope)]
    answers = ask(tables[Side.STOREFRONT], [_given(found[place], scope) for place in wanting], country, con)
    asked = list(found)
    for place, answer in zip(wanting, answers, strict=True):
        asked[place] = replace(asked[place], answer=answer)
    return asked


def _given(case: Case, scope: Scope) -> Given:
    """What was heard of the customer: at the register, else on the platform."""
    view = View(case, scope)
    told: Sale | Held | None = view.sale or view.held
    return told.given if told else _NOBODY


_NOBODY: Final = Given()


def _with_candidates(
    findings: list[Finding], found: Mapping[str, Case], tables: Mapping[Side, Table], country: str, con: Any
) -> list[Finding]:
    """The findings, those of a mismatch with the accounts that the customer may have meant."""
    wanting = [place for place, one in enumerate(findings) if one.cause is Cause.IDENTIFIER_MISMATCH]
    if not wanting:
        return findings
    asked = [found[findings[place].code] for place in wanting]
    given = [(case.sales[0] if case.sales else case.held[0]).given for case in asked]
    for place, candidates in zip(wanting, nearest(tables[Side.STOREFRONT], given, country, con), strict=True):
        findings[place] = replace(findings[place], candidates=candidates)
    return findings
