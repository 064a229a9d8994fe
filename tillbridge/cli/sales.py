"""Sales of many registers, made up in order: as commands for the desk, and as requests for a hub."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from itertools import count
from typing import Final
from uuid import UUID

import msgspec

from tillbridge.cli.tills import request_bytes
from tillbridge.credit.model import Issue, Redeem
from tillbridge.kernel.clock import time_text
from tillbridge.kernel.money import Money
from tillbridge.ledger.model import Origin

STORES: Final = 40
REGISTERS: Final = 6
CURRENCY: Final = "USD"
ISSUED: Final = Money(1_000_00, CURRENCY)
HOT: Final = Money(10_000_000_00, CURRENCY)
"""What the one credit holds that all spend."""

SPENT: Final = Money(1, CURRENCY)


class Sales:
    """Every register rings once a second. Keys are made as registers make them: `store-register-timestamp`."""

    def __init__(self, first_at: datetime, customers: Sequence[tuple[UUID, str]]) -> None:
        """`customers` are ids with e-mail addresses, taken in turn."""
        self._first_at = first_at
        self._customers = customers
        self._numbers = count()

    def issue(self, amount: Money = ISSUED) -> Issue:
        """The next sale, as a credit issued to the next customer."""
        number, origin, at, key = self._next()
        customer_id, _ = self._customers[number % len(self._customers)]
        return Issue(
            key=key,
            actor="registers",
            kind="store_credit",
            bucket="refund",
            amount=amount,
            occurred_at=at,
            origin=origin,
            owner=customer_id,
            code="",
            expires_at=None,
            request={
                "command": "issue",
                "kind": "store_credit",
                "bucket": "refund",
                "amount": amount.text(),
                "currency": CURRENCY,
                "occurred_at": time_text(at),
                **_source(origin),
            },
        )

    def redeem(self, credit_id: UUID) -> Redeem:
        """The next sale, paid in part with this credit."""
        _, origin, at, key = self._next()
        return Redeem(
            key=key,
            actor="registers",
            credit_id=credit_id,
            amount=SPENT,
            occurred_at=at,
            origin=origin,
        )

    def issue_request(self, url: str, bearer: str) -> bytes:
        """The next sale, as a register asks a hub to issue its credit."""
        number, origin, at, key = self._next()
        _, email = self._customers[number % len(self._customers)]
        said = {"kind": "store_credit", "bucket": "refund", "amount": ISSUED.text(), "customer": {"email": email}}
        return request_bytes(url, "/v1/credits", bearer, key, _body(said, at, origin))

    def redeem_request(self, url: str, bearer: str, credit_id: UUID) -> bytes:
        """The next sale, as a register asks a hub to take part of this credit for it."""
        _, origin, at, key = self._next()
        body = _body({"amount": SPENT.text()}, at, origin)
        return request_bytes(url, f"/v1/credits/{credit_id}/redemptions", bearer, key, body)

    def _next(self) -> tuple[int, Origin, datetime, str]:
        number = next(self._numbers)
        second, till = divmod(number, STORES * REGISTERS)
        store, register = divmod(till, REGISTERS)
        at = self._first_at + timedelta(seconds=second)
        origin = Origin(f"{store + 1:03}", str(register + 1), f"op{store % 9 + 1:02}", f"T{number}")
        return number, origin, at, f"{origin.store}-{origin.register}-{at:%Y-%m-%dT%H:%M:%S}Z"


def _source(origin: Origin) -> dict[str, str]:
    return {
        "store": origin.store,
        "register": origin.register,
        "operator": origin.operator,
        "transaction_id": origin.transaction_id,
    }


def _body(said: Mapping[str, object], at: datetime, origin: Origin) -> bytes:
    return msgspec.json.encode({**said, "currency": CURRENCY, "occurred_at": time_text(at), **_source(origin)})
