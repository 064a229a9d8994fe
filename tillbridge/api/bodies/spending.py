"""Bodies of what spends a credit, holds it for a sale, or gives back to it."""

from tillbridge.api.bodies.fields import Amount, CurrencyCode, Moment, Place, PlacedBody, SaleBody, Word


class RedeemBody(SaleBody, frozen=True, kw_only=True):
    """Spend from a credit, or from all that a customer has."""

    amount: Amount
    currency: CurrencyCode


class HoldBody(SaleBody, frozen=True, kw_only=True):
    """Set an amount aside until a moment."""

    amount: Amount
    currency: CurrencyCode
    ends: Moment


class CaptureBody(SaleBody, frozen=True, kw_only=True):
    """Spend what a hold set aside: an amount, or all of it. The rest is let go, unless `more` is to come."""

    amount: Amount | None = None
    currency: CurrencyCode | None = None
    more: bool = False


class ReleaseBody(PlacedBody, frozen=True, kw_only=True):
    """Let go what a hold set aside."""


class RefundBody(SaleBody, frozen=True, kw_only=True):
    """Give back to a credit what was spent of it in the transaction `cause`, or part of it."""

    amount: Amount
    currency: CurrencyCode
    cause: Word


class CashOutBody(SaleBody, frozen=True, kw_only=True):
    """Pay out what a credit holds. `place` is where the customer asks, blank for the place of the store."""

    place: Place = ""
