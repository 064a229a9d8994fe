"""One reconciliation, from four tables to findings. It decides nothing itself: it asks the engine for the suspects, has
their rows put together, asks the directory whose they are, and has each case explained."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, Final, NamedTuple, TypeVar

import ibis
import pyarrow as pa
from ibis import _
from ibis.expr.types import Table

from tillbridge.diagnose.findings import finding_of, needs_the_directory
from tillbridge.diagnose.model import Case, Cause, Class, Finding, Side
from tillbridge.diagnose.view import Scope
from tillbridge.identity.model import Given
from tillbridge.reconcile import match, rows
from tillbridge.reconcile.candidates import nearest
from tillbridge.reconcile.cases import Suspects, cases
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
    keyed = match.keyed(with_codes(tables, scope.since))
    keys = con.create_table("suspects", match.suspects(keyed, scope, home.currency), overwrite=True)
    told("gathering what differs")
    found = cases(gathered(keyed, keys, con), scope.since)
    told("asking whose it is")
    found = _asked(found, tables, scope, home.country, con)
    told("explaining")
    explained = [(case, finding) for case in found if (finding := finding_of(case, scope))]
    return _with_candidates(explained, tables, home.country, con)


def looked_at(tables: Mapping[Side, Table], scope: Scope, differing: Sequence[Finding]) -> int:
    """How many credits came into being in the window: on the platform, or else at the registers; and those of
    `differing`, the findings of the window, that are not there."""
    side, column = (Side.PLATFORM, "issued_at") if Side.PLATFORM in tables else (Side.POS, "occurred_at")
    if side not in tables:
        return 0
    born = tables[side][column]
    inside = (born >= ibis.literal(scope.since)) & (born <= ibis.literal(scope.until))
    elsewhere = sum(1 for one in differing if _is_elsewhere(one, side))
    return int(tables[side].filter(inside).count().execute()) + elsewhere


def _is_elsewhere(finding: Finding, side: Side) -> bool:
    """Whether the credit of a finding has no row on a side: nothing that this side says is among the evidence."""
    missing = finding.kind is Class.MISSING_ON_PLATFORM and side is Side.PLATFORM
    return missing or all(one.source != side.value for one in finding.evidence)


def newest(tables: Mapping[Side, Table]) -> datetime | None:
    """When the newest sale or credit that was read came into being."""
    found = [
        tables[side].agg(newest=tables[side][column].max())
        for side, column in ((Side.PLATFORM, "issued_at"), (Side.POS, "occurred_at"))
        if side in tables
    ]
    moments = [row["newest"] for table in found for row in rows.rows(table.to_pyarrow())]
    return max((moment for moment in moments if moment is not None), default=None)


def with_codes(tables: Mapping[Side, Table], since: datetime) -> Mapping[Side, Table]:
    """The tables, with codes for the rows of registers and books that lack them, where there are any."""
    if Side.PLATFORM not in tables:
        return tables
    found = dict(tables)
    for side in (Side.POS, Side.ERP):
        table = tables.get(side)
        if table is not None and table.filter((_.code == "") & (_.transaction_id != "")).count().execute():
            found[side] = match.coded(table, side, tables[Side.PLATFORM], since)
    return found


def gathered(keyed: Mapping[Side, Table], keys: Table, con: Any) -> Suspects:
    """The rows of the suspects, and of whatever shares a transaction with a credit or a document of theirs: that may
    agree with everything, and tells what they are."""
    names = [
        keyed[side].semi_join(keys, "key").filter(_.transaction_id != "").select("transaction_id")
        for side in (Side.PLATFORM, Side.ERP)
        if side in keyed
    ]
    if Side.PLATFORM in keyed:
        wanted = con.create_table("transactions", ibis.union(*names, distinct=True), overwrite=True)
        kin = [
            keyed[side].semi_join(wanted, "transaction_id").select("key")
            for side in (Side.POS, Side.PLATFORM, Side.ERP)
            if side in keyed
        ]
        keys = con.create_table("kin", ibis.union(keys.select("key"), *kin, distinct=True), overwrite=True)
    return Suspects(
        _fetched(keyed, Side.POS, keys, rows.sale),
        _fetched(keyed, Side.PLATFORM, keys, rows.held),
        _fetched(keyed, Side.STOREFRONT, keys, rows.shown),
        _fetched(keyed, Side.ERP, keys, rows.booked),
    )


def _fetched(
    keyed: Mapping[Side, Table], side: Side, keys: Table, value: Callable[[rows.Row], One]
) -> list[tuple[str, One]]:
    if side not in keyed:
        return []
    table = keyed[side].semi_join(keys, "key").to_pyarrow()
    return [(row["key"], value(row)) for row in _in_order(table)]


def _in_order(table: pa.Table) -> Iterable[rows.Row]:
    """Rows in the order of their file, so that two engines give the same."""
    return rows.rows(table.sort_by("row"))


def _asked(found: Sequence[Case], tables: Mapping[Side, Table], scope: Scope, country: str, con: Any) -> list[Case]:
    """The cases, those with the directory's answer whose cause hangs on it."""
    if Side.STOREFRONT not in tables:
        return list(found)
    wanting = [place for place, case in enumerate(found) if needs_the_directory(case, scope)]
    answers = ask(tables[Side.STOREFRONT], [told_of(found[place]) for place in wanting], country, con)
    asked = list(found)
    for place, answer in zip(wanting, answers, strict=True):
        asked[place] = replace(asked[place], answer=answer)
    return asked


def told_of(case: Case) -> Given:
    """What was heard of the customer: at the register, else on the platform."""
    sold = min(case.sales, key=lambda one: (one.occurred_at, one.transaction_id), default=None)
    if sold is not None:
        return sold.given
    return case.held[0].given if case.held else _NOBODY


_NOBODY: Final = Given()


def _with_candidates(
    explained: Sequence[tuple[Case, Finding]], tables: Mapping[Side, Table], country: str, con: Any
) -> list[Finding]:  # fmt: skip
    """The findings, those of a mismatch with the accounts that the customer may have meant."""
    findings = [finding for _case, finding in explained]
    wanting = [place for place, one in enumerate(findings) if one.cause is Cause.IDENTIFIER_MISMATCH]
    if not wanting:
        return findings
    given = [told_of(explained[place][0]) for place in wanting]
    for place, candidates in zip(wanting, nearest(tables[Side.STOREFRONT], given, country, con), strict=True):
        findings[place] = replace(findings[place], candidates=candidates)
    return findings
