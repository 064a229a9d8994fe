"""What customers will do, decided beforehand from a seed: what they buy, how they spell themselves, what comes next."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from random import Random
from typing import Final, Literal, TypeVar

from tillbridge.kernel.money import Money
from tillbridge.simulate.directory import Account, Directory
from tillbridge.simulate.receipt import Identifiers, Sale
from tillbridge.simulate.spelling import mistyped, spelled_email, spelled_phone

T = TypeVar("T")

STORES: Final = tuple(f"{number:03}" for number in range(1, 13))
REGISTERS: Final = tuple("123456")
OPERATORS: Final = tuple(f"op{number:02}" for number in range(1, 41))

_Kind = Literal["store_credit", "gift_card"]
_Bucket = Literal["paid", "refund", "goodwill", "promo"]
_KINDS: Final[tuple[tuple[int, tuple[_Kind, _Bucket]], ...]] = (
    (60, ("store_credit", "refund")),
    (28, ("gift_card", "paid")),
    (9, ("store_credit", "goodwill")),
    (3, ("store_credit", "promo")),
)
_CAD_SHARE: Final = 0.02
_ROUND: Final = {"paid": (1000, 2500, 5000, 7500, 10000), "goodwill": (500, 1000, 1500, 2000), "promo": (500, 1000)}
_NOTHING: Final = (None, Identifiers(phone="n/a"), Identifiers(email="-"), Identifiers(email=" ", phone=" "))


class Spelling(StrEnum):
    """How the customer is named at the register."""

    GOOD = "good"
    LOYALTY = "loyalty"
    BLANK = "blank"
    MISTYPED = "mistyped"


class Then(StrEnum):
    """What happens next to the credit."""

    NOTHING = "nothing"
    REDEEM = "redeem"
    VOID = "void"
    CLAIM = "claim"


_SPELLINGS: Final = ((85, Spelling.GOOD), (5, Spelling.LOYALTY), (5, Spelling.BLANK), (5, Spelling.MISTYPED))
_REDEEM_SHARE: Final = 0.10
_VOID_SHARE: Final = 0.01
_CLAIM_SHARE: Final = 0.60


@dataclass(frozen=True, slots=True)
class Plan:
    """One sale to come. `account` is who the customer is, whatever is typed; `spend_percent` is of the credit."""

    number: int
    sale: Sale
    account: Account
    spelling: Spelling
    then: Then
    spend_percent: int


class Planner:
    """Makes plans for the customers of one directory. `first_ticket` begins the registers' numbering."""

    def __init__(self, chance: Random, directory: Directory, first_ticket: int = 1) -> None:
        self._chance = chance
        self._emails = frozenset(account.email for account in directory)
        self._shared = directory.shared_phones()
        self._people = tuple(account for account in directory if self._ways(account))
        if not self._people:
            raise ValueError("No customer of this directory can be told by an e-mail or a phone.")
        self._tickets: Counter[tuple[str, str]] = Counter()
        self._first_ticket = first_ticket

    def plans(self, count: int | None) -> Iterator[Plan]:
        """As many plans as asked for, or without end."""
        number = 0
        while count is None or number < count:
            number += 1
            yield self._plan(number)

    def _plan(self, number: int) -> Plan:
        chance = self._chance
        account = chance.choice(self._people)
        spelling = _weighted(chance, _SPELLINGS)
        sale = self._sale(self._customer(account, spelling))
        return Plan(number, sale, account, spelling, self._then(spelling, sale), chance.randint(20, 100))

    def _sale(self, customer: Identifiers | None) -> Sale:
        chance = self._chance
        kind, bucket = _weighted(chance, _KINDS)
        currency = "CAD" if chance.random() < _CAD_SHARE else "USD"
        minor = chance.choice(_ROUND[bucket]) if bucket in _ROUND else chance.randint(300, 30_000)
        store, register = chance.choice(STORES), chance.choice(REGISTERS)
        ticket = self._first_ticket + self._tickets[store, register]
        self._tickets[store, register] += 1
        return Sale(
            store=store,
            register=register,
            operator=chance.choice(OPERATORS),
            kind=kind,
            bucket=bucket,
            amount=Money(minor, currency).text(),
            currency=currency,
            customer=customer,
            transaction_id=f"T{store}{register}-{ticket:03}",
        )

    def _ways(self, account: Account) -> Sequence[str]:
        """By what this person is told for sure: what they proved, and nobody else has."""
        by_phone = account.phone_verified and account.phone not in self._shared
        ways = ["email", "email", "email"] if account.email_verified else []
        if account.email_verified and by_phone:
            ways.append("both")
        return [*ways, "phone", "phone"] if by_phone else ways

    def _customer(self, account: Account, spelling: Spelling) -> Identifiers | None:
        """What the clerk types."""
        chance = self._chance
        if spelling is Spelling.BLANK:
            return chance.choice(_NOTHING)
        if spelling is Spelling.LOYALTY:
            return Identifiers(loyalty_id=account.loyalty_id)
        if spelling is Spelling.MISTYPED:
            return Identifiers(email=mistyped(chance, account.email, self._emails))
        way = chance.choice(self._ways(account))
        email = spelled_email(chance, account.email) if way != "phone" else ""
        phone = spelled_phone(chance, account.phone) if way != "email" else ""
        return Identifiers(email=email, phone=phone)

    def _then(self, spelling: Spelling, sale: Sale) -> Then:
        drawn = self._chance.random()
        if spelling in {Spelling.BLANK, Spelling.MISTYPED}:
            return Then.CLAIM if drawn < _CLAIM_SHARE else Then.NOTHING
        if sale.currency != "USD":
            return Then.NOTHING
        if drawn < _VOID_SHARE:
            return Then.VOID
        return Then.REDEEM if drawn < _VOID_SHARE + _REDEEM_SHARE else Then.NOTHING


def _weighted(chance: Random, choices: Sequence[tuple[int, T]]) -> T:
    return chance.choices([value for _, value in choices], [weight for weight, _ in choices])[0]
