"""What a system has taken in from the hub: one line per event, and how often each was applied.

`apply` does not itself look whether a key is known: the server does, as a real system's code would. So if that check
ever failed, the book would show the same key applied twice instead of hiding it.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from msgspec import Struct

from tillbridge.kernel.errors import BadInput
from tillbridge.kernel.money import AmountFault, Money, parse
from tillbridge.simulate.wire import read


class CreditPart(Struct, frozen=True):
    """The credit that an event is about."""

    id: str
    kind: str
    bucket: str
    currency: str
    last4: str = ""


class CustomerPart(Struct, frozen=True):
    """Whose credit it is: the hub's own id, and the account in each system."""

    customer_id: str = ""
    accounts: Mapping[str, str] = {}


class Event(Struct, frozen=True):
    """A delivery as the hub sends it. What is not named here is left unread."""

    type: str
    event_id: str
    version: int
    state: str
    amount: str
    balance: str
    credit: CreditPart
    transaction_id: str | None = None
    customer: CustomerPart | None = None


_MENDS: Final = {"": "Send an event as JSON: type, event_id, version, state, amount, balance and credit."}


def read_event(body: bytes) -> Event:
    """A delivery's body. Raises BadInput for one that cannot be booked."""
    event = read(body, Event, _MENDS)
    for field, text in (("amount", event.amount), ("balance", event.balance)):
        try:
            parse(text, event.credit.currency)
        except AmountFault as error:
            raise BadInput(field, str(error), "Send a decimal text such as 88.00.") from None
    return event


@dataclass(frozen=True, slots=True)
class Applied:
    """One event in a book. `number` counts from 1; `times` in the book says how often the key was applied."""

    number: int
    key: str
    reference: str
    type: str
    event_id: str
    credit_id: str
    version: int
    transaction_id: str
    kind: str
    bucket: str
    last4: str
    state: str
    amount: Money
    balance: Money
    account_id: str
    applied_at: datetime


class Book:
    """The book of one system. `prefix` begins its references: `JE` gives JE00000001."""

    def __init__(self, system: str, prefix: str) -> None:
        self.system = system
        self.repeats = 0
        self.refused: Counter[str] = Counter()
        self.times: Counter[str] = Counter()
        self._prefix = prefix
        self._lines: list[Applied] = []
        self._by_key: dict[str, Applied] = {}
        self._by_account: dict[str, list[Applied]] = {}
        self._by_credit: dict[str, Applied] = {}

    def __iter__(self) -> Iterator[Applied]:
        return iter(self._lines)

    def find(self, key: str) -> Applied | None:
        """What was applied under this key."""
        return self._by_key.get(key)

    def apply(self, key: str, event: Event, at: datetime) -> Applied:
        """Write the event down, whether its key is known or not; the new line."""
        number = len(self._lines) + 1
        line = Applied(
            number=number,
            key=key,
            reference=f"{self._prefix}{number:08}",
            type=event.type,
            event_id=event.event_id,
            credit_id=event.credit.id,
            version=event.version,
            transaction_id=event.transaction_id or "",
            kind=event.credit.kind,
            bucket=event.credit.bucket,
            last4=event.credit.last4,
            state=event.state,
            amount=parse(event.amount, event.credit.currency),
            balance=parse(event.balance, event.credit.currency),
            account_id=event.customer.accounts.get(self.system, "") if event.customer else "",
            applied_at=at,
        )
        self.times[key] += 1
        self._lines.append(line)
        self._by_key.setdefault(key, line)
        self._by_credit[line.credit_id] = line
        if line.account_id:
            self._by_account.setdefault(line.account_id, []).append(line)
        return line

    def lines(self, start: int = 0, limit: int | None = None) -> Sequence[Applied]:
        """Lines from the one after number `start`, at most `limit`."""
        return self._lines[start : None if limit is None else start + limit]

    def accounts(self) -> Sequence[str]:
        """The accounts that events have named, the one first named last."""
        return list(reversed(self._by_account))

    def of_account(self, account_id: str) -> Sequence[Applied]:
        """The lines that name this account, in the order of applying."""
        return self._by_account.get(account_id, ())

    def of_credit(self, credit_id: str) -> Applied | None:
        """The last that was applied of this credit."""
        return self._by_credit.get(credit_id)

    def totals(self) -> Mapping[str, Mapping[str, str]]:
        """Per currency and type of event, the sum as a decimal text."""
        sums: dict[tuple[str, str], int] = defaultdict(int)
        for line in self._lines:
            sums[line.amount.currency, line.type] += line.amount.minor
        totals: dict[str, dict[str, str]] = {}
        for (currency, kind), minor in sorted(sums.items()):
            totals.setdefault(currency, {})[kind] = Money(minor, currency).text()
        return totals

    def as_json(self, start: int = 0, limit: int | None = None) -> Mapping[str, object]:
        """The whole book, or a part of its events."""
        return {
            "system": self.system,
            "applied": len(self._lines),
            "repeats": self.repeats,
            "refused": dict(self.refused),
            "totals": self.totals(),
            "events": [self._line_json(line) for line in self.lines(start, limit)],
        }

    def _line_json(self, line: Applied) -> Mapping[str, object]:
        return {
            "number": line.number,
            "key": line.key,
            "times": self.times[line.key],
            "reference": line.reference,
            "type": line.type,
            "event_id": line.event_id,
            "credit_id": line.credit_id,
            "version": line.version,
            "transaction_id": line.transaction_id,
            "account_id": line.account_id,
            "state": line.state,
            "amount": line.amount.text(),
            "balance": line.balance.text(),
            "currency": line.amount.currency,
            "applied_at": line.applied_at.isoformat(timespec="milliseconds"),
        }
