"""What others say about a handoff: a system by a call of its own, or a person who has looked."""

from datetime import datetime
from typing import Final
from uuid import UUID

from tillbridge.handoff import store
from tillbridge.handoff.model import CODE_MAX, Conclusion, State, plain_text
from tillbridge.handoff.route import onward
from tillbridge.kernel.db import Db
from tillbridge.stack.model import Stack

GIVEN_UP: Final = "given-up"
"""Reason code of a handoff that a person has given up."""


async def confirm_by_key(
    db: Db, stack: Stack, event_id: UUID, hop: str, at: datetime, reference: str = ""
) -> Conclusion | None:
    """The target says of its own accord that it has it. None for an event and hop nobody knows.

    Tell `Deliverer.note` of the conclusion, so that what it starts need not wait for a look around.
    Raises DatabaseError.
    """
    return await store.conclude(
        db, at, event_id, hop, "answer", State.CONFIRMED, onward(stack, at), reference=plain_text(reference)
    )


async def refuse_by_key(db: Db, event_id: UUID, hop: str, at: datetime, code: str, sentence: str) -> Conclusion | None:
    """The target says of its own accord that it will not take it. What it confirmed before stays confirmed.

    None for an event and hop nobody knows. Raises DatabaseError.
    """
    reason_code, reason = plain_text(code, CODE_MAX), plain_text(sentence)
    return await store.conclude(db, at, event_id, hop, "answer", State.DEAD, (), reason_code=reason_code, reason=reason)


async def confirm_by_hand(
    db: Db, stack: Stack, event_id: UUID, hop: str, at: datetime, who: str, reference: str = "", note: str = ""
) -> Conclusion | None:
    """A person has looked and the target has it: the way out of `parked` when nothing is to be sent again.

    None for an event and hop nobody knows. Raises DatabaseError.
    """
    return await store.conclude(
        db, at, event_id, hop, "person", State.CONFIRMED, onward(stack, at),
        reference=plain_text(reference), reason=plain_text(f"{who} has seen it there. {note}"),
    )  # fmt: skip


async def give_up_by_hand(
    db: Db, event_id: UUID, hop: str, at: datetime, who: str, note: str = ""
) -> Conclusion | None:
    """A person has looked, the target has it not, and it is not to be sent again. It stays dead unless it is replayed.

    None for an event and hop nobody knows. Raises DatabaseError.
    """
    reason = plain_text(f"{who} gave it up. {note}")
    return await store.conclude(db, at, event_id, hop, "person", State.DEAD, (), reason_code=GIVEN_UP, reason=reason)
