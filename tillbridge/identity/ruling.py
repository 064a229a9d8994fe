"""What a person rules about people, in the transaction that keeps the ruling: who is one, and what is whose."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from tillbridge.identity import store
from tillbridge.identity.model import Key, Reference
from tillbridge.kernel.db import Tx


@dataclass(frozen=True, slots=True)
class Ruling:
    """Who ruled, when, and on what evidence; its id binds what it did together, for an undo."""

    decision_id: UUID
    at: datetime
    by: str
    evidence: str


WHY_NOT: Final = {
    "unknown": "One of the two is not known.",
    "same": "They are one already.",
    "merged": "One of them is part of another customer. Name that one.",
    "undone": "It has been taken back before.",
}
"""Why a ruling did nothing, by the word that the database answers."""


async def merge(tx: Tx, customer_id: UUID, into: UUID, ruling: Ruling) -> str:
    """Two customers are one person from now on; both ids and all references stay. Blank, or a word of WHY_NOT. Raises
    DatabaseError."""
    return await store.ruled(
        tx, "merge", ruling.decision_id, customer_id, into, ruling.at, ruling.by, ruling.evidence
    )  # fmt: skip


async def unmerge(tx: Tx, undone: UUID, ruling: Ruling) -> str:
    """A merge is taken back: everything is as it was before. Blank, or a word of WHY_NOT. Raises DatabaseError."""
    problem = await store.ruled(tx, "unmerge", undone, ruling.at, ruling.by, ruling.evidence)
    if not problem:
        await store.meet_again(tx, undone, ruling.at)
    return problem


async def move_account(tx: Tx, account: Reference, to: UUID, ruling: Ruling, *, back: bool = False) -> str:
    """An account, with all that it states, belongs to another customer, who is made where nobody has that id. Blank, or
    a word of WHY_NOT. Raises DatabaseError."""
    said = (ruling.at, ruling.by, ruling.evidence, "account-relinked" if back else "account-unlinked")
    problem = await store.ruled(tx, "move_account", ruling.decision_id, account.system, account.account_id, to, *said)
    if not problem:
        await store.meet_again(tx, ruling.decision_id, ruling.at)
    return problem


async def deny(tx: Tx, customer_id: UUID, key: Key, ruling: Ruling) -> bool:
    """An identifier is not this customer's, whatever accounts state. Whether they held it. Raises DatabaseError."""
    kind, value = key
    said = (ruling.at, ruling.by, ruling.evidence)
    return await store.touched(tx, "deny", ruling.decision_id, customer_id, kind.value, value, *said) > 0


async def allow(tx: Tx, undone: UUID, ruling: Ruling) -> bool:
    """A denial is taken back. Whether there was one. Raises DatabaseError."""
    touched = await store.touched(tx, "allow", undone, ruling.at, ruling.by, ruling.evidence)
    if touched:
        await store.meet_again(tx, undone, ruling.at)
    return touched > 0


async def settle(tx: Tx, conflict_id: UUID, customer_id: UUID, ruling: Ruling) -> bool:
    """A conflict is settled, in favour of a customer. Whether it was open. Raises DatabaseError."""
    said = (customer_id, ruling.decision_id, ruling.by, ruling.evidence)
    return await store.settle_conflict(tx, conflict_id, ruling.at, said)
