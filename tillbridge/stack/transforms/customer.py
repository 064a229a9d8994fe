"""`resolve-customer`: the customer by the name that a system knows them by."""

from collections.abc import Mapping
from typing import Any

from tillbridge.stack.settings import ResolveCustomer
from tillbridge.stack.transforms.facts import Rejected, rejected


def resolve(settings: ResolveCustomer, body: Mapping[str, Any]) -> Mapping[str, Any] | Rejected:
    """The customer with one account, that in the system of the settings; null where there is none. A credit that nobody
    owns has no customer to resolve, and goes through."""
    customer = body.get("customer")
    if customer is None:
        return body
    account = customer["accounts"].get(settings.system)
    if account is not None:
        return {**body, "customer": {"customer_id": customer["customer_id"], "account_id": account}}
    if settings.reject:
        return rejected(f"The customer of this credit has no account in {settings.system} that the hub knows of.")
    return {**body, "customer": None}
