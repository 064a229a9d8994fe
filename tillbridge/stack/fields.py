"""The fields of the body that a hop carries, by their dotted names. The reference page of the map is held to this."""

from collections.abc import Collection, Mapping
from typing import Final

FIELDS: Final[Mapping[str, str]] = {
    "type": "what happened, such as `credit.issued`; always sent, under this name",
    "event_id": "the event; always sent, under this name",
    "hop": "the hop; with the event it makes the key; always sent, under this name",
    "version": "which event of its credit it is; always sent, under this name",
    "occurred_at": "when it happened at the source",
    "recorded_at": "when the hub took it in",
    "amount": "how much it was about",
    "balance": "what the credit holds after it",
    "state": "the state of the credit after it",
    "credit.id": "the credit",
    "credit.kind": "`store_credit` or `gift_card`",
    "credit.bucket": "the bucket, or the target's word for it",
    "credit.currency": "the currency of amount and balance",
    "credit.last4": "the last four characters of the code",
    "transaction_id": "the sale or order behind it",
    "store": "where it happened",
    "register": "at which register",
    "operator": "by whom",
    "reason": "why, where someone said so",
    "direction": "`up` or `down`, of an adjustment",
    "cause": "the key of what it answers to, where there is one",
    "from": "the old credit, where there are two",
    "to": "the new credit, where there are two",
    "customer": "who owns the credit, `null` while nobody does",
    "customer.customer_id": "the customer, as the hub knows them",
    "customer.accounts": "the customer's account in each system",
    "customer.account_id": "the customer's account; made by `resolve-customer`, in the place of `customer.accounts`",
    "converted": "what the amounts were before; made by `convert-currency`",
    "converted.amount": "the amount as it was",
    "converted.balance": "the balance as it was",
    "converted.currency": "the currency as it was",
    "converted.rate": "what one unit of that currency was taken for",
    "converted.from": "the day from which that rate holds",
    "converted.born_on": "the day of the credit, which decides on the rate",
    "converted.rounding": "how the balance was rounded",
    "balance_class": "the kind of balance in the books; made by `classify-balance`",
}
"""Every field there may be, each in words. A field that has nothing to say in an event is blank or left out."""

NEEDED: Final = ("type", "event_id", "hop", "version")
"""Never renamed and never dropped: by event and hop a delivery is known again and asked about, by version its order is
kept, by type a target knows what it is told."""

MADE: Final[Mapping[str, str]] = {
    "customer.account_id": "resolve-customer",
    "converted": "convert-currency",
    "balance_class": "classify-balance",
}
"""Fields that are there only behind a transformation."""


def maker_of(name: str) -> str:
    """The transformation that makes a field, or what it is part of; blank when the hub sends it by itself."""
    return next((maker for made, maker in MADE.items() if name == made or within(name, made)), "")


def within(name: str, around: str) -> bool:
    """Whether a dotted name is a part of another: `credit.id` of `credit`."""
    return name.startswith(f"{around}.")


def overlap(one: str, other: str) -> bool:
    """Whether two names mean the same place, or one of them a part of the other."""
    return one == other or within(one, other) or within(other, one)


def is_field(name: str) -> bool:
    """Whether a dotted name is a field of the body, or an object of several."""
    if name in FIELDS or within(name, "customer.accounts"):
        return True
    return any(within(known, name) for known in FIELDS)


def leaves(before: Collection[str]) -> tuple[str, ...]:
    """The fields that hold one thing, behind these transformations. A customer is one: there may be nobody."""
    there = [name for name in FIELDS if (maker_of(name) or "") in ("", *before)]
    return tuple(name for name in there if name == "customer" or not any(within(other, name) for other in there))
