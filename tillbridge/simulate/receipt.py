"""What the register keeps of each sale that issues a credit: what was sold, what was asked, what came back."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Literal

from msgspec import Meta, Struct

from tillbridge.kernel.money import Money

Word = Annotated[str, Meta(min_length=1, max_length=40)]


class Identifiers(Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """What the customer said at the register, as the clerk typed it."""

    email: str = ""
    phone: str = ""
    loyalty_id: str = ""
    account_id: str = ""


class Sale(Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """One sale that issues a credit. A blank `transaction_id` lets the register number it."""

    store: Word
    register: Word
    operator: Word
    kind: Literal["store_credit", "gift_card"]
    bucket: Literal["paid", "refund", "goodwill", "promo"]
    amount: Word
    currency: Annotated[str, Meta(pattern="^[A-Z]{3}$")]
    customer: Identifiers | None = None
    transaction_id: Annotated[str, Meta(max_length=60)] = ""


class Standing(StrEnum):
    """How a sale stands at the register. Anything but `confirmed` is not issued, as far as the cashier knows."""

    OPEN = "open"
    CONFIRMED = "confirmed"
    REFUSED = "refused"


class Voucher(Struct, frozen=True):
    """The printed fallback of a credit without an owner."""

    claim_url: str = ""
    claim_code: str = ""
    page_url: str = ""
    pdf_url: str = ""


@dataclass(frozen=True, slots=True)
class Receipt:
    """One line of the register's journal. `confirm_ms` runs from the first attempt to the answer that was read."""

    key: str
    transaction_id: str
    sale: Sale
    amount: Money
    occurred_at: datetime
    rung_at: datetime
    standing: Standing = Standing.OPEN
    attempts: int = 0
    replayed: bool = False
    confirm_ms: float | None = None
    credit_id: str = ""
    last4: str = ""
    hops: Mapping[str, str] | None = None
    voucher: Voucher | None = None
    claimed: bool = False
    code: str = ""
    sentence: str = ""

    def request(self) -> Mapping[str, object]:
        """The body for the checkpoint: the same for every attempt."""
        sale = self.sale
        body: dict[str, object] = {
            "kind": sale.kind,
            "bucket": sale.bucket,
            "amount": sale.amount,
            "currency": sale.currency,
            "store": sale.store,
            "register": sale.register,
            "operator": sale.operator,
            "transaction_id": self.transaction_id,
            "occurred_at": self.occurred_at.isoformat(timespec="milliseconds"),
        }
        if sale.customer is not None:
            body["customer"] = sale.customer
        return body

    def as_json(self) -> Mapping[str, object]:
        """The receipt for whoever reads the register's book."""
        return {
            **self.request(),
            "key": self.key,
            "standing": self.standing,
            "attempts": self.attempts,
            "replayed": self.replayed,
            "confirm_ms": self.confirm_ms,
            "credit_id": self.credit_id,
            "last4": self.last4,
            "hops": self.hops,
            "voucher": self.voucher,
            "claimed": self.claimed,
            "code": self.code,
            "sentence": self.sentence,
        }
