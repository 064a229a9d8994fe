"""Redeem a credit: the command as a posting."""

from uuid import UUID

from tillbridge.credit.model import HOUSE_OF_REDEMPTION, Facts, Redeem, Work
from tillbridge.credit.payload import payload_of
from tillbridge.ledger.model import Posting, Verb


def work_for(command: Redeem, event_id: UUID, facts: Facts) -> Work:
    """What a redemption posts."""
    posting = Posting(
        key=command.key,
        verb=Verb.REDEEM,
        credit_id=command.credit_id,
        event_id=event_id,
        amount=command.amount,
        house=HOUSE_OF_REDEMPTION,
        request=command.request,
        actor=command.actor,
        occurred_at=command.occurred_at,
        origin=command.origin,
    )
    return Work(posting, facts, payload_of(posting, facts), owned=True)
