"""Whether what the channels say proves that a credit is unspent. Pure."""

from collections.abc import Sequence
from typing import Final

from tillbridge.handoff.model import HandoffView
from tillbridge.handoff.model import State as Standing
from tillbridge.reconcile.reissue.model import Against, Item, Reason
from tillbridge.reconcile.reissue.ports import Asked, CannotTell, NotThere, Shown

_NEVER_ARRIVED: Final = frozenset({"refused", "not-sent", "not-begun", "not-there"})
"""What came of attempts after which the target certainly has nothing."""

_NOT_OUT: Final = frozenset({Standing.WAITING, Standing.DUE, Standing.DEAD, Standing.ENDED})
"""The states of a handoff that is not under way and was not confirmed."""


def proof(item: Item, said: Sequence[Asked]) -> Against | str:
    """What speaks against reissuing a credit, by what the channels say; else what they said, as sentences."""
    found = [against for one in said if (against := _against(item, one)) is not None]
    # What a person can decide comes last: what was spent or has arrived is not theirs to overrule.
    found.sort(key=lambda one: (one.reason is not Reason.SPENT, one.reason is not Reason.ARRIVED))
    return found[0] if found else " ".join(_seen(item, one) for one in said) or "No channel has to be asked."


def reached(handoffs: Sequence[HandoffView], hops: Sequence[str]) -> bool:
    """Whether a credit was, or may have been, handed over on one of these hops. A handoff that was refused, or never
    sent, has certainly not arrived; one whose answer was lost may have."""
    return any(
        one.state not in _NOT_OUT or any(tried.outcome not in _NEVER_ARRIVED for tried in one.history)
        for one in handoffs
        if one.hop in hops
    )


def _against(item: Item, asked: Asked) -> Against | None:
    match asked.sight:
        case Shown(spent=True, sentence=sentence):
            return Against(Reason.SPENT, f"{asked.system}: {sentence}")
        case Shown() if not asked.spends:
            return None
        case Shown(account_id=account_id, sentence=sentence) if _is_theirs(item, asked.system, account_id):
            return Against(Reason.ARRIVED, f"{asked.system}: {sentence}")
        case Shown(sentence=sentence):
            return Against(Reason.ELSEWHERE, f"{asked.system}: {sentence}")
        case CannotTell(sentence) if asked.spends and asked.reached and not item.vouched:
            return Against(Reason.SILENT, f"{asked.system}: {sentence}")
    return None


def _is_theirs(item: Item, system: str, account_id: str) -> bool:
    return system == item.system and account_id == item.account_id


def _seen(item: Item, asked: Asked) -> str:
    match asked.sight:
        case NotThere():
            return f"{asked.system} has never had it."
        case Shown(sentence=sentence):
            return f"{asked.system}: {sentence}"
        case CannotTell(sentence) if not asked.reached:
            return f"{asked.system} cannot tell ({sentence.rstrip('.')}), and it was never handed to it."
        case CannotTell(sentence) if not asked.spends:
            return f"{asked.system} cannot tell ({sentence.rstrip('.')}), and nothing is spent there."
        case CannotTell(sentence):
            return f"{asked.system} cannot tell ({sentence.rstrip('.')}); {item.decided_by} looked there."
