"""What a run asks of the outside: a book in which credits are voided and issued, and channels that show them.

Nothing here raises for what a network or another system does: an answer that was lost is `Unsure`, and is asked for by
its key before anything else is done.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from tillbridge.kernel.money import Money
from tillbridge.reconcile.reissue.model import Against, Item, Move


@dataclass(frozen=True, slots=True)
class Shown:
    """A channel shows the credit: to which account (blank where it does not say), whether any of it was spent there,
    and what it shows as available, where that is known."""

    account_id: str
    spent: bool
    sentence: str
    available: Money | None = None


@dataclass(frozen=True, slots=True)
class NotThere:
    """The channel says that it has never had the credit."""


@dataclass(frozen=True, slots=True)
class CannotTell:
    """The channel cannot be asked, or did not answer."""

    sentence: str


Sight = Shown | NotThere | CannotTell
"""What a channel says of a credit."""


class Channel(Protocol):
    """A system that can be asked what it shows of a credit. Raises nothing for whatever the network or the system
    does."""

    async def shows(self, credit: str) -> Sight:
        """What it shows of this credit of the ledger."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What a channel said of a credit. `spends` is whether credits are spent there; `reached` whether the credit was,
    or may have been, handed to it."""

    system: str
    spends: bool
    reached: bool
    sight: Sight


class Channels(Protocol):
    """Every channel that may have a credit."""

    async def ask(self, item: Item) -> Sequence[Asked]:
        """What each of them says of an item's credit."""


@dataclass(frozen=True, slots=True)
class Frozen:
    """The credit is frozen by us. `version` is its version right after that, None where the book has none."""

    version: int | None
    seen: str


@dataclass(frozen=True, slots=True)
class Voided:
    """The old credit is void, and that is certain."""

    seen: str


@dataclass(frozen=True, slots=True)
class Reissued:
    """The new credit is there."""

    credit: str
    last4: str
    seen: str


@dataclass(frozen=True, slots=True)
class Thawed:
    """Our freeze is taken back, or was not there any more."""

    seen: str


@dataclass(frozen=True, slots=True)
class Written:
    """It is done, and the step was written in the same commit."""


@dataclass(frozen=True, slots=True)
class Unsure:
    """Nobody knows what became of it, or it cannot be done now: the item stays as it is, and the next run goes on."""

    seen: str


@dataclass(frozen=True, slots=True)
class Arrival:
    """How the new credit gets to the web store: everywhere (`there`), or not yet; `stuck` where nothing happens by
    itself any more, `late` where it should be there."""

    there: bool
    seen: str
    late: bool = False
    stuck: bool = False


class Book(Protocol):
    """Where the credits are: the built-in ledger, or an outside platform."""

    async def freeze(self, item: Item, by: str) -> Frozen | Against | Unsure:
        """Freeze the credit, unless something speaks against it. Repeated, it is the same freeze."""

    async def look(self, item: Item) -> Frozen | Against | Unsure:
        """Whether the credit still is as it was planned, and frozen by us."""

    async def void(self, item: Item, by: str) -> Voided | Reissued | Written | Against | Unsure:
        """Void it; on the built-in ledger the new one is issued in the same transaction."""

    async def issue(self, item: Item, by: str) -> Reissued | Unsure:
        """Issue the new credit for one that is void. Repeated, it is the same credit."""

    async def thaw(self, item: Item, by: str) -> Thawed | Unsure:
        """Take our freeze back."""

    async def arrived(self, item: Item) -> Arrival:
        """Whether the new credit has got to the web store."""


class Journal(Protocol):
    """Where items are kept, and every step of theirs."""

    async def begin(self, item: Item) -> Item:
        """The work on an item begins, once; the item as it is now."""

    async def move(self, item: Item, move: Move, by: str) -> Item:
        """An item moves on, if it still stands where it was seen; the item as it is now."""

    async def again(self, item: Item) -> Item:
        """The item as it is now."""


@dataclass(frozen=True, slots=True)
class Did:
    """The platform has done it. `reference` is its name for what came of it."""

    reference: str = ""


@dataclass(frozen=True, slots=True)
class Refused:
    """The platform does not do it, and nothing was changed."""

    sentence: str


@dataclass(frozen=True, slots=True)
class NotDone:
    """Asked by key, the platform says that it has done nothing under it."""


@dataclass(frozen=True, slots=True)
class Lost:
    """No answer came: nobody knows whether it was done."""

    sentence: str


@dataclass(frozen=True, slots=True)
class Standing:
    """A credit on an outside platform: what it holds, in minor units, and whether it is frozen or void."""

    balance: int
    currency: str
    frozen: bool
    void: bool


Answer = Did | Refused | Lost
"""What an order to a platform came to."""


class Platform(Protocol):
    """An outside platform. Every order carries a key, and under one key it is done once."""

    capabilities: frozenset[str]
    """What it can do: of `freeze void issue probe`."""

    async def balance(self, credit: str) -> Standing | Refused | Lost:
        """How a credit stands."""

    async def freeze(self, credit: str, key: str) -> Answer:
        """Hold a credit back."""

    async def unfreeze(self, credit: str, key: str) -> Answer:
        """Let a credit go again."""

    async def void(self, credit: str, expected: Money, key: str) -> Answer:
        """Take a credit back, only if it holds just that."""

    async def issue(
        self, instead_of: str, account_id: str, customer_id: UUID | None, amount: Money, key: str
    ) -> Answer:
        """Issue a credit that stands in for one that is void: same terms, same last day."""

    async def probe(self, key: str) -> Did | Refused | NotDone | Lost:
        """What became of the order with this key."""
