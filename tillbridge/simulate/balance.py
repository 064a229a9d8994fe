"""What a customer has to spend: asked from the hub, or, the old way, from the storefront's own copy."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import msgspec

from tillbridge.kernel.money import AmountFault, Money, parse
from tillbridge.simulate.book import Applied
from tillbridge.simulate.hub import Answer, Hub


@dataclass(frozen=True, slots=True)
class OnlineCredit:
    """One credit as the customer sees it."""

    credit_id: str
    kind: str
    last4: str
    state: str
    available: Money


@dataclass(frozen=True, slots=True)
class Balance:
    """A customer's credits and their totals, one per currency. `kept` says that it is the storefront's own copy."""

    credits: tuple[OnlineCredit, ...]
    totals: tuple[Money, ...]
    kept: bool

    def as_json(self) -> Mapping[str, object]:
        """The balance for machines."""
        return {
            "kept": self.kept,
            "credits": [
                {
                    "credit_id": credit.credit_id,
                    "kind": credit.kind,
                    "last4": credit.last4,
                    "state": credit.state,
                    "currency": credit.available.currency,
                    "available": credit.available.text(),
                }
                for credit in self.credits
            ],
            "totals": [{"currency": total.currency, "available": total.text()} for total in self.totals],
        }


class _Credit(msgspec.Struct, frozen=True):
    id: str
    kind: str
    currency: str
    state: str
    available: str
    last4: str = ""


class _Credits(msgspec.Struct, frozen=True):
    credits: Sequence[_Credit]


def read_balance(answer: Answer) -> Balance | None:
    """The hub's answer as a balance; None when it cannot be relied on. A customer it does not know has nothing."""
    if answer.status == 404:
        return Balance((), (), kept=False)
    told = answer.read(_Credits) if answer.status == 200 else None
    if told is None:
        return None
    try:
        credits = tuple(
            OnlineCredit(one.id, one.kind, one.last4, one.state, parse(one.available, one.currency))
            for one in told.credits
        )
    except AmountFault:
        return None
    return Balance(credits, sum_up(credits), kept=False)


def kept_balance(lines: Iterable[Applied]) -> Balance:
    """The balance out of the storefront's own book: what arrived last for each credit counts, as it did the old way."""
    latest = {line.credit_id: line for line in lines}
    credits = tuple(
        OnlineCredit(line.credit_id, line.kind, line.last4, line.state, line.balance) for line in latest.values()
    )
    return Balance(credits, sum_up(credits), kept=True)


def sum_up(credits: Iterable[OnlineCredit]) -> tuple[Money, ...]:
    """One total per currency, without those that are zero."""
    sums: dict[str, int] = defaultdict(int)
    for credit in credits:
        sums[credit.available.currency] += credit.available.minor
    return tuple(Money(minor, currency) for currency, minor in sorted(sums.items()) if minor)


class Balances:
    """Asks the hub for balances with the storefront's key."""

    def __init__(self, hub: Hub, bearer: str, system: str) -> None:
        self._hub = hub
        self._bearer = bearer
        self._system = system

    async def ask(self, account_id: str) -> Balance | None:
        """The balance right now, or None when the hub does not say."""
        path = f"/v1/customers/{self._system}:{account_id}/credits"
        answer = await self._hub.call("GET", path, self._bearer)
        return read_balance(answer) if isinstance(answer, Answer) else None
