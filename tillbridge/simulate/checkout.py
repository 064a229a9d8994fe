"""The web store's checkout: an order is paid with the customer's credits, redeemed on the hub while they wait."""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Final

from tillbridge.kernel.clock import Clock
from tillbridge.kernel.money import Money
from tillbridge.simulate.balance import Balance, Balances
from tillbridge.simulate.hub import Answer, Hub, NoAnswer, Problem
from tillbridge.simulate.ticks import Ticks

ATTEMPTS: Final = 6
_PAUSE_SECONDS: Final = 0.1


class OrderStanding(StrEnum):
    """How an order stands: `unknown` means that the hub may have redeemed and its answer never came."""

    OPEN = "open"
    PAID = "paid"
    PART = "part paid"
    UNPAID = "not paid"
    UNKNOWN = "unknown"


_SENTENCES: Final = {
    OrderStanding.OPEN: "The order is being paid.",
    OrderStanding.PAID: "Paid with your credit. Thank you.",
    OrderStanding.PART: "Your credit paid a part of this order. Please pay the rest another way.",
    OrderStanding.UNPAID: "Nothing was taken from your credit. Please pay another way, or try again in a few minutes.",
    OrderStanding.UNKNOWN: "We do not know yet whether your credit paid this. Do not pay again; we will find out.",
}


@dataclass(frozen=True, slots=True)
class Redemption:
    """One credit's part in an order. `status` is the hub's, 0 when no answer came."""

    credit_id: str
    key: str
    amount: Money
    status: int = 0
    code: str = ""


@dataclass(frozen=True, slots=True)
class Order:
    """One online order."""

    order_id: str
    account_id: str
    amount: Money
    occurred_at: datetime
    standing: OrderStanding = OrderStanding.OPEN
    redemptions: tuple[Redemption, ...] = ()

    @property
    def paid(self) -> Money:
        """What the hub has confirmed as redeemed."""
        minor = sum(part.amount.minor for part in self.redemptions if part.status in {200, 201})
        return Money(minor, self.amount.currency)

    @property
    def left(self) -> Money:
        """What is to be paid another way."""
        return Money(self.amount.minor - self.paid.minor, self.amount.currency)

    @property
    def sentence(self) -> str:
        """What the customer is told."""
        return _SENTENCES[self.standing]

    def as_json(self) -> Mapping[str, object]:
        """The order for machines."""
        parts = [
            {"credit_id": one.credit_id, "key": one.key, "amount": one.amount.text(), "status": one.status,
             "code": one.code}
            for one in self.redemptions
        ]  # fmt: skip
        return {
            "order_id": self.order_id,
            "account_id": self.account_id,
            "amount": self.amount.text(),
            "currency": self.amount.currency,
            "occurred_at": self.occurred_at.isoformat(timespec="milliseconds"),
            "standing": self.standing,
            "paid": self.paid.text(),
            "left": self.left.text(),
            "redemptions": parts,
            "sentence": self.sentence,
        }


def parts_for(balance: Balance, amount: Money) -> Sequence[tuple[str, Money]]:
    """Which credits pay how much, in the order in which the hub lists them, until the amount is reached."""
    parts: list[tuple[str, Money]] = []
    left = amount.minor
    for credit in balance.credits:
        taken = min(left, credit.available.minor)
        if credit.available.currency == amount.currency and taken > 0:
            parts.append((credit.credit_id, Money(taken, amount.currency)))
            left -= taken
    return parts


def standing_of(order: Order) -> OrderStanding:
    """How an order stands once each of its parts was asked for."""
    if any(part.status == 0 or part.status >= 500 for part in order.redemptions):
        return OrderStanding.UNKNOWN
    if order.left.minor == 0:
        return OrderStanding.PAID
    return OrderStanding.PART if order.paid.minor else OrderStanding.UNPAID


class Checkout:
    """Takes orders and keeps them."""

    def __init__(self, balances: Balances, hub: Hub, bearer: str, clock: Clock) -> None:
        self._balances = balances
        self._hub = hub
        self._bearer = bearer
        self._ticks = Ticks(clock)
        self._orders: dict[str, Order] = {}

    def __iter__(self) -> Iterator[Order]:
        return iter(self._orders.values())

    async def order(self, account_id: str, amount: Money) -> Order:
        """Pay an order with the account's credits, as far as they go."""
        moment = self._ticks.next("orders")
        order = self._keep(Order(f"W{moment:%Y%m%d%H%M%S}{moment.microsecond // 1000:03}", account_id, amount, moment))
        balance = await self._balances.ask(account_id)
        for number, (credit_id, part) in enumerate(parts_for(balance, amount) if balance else (), start=1):
            # Written down before it is sent: an answer that is lost is found again by this key.
            asked = Redemption(credit_id, f"{order.order_id}-{number}", part)
            self._keep(replace(order, redemptions=(*order.redemptions, asked)))
            order = self._keep(replace(order, redemptions=(*order.redemptions, await self._redeem(order, asked))))
        return self._keep(replace(order, standing=standing_of(order)))

    def _keep(self, order: Order) -> Order:
        self._orders[order.order_id] = order
        return order

    async def _redeem(self, order: Order, part: Redemption) -> Redemption:
        body = {
            "amount": part.amount.text(),
            "currency": part.amount.currency,
            "occurred_at": order.occurred_at.isoformat(timespec="milliseconds"),
            "transaction_id": order.order_id,
        }
        path, headers = f"/v1/credits/{part.credit_id}/redemptions", {"Idempotency-Key": part.key}
        for attempt in range(ATTEMPTS):
            answer = await self._hub.call("POST", path, self._bearer, body=body, headers=headers)
            part = _settled(part, answer)
            if not _ask_again(answer):
                break
            await asyncio.sleep(_PAUSE_SECONDS * 2**attempt)
        return part


def _settled(part: Redemption, answer: Answer | NoAnswer) -> Redemption:
    if isinstance(answer, NoAnswer):
        return part
    code = "" if answer.good else (answer.read(Problem) or Problem()).code
    return replace(part, status=answer.status, code=code)


def _ask_again(answer: Answer | NoAnswer) -> bool:
    if isinstance(answer, NoAnswer) or answer.status >= 500 or answer.status == 429:
        return True
    return not answer.good and (answer.read(Problem) or Problem()).retry == "safe"
