"""Issue a credit: the command as a posting."""

from collections.abc import Callable
from uuid import UUID
from zoneinfo import ZoneInfo

from tillbridge.credit.codes import Codes
from tillbridge.credit.model import HOUSE_OF_BUCKET, Facts, Issue, Work
from tillbridge.credit.payload import payload_of
from tillbridge.ledger.model import Issued, Posting, State, Verb


def work_for(command: Issue, new_id: Callable[[], UUID], codes: Codes, zone: ZoneInfo, ceiling: int | None) -> Work:
    """What an issue posts. `ceiling` is the most one credit may hold, in minor units, or None.

    A credit without an owner is booked as unclaimed: the liability exists, and nobody can spend it yet.
    """
    code = command.code or codes.make(command.key)
    issued = Issued(
        kind=command.kind,
        bucket=command.bucket,
        state=State.ACTIVE if command.owner else State.UNCLAIMED,
        owner=command.owner,
        code_hash=codes.hash(code),
        code_last4=code[-4:],
        expires_at=command.expires_at,
        cohort_date=command.occurred_at.astimezone(zone).date(),
        ceiling=ceiling,
    )
    posting = Posting(
        key=command.key,
        verb=Verb.ISSUE,
        credit_id=new_id(),
        event_id=new_id(),
        amount=command.amount,
        house=HOUSE_OF_BUCKET[command.bucket],
        request=command.request,
        actor=command.actor,
        occurred_at=command.occurred_at,
        origin=command.origin,
        issued=issued,
    )
    facts = Facts(command.kind, command.bucket, code[-4:], command.amount)
    return Work(posting, facts, payload_of(posting, facts), owned=command.owner is not None)
