"""Void a credit: the command as a posting."""

from uuid import UUID

from tillbridge.credit.model import HOUSE_OF_VOID, Facts, Void, Work
from tillbridge.credit.payload import payload_of
from tillbridge.ledger.model import Posting, Verb


def work_for(command: Void, event_id: UUID, facts: Facts, *, owned: bool) -> Work:
    """What a void posts: the ledger takes whatever the credit holds at that moment."""
    posting = Posting(
        key=command.key,
        verb=Verb.VOID,
        credit_id=command.credit_id,
        event_id=event_id,
        amount=None,
        house=HOUSE_OF_VOID,
        request=command.request,
        actor=command.actor,
        occurred_at=command.occurred_at,
        origin=command.origin,
        reason=command.reason,
    )
    return Work(posting, facts, payload_of(posting, facts), owned=owned)
