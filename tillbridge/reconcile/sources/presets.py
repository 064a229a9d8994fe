"""The presets: how exports that were not made for the hub are read. They fit a kind of export, no vendor's in
particular: the columns of vendors change from release to release, and a mapping file says how."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from tillbridge.diagnose.model import Side
from tillbridge.reconcile.sources.layout import Layout, canonical
from tillbridge.stack.exports import PRESETS as STACK

CANONICAL: Final = "canonical"


@dataclass(frozen=True, slots=True)
class Preset:
    """One kind of export: a sentence on it, and how it is read."""

    sentence: str
    layout: Layout


def _own(side: Side) -> Preset:
    return Preset("the hub's own columns", canonical(side))


_TILL: Final = STACK["till-report"]

_CARD_LIST: Final = Layout(
    {
        "credit_id": ("Card ID",),
        "code": ("Card Number",),
        "transaction_id": ("Receipt",),
        "origin": ("Source",),
        "issued_at": ("Issued",),
        "state": ("Status",),
        "issued": ("Initial Value",),
        "balance": ("Balance",),
        "currency": ("Currency",),
        "bucket": ("Type",),
        "customer_id": ("Customer ID",),
        "email": ("Customer Email",),
        "phone": ("Customer Phone",),
        "last_activity_at": ("Last Used",),
    },
    values={
        "origin": {"pos": "register", "in store": "register", "web": "online_order", "online": "online_order"},
        "state": {
            "enabled": "active",
            "disabled": "frozen",
            "blocked": "frozen",
            "used": "redeemed",
            "cancelled": "void",
            "canceled": "void",
            "not activated": "pending",
        },
        "bucket": {
            "gift card": "paid",
            "purchased": "paid",
            "return": "refund",
            "complaint": "goodwill",
            "promotion": "promo",
        },
    },
)

_SHOP_CREDITS: Final = Layout(
    {
        "account_id": ("Customer ID",),
        "email": ("Email",),
        "phone": ("Phone",),
        "code": ("Gift Card Code",),
        "available": ("Balance",),
        "currency": ("Currency",),
        "updated_at": ("Updated At",),
    }
)

_JOURNAL: Final = Layout(
    {
        "document_id": ("Document No.",),
        "transaction_id": ("Reference",),
        "code": ("Assignment",),
        "posted_at": ("Posting Date",),
        "amount": ("Amount",),
        "currency": ("Currency",),
        "status": ("Status",),
        "error": ("Message",),
    },
    values={
        "status": {
            "booked": "posted",
            "completed": "posted",
            "failed": "error",
            "rejected": "error",
            "blocked": "error",
        }
    },
)

PRESETS: Final[Mapping[Side, Mapping[str, Preset]]] = {
    Side.POS: {
        CANONICAL: _own(Side.POS),
        "till-report": Preset(_TILL.sentence, Layout(_TILL.columns, _TILL.fixed, _TILL.values)),
    },
    Side.PLATFORM: {
        CANONICAL: _own(Side.PLATFORM),
        "card-list": Preset("a list of cards as gift card platforms show it, with words for states", _CARD_LIST),
    },
    Side.STOREFRONT: {
        CANONICAL: _own(Side.STOREFRONT),
        "shop-credits": Preset("a web shop's list of customers with the gift cards they hold", _SHOP_CREDITS),
    },
    Side.ERP: {
        CANONICAL: _own(Side.ERP),
        "journal": Preset("a journal of documents, the card in the assignment, the receipt in the reference", _JOURNAL),
    },
}
"""The presets of each side by name; the first is meant where none is named."""
