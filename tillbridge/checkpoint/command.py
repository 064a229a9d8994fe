"""From a sale to the command that issues its credit. Pure."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from tillbridge.checkpoint.model import Sale, personal
from tillbridge.credit.burn import PRIORITY
from tillbridge.credit.codes import Codes
from tillbridge.credit.model import Issue
from tillbridge.kernel.clock import time_text


def for_bearer(sale: Sale) -> bool:
    """Whether the credit belongs to whoever has it: nobody was named who could own it."""
    return sale.bearer and not personal(sale.given)


def command_of(sale: Sale, owner: UUID | None, codes: Codes) -> Issue:
    """The command of a sale whose customer is known by now, or is nobody."""
    return Issue(
        key=sale.key,
        actor=sale.actor,
        kind=sale.kind,
        bucket=sale.bucket,
        amount=sale.amount,
        occurred_at=sale.occurred_at,
        origin=sale.origin,
        owner=owner,
        code=sale.code,
        expires_at=sale.expires_at,
        request=request_of(sale, codes),
        bearer=for_bearer(sale),
        pin=sale.pin,
        priority=sale.priority,
        reason=sale.reason,
        approver=sale.approver,
        trace=sale.trace,
    )


def request_of(sale: Sale, codes: Codes) -> Mapping[str, Any]:
    """What tells a repeat from a conflict. Personal texts are kept as digests: the ledger never forgets."""
    digests = {f"customer.{name}": codes.digest(text) for name, text in personal(sale.given).items()}
    more: dict[str, Any] = {
        "pin": codes.digest(f"{sale.code} {sale.pin}") if sale.pin else "",
        "priority": sale.priority if sale.priority != PRIORITY else None,
        "bearer": sale.bearer,
        "reason": sale.reason,
    }
    return {
        "command": "issue",
        "kind": sale.kind,
        "bucket": sale.bucket,
        "amount": sale.amount.text(),
        "currency": sale.amount.currency,
        "store": sale.origin.store,
        "register": sale.origin.register,
        "operator": sale.origin.operator,
        "transaction_id": sale.origin.transaction_id,
        "occurred_at": time_text(sale.occurred_at),
        "code": codes.digest(sale.code),
        "expires_at": time_text(sale.expires_at) if sale.expires_at else "",
        **{name: value for name, value in more.items() if value not in ("", None, False)},
        **digests,
    }
