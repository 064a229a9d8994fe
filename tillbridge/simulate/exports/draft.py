"""A credit while it is made up: what each system says of it, before that becomes rows."""

from collections.abc import Iterator
from dataclasses import dataclass
from random import Random

from tillbridge.simulate.directory import check_digit
from tillbridge.simulate.exports.people import People

Typed = tuple[str, str, str]
"""E-mail, phone and loyalty id as the clerk typed them."""


@dataclass(slots=True)
class Second:
    """The further credit of a sale that was issued twice: on the platform alone, under a code of its own."""

    code: str
    issued_at: int
    state: str
    balance: int
    active_at: int


@dataclass(slots=True)
class Draft:
    """One credit. Moments are as in hours.py, amounts in cents.

    It is changed in place: faults strike what was made up without any. `booked_at` and `shown_at` are None where the
    books and the web store have no row; `person` is whose it is, `resolved` whether the platform knows that.
    """

    transaction_id: str
    code: str
    store: str
    register: str
    operator: str
    occurred: int
    kind: str
    bucket: str
    amount: int
    currency: str
    person: int
    typed: Typed
    rung: bool
    origin: str
    held: bool
    resolved: bool
    state: str
    issued: int
    balance: int
    active_at: int
    booked_at: int | None
    booked: int
    error: str
    shown_at: int | None
    shown: int
    second: Second | None = None

    @property
    def issued_at(self) -> int:
        """When the platform issued it: a second after the sale."""
        return self.occurred + 1

    @property
    def live(self) -> bool:
        """Whether something of it can be spent."""
        return self.state == "active" and self.balance > 0

    def spend(self, cents: int, moment: int) -> None:
        """The platform takes so much of it; the web store is not told."""
        self.balance -= cents
        self.active_at = moment
        if not self.balance:
            self.state = "redeemed"

    def void(self, moment: int) -> None:
        """The platform takes it back; the web store is not told."""
        self.state, self.balance, self.active_at = "void", 0, moment

    def tell(self, moment: int) -> None:
        """The web store hears what is left of it."""
        self.shown_at, self.shown = moment, self.balance

    def hide(self) -> None:
        """No account shows it."""
        self.shown_at = None


@dataclass(frozen=True, slots=True)
class World:
    """What credits are made up in: chance, the customers, codes that nobody has yet, and the moment of the exports."""

    chance: Random
    people: People
    codes: Iterator[str]
    as_of: int

    def part(self, cents: int) -> int:
        """Some of an amount of at least two cents, and not all of it."""
        return 1 + int(self.chance.random() * (cents - 1))


def make_codes(chance: Random) -> Iterator[str]:
    """Codes of sixteen digits, each once: a 6, six digits of chance, a number, the check digit."""
    number = 0
    while True:
        number += 1
        digits = f"6{int(chance.random() * 1_000_000):06}{number:08}"
        yield digits + check_digit(digits)
