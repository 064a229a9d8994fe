"""The nearest accounts: found by one slip, ranked as a register's request ranks them, and never a crowd."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from random import Random
from typing import Any
from uuid import UUID

import ibis
import pytest
from hypothesis import given as given_any
from hypothesis import settings
from hypothesis import strategies as st

from tests.unit.reconcile.profiles import given_of, rows_of, table
from tillbridge.cli.bench_candidates import measure, orphans_of
from tillbridge.diagnose.model import Nearest
from tillbridge.identity import nearness, normalise
from tillbridge.identity.model import Customer, Given, Identifier, Kind, Reference
from tillbridge.reconcile.blocking import CROWD, LOOKED_AT, _carried, keys_of, met, people
from tillbridge.reconcile.candidates import nearest
from tillbridge.reconcile.directory import ask
from tillbridge.reconcile.meant import meant
from tillbridge.simulate.crowd import Crowd

DIRECTORY = [
    Given("tess.reed12@example.com", "+16172000068", "77000013688", "A1"),
    Given("sam.reed@example.com", "(617) 200-0068", "", "A2"),
    Given("abel.weber1183@mail.example.com", "212-200-0072", "", "A3"),
    Given("", "", "", "A4"),
    Given("not an address", "12", "x", "A5"),
]


@pytest.fixture
def con() -> Iterator[Any]:
    """DuckDB in memory."""
    engine = ibis.duckdb.connect()
    yield engine
    engine.disconnect()


def near(con: Any, given: Given, profiles: list[Given] | None = None, most: int = 5) -> tuple[Nearest, ...]:
    (found,) = nearest(ibis.memtable(table(profiles or DIRECTORY)), [given], "US", con, most)
    return found


@pytest.mark.parametrize(
    "given",
    [
        Given("tess.reed1@example.com"),
        Given("tess.reed21@example.com"),
        Given("tes.reed12@example.com"),
        Given("TESS.REED12@example.org"),
        Given("tess.reed12@gmail.example"),
        Given("tess..reed12@example.com"),
        Given(loyalty_id="77000013698"),
        Given(loyalty_id="77000031688"),
        Given(loyalty_id="7700013688"),
    ],
    ids=str,
)
def test_one_slip_finds_the_account(con: Any, given: Given) -> None:
    assert [one.account_id for one in near(con, given)] == ["A1"]


@pytest.mark.parametrize("phone", ["617-200-0086", "+1 617 200 0069", "(617) 220-0068", "6172000068", "617 200 068"])
def test_one_slip_in_a_phone_finds_the_family(con: Any, phone: str) -> None:
    assert [one.account_id for one in near(con, Given(phone=phone))] == ["A1", "A2"]


@pytest.mark.parametrize(
    "given", [Given(), Given("n/a", "n/a", "n/a"), Given("zoe.hart@example.com"), Given(phone="12")]
)
def test_nobody_is_near(con: Any, given: Given) -> None:
    assert near(con, given) == ()


def test_the_reasons_say_why_field_by_field(con: Any) -> None:
    (first, second) = near(con, Given("tess.red12@example.com", "617-200-0068", "77000013688"))
    assert first == Nearest(
        "A1",
        99,
        (
            "same loyalty id, verified: …3688",
            "similar e-mail: t…@example.com, 96 of 100 alike",
            "same phone, verified: …0068",
        ),
    )
    assert second.account_id == "A2"
    assert second.reasons[0] == "no loyalty id on file"


def test_no_more_than_asked_for(con: Any) -> None:
    assert len(near(con, Given(phone="6172000068"), most=1)) == 1


def test_a_family_that_shares_a_phone_does_not_fill_the_list(con: Any) -> None:
    family = [Given(f"{name}.reed@example.com", "6172000068", "", f"F{name}") for name in ("ann", "bob", "cyd", "dan")]
    others = [Given("kofi.nagy1440@post.example.org", "2122000072", "", "K1")]
    found = near(con, Given("kofi.nagy144@post.example.org", "6172000068"), [*family, *others], most=3)
    assert "K1" in [one.account_id for one in found]
    assert len(found) == 3


def test_a_key_that_a_crowd_carries_tells_nothing(con: Any) -> None:
    crowd = [Given("", "6172000068", "", f"C{number:03}") for number in range(CROWD + 1)]
    assert near(con, Given(phone="6172000068"), crowd) == ()
    assert len(near(con, Given(phone="6172000068"), crowd[:-1])) == 5


def test_few_are_compared_however_many_are_near(con: Any) -> None:
    crowd = [Given("", "6172000068", "", f"C{number:03}") for number in range(CROWD)]
    heard = [normalise.given(Given(phone="6172000068"), "US")]
    pairs = con.to_pyarrow(met(people(ibis.memtable(table(crowd)), "US"), heard))
    assert sorted(pairs["account_id"].to_pylist()) == [f"C{number:03}" for number in range(LOOKED_AT)]


def test_an_account_stands_in_the_list_once(con: Any) -> None:
    rows = [*DIRECTORY, DIRECTORY[0], Given("tess@example.net", "+16172000068", "", "A1")]
    assert [one.account_id for one in near(con, Given("tess.red12@example.com"), rows)] == ["A1"]
    assert near(con, Given("tess@example.net"), rows)[0].score == 100


EMAILS = st.from_regex(r"[a-zA-Zü0-9]{1,12}([.+_][a-z0-9]{1,8})?@[a-z]{1,8}\.example\.com", fullmatch=True)
PHONES = st.sampled_from(("+16172000068", "(617) 200-0069", "1-212-200-0072", "212.200.0073", "011 44 20 7946 0958"))
CARDS = st.sampled_from(("77000013688", "7700 0013688", "49927398716", ""))
PEOPLE = st.builds(Given, EMAILS, PHONES, CARDS, st.just("A1"))


@given_any(st.lists(PEOPLE, min_size=1, max_size=20))
@settings(max_examples=15, deadline=None)
def test_the_engine_makes_the_keys_that_nearness_makes(everybody: list[Given]) -> None:
    """Of what is written plainly the engine's keys are those of `nearness.blocks`, to the letter."""
    named = [replace(one, account_id=f"A{place}") for place, one in enumerate(everybody)]
    engine = ibis.duckdb.connect()
    rows = engine.to_pyarrow(_carried(people(ibis.memtable(table(named)), "US"))).to_pylist()
    engine.disconnect()
    for one in named:
        heard = normalise.given(one, "US")
        carried = {row["key"] for row in rows if row["account_id"] == one.account_id}
        wanted = {
            f"{normal.kind}|{key}" for normal in heard.usable for key in nearness.blocks(normal.kind, normal.value)
        }
        wanted = {key for key in wanted if not key.startswith("account|")}
        wanted |= {f"{normal.kind}|same|{normal.value}" for normal in heard.usable}
        more = {
            f"email|local|{normal.value.rpartition('@')[0]}" for normal in heard.usable if normal.kind is Kind.EMAIL
        }
        assert wanted <= carried
        assert carried - wanted == more or heard.unusable
        assert more <= keys_of(heard)


