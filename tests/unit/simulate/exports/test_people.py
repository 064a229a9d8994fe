"""Customers made from their number, and what clerks type of them, as the product itself reads it."""

from collections import Counter
from random import Random

import pytest

from tillbridge.identity.model import Given, Normal
from tillbridge.identity.normalise import email, given, phone
from tillbridge.simulate.exports import clerks
from tillbridge.simulate.exports.draft import Typed
from tillbridge.simulate.exports.people import PEOPLE_MAX, People, phone_elsewhere

COUNT = 3_000


@pytest.fixture
def people() -> People:
    return People(Random(1), COUNT)


def usable(typed: Typed) -> set[str]:
    heard = given(Given(email=typed[0], phone=typed[1], loyalty_id=typed[2]), "US")
    return {normal.value for normal in heard.usable}


def test_everybody_has_an_address_and_a_card_of_their_own(people: People) -> None:
    everybody = [people.person(number) for number in range(1, COUNT + 1)]
    for column in ("account_id", "email", "loyalty_id"):
        assert len({getattr(person, column) for person in everybody}) == COUNT
    assert list(people) == [person.email for person in everybody]
    assert all(len(usable((one.email, one.phone, one.loyalty_id))) == 3 for one in everybody[::10])


def test_a_family_is_two_people_with_one_phone(people: People) -> None:
    everybody = [people.person(number) for number in range(1, COUNT + 1)]
    owners = Counter(person.phone for person in everybody)
    assert set(owners.values()) == {1, 2}
    assert all(person.family == (owners[person.phone] == 2) for person in everybody)
    near = people.family_near(COUNT)
    assert near is not None
    assert people.person(near).family


def test_an_address_is_somebodys_only_as_the_directory_has_it(people: People) -> None:
    address = people.person(77).email
    assert address in people
    assert "nobody.nowhere77@example.com" not in people
    assert "nobody@example.com" not in people
    assert address.replace("77@", "78@") not in people or people.person(78).email == address.replace("77@", "78@")


def test_phones_are_valid_however_many_people_there_are() -> None:
    chance = Random(2)
    people = People(chance, PEOPLE_MAX)
    for _ in range(500):
        assert isinstance(phone(people.person(people.somebody(chance)).phone, "US"), Normal)
        assert isinstance(phone(phone_elsewhere(chance), "US"), Normal)
    with pytest.raises(ValueError, match="can be made"):
        People(chance, PEOPLE_MAX + 1)


def test_what_stands_for_nothing_is_read_as_nothing() -> None:
    assert not [word for word in clerks.NO_EMAIL if isinstance(email(word), Normal)]
    assert not [word for word in clerks.NO_PHONE if isinstance(phone(word, "US"), Normal)]


def test_what_clerks_type_is_what_it_is_called(people: People) -> None:
    chance = Random(3)
    known = {value for number in range(1, COUNT + 1) for value in _of(people, number)}
    for _ in range(2_000):
        number = people.somebody(chance)
        person, own = people.person(number), _of(people, number)
        found = usable(clerks.type_owner(chance, person))
        assert found
        assert found <= own
        assert found != {person.phone} or not person.family
        assert not usable(clerks.type_nothing(chance, person))
        amiss = usable(clerks.type_amiss(chance, person, people))
        strange = usable(clerks.type_elsewhere(chance))
        assert amiss
        assert strange
        assert not (amiss | strange) & known
        other = people.other(chance, number)
        two = usable(clerks.type_two(chance, person, other))
        assert len(two) == 2
        assert len(two & own) == 1
        assert len(two & _of(people, int(other.account_id[1:]))) == 1


def _of(people: People, number: int) -> set[str]:
    person = people.person(number)
    return {person.email, person.phone, person.loyalty_id}
