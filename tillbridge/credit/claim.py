"""Claim a credit: the command as a posting. No money moves; the owner and the state do."""

from uuid import UUID

from tillbridge.credit.model import Claim
from tillbridge.ledger.model import Posting, Verb


def posting_for(command: Claim, event_id: UUID) -> Posting:
    """What a claim posts."""
    request = {"command": Verb.CLAIM.value, "credit": str(command.credit_id), "customer": str(command.owner)}
    return Posting(
        key=command.key,
        verb=Verb.CLAIM,
        credit_id=command.credit_id,
        event_id=event_id,
        amount=None,
        house="",
        request=request,
        actor=command.actor,
        occurred_at=command.occurred_at,
        owner=command.owner,
    )
