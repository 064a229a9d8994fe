"""A manual credit above a limit waits for a second person, and is carried out with its own key when they agree.

The decision is written first, then the command is posted, then what came of it is noted. Whoever comes after a hub that
died in between posts it again: its key makes that harmless.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any, Final, TypeVar
from uuid import UUID

import msgspec

from tillbridge.checkpoint.command import request_of
from tillbridge.checkpoint.model import Receipt, Sale, Turned
from tillbridge.checkpoint.register import Checkpoint
from tillbridge.credit import store
from tillbridge.credit.approval import Approval, Decision, manual, waits
from tillbridge.credit.codes import Codes
from tillbridge.credit.desk import Desk
from tillbridge.credit.model import Activate, Adjust, Load, Submitted
from tillbridge.kernel.clock import Clock
from tillbridge.kernel.db import Db
from tillbridge.kernel.errors import BadInput, Conflict, Decided, NotAllowed, NotFound, Refusal
from tillbridge.kernel.ids import Ids
from tillbridge.ledger import store as ledger
from tillbridge.ledger.model import Answer, first_difference
from tillbridge.stack.model import Stack

T = TypeVar("T", bound=Sale | Submitted)

Manual = Sale | Adjust | Load | Activate
"""What may have to wait for a second person."""

Outcome = Receipt | Turned | Answer
"""What came of a command: of a sale a receipt or a refusal, of all else the ledger's answer."""

_VERBS: Final[Mapping[type, str]] = {Sale: "issue", Adjust: "adjust", Load: "load", Activate: "activate"}
_TYPES: Final[Mapping[str, type[Manual]]] = {"issue": Sale, "adjust": Adjust, "load": Load, "activate": Activate}

MAKE_UP_AFTER: Final = timedelta(minutes=1)
"""How long ago a command was approved that is made up for: whoever approved it may still be at it."""


