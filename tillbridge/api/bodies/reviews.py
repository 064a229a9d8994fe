"""Bodies of what a person decides about credits and people. Each says on what evidence."""

from typing import Literal

from tillbridge.api.bodies.fields import Customer, Reason, Strict, Typed, Word


class ReviewBody(Strict, frozen=True, kw_only=True):
    """Decide about a review: `link` the credit to a customer, or `leave` it unclaimed. About a conflict: the two are
    the `same-person` (the others are merged into `customer`), the value `belongs-to` the customer alone, or it is
    `shared`."""

    decision: Literal["link", "leave", "same-person", "belongs-to", "shared"]
    customer: Customer = ""
    evidence: Reason


class EvidenceBody(Strict, frozen=True, kw_only=True):
    """Take a decision back: on what evidence."""

    evidence: Reason


class MergeBody(Strict, frozen=True, kw_only=True):
    """The customer of the address and `into` are one person."""

    into: Customer
    evidence: Reason


class UnlinkBody(Strict, frozen=True, kw_only=True):
    """Something is not this customer's: an `account` (`system:account`), which goes to the customer `to` or to a new
    one, or an identifier: its `kind` (email, phone, loyalty) and `value`."""

    account: Typed = ""
    to: Customer = ""
    kind: Word | None = None
    value: Typed = ""
    evidence: Reason


class UnlinkCreditBody(Strict, frozen=True, kw_only=True):
    """The credit was linked to the wrong customer: what is left goes to `customer`, or without one to nobody, with a
    voucher."""

    customer: Customer = ""
    evidence: Reason
