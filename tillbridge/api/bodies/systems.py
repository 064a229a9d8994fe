"""What a system tells the hub."""

from typing import Annotated

from msgspec import Meta

from tillbridge.api.bodies.credits import IssueBody
from tillbridge.api.bodies.fields import MaybeWord, Moment, Strict, Typed, Word
from tillbridge.credit.keys import KEY_MAX


class ProfileBody(Strict, frozen=True, kw_only=True):
    """An online account, as the storefront knows it. From `name` on they never link: they help a person who reviews."""

    account_id: Word
    email: Typed = ""
    phone: Typed = ""
    loyalty_id: Typed = ""
    email_verified: bool = False
    phone_verified: bool = False
    loyalty_verified: bool = False
    updated_at: Moment | None = None
    name: Typed = ""
    street: Typed = ""
    place: Typed = ""
    postcode: Typed = ""
    birth_date: Typed = ""


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


class SaleCompleted(IssueBody, frozen=True, kw_only=True, tag="sale.completed"):
    """A register has sold or given a credit: it is issued as by POST /v1/credits, under this key."""

    key: Annotated[str, Meta(min_length=1, max_length=KEY_MAX)]


SystemEvent = CustomerUpdated | CustomersUpdated | HandoffConfirmed | HandoffRefused | SaleCompleted