class Approvals:
    """What waits for a second person. Made once per hub."""

    def __init__(
        self, db: Db, stack: Stack, desk: Desk, checkpoint: Checkpoint, codes: Codes, clock: Clock, ids: Ids
    ) -> None:
        self._db = db
        self._stack = stack
        self._desk = desk
        self._checkpoint = checkpoint
        self._codes = codes
        self._clock = clock
        self._ids = ids

    async def standing(self, command: Sale | Submitted) -> Approval | None:
        """What stands before a command: None when it may be posted as it is; else what waits, or was approved.

        Raises Conflict when its key waits with another request, of whatever verb, and Decided when it was turned down.
        """
        if self._stack.approval is None:
            return None
        kept = await store.approval_of_key(self._db, command.key)
        if kept is None:
            if not isinstance(command, Manual) or not await self._has_to_wait(command):
                return None
            kept = await store.keep_approval(self._db, self._new(command, self._request(command)))
        request = self._request(command)
        if field := first_difference(kept.request, request):
            if await self._answered(command.key):
                return None  # the ledger has the first answer of this key, and tells a repeat from a conflict
            raise Conflict(command.key, field, kept.credit_id)
        if kept.state is Decision.TURNED_DOWN:
            raise Decided("turned-down", f"{kept.decided_by} turned this down: {kept.reason}")
        return kept

    async def waiting(self, after: tuple[Any, UUID], limit: int, place: str = "", register: str = "") -> list[Approval]:
        """What waits, oldest first, behind a time and an id: of one store (`place`) and one register, blank for all.
        Raises DatabaseError."""
        return await store.waiting_approvals(self._db, after, limit, place, register)

    async def one(self, approval_id: UUID) -> Approval:
        """What waits, or waited. Raises NotFound, DatabaseError."""
        found = await store.approval(self._db, approval_id)
        if found is None:
            raise NotFound("approval", str(approval_id))
        return found

    async def decide(self, approval_id: UUID, decision: Decision, by: str, reason: str = "") -> Approval:
        """Decide what waits; deciding the same again changes nothing.

        Raises NotFound, NotAllowed for whoever asked for it, Decided when it was decided otherwise, DatabaseError.
        """
        now = self._clock.now()
        decided = await store.decide_approval(self._db, approval_id, decision, by, now, reason)
        if decided is not None:
            return decided
        kept = await self.one(approval_id)
        if kept.asked_by == by:
            sentence = f"The key {by} asked for this itself. Another key has to decide."
            raise NotAllowed(sentence, known=True, reason="own-command", who=by)
        if kept.state is not decision:
            raise Decided(
                "already-decided", f"This is {kept.state.value} since {kept.decided_at}, by {kept.decided_by}."
            )
        return kept

    async def carry_out(self, approved: Approval) -> tuple[Manual, Outcome] | None:
        """Post what was approved, with who approved it; None when that has been done before.

        Raises Conflict when its key was used for something else in the meantime, BadInput when the map does not take
        it any more; DatabaseError: then it is carried out later.
        """
        if approved.command is None:
            return None
        command = agreed(_command_of(approved.command), approved.decided_by)
        try:
            outcome = await self._post(command)
        except (Conflict, BadInput) as error:
            code = "key-conflict" if isinstance(error, Conflict) else "bad-input"
            await store.close_approval(self._db, approved.approval_id, None, code)
            raise
        await store.close_approval(self._db, approved.approval_id, *_came_of(outcome))
        return command, outcome

    async def make_up(self) -> int:
        """Carry out what a hub that died had no time for; how many there were. Raises DatabaseError."""
        left = await store.approvals_to_do(self._db, self._clock.now() - MAKE_UP_AFTER)
        for one in left:
            try:
                await self.carry_out(one)
            except (Conflict, BadInput):
                continue
        return len(left)

    async def _post(self, command: Manual) -> Outcome:
        if isinstance(command, Sale):
            return await self._checkpoint.issue(command, timedelta())
        return await self._desk.post(command)

    async def _has_to_wait(self, command: Manual) -> bool:
        """Whether nobody has answered a command yet, and its money is a manual credit above the limit."""
        if not waits(self._stack, command.amount):
            return False
        bucket = "" if isinstance(command, Adjust) else await self._bucket(command)
        verb = _VERBS[type(command)]
        if (isinstance(command, Adjust) and command.down) or not manual(self._stack, verb, bucket):
            return False
        return not await self._answered(command.key)

    async def _bucket(self, command: Sale | Load | Activate) -> str:
        """The bucket that the money goes into; blank for a credit that nobody knows: the ledger refuses that."""
        if isinstance(command, Sale):
            return command.bucket
        now = await ledger.credit_now(self._db, command.credit_id)
        return "" if now is None else now.bucket

    async def _answered(self, key: str) -> bool:
        """Whether the ledger has answered this key: then its answer stays, whatever the map says by now."""
        return await ledger.credit_of_key(self._db, key) is not None

    def _request(self, command: Sale | Submitted) -> Mapping[str, Any]:
        return request_of(command, self._codes) if isinstance(command, Sale) else self._desk.request_of(command)

    def _new(self, command: Manual, request: Mapping[str, Any]) -> Approval:
        now = self._clock.now()
        kept = {"verb": _VERBS[type(command)], "said": msgspec.to_builtins(command)}
        asked = (command.key, request, kept, command.actor, now)
        return Approval(self._ids.new(), *asked, Decision.WAITING, "", None, "", None, "")


def agreed(command: T, approver: str) -> T:
    """A command with the name of who agreed to it."""
    if isinstance(command, Sale):
        return replace(command, approver=approver)
    if isinstance(command, Adjust | Load | Activate):
        return msgspec.structs.replace(command, approver=approver)
    return command


def _command_of(kept: Mapping[str, Any]) -> Manual:
    return msgspec.convert(kept["said"], _TYPES[kept["verb"]])


def _came_of(outcome: Outcome) -> tuple[UUID | None, str]:
    """The credit, and the code of the refusal where it was refused."""
    if isinstance(outcome, Receipt):
        return outcome.posted.credit_id, ""
    if isinstance(outcome, Turned):
        return None, outcome.refusal.code
    return outcome.credit_id, outcome.result.code if isinstance(outcome.result, Refusal) else ""
