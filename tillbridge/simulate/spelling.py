"""How people spell themselves at a register: other capitals, stray spaces, a phone in any form, a typing error."""

from collections.abc import Callable, Collection, Sequence
from random import Random
from typing import Final

_EMAILS: Final[Sequence[Callable[[str], str]]] = (
    str,
    str,
    str,
    str.upper,
    str.capitalize,
    lambda email: f" {email}",
    lambda email: f"{email} ",
)
_PHONES: Final = (
    "+1{area}{office}{line}",
    "({area}) {office}-{line}",
    "{area}-{office}-{line}",
    "{area}.{office}.{line}",
    "{area}{office}{line}",
    "1-{area}-{office}-{line}",
    " +1 {area} {office} {line} ",
)


def spelled_email(chance: Random, email: str) -> str:
    """The same address as somebody types it."""
    return chance.choice(_EMAILS)(email)


def spelled_phone(chance: Random, phone: str) -> str:
    """The same number, of ten digits after +1, as somebody types it."""
    digits = phone.removeprefix("+1")
    return chance.choice(_PHONES).format(area=digits[:3], office=digits[3:6], line=digits[6:])


def mistyped(chance: Random, email: str, taken: Collection[str]) -> str:
    """The address with one typing error that makes it nobody's: a letter left out, doubled, or two swapped."""
    name, _, host = email.partition("@")
    while True:
        place = chance.randrange(len(name) - 1)
        one, two = name[place], name[place + 1]
        wrong = chance.choice(("", one + one + two, two + one, two)) or one
        typed = f"{name[:place]}{wrong}{name[place + 2 :]}@{host}"
        if typed not in taken and _plain(typed):
            return typed


def _plain(email: str) -> bool:
    """Whether it still looks like an address: no dot at an edge or beside another."""
    name = email.partition("@")[0]
    return bool(name) and not name.startswith(".") and not name.endswith(".") and ".." not in name