def test_the_score_is_that_of_a_register(con: Any) -> None:
    """Each score is `nearness.candidate` of the same account, normalised by itself."""
    crowd = Crowd(3)
    profiles = [Given(one.email.upper(), one.phone, one.loyalty_id, one.account_id) for one in crowd.people(300)]
    told = {one.account_id: one for one in profiles}
    asked = [orphan.given for orphan in orphans_of(crowd, Random(4), 300, 200)]
    compared = 0
    for given, found in zip(asked, nearest(ibis.memtable(table(profiles)), asked, "US", con), strict=True):
        heard = meant(normalise.given(given, "US"), "US")
        for one in found:
            usable = normalise.given(told[one.account_id], "US").usable
            identifiers = tuple(
                Identifier(normal.kind, normal.value, normal.raw, True)
                for normal in usable
                if normal.kind is not Kind.ACCOUNT
            )
            customer = Customer(
                UUID(int=0), datetime(2026, 1, 1, tzinfo=UTC), (Reference("w", one.account_id),), identifiers
            )
            assert one.score == nearness.candidate(heard, customer).score
            compared += 1
    assert compared > 200


def test_what_was_meant_is_no_identifier() -> None:
    """A value that cannot be right finds candidates here, and links nobody anywhere."""
    heard = normalise.given(Given("a@b@c", "61720000689", "77000013689"), "US")
    assert heard.usable == ()
    assert [normal.kind for normal in meant(heard, "US").usable] == [Kind.LOYALTY, Kind.PHONE]
    assert meant(normalise.given(Given("n/a", "0000000000", ""), "US"), "US").usable == ()


def test_the_sample_s_mistyped_customers_are_found(con: Any) -> None:
    """Every mistyped e-mail of the sample is one slip from an account's, and that account comes first.

    `truth.csv` does not name the account. The domain and the number in the local part, where the slip spared it, do.
    """
    profiles = [given_of(row) for row in rows_of("storefront.csv")]
    mistyped = {row["transaction_id"] for row in rows_of("truth.csv") if row["cause"] == "identifier-mismatch"}
    asked = [given_of(row) for row in rows_of("pos.csv") if row["transaction_id"] in mistyped]
    directory = ibis.memtable(table(profiles))
    answers = ask(directory, asked, "US", con)
    unknown = [given for given, said in zip(asked, answers, strict=True) if not said.accounts]
    assert len(unknown) >= 20
    by_email = {one.account_id: one.email for one in profiles}
    kinds: dict[str, int] = defaultdict(int)
    for given, found in zip(unknown, nearest(directory, unknown, "US", con), strict=True):
        if not given.email:
            kinds["no e-mail"] += 1
            continue
        typed = given.email.strip().lower()
        likest = max(by_email, key=lambda name: nearness.likeness(Kind.EMAIL, typed, by_email[name]))
        if nearness.likeness(Kind.EMAIL, typed, by_email[likest]) < 90:
            kinds["a stranger"] += 1
            continue
        assert found[0].account_id == likest, (given, found)
        kinds["mistyped"] += 1
    assert kinds["mistyped"] >= 20, dict(kinds)


def test_most_slips_find_the_right_one(tmp_path: Any) -> None:
    """The benchmark's own figures on a small crowd: few are missed, of each kind of slip."""
    report = measure(tmp_path, 4_000, 400, seed=5)
    assert report.found_share >= 0.97
    assert all(slip.found >= 0.85 * slip.made for slip in report.slips)
    assert len(report.slips) == 5
    assert report.as_json()["orphans"] == 400
    assert len(list(report.lines())) == 11
