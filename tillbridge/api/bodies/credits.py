"""Bodies by which a credit comes into being, gets its money, or is looked up."""

from typing import Literal

from tillbridge.api.bodies.fields import (
    Amount,
    CurrencyCode,
    Customer,
    MaybeReason,
    MaybeWord,
    Moment,
    PlacedBody,
    Priority,
    SaleBody,
    Strict,
    Typed,
    Word,
)
from tillbridge.credit.burn import PRIORITY


class CustomerBody(Strict, frozen=True, kw_only=True):
    """Who the customer is, as typed at the register. Any of these, or none. From `name` on they never link: they help a
    person who reviews, and a name that is plainly another one speaks against a link."""

    email: Typed = ""
    phone: Typed = ""
    loyalty_id: Typed = ""
    account_id: Typed = ""
    name: Typed = ""
    street: Typed = ""
    place: Typed = ""
    postcode: Typed = ""
    birth_date: Typed = ""


class IssueBody(Strict, frozen=True, kw_only=True):
    """Issue one credit. A gift card with `bearer` and no customer belongs to whoever has it."""

    kind: Literal["store_credit", "gift_card"]
    bucket: Literal["paid", "refund", "goodwill", "promo"]
    amount: Amount
    currency: CurrencyCode
    store: Word
    register: Word
    operator: Word
    transaction_id: Word
    occurred_at: Moment
    customer: CustomerBody = CustomerBody()
    code: MaybeWord = ""
    pin: MaybeWord = ""
    expires_at: Moment | None = None
    priority: Priority = PRIORITY
    bearer: bool = False
    reason: MaybeReason = ""


class CardBody(PlacedBody, frozen=True, kw_only=True):
    """Make a card's number known before it is sold."""

    code: Word
    currency: CurrencyCode
    bucket: Literal["paid", "refund", "goodwill", "promo"] = "paid"
    pin: MaybeWord = ""
    expires_at: Moment | None = None


class ActivateBody(SaleBody, frozen=True, kw_only=True):
    """Sell a card that was imported: it gets its money, and its owner if it has one."""

    amount: Amount
    currency: CurrencyCode
    customer: Customer = ""
    expires_at: Moment | None = None


class LoadBody(SaleBody, frozen=True, kw_only=True):
    """Put more money on a credit. `expires_at` may put its last moment off, never forward."""

    amount: Amount
    currency: CurrencyCode
    expires_at: Moment | None = None


class InquiryBody(Strict, frozen=True, kw_only=True):
    """Ask what a code is worth. `customer`, our id or `system:account`, asks for a credit of theirs or of nobody's."""

    code: Word
    pin: MaybeWord = ""
    customer: Typed = ""
