"""The ledger's credits as rows of the platform's side and of the registers'. Pure."""

from collections.abc import Collection
from datetime import datetime
from typing import Any, Final

from tillbridge.ledger.model import State
from tillbridge.reconcile.live.keys import key_of
from tillbridge.reconcile.live.store import Birth, Credit
from tillbridge.reconcile.model import Cut

Values = tuple[Any, ...]
"""One row of a side, in the order of its typed columns, without its number."""

REDEEMED: Final = "redeemed"
"""What the sides call an active credit on which nothing is left."""


def platform_row(credit: Credit, root: Birth | None, storefronts: Collection[str], at: datetime) -> Values:
    """A credit as the platform holds it at a moment. One that stands in for another has the origin and the receipt of
    `root`, the credit that it goes back to."""
    birth = root or credit.birth
    return (
        str(credit.credit_id),
        key_of(credit.credit_id),
        birth.transaction_id.strip(),
        origin_of(birth, storefronts),
        credit.occurred_at,
        state_at(credit, at),
        credit.amount,
        credit.balance,
        credit.currency,
        credit.bucket,
        credit.account_id,
        *_identifiers(credit),
        credit.changed_at,
    )


def register_row(credit: Credit, storefronts: Collection[str], cut: Cut) -> Values | None:
    """The sale behind a credit, as the register rang it; None when no register did, or not in the time of the cut.

    What the register sent about the customer is kept only while somebody has to look at it. Of a credit that found its
    owner the identifiers are those that the owner is known by: they stand for what was typed, and lead to the same
    account.
    """
    if credit.verb == "reissue" or not cut.since <= credit.occurred_at <= cut.until:
        return None
    if origin_of(credit.birth, storefronts) != "register":
        return None
    return (
        credit.birth.transaction_id.strip(),
        credit.birth.store.strip(),
        credit.birth.register.strip(),
        credit.operator.strip(),
        credit.occurred_at,
        credit.kind,
        credit.bucket,
        credit.amount,
        credit.currency,
        key_of(credit.credit_id),
        *_identifiers(credit),
    )


def origin_of(birth: Birth, storefronts: Collection[str]) -> str:
    """What stands behind a credit: `register` with a receipt, `online_order` where the key, the store or the register
    is a web store of the map, `manual` where there is no receipt or no place."""
    if not birth.transaction_id.strip():
        return "manual"
    if not {birth.actor, birth.store, birth.register}.isdisjoint(storefronts):
        return "online_order"
    return "register" if birth.register.strip() else "manual"


def state_at(credit: Credit, at: datetime) -> str:
    """How it stands, in the words of the sides: what is over by its date is expired before anybody wrote it down."""
    if credit.state != State.VOID and credit.expires_at is not None and credit.expires_at <= at:
        return State.EXPIRED.value
    return REDEEMED if credit.state == State.ACTIVE and not credit.balance else credit.state


def _identifiers(credit: Credit) -> tuple[str, str, str]:
    given = tuple(credit.given.get(name, "").strip() for name in ("email", "phone", "loyalty_id"))
    email, phone, loyalty = given if any(given) else credit.known_by
    return email, phone, loyalty
