"""Bodies of what corrects a credit, stops it, or ends it."""

from typing import Literal
from uuid import UUID

from tillbridge.api.bodies.fields import (
    Amount,
    CurrencyCode,
    Customer,
    ExpectedBody,
    MaybeReason,
    MaybeWord,
    PlacedBody,
    Reason,
    Strict,
)


class ReasonBody(PlacedBody, frozen=True, kw_only=True):
    """Freeze a credit, unfreeze it, or take it back after a chargeback: with a reason."""

    reason: Reason


class VoidBody(ReasonBody, frozen=True, kw_only=True):
    """Take a credit back; with `expected`, only if it holds that."""

    expected: ExpectedBody | None = None


class ReissueBody(ReasonBody, frozen=True, kw_only=True):
    """Take a credit back and issue a new one in its place. Without `customer` it stays whose it was."""

    customer: Customer = ""
    code: MaybeWord = ""
    pin: MaybeWord = ""
    cause: MaybeWord = ""
    expected: ExpectedBody | None = None


class AdjustBody(ReasonBody, frozen=True, kw_only=True):
    """Correct a balance by hand."""

    direction: Literal["up", "down"]
    amount: Amount
    currency: CurrencyCode


class TransferBody(PlacedBody, frozen=True, kw_only=True):
    """Move an amount, or all that is available, to another credit of the same bucket and customer."""

    to: UUID
    amount: Amount | None = None
    currency: CurrencyCode | None = None
    reason: MaybeReason = ""


class ExpireBody(PlacedBody, frozen=True, kw_only=True):
    """End a credit whose last moment has passed."""


class DecisionBody(Strict, frozen=True, kw_only=True):
    """Turn down what waits for a second person."""

    reason: Reason
