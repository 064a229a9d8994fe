"""What a system tells the hub."""

from typing import Annotated

from msgspec import Meta

from tillbridge.api.bodies.fields import MaybeWord, Strict, Typed, Word
from tillbridge.credit.keys import KEY_MAX


class ProfileBody(Strict, frozen=True, kw_only=True):
    """An online account, as the storefront knows it."""

    account_id: Word
    email: Typed = ""
    phone: Typed = ""
    loyalty_id: Typed = ""
    email_verified: bool = False
    phone_verified: bool = False


class CustomerUpdated(Strict, frozen=True, tag="customer.updated"):
    """One account is new or has changed."""

    customer: ProfileBody


class CustomersUpdated(Strict, frozen=True, tag="customers.updated"):
    """Up to 500 accounts are new or have changed."""

    customers: Annotated[list[ProfileBody], Meta(min_length=1, max_length=500)]


class HandoffConfirmed(Strict, frozen=True, tag="handoff.confirmed"):
    """The system has applied the event of this key."""

    key: Annotated[str, Meta(min_length=1, max_length=KEY_MAX)]
    reference: MaybeWord = ""


class HandoffRefused(Strict, frozen=True, tag="handoff.refused"):
    """The system will not apply the event of this key."""

    key: Annotated[str, Meta(min_length=1, max_length=KEY_MAX)]
    code: Word
    message: Annotated[str, Meta(max_length=500)] = ""


SystemEvent = CustomerUpdated | CustomersUpdated | HandoffConfirmed | HandoffRefused
