"""A run: each credit is frozen, proved unspent, voided, reissued, handed off and confirmed, one step after the other.

Every step is written down before the next one begins, and every order to a book carries a key that is made of the item:
whoever takes up what another run left does the same step again, and it is the same step. Two runs at once do not
disturb each other: an item moves on only from where it was seen, and the money moves under one key.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from typing import Final

from tillbridge.kernel.errors import TryAgain
from tillbridge.reconcile.reissue.model import WORKING, Against, Item, Move, Reason, State, home_of
from tillbridge.reconcile.reissue.ports import (
    Arrival,
    Book,
    Channels,
    Frozen,
    Journal,
    Reissued,
    Thawed,
    Unsure,
    Voided,
    Written,
)
from tillbridge.reconcile.reissue.prove import proof

AT_ONCE: Final = 4
"""How many credits are worked on at once: registers go first, and no run may be in their way."""

CLASHES_MAX: Final = 20
"""How often a step is begun again that clashed with another transaction."""

WRITTEN_ELSEWHERE: Final = "The book has done it, and no step here says so: restore both from the same backup."
"""What is said of an item that the book knows more of than its journal does."""

Next = Move | Written | Unsure
"""What a step came to: where the item moves on to, that it has moved, or that it stays for now."""


class Repair:
    """Voids and reissues. Made once per run."""

    def __init__(self, journal: Journal, book: Book, channels: Channels) -> None:
        self._journal = journal
        self._book = book
        self._channels = channels
        self._steps: Mapping[State, Callable[[Item, str], Awaitable[Next]]] = {
            State.PLANNED: self._freeze,
            State.FROZEN: self._prove,
            State.PROVED: self._void,
            State.VOIDED: self._issue,
            State.REISSUED: self._hand_off,
            State.RELEASING: self._release,
        }

    async def run(self, items: Sequence[Item], by: str, told: Callable[[Item], None] = lambda _: None) -> list[Item]:
        """Move items on as far as they go; each as it is then, in order. `told` hears of each as it comes to its end.

        Raises DatabaseError: what was done is written down, and the next run goes on.
        """
        free = asyncio.Semaphore(AT_ONCE)

        async def one(item: Item) -> Item:
            async with free:
                moved = await self.mend(item, by)
            told(moved)
            return moved

        return list(await asyncio.gather(*map(one, items)))

    async def mend(self, item: Item, by: str) -> Item:
        """Move one item on as far as it goes; the item as it is then. Raises DatabaseError."""
        if item.state is State.PLANNED:
            item = await self._journal.begin(item)
        clashes = 0
        while item.state in WORKING:
            try:
                came = await self._steps[item.state](item, by)
                moved = await self._move(item, came, by)
            except TryAgain:
                clashes += 1
                if clashes > CLASHES_MAX:
                    raise
                moved = await self._journal.again(item)
                item = moved
                continue
            if isinstance(came, Unsure):
                return replace(moved, sentence=came.seen)
            if isinstance(came, Written) and moved.state is item.state:
                return replace(moved, sentence=WRITTEN_ELSEWHERE)
            item = moved
        if item.state is State.HANDED:
            return (await self.settle(item, by))[0]
        return item

    async def settle(self, item: Item, by: str) -> tuple[Item, Arrival]:
        """Whether a new credit that was handed off has arrived; then it is confirmed. Raises DatabaseError."""
        arrival = await self._book.arrived(item)
        if item.state is State.HANDED and arrival.there:
            return await self._journal.move(item, Move(State.CONFIRMED, arrival.seen), by), arrival
        return replace(item, sentence=arrival.seen), arrival

    async def _move(self, item: Item, came: Next, by: str) -> Item:
        if isinstance(came, Move):
            return await self._journal.move(item, came, by)
        return await self._journal.again(item)

    async def _freeze(self, item: Item, by: str) -> Next:
        match await self._book.freeze(item, by):
            case Frozen(version, seen):
                return Move(State.FROZEN, seen, frozen_version=version)
            case Against() as against:
                # Nothing of ours is on it yet.
                return Move(home_of(against.reason), against.sentence, against.reason)
            case unsure:
                return unsure

    async def _prove(self, item: Item, _: str) -> Next:
        looked = await self._book.look(item)
        if isinstance(looked, Against):
            return _back_out(looked)
        if isinstance(looked, Unsure):
            return looked
        proved = proof(item, await self._channels.ask(item))
        if isinstance(proved, Against):
            return _back_out(proved)
        return Move(State.PROVED, f"{looked.seen} {proved}")

    async def _void(self, item: Item, by: str) -> Next:
        match await self._book.void(item, by):
            case Voided(seen):
                return Move(State.VOIDED, seen)
            case Against() as against:
                return _back_out(against)
            case Reissued() as new:
                return _reissued(new)
            case written_or_unsure:
                return written_or_unsure

    async def _issue(self, item: Item, by: str) -> Next:
        issued = await self._book.issue(item, by)
        return _reissued(issued) if isinstance(issued, Reissued) else issued

    async def _hand_off(self, item: Item, _: str) -> Next:
        return Move(State.HANDED, (await self._book.arrived(item)).seen)

    async def _release(self, item: Item, by: str) -> Next:
        thawed = await self._book.thaw(item, by)
        if isinstance(thawed, Thawed):
            return Move(home_of(Reason(item.reason)), item.sentence, item.reason)
        return thawed


def _back_out(against: Against) -> Move:
    """Why is written down before the freeze is taken back: whoever takes it up then does not begin to prove again."""
    return Move(State.RELEASING, against.sentence, against.reason)


def _reissued(new: Reissued) -> Move:
    return Move(State.REISSUED, new.seen, new_credit=new.credit, new_last4=new.last4)
