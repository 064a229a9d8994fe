"""The columns of what a source brings, and the presets: how the exports of others are read as ours."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

SALES: Final = (
    "transaction_id",
    "store",
    "register",
    "operator",
    "occurred_at",
    "kind",
    "bucket",
    "amount",
    "currency",
    "code",
    "email",
    "phone",
    "loyalty_id",
)
"""The columns of a register transaction."""

CUSTOMERS: Final = ("account_id", "email", "phone", "loyalty_id")
"""The columns of an account of a customer directory."""

COLUMNS: Final[Mapping[str, tuple[str, ...]]] = {"sales": SALES, "customers": CUSTOMERS}
"""Our columns by what a source brings."""

NEEDED: Final[Mapping[str, tuple[str, ...]]] = {
    "sales": tuple(name for name in SALES if name not in ("code", "email", "phone", "loyalty_id")),
    "customers": ("account_id",),
}
"""Those of them that no row may leave blank, so that an export has to have them."""

Columns = Mapping[str, tuple[str, ...]]
"""By our column the columns of theirs that it is read from: several are joined with a blank, as a date and a time."""


@dataclass(frozen=True, slots=True)
class Preset:
    """How one kind of export is read: what it brings, its columns, what is the same in every row (`fixed`), and words
    of theirs that stand for words of ours (`values`, by our column; small and capital letters are the same)."""

    what: str
    sentence: str
    columns: Columns
    fixed: Mapping[str, str] = field(default_factory=dict)
    values: Mapping[str, Mapping[str, str]] = field(default_factory=dict)


def _same(names: tuple[str, ...]) -> Columns:
    return {name: (name,) for name in names}


PRESETS: Final[Mapping[str, Preset]] = {
    "pos": Preset("sales", "register transactions with the hub's own columns", _same(SALES)),
    "till-report": Preset(
        "sales",
        "a report as many tills print it: date and time apart, one line a receipt, words instead of codes",
        {
            "transaction_id": ("Receipt",),
            "store": ("Location",),
            "register": ("Device",),
            "operator": ("Staff",),
            "occurred_at": ("Date", "Time"),
            "kind": ("Item",),
            "bucket": ("Reason",),
            "amount": ("Amount",),
            "currency": ("Currency",),
            "code": ("Card Number",),
            "email": ("Customer Email",),
            "phone": ("Customer Phone",),
            "loyalty_id": ("Loyalty Number",),
        },
        values={
            "kind": {"gift card": "gift_card", "e-gift card": "gift_card", "store credit": "store_credit"},
            "bucket": {"sale": "paid", "return": "refund", "complaint": "goodwill", "promotion": "promo"},
        },
    ),
    "storefront": Preset("customers", "a customer directory with the hub's own columns", _same(CUSTOMERS)),
    "shop-customers": Preset(
        "customers",
        "a list of customers as web shops export it: an id, an e-mail and a phone among other columns",
        {"account_id": ("Customer ID",), "email": ("Email",), "phone": ("Phone",)},
    ),
}
"""The presets by name. The first of each kind is the one that is meant when the map names none."""


def preset_for(what: str) -> str:
    """The preset that is meant when the map names none."""
    return next(name for name, preset in PRESETS.items() if preset.what == what)
