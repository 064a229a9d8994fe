"""The quick look at all rows drops no credit in which the rules would find something, however the rows lie."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from random import Random
from typing import Any

import ibis
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from ibis.expr.types import Table

from tests.unit.reconcile.worlds import READS, Row, apart, scope, tables, world
from tillbridge.diagnose.findings import finding_of
from tillbridge.diagnose.model import Case, Finding, Side
from tillbridge.diagnose.view import Scope
from tillbridge.reconcile import match
from tillbridge.reconcile.cases import cases
from tillbridge.reconcile.engine import open_engine
from tillbridge.reconcile.run import gathered, with_codes
from tillbridge.stack.load import load

STACK = load(Path(__file__).parents[2] / "data" / "sample" / "stack.toml", {})
WORLDS = 100

# A seed is as good as a smaller one.
NO_SHRINKING = (Phase.explicit, Phase.reuse, Phase.generate)


@pytest.fixture(scope="module")
def con(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    with open_engine("duckdb", tmp_path_factory.mktemp("engine")) as opened:
        yield opened


def put(con: Any, many: Mapping[Side, Sequence[Row]], read: frozenset[Side]) -> dict[Side, Table]:
    return {side: con.create_table(side.value, one, overwrite=True) for side, one in tables(many, read).items()}


def every_key(keyed: Mapping[Side, Table]) -> Table:
    return ibis.union(*(one.select("key") for one in keyed.values()), distinct=True)


def found(cases_of: list[Case], looked_at: Scope) -> list[Finding]:
    return [finding for case in cases_of if (finding := finding_of(case, looked_at))]


def quick(con: Any, given_tables: Mapping[Side, Table], looked_at: Scope, *, all_keys: bool = False) -> list[Case]:
    keyed = match.keyed(with_codes(given_tables, looked_at.since))
    keys = every_key(keyed) if all_keys else match.suspects(keyed, looked_at, "USD")
    return cases(gathered(keyed, con.create_table("suspects", keys, overwrite=True), con), looked_at.since)


@given(st.integers(0, 2**32), READS, st.booleans())
@settings(deadline=None, max_examples=8, phases=NO_SHRINKING)
def test_nothing_that_the_rules_would_find_is_dropped(
    con: Any, seed: int, read: frozenset[Side], mapped: bool
) -> None:  # fmt: skip
    chance = Random(seed)
    looked_at = scope(STACK if mapped else None, read)
    given_tables = put(con, apart([world(chance) for _ in range(WORLDS)]), read)
    few = found(quick(con, given_tables, looked_at), looked_at)
    every = found(quick(con, given_tables, looked_at, all_keys=True), looked_at)
    assert sorted(set(every) - set(few), key=str) == []
    assert sorted(set(few) - set(every), key=str) == []
    assert few or not read & {Side.POS, Side.PLATFORM}
    ids = Counter(one.finding_id for one in every)
    assert [one for one in every if ids[one.finding_id] > 1] == [], "two findings of one name"


@given(st.integers(0, 2**32))
@settings(deadline=None, max_examples=3, phases=NO_SHRINKING)
def test_the_order_of_rows_says_nothing_and_no_row_is_claimed_twice(con: Any, seed: int) -> None:
    chance = Random(seed)
    looked_at = scope(STACK)
    many = apart([world(chance) for _ in range(WORLDS)])
    first = quick(con, put(con, many, frozenset(Side)), looked_at)
    for rows in many.values():
        chance.shuffle(rows)
    assert found(quick(con, put(con, many, frozenset(Side)), looked_at), looked_at) == found(first, looked_at)
    claimed = Counter(one.credit_id for case in first for one in case.held)
    claimed += Counter(one.document_id for case in first for one in case.booked)
    assert set(claimed.values()) == {1}
    # A sale stands in a second case only where that is a further credit of it.
    assert sum(len(case.shown) for case in first) <= len(many[Side.STOREFRONT])
