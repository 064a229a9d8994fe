"""What clerks type where the register asks for the customer: some of it, however it is spelled, or nothing of use."""

from collections.abc import Callable, Sequence
from random import Random
from typing import Final

from tillbridge.simulate.exports.draft import Typed
from tillbridge.simulate.exports.people import People, Person, email_elsewhere, phone_elsewhere
from tillbridge.simulate.spelling import mistyped, spelled_email, spelled_phone

_GIVEN: Final = (
    (True, False, False),
    (True, True, False),
    (True, True, True),
    (False, True, False),
    (True, False, True),
    (False, False, True),
    (False, True, True),
)
"""Which of e-mail, phone and loyalty id a customer gives."""

NO_EMAIL: Final = ("n/a", "no email", "none", "NONE@NONE", "@", "x@", "unknown", "-")
"""What is typed to say that there is no e-mail."""

NO_PHONE: Final = ("n/a", "000", "0000000000", "1234567890", "555-0123", "none", "9999999999")
"""What is typed to say that there is no phone, or that cannot be one."""

_BROKEN: Final[Sequence[Callable[[str], str]]] = (
    lambda email: email.partition("@")[0],
    lambda email: f"{email.partition('@')[0]}@",
    lambda email: f"{email.partition('@')[0]}@mail",
    lambda email: email.replace(".", "..", 1),
    lambda email: email.replace("@", " at "),
)
"""How an address is broken beyond use."""

_JUNK_SHARE: Final = 0.02
_GAPS_SHARE: Final = 0.04


def type_owner(chance: Random, person: Person) -> Typed:
    """Some of what the customer can be found by, enough to find them alone."""
    email, phone, loyalty = chance.choice(_GIVEN)
    if person.family and phone and not email:
        # A phone of two people says of neither that it is hers.
        loyalty = True
    return (
        spelled_email(chance, person.email) if email else _blank(chance, NO_EMAIL),
        spelled_phone(chance, person.phone) if phone else _blank(chance, NO_PHONE),
        _spelled_card(chance, person.loyalty_id) if loyalty else "",
    )


def type_nothing(chance: Random, person: Person) -> Typed:
    """Nothing that can be used: blank, placeholders, or spoiled beyond use."""
    kind = chance.randrange(6)
    if kind == 0:
        return ("", "", "")
    if kind == 1:
        return (chance.choice(_BROKEN)(person.email), "", "")
    if kind == 2:
        return ("", "", _miscounted(chance, person.loyalty_id))
    if kind == 3:
        return ("", spelled_phone(chance, person.phone).strip()[:-3], "")
    email = chance.choice(NO_EMAIL) if kind == 4 else chance.choice(("", *NO_EMAIL))
    return (email, chance.choice(NO_PHONE) if kind == 5 or chance.random() < 0.4 else "", "")


def type_amiss(chance: Random, person: Person, people: People) -> Typed:
    """The e-mail with a typing error that makes it nobody's."""
    return (mistyped(chance, person.email, people), _blank(chance, NO_PHONE), "")


def type_elsewhere(chance: Random) -> Typed:
    """An e-mail, a phone or both that no online account has."""
    kind = chance.randrange(4)
    return (
        spelled_email(chance, email_elsewhere(chance)) if kind != 0 else _blank(chance, NO_EMAIL),
        spelled_phone(chance, phone_elsewhere(chance)) if kind in {0, 1} else _blank(chance, NO_PHONE),
        "",
    )


def type_two(chance: Random, person: Person, other: Person) -> Typed:
    """Something of one customer and something of another, who shares no phone with the first."""
    kind = chance.randrange(3)
    if kind == 0:
        return ("", spelled_phone(chance, other.phone), person.loyalty_id)
    email = spelled_email(chance, person.email)
    return (email, spelled_phone(chance, other.phone), "") if kind == 1 else (email, "", other.loyalty_id)


def type_family(chance: Random, person: Person) -> Typed:
    """A phone alone, which is somebody else's too."""
    return (_blank(chance, NO_EMAIL), spelled_phone(chance, person.phone), "")


def _blank(chance: Random, words: Sequence[str]) -> str:
    """Mostly nothing; now and then a word for nothing."""
    return chance.choice(words) if chance.random() < _JUNK_SHARE else ""


def _spelled_card(chance: Random, loyalty_id: str) -> str:
    """Mostly as it is; now and then in groups, as it stands on the card."""
    if chance.random() >= _GAPS_SHARE:
        return loyalty_id
    return chance.choice((" ", "-")).join((loyalty_id[:4], loyalty_id[4:8], loyalty_id[8:]))


def _miscounted(chance: Random, loyalty_id: str) -> str:
    """The loyalty id with another last digit, which cannot be its check digit."""
    return f"{loyalty_id[:-1]}{(int(loyalty_id[-1]) + chance.randint(1, 9)) % 10}"
