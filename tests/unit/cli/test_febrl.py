"""The labelled people: read from their files, and made from a seed."""

from itertools import islice
from pathlib import Path
from random import Random

import pytest

from tillbridge.cli.bench_asks import asks_of
from tillbridge.cli.febrl import SETS, folder_of, labelled
from tillbridge.identity import normalise
from tillbridge.identity.model import Kind
from tillbridge.kernel.errors import BadInput
from tillbridge.simulate.crowd import HANDED_ON, Crowd

FIELDS = "rec_id given_name surname street_number address_1 address_2 suburb postcode state date_of_birth soc_sec_id"
HEADER = ", ".join(FIELDS.split())
ROWS = (
    "rec-1-org, ada, young, 12, elm street, , albany, 2119, sa, 19840302, 1804974",
    "rec-1-dup-0, ada, yuong, 12, elm street, , albany, 2119, sa, 19840302, 1804947",
    "rec-2-dup-0, ben, ito, , , , , , , , 6089216",
)


def test_originals_are_the_directory_and_duplicates_the_requests(tmp_path: Path) -> None:
    for name in SETS:
        (tmp_path / name).write_text("\n".join([HEADER, *ROWS]) + "\n", "utf-8")
    first, *_ = labelled(folder_of(tmp_path))
    assert (first.name, [one.account_id for one in first.directory]) == ("FEBRL 1", ["rec-1"])
    (ask,) = first.asks
    assert (ask.truth, ask.given.name, ask.sought.loyalty_id) == ("rec-1", "ada yuong", "")
    # The card's check digit tells two digits that changed places.
    (held,) = normalise.given(first.directory[0], "US").usable[1:]
    assert held.kind is Kind.LOYALTY
    assert normalise.given(ask.given, "US").usable == ()


def test_a_folder_without_the_files_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="--no-febrl"):
        folder_of(tmp_path)


def test_a_household_is_the_same_whenever_it_is_made() -> None:
    crowd = Crowd(3)
    people = list(crowd.people(200))
    assert people == list(Crowd(3).people(200))
    assert len({one.account_id for one in people}) == len(people)
    assert len({one.phone for one in people}) < len(people)
    assert any(one.name == other.name for one, other in zip(people, people[2:], strict=False))
    assert crowd.gives_on(HANDED_ON)
    for one in people:
        assert normalise.phone(one.phone, "US") == normalise.phone(one.phone, "US")
        assert getattr(normalise.email(one.email), "value", "") == one.email


def test_requests_say_who_they_are_about() -> None:
    asks = list(islice(asks_of(Crowd(3), Random(1), 500, 400), 400))
    assert asks == list(asks_of(Crowd(3), Random(1), 500, 400))
    guests = [one for one in asks if one.truth is None]
    assert 0 < len(guests) < 80
    assert all(one.given.email or one.given.phone or one.given.loyalty_id for one in asks)


def test_guests_give_a_homes_phone_with_any_name_or_none() -> None:
    guests = [one for one in asks_of(Crowd(3), Random(1), 500, 4_000) if one.truth is None and not one.given.email]
    names = {len(one.given.name.split()) for one in guests}
    assert names == {0, 1, 2, 3}
    assert any(one.given.name.endswith(" Jr") and one.given.birth_date for one in guests)
    beyond = [one for one in guests if one.beyond]
    assert beyond
    assert all(one.given.phone and not (one.given.name or one.given.birth_date) for one in beyond)
