"""The storefront's customers, made from a seed: who they are, how they can be reached, and what is verified."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from random import Random
from typing import Final

_FIRST: Final = tuple(
    "Ava Ben Chloe Dara Elif Felix Grace Hugo Ines Jonas Kofi Lena Maya Noah Omar Priya Quinn Rosa Sam Tara Umar Vera "
    "Wes Yara Zane".split()
)
_LAST: Final = tuple(
    "Abara Bauer Costa Diaz Evans Fischer Gruber Haddad Ito Jensen Khan Lopez Meyer Novak Okafor Patel Reed Rossi Sato "
    "Tanaka Usman Vargas Weber Young".split()
)
_MAIL_HOSTS: Final = ("example.com", "example.net", "example.org", "mail.example.com", "post.example.org")
_AREAS: Final = ("212", "213", "305", "312", "404", "415", "503", "512", "602", "617", "702", "718", "801", "904")

FAMILY_SHARE: Final = 0.08
EMAIL_VERIFIED_SHARE: Final = 0.95
PHONE_VERIFIED_SHARE: Final = 0.75


@dataclass(frozen=True, slots=True)
class Account:
    """One online account. The phone is E.164; the loyalty id ends in its check digit."""

    account_id: str
    name: str
    email: str
    phone: str
    loyalty_id: str
    email_verified: bool
    phone_verified: bool

    def as_json(self) -> Mapping[str, object]:
        """The account as the hub is told of it."""
        return {
            "account_id": self.account_id,
            "email": self.email,
            "phone": self.phone,
            "loyalty_id": self.loyalty_id,
            "email_verified": self.email_verified,
            "phone_verified": self.phone_verified,
            "loyalty_verified": True,
        }


def check_digit(digits: str) -> str:
    """The Luhn digit that makes `digits` complete."""
    total = 0
    for place, digit in enumerate(reversed(digits)):
        doubled = int(digit) * (2 if place % 2 == 0 else 1)
        total += doubled - 9 if doubled > 9 else doubled
    return str(-total % 10)


def make_accounts(chance: Random, count: int) -> Iterator[Account]:
    """As many accounts as asked for. Some share the phone of the account before: a family."""
    before: Account | None = None
    for number in range(1, count + 1):
        first, last = chance.choice(_FIRST), chance.choice(_LAST)
        joins = chance.random() < FAMILY_SHARE
        account = Account(
            account_id=f"A{number:07}",
            name=f"{first} {last}",
            email=f"{first}.{last}{number}@{chance.choice(_MAIL_HOSTS)}".lower(),
            phone=f"+1{chance.choice(_AREAS)}20{number % 100_000:05}",
            loyalty_id=_loyalty_id(number),
            email_verified=chance.random() < EMAIL_VERIFIED_SHARE,
            phone_verified=chance.random() < PHONE_VERIFIED_SHARE,
        )
        if joins and before is not None:
            account = replace(account, name=f"{first} {before.name.split()[1]}", phone=before.phone)
        yield account
        before = account


def _loyalty_id(number: int) -> str:
    digits = f"77{number:08}"
    return digits + check_digit(digits)


class Directory:
    """The accounts by id; what the storefront knows of its customers."""

    def __init__(self, accounts: Iterable[Account]) -> None:
        self._accounts = {account.account_id: account for account in accounts}

    def __len__(self) -> int:
        return len(self._accounts)

    def __iter__(self) -> Iterator[Account]:
        return iter(self._accounts.values())

    def find(self, account_id: str) -> Account | None:
        """The account of this id."""
        return self._accounts.get(account_id)

    def put(self, account: Account) -> None:
        """Add an account or change one."""
        self._accounts[account.account_id] = account

    def shared_phones(self) -> frozenset[str]:
        """The phones that more than one account has."""
        counts = Counter(account.phone for account in self)
        return frozenset(phone for phone, count in counts.items() if count > 1)
