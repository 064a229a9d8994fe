"""What the directory says, identifier by identifier; on the sample it says what the register's decision says."""

from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import ibis
import pytest

from tests.unit.reconcile.profiles import given_of, rows_of, table
from tillbridge.diagnose.model import Answer
from tillbridge.identity import normalise, resolve
from tillbridge.identity.model import Given, Key, Linked, Owner, Unresolved
from tillbridge.reconcile.directory import ask

DIRECTORY = [
    Given("tess.reed@example.com", "+16172000068", "77000013688", "A1"),
    Given("tess.reed@example.com", "+16172000068", "77000013688", "A1"),
    Given("Tess.Old@example.com", "", "", "A1"),
    Given("sam.reed@example.com", "(617) 200-0068", "", "A2"),
    Given("ida.reed@example.com", "617.200.0068", "", "A3"),
    Given("lou.reed@example.com", "617 200 0068", "", "A4"),
    Given("duo@example.com", "2122000072", "", "B1"),
    Given("duo@example.com", "2122000073", "", "B2"),
    Given("n/a", "+1 212 200 0073", "n/a", "B3"),
    Given("broken@", "5512", "77000013689", "B4"),
]


@pytest.fixture
def con() -> Iterator[Any]:
    """DuckDB in memory."""
    engine = ibis.duckdb.connect()
    yield engine
    engine.disconnect()


def answer(con: Any, given: Given) -> Answer:
    (one,) = ask(ibis.memtable(table(DIRECTORY)), [given], "US", con)
    return one


@pytest.mark.parametrize(
    ("given", "usable", "accounts", "sentence"),
    [
        (Given("TESS.REED@example.com "), 1, ("A1",), "the e-mail t…@example.com belongs to A1"),
        (Given("tess.old@example.com"), 1, ("A1",), "the e-mail t…@example.com belongs to A1"),
        (Given("tess@example.com"), 1, (), "the e-mail t…@example.com belongs to no online profile"),
        (
            Given("tess@example.com", "6172000000"),
            2,
            (),
            "the e-mail t…@example.com and the phone …0000 belong to no online profile",
        ),
        (Given("n/a"), 0, (), "no usable identifier: 'n/a' stands for no e-mail"),
        (Given(), 0, (), "no usable identifier: nothing was given"),
        (
            Given("", "5512", "77000013689"),
            0,
            (),
            "no usable identifier: '77000013689' has a wrong check digit; '5512' is no valid phone number in US",
        ),
        # What nobody holds says nothing, and what is no identifier is named.
        (
            Given("tess.reed@example.com", "6172000000"),
            2,
            ("A1",),
            "the e-mail t…@example.com belongs to A1, the phone …0000 to no online profile",
        ),
        (
            Given("tess.reed@example.com", "5512"),
            1,
            ("A1",),
            "the e-mail t…@example.com belongs to A1; '5512' is no valid phone number in US",
        ),
        # A family's phone points to all of them, and to one with their own e-mail.
        (
            Given(phone="1-617-200-0068"),
            1,
            ("A1", "A2", "A3", "A4"),
            "the phone …0068 belongs to A1, A2, A3 and 1 more",
        ),
        (
            Given("sam.reed@example.com", "16172000068"),
            2,
            ("A2",),
            "the e-mail s…@example.com belongs to A2, the phone …0068 to A1, A2, A3 and 1 more",
        ),
        # Two that point to different people name them all.
        (
            Given("sam.reed@example.com", loyalty_id="7700-001-3688"),
            2,
            ("A1", "A2"),
            "the loyalty id …3688 belongs to A1, the e-mail s…@example.com to A2",
        ),
        # One account that two shared identifiers have in common is not proved by either.
        (
            Given("duo@example.com", "2122000073"),
            2,
            ("B1", "B2", "B3"),
            "the e-mail d…@example.com belongs to B1 and B2, the phone …0073 to B2 and B3",
        ),
        (Given(account_id="B4"), 1, ("B4",), "the account id B4 belongs to B4"),
        (Given("sam.reed@example.com", account_id="B9"), 2, ("A2",), None),
    ],
)
def test_it_says_whose_each_identifier_is(
    con: Any, given: Given, usable: int, accounts: tuple[str, ...], sentence: str | None
) -> None:
    said = answer(con, given)
    assert (said.usable, said.accounts) == (usable, accounts)
    assert sentence is None or said.sentence == sentence


def test_answers_stand_in_the_order_of_what_was_asked(con: Any) -> None:
    asked = [Given("duo@example.com"), Given(), Given("tess.reed@example.com"), Given("duo@example.com")]
    said = ask(ibis.memtable(table(DIRECTORY)), asked, "US", con)
    assert [one.accounts for one in said] == [("B1", "B2"), (), ("A1",), ("B1", "B2")]


def test_an_empty_directory_and_nothing_asked(con: Any) -> None:
    assert ask(ibis.memtable(table([])), [], "US", con) == []
    (said,) = ask(ibis.memtable(table([])), [Given("tess.reed@example.com")], "US", con)
    assert said.accounts == ()


def test_the_sample_is_answered_as_a_register_would_be(con: Any) -> None:
    """An independent path: `identity.resolve.decide` on owners gathered by normalising every row, all verified."""
    profiles = [given_of(row) for row in rows_of("storefront.csv")]
    ids = {name: UUID(int=place) for place, name in enumerate(sorted({one.account_id for one in profiles}))}
    holding: dict[Key, set[UUID]] = defaultdict(set)
    for one in profiles:
        for normal in normalise.given(one, "US").usable:
            holding[normal.key].add(ids[one.account_id])
    owners = {key: tuple(Owner(who, verified=True) for who in sorted(people)) for key, people in holding.items()}
    asked = [given_of(row) for row in rows_of("pos.csv")]
    seen: dict[str, int] = defaultdict(int)
    for given, said in zip(asked, ask(ibis.memtable(table(profiles)), asked, "US", con), strict=True):
        heard = normalise.given(given, "US")
        decided = resolve.decide(heard, owners, datetime(2026, 11, 28, tzinfo=UTC))
        assert said.usable == len(heard.usable)
        if isinstance(decided, Linked):
            assert [ids[name] for name in said.accounts] == [decided.customer_id]
        else:
            assert isinstance(decided, Unresolved)
            assert len(said.accounts) != 1
            assert (said.usable == 0) == (decided.cause == "no-customer")
        seen[type(decided).__name__ + getattr(decided, "cause", "")] += 1
    assert min(seen[name] for name in ("Linked", "Unresolvedno-customer", "Unresolvedidentifier-mismatch")) >= 40, seen
