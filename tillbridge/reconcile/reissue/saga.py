"""Void and reissue on an outside platform: a saga that never has two live credits.

The order is freeze, prove, void, and only when the void is certain, issue. Before every order its key is asked for: an
answer that was lost, or a run that died, has left the platform's own memory of what it did, and nothing is guessed.
"""

from collections.abc import Awaitable, Callable
from typing import Final

from tillbridge.kernel.errors import BadInput
from tillbridge.kernel.money import Money
from tillbridge.reconcile.reissue.model import Against, Item, Reason
from tillbridge.reconcile.reissue.ports import (
    Answer,
    Arrival,
    Did,
    Frozen,
    Lost,
    NotDone,
    Platform,
    Refused,
    Reissued,
    Standing,
    Thawed,
    Unsure,
    Voided,
)

NEEDED: Final = ("freeze", "void", "issue", "probe")
"""What a platform must be able to do."""

_ASKS_MAX: Final = 3
"""How often an order is sent, or asked for, in one run."""


class Saga:
    """The book of an outside platform. `arrived` says whether a new credit is shown to its account."""

    def __init__(self, platform: Platform, arrived: Callable[[Item], Awaitable[Arrival]]) -> None:
        lacking = [name for name in NEEDED if name not in platform.capabilities]
        if lacking:
            mend = "Repair these credits in the platform itself, by hand, or make it the built-in ledger."
            raise BadInput("platform", f"it cannot {', '.join(lacking)}", mend)
        self._platform = platform
        self._arrived = arrived

    async def freeze(self, item: Item, _: str) -> Frozen | Against | Unsure:
        """Freeze the credit, unless it is spent, void, or frozen by somebody else."""
        key = _key(item, "freeze")
        known = await self._platform.probe(key)
        if isinstance(known, Lost):
            return Unsure(known.sentence)
        if isinstance(known, NotDone):
            stands = await self._platform.balance(item.credit)
            if isinstance(stands, Lost):
                return Unsure(stands.sentence)
            against = _against(item, stands, ours=False)
            if against is not None:
                return against
        came = await self._order(key, lambda: self._platform.freeze(item.credit, key))
        if isinstance(came, Did):
            return Frozen(None, "The platform has frozen it.")
        return Against(Reason.CHANGED, came.sentence) if isinstance(came, Refused) else Unsure(came.sentence)

    async def look(self, item: Item) -> Frozen | Against | Unsure:
        """Whether the credit holds what was planned, and is frozen."""
        stands = await self._platform.balance(item.credit)
        if isinstance(stands, Lost):
            return Unsure(stands.sentence)
        against = _against(item, stands, ours=True)
        return against or Frozen(None, f"The platform holds {item.money}, frozen and unspent.")

    async def void(self, item: Item, _: str) -> Voided | Against | Unsure:
        """Void it, if it still holds what was planned."""
        key = _key(item, "void")
        came = await self._order(key, lambda: self._platform.void(item.credit, item.money, key))
        if isinstance(came, Did):
            return Voided("The platform has voided it and said so.")
        return Against(Reason.CHANGED, came.sentence) if isinstance(came, Refused) else Unsure(came.sentence)

    async def issue(self, item: Item, _: str) -> Reissued | Unsure:
        """Issue the new credit. What the platform refuses stays owed, and is asked for again by the next run."""
        key = _key(item, "issue")
        came = await self._order(
            key,
            lambda: self._platform.issue(item.credit, item.account_id, item.customer_id, item.money, key),
        )
        if isinstance(came, Did):
            return Reissued(came.reference, came.reference[-4:], f"{item.money} to {item.account_id}.")
        return Unsure(f"It is void, and the new credit is owed: {came.sentence}")

    async def thaw(self, item: Item, _: str) -> Thawed | Unsure:
        """Take our freeze back."""
        key = _key(item, "unfreeze")
        came = await self._order(key, lambda: self._platform.unfreeze(item.credit, key))
        if isinstance(came, Lost):
            return Unsure(came.sentence)
        return Thawed("Our freeze is taken back." if isinstance(came, Did) else came.sentence)

    async def arrived(self, item: Item) -> Arrival:
        """Whether the new credit is shown to its account."""
        return await self._arrived(item)

    async def _order(self, key: str, send: Callable[[], Awaitable[Answer]]) -> Answer:
        """Give an order once: what its key says comes first, and after every answer that was lost."""
        lost = Lost("The platform does not answer.")
        for _ in range(_ASKS_MAX):
            known = await self._platform.probe(key)
            if isinstance(known, Did | Refused):
                return known
            if isinstance(known, Lost):
                lost = known
                continue
            came = await send()
            if not isinstance(came, Lost):
                return came
            lost = came
        # The last order may have been done: its key has the last word.
        known = await self._platform.probe(key)
        return known if isinstance(known, Did | Refused) else lost


def _key(item: Item, what: str) -> str:
    return f"reissue:{item.credit}:{item.name}:{what}"


def _against(item: Item, stands: Standing | Refused, *, ours: bool) -> Against | None:
    """What speaks against reissuing a credit that stands so; `ours` is whether it is to be frozen by us."""
    if isinstance(stands, Refused):
        return Against(Reason.UNKNOWN_CREDIT, stands.sentence)
    if stands.void:
        return Against(Reason.VOID)
    if stands.currency != item.currency or stands.balance > item.amount:
        return Against(Reason.CHANGED, f"The platform holds {Money(stands.balance, stands.currency)}.")
    if stands.balance < item.amount:
        return Against(Reason.SPENT, f"The platform holds {Money(stands.balance, stands.currency)}.")
    if stands.frozen and not ours:
        return Against(Reason.FROZEN)
    return Against(Reason.CHANGED, "Somebody let it go again.") if ours and not stands.frozen else None
