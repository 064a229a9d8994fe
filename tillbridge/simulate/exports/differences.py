"""What makes the systems disagree about a credit: one function for each way, striking a draft that nothing is wrong
with and that is online."""

from typing import Final

from tillbridge.simulate.exports.draft import Draft, Second, World
from tillbridge.simulate.exports.hours import DAY, HOUR
from tillbridge.simulate.exports.orphans import LOCKS

QUIET: Final = 30 * HOUR
"""How long after its issue a credit is first spent: by then it is online."""

RESTED: Final = 40 * HOUR
"""How long before the exports a spending that the web store missed lies: longer than any run could take."""

_LATER: Final = 2 * DAY
_OFF_MAX: Final = 9_00
_TOGETHER: Final = 9


def books_locked(draft: Draft, world: World) -> None:
    """It is online, and the books refused it."""
    draft.error = world.chance.choice(LOCKS)


def books_blank(draft: Draft, world: World) -> None:
    """It is online, and the books never had it."""
    del world
    draft.booked_at = None


def only_booked(draft: Draft, world: World) -> None:
    """Somebody wrote it into the books; nobody issued it."""
    del world
    _by_hand(draft, "")
    draft.held = False


def made_in_erp(draft: Draft, world: World) -> None:
    """Somebody made it on the platform out of the ERP."""
    del world
    _by_hand(draft, "erp_manual")


def made_nowhere(draft: Draft, world: World) -> None:
    """It is on the platform and in the books, and nothing says where it came from."""
    del world
    _by_hand(draft, "")


def only_online(draft: Draft, world: World) -> None:
    """An account shows a code that nobody else knows."""
    del world
    shown_at = draft.shown_at
    _by_hand(draft, "")
    draft.held, draft.booked_at, draft.shown_at = False, None, shown_at


def shown_more(draft: Draft, world: World) -> None:
    """The web store shows more than is left."""
    draft.shown += world.part(_OFF_MAX)


def shown_less(draft: Draft, world: World) -> None:
    """The web store shows less than is left, though nothing was spent."""
    draft.shown -= _less(draft, world)


def held_otherwise(draft: Draft, world: World) -> None:
    """The platform issued another amount than the register did, and everybody after it has the platform's."""
    off = world.part(_OFF_MAX) if world.chance.random() < 0.5 else -_less(draft, world)
    draft.issued = draft.balance = draft.booked = draft.shown = draft.amount + off


def booked_otherwise(draft: Draft, world: World) -> None:
    """The books have another amount than everybody else."""
    draft.booked += world.part(_OFF_MAX) if world.chance.random() < 0.5 else -_less(draft, world)


def issued_twice(draft: Draft, world: World) -> None:
    """The platform issued two credits for one sale. One of them may have been spent in part, and no more than that."""
    second = _second(draft, world)
    spent = world.chance.randrange(10)
    if spent == 0:
        _spend_in_sync(draft, world, world.part(draft.issued))
    elif spent == 1:
        second.balance, second.active_at = world.part(draft.issued), spent_at(draft, world, RESTED)


def spent_twice(draft: Draft, world: World) -> None:
    """The platform issued two credits for one sale, and together they paid for more than the sale."""
    second = _second(draft, world)
    _spend_in_sync(draft, world, draft.issued)
    second.active_at = spent_at(draft, world, RESTED)
    second.balance = 0 if world.chance.random() < 0.6 else world.part(draft.issued)
    second.state = "active" if second.balance else "redeemed"


def spent_in_two_places(draft: Draft, world: World) -> None:
    """The platform was emptied, and after that the web store sold some of it once more."""
    draft.spend(draft.balance, spent_at(draft, world, RESTED))
    draft.shown_at = draft.active_at + HOUR + int(world.chance.random() * 9 * HOUR)
    draft.shown = world.part(draft.issued)


def stale(draft: Draft, world: World) -> None:
    """Some or all of it was spent, and the web store still shows all of it."""
    cents = draft.balance if world.chance.random() < 0.3 else world.part(draft.balance)
    draft.spend(cents, spent_at(draft, world, RESTED))


def still_shown(draft: Draft, world: World) -> None:
    """It was taken back, and the web store still shows it."""
    draft.void(spent_at(draft, world, RESTED))


def spent_at(draft: Draft, world: World, before: int) -> int:
    """A moment at which it was spent: online by then, and so many seconds before the exports at the latest.

    Raises ValueError where it is too young for that.
    """
    first = draft.issued_at + QUIET
    last = min(first + _LATER, world.as_of - before)
    if last < first:
        raise ValueError("too young to be spent")
    return first + int(world.chance.random() * (last - first))


def _by_hand(draft: Draft, origin: str) -> None:
    draft.transaction_id, draft.origin, draft.rung = "", origin, False
    draft.hide()


def _less(draft: Draft, world: World) -> int:
    """How much less than its amount: some, and never all of it."""
    return world.part(min(_OFF_MAX, draft.amount))


def _second(draft: Draft, world: World) -> Second:
    issued_at = draft.issued_at + int(world.chance.random() * _TOGETHER)
    draft.second = Second(next(world.codes), issued_at, "active", draft.issued, issued_at)
    return draft.second


def _spend_in_sync(draft: Draft, world: World, cents: int) -> None:
    draft.spend(cents, spent_at(draft, world, RESTED))
    draft.tell(draft.active_at + 60)
