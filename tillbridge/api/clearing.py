"""What every door does before it posts a command, and with a refusal after it.

A key that waits for a second person does nothing else in the meantime. And whoever brings a code with a command learns
from a refusal whether there is such a code: so that is counted like a look-up that failed.
"""

from tillbridge.api.outcomes import Told, waiting
from tillbridge.checkpoint.approvals import T, agreed
from tillbridge.checkpoint.model import Receipt, Sale, Turned
from tillbridge.credit.approval import Decision
from tillbridge.credit.model import Submitted
from tillbridge.kernel.actor import Actor
from tillbridge.kernel.errors import Refusal, TooMany
from tillbridge.ledger import store as ledger
from tillbridge.ledger.model import Answer
from tillbridge.wiring import Hub


async def cleared(hub: Hub, actor: Actor, command: T) -> T | Told:
    """The command as it may be posted, with who agreed to it; or at once the answer, where it waits.

    Raises Conflict, Decided; TooMany for a code of somebody who guesses, unless the key was answered before.
    """
    held = await hub.approvals.standing(command)
    if held is not None:
        if held.state is Decision.WAITING:
            return waiting(held)
        command = agreed(command, held.decided_by)
    if _brings_code(command):
        try:
            await hub.lookup.check(actor.name)
        except TooMany:
            if await ledger.credit_of_key(hub.db, command.key) is None:
                raise
    return command


async def count_refusal(hub: Hub, actor: Actor, command: Sale | Submitted, outcome: Receipt | Turned | Answer) -> None:
    """Count a refusal that tells something about a code, a repeated one too. Raises TooMany: then it is not told."""
    refused = isinstance(outcome, Turned) or (isinstance(outcome, Answer) and isinstance(outcome.result, Refusal))
    if refused and _brings_code(command):
        await hub.lookup.count_refusal(actor.name)


def _brings_code(command: Sale | Submitted) -> bool:
    return bool(getattr(command, "code", ""))
