"""What registers send of a crowd's people, with the truth: typing errors, other spellings, phones in any form, numbers
of a family, numbers that were handed on, and guests who have no account."""

from collections.abc import Iterator
from dataclasses import replace
from random import Random
from typing import Final

from tillbridge.cli.febrl import Ask
from tillbridge.identity.model import Given
from tillbridge.simulate.crowd import FIRST, Crowd, Person
from tillbridge.simulate.spelling import spelled_email, spelled_phone

GUESTS: Final = 0.08
"""The share of people without an online account. Half of them live with somebody who has one, and give that phone."""


def asks_of(crowd: Crowd, chance: Random, households: int, count: int) -> Iterator[Ask]:
    """As many requests as asked for, about people of the first `households`."""
    for number in range(count):
        household = chance.randrange(households)
        people = crowd.household(household)
        if household > 0 and crowd.gives_on(household - 1) and chance.random() < 0.5:
            people = (with_number_of(crowd, household, people[0]),)
        one = chance.choice(people)
        if chance.random() < GUESTS:
            yield _guest(crowd, chance, one, number)
            continue
        yield _ask(_typed(chance, one), one.account_id)


def with_number_of(crowd: Crowd, household: int, one: Person) -> Person:
    """The first person of a household after the phone of the household before was handed on to them."""
    return replace(one, phone=crowd.household(household - 1)[0].phone, phone_verified=True)


def _guest(crowd: Crowd, chance: Random, one: Person, number: int) -> Ask:
    """Somebody without an account. Who gives the home's phone gives their own name, the family's alone, a junior's with
    a birth date, or none: of the last nothing that the hub knows tells them from the owner."""
    stranger = crowd.household(1_000_000_000 + number)[0]
    if chance.random() < 0.5:
        return _ask(replace(_typed(chance, stranger), loyalty_id=""), None)
    first = chance.choice(tuple(name for name in FIRST if name[0] != one.name[0]))
    own, *family = one.name.split()
    last, phone = " ".join(family), spelled_phone(chance, one.phone)
    draw = chance.random()
    if draw < 0.4:
        return _ask(Given(phone=phone, name=f"{first} {last}"), None)
    if draw < 0.6:
        return _ask(Given(phone=phone, name=chance.choice((last, f"{own[0]} {last}"))), None)
    if draw < 0.8:
        year = int(one.birth_date[:4]) + 30
        named = chance.choice((f"{one.name} Jr", one.name, ""))
        return _ask(Given(phone=phone, name=named, birth_date=f"{year}{one.birth_date[4:]}"), None)
    return replace(_ask(Given(phone=phone), None), beyond=True)


def _ask(given: Given, truth: str | None) -> Ask:
    return Ask(given, truth, given)


def _typed(chance: Random, one: Person) -> Given:
    """What somebody says of themselves, and how it was typed."""
    email = phone = loyalty = ""
    while not (email or phone or loyalty):
        email = one.email if chance.random() < 0.6 else ""
        phone = one.phone if chance.random() < 0.6 else ""
        loyalty = one.loyalty_id if chance.random() < 0.2 else ""
    if email:
        name, _, host = email.partition("@")
        email = spelled_email(chance, f"{slipped(chance, name) if chance.random() < 0.15 else name}@{host}")
    if phone:
        digits = phone.removeprefix("+1")
        phone = spelled_phone(chance, f"+1{slipped_digit(chance, digits) if chance.random() < 0.08 else digits}")
    if loyalty and chance.random() < 0.1:
        loyalty = slipped_digit(chance, loyalty)
    full = chance.random() < 0.25
    return Given(
        email=email,
        phone=phone,
        loyalty_id=loyalty,
        name=_name(chance, one.name) if full or chance.random() < 0.6 else "",
        street=slipped(chance, one.street) if full and chance.random() < 0.2 else one.street if full else "",
        place=one.city if full else "",
        postcode=one.postcode if full else "",
        birth_date=one.birth_date if chance.random() < 0.1 else "",
    )


def _name(chance: Random, name: str) -> str:
    """A name as a clerk hears it."""
    first, _, last = name.partition(" ")
    draw = chance.random()
    if draw < 0.05:
        return f"{last} {first}"
    if draw < 0.10:
        return f"{first[0]} {last}"
    return slipped(chance, name) if draw < 0.2 else name


def slipped(chance: Random, text: str) -> str:
    """A text with one letter too many, too few, wrong, or in its neighbour's place; never at its edges."""
    if len(text) < 4:
        return text
    place = chance.randrange(1, len(text) - 2)
    here, there = text[place], text[place + 1]
    wrong = chance.choice((here, here + here + there, there + here, chance.choice("aeinorst") + there))
    return text[:place] + wrong + text[place + 2 :]


def slipped_digit(chance: Random, digits: str) -> str:
    """A number with one digit wrong, or two changed."""
    place = chance.randrange(1, len(digits) - 1)
    if chance.random() < 0.5:
        return digits[:place] + digits[place + 1] + digits[place] + digits[place + 2 :]
    return digits[:place] + chance.choice("0123456789") + digits[place + 1 :]
