"""The web store's customers: any of them is made from the number alone, so that a million need not be kept."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from functools import lru_cache
from random import Random
from typing import Final

from tillbridge.simulate.directory import check_digit

_FIRST: Final = tuple(
    "abel amara ava chen diego felix hugo ines ivan kofi lars lena liam mia noah nora omar priya ruth sam sofia tess "
    "umar vera wes xena yara yuki zane zoe".split()
)
_LAST: Final = tuple(
    "berg costa diaz evans fischer gruber haddad hansen ito jansen khan lopez meyer mori nagy novak okafor olsen patel "
    "quinn reed rossi sato silva tanaka turner usman vargas weber young".split()
)
_HOSTS: Final = ("example.com", "example.net", "example.org", "mail.example.com", "post.example.org")
_AREAS: Final = tuple("212 305 312 404 415 503 512 602 617 702 713 718 801 803 904 206 213 214 303 314".split())
_OFFICES: Final = tuple(str(office) for office in range(200, 920) if office % 100 != 11)
_OFFICES_ELSEWHERE: Final = tuple(str(office) for office in range(920, 990))
_LINES: Final = 10_000

PEOPLE_MAX: Final = len(_AREAS) * len(_OFFICES) * _LINES
"""How many customers can have a phone of their own."""

_HOST_ELSEWHERE: Final = "personal.example.net"
_FAMILY_SHARE: Final = 0.08
_BITS: Final = 64
_MASK: Final = (1 << _BITS) - 1


@dataclass(frozen=True, slots=True)
class Person:
    """One online account, as its row in the web store's export begins. `family` says that another has the phone too."""

    account_id: str
    email: str
    phone: str
    loyalty_id: str
    family: bool


class People(Collection[str]):
    """As many customers as asked for, numbered from 1; as a collection, their e-mail addresses."""

    def __init__(self, chance: Random, count: int) -> None:
        if not 0 < count <= PEOPLE_MAX:
            raise ValueError(f"{count} customers; 1 to {PEOPLE_MAX} can be made")
        self._count = count
        self._salt = chance.getrandbits(_BITS)
        self.person = lru_cache(1 << 15)(self._person)

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[str]:
        return (self._person(number).email for number in range(1, self._count + 1))

    def __contains__(self, email: object) -> bool:
        """Whether somebody has this address, written as in the directory."""
        digits = "".join(filter(str.isdecimal, str(email).partition("@")[0]))
        number = int(digits or "0")
        return 1 <= number <= self._count and self._person(number).email == email

    def somebody(self, chance: Random) -> int:
        """A customer's number."""
        return 1 + int(chance.random() * self._count)

    def other(self, chance: Random, number: int) -> Person:
        """Somebody else, who does not share that customer's phone."""
        mine = self.person(number)
        while True:
            person = self.person(self.somebody(chance))
            if person.account_id != mine.account_id and person.phone != mine.phone:
                return person

    def family_near(self, number: int) -> int | None:
        """The next customer, that one included, whose phone another has as well; None where the next thousand have
        phones of their own."""
        for step in range(min(1_000, self._count)):
            candidate = (number - 1 + step) % self._count + 1
            if self.person(candidate).family:
                return candidate
        return None

    def _person(self, number: int) -> Person:
        draw = self._draw(number)
        first, draw = _FIRST[draw % len(_FIRST)], draw // len(_FIRST)
        last, draw = _LAST[draw % len(_LAST)], draw // len(_LAST)
        joins = self._joins(number)
        digits = f"77{number:08}"
        return Person(
            account_id=f"A{number:07}",
            email=f"{first}.{last}{number}@{_HOSTS[draw % len(_HOSTS)]}",
            phone=_phone(number - 1 if joins else number),
            loyalty_id=digits + check_digit(digits),
            family=joins or (number < self._count and self._joins(number + 1)),
        )

    def _joins(self, number: int) -> bool:
        """Whether the customer gave the phone of the one before. Never two in a row: a phone has two owners at most."""
        return number > 1 and self._likely(number) and not self._likely(number - 1)

    def _likely(self, number: int) -> bool:
        return self._draw(-number) < _FAMILY_SHARE * _MASK

    def _draw(self, number: int) -> int:
        """A number of 64 bits that looks drawn, and is the same for the same customer (the finalizer of SplitMix64)."""
        mixed = (number * 0x9E3779B97F4A7C15 + self._salt) & _MASK
        mixed = ((mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
        mixed = ((mixed ^ (mixed >> 27)) * 0x94D049BB133111EB) & _MASK
        return mixed ^ (mixed >> 31)


def email_elsewhere(chance: Random) -> str:
    """An address that no online account has."""
    return f"{chance.choice(_FIRST)}_{chance.choice(_LAST)}.{chance.randrange(10_000, 1_000_000)}@{_HOST_ELSEWHERE}"


def phone_elsewhere(chance: Random) -> str:
    """A number, as E.164, that no online account has."""
    return f"+1{chance.choice(_AREAS)}{chance.choice(_OFFICES_ELSEWHERE)}{chance.randrange(_LINES):04}"


def _phone(number: int) -> str:
    line = number // len(_AREAS)
    return f"+1{_AREAS[number % len(_AREAS)]}{_OFFICES[line // _LINES]}{line % _LINES:04}"
