"""Every fault that exports can have: what a reconciliation must call it, how many cards it has in the deck, and how old
a credit must be for it."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from random import Random
from typing import Final

from tillbridge.diagnose.model import Cause, Class
from tillbridge.simulate.exports import differences, orphans
from tillbridge.simulate.exports.draft import Draft, World
from tillbridge.simulate.exports.hours import DAY, HOUR

FRESH: Final = 10
"""Seconds. The age at which a credit can be told of at all: its issue and its receipt lie behind it."""

BOOKED: Final = 27 * HOUR
"""The age at which the nightly batch has taken a credit, whenever it was issued."""

SETTLED: Final = 2 * DAY
"""The age at which every promise is over: 2 s, 30 s, 26 h and 13 h."""

SPENT: Final = 4 * DAY
"""The age at which a credit was online, was spent, and the web store had all the time to hear of it."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One way to go wrong. `strike` does it to a draft that is at least `age` seconds old; `cards` is how often it is
    in the deck."""

    kind: Class
    cause: Cause | None
    cards: int
    age: int
    strike: Callable[[Draft, World], None]


FAULTS: Final[Sequence[Fault]] = (
    Fault(Class.ORPHAN, Cause.NO_CUSTOMER, 5, FRESH, orphans.no_customer),
    Fault(Class.ORPHAN, Cause.IDENTIFIER_MISMATCH, 2, FRESH, orphans.mistyped),
    Fault(Class.ORPHAN, Cause.IDENTIFIER_MISMATCH, 2, FRESH, orphans.elsewhere),
    Fault(Class.ORPHAN, Cause.IDENTIFIER_MISMATCH, 2, FRESH, orphans.two_people),
    Fault(Class.ORPHAN, Cause.MAPPING_REJECTED, 2, FRESH, orphans.promo),
    Fault(Class.ORPHAN, Cause.MAPPING_REJECTED, 2, FRESH, orphans.foreign),
    Fault(Class.ORPHAN, Cause.MAPPING_REJECTED, 2, FRESH, orphans.too_much),
    Fault(Class.ORPHAN, Cause.MAPPING_REJECTED, 1, BOOKED, orphans.unmapped),
    Fault(Class.ORPHAN, Cause.WRITE_BACK_FAILED, 2, BOOKED, orphans.locked),
    Fault(Class.ORPHAN, Cause.WRITE_BACK_FAILED, 2, SETTLED, orphans.unbooked),
    Fault(Class.ORPHAN, Cause.LOST_IN_HOP, 2, SETTLED, orphans.lost),
    Fault(Class.MISSING_ON_PLATFORM, Cause.LOST_IN_HOP, 2, HOUR, orphans.never_held),
    Fault(Class.MISSING_IN_ERP, Cause.WRITE_BACK_FAILED, 1, SETTLED, differences.books_locked),
    Fault(Class.MISSING_IN_ERP, Cause.WRITE_BACK_FAILED, 1, SETTLED, differences.books_blank),
    Fault(Class.UNBACKED, Cause.MANUAL_BYPASS, 2, SETTLED, differences.only_booked),
    Fault(Class.UNBACKED, Cause.MANUAL_BYPASS, 1, SETTLED, differences.made_in_erp),
    Fault(Class.UNBACKED, Cause.MANUAL_BYPASS, 1, SETTLED, differences.made_nowhere),
    Fault(Class.UNBACKED, Cause.MANUAL_BYPASS, 1, SETTLED, differences.only_online),
    Fault(Class.AMOUNT_MISMATCH, None, 1, SETTLED, differences.shown_more),
    Fault(Class.AMOUNT_MISMATCH, None, 1, SETTLED, differences.shown_less),
    Fault(Class.AMOUNT_MISMATCH, None, 1, SETTLED, differences.held_otherwise),
    Fault(Class.AMOUNT_MISMATCH, None, 1, SETTLED, differences.booked_otherwise),
    Fault(Class.DUPLICATE_ISSUE, None, 2, SPENT, differences.issued_twice),
    Fault(Class.STALE_AFTER_REDEEM, None, 2, SPENT, differences.stale),
    Fault(Class.VOID_NOT_PROPAGATED, None, 2, SPENT, differences.still_shown),
    Fault(Class.DOUBLE_REDEMPTION, None, 1, SPENT, differences.spent_in_two_places),
    Fault(Class.DOUBLE_REDEMPTION, None, 1, SPENT, differences.spent_twice),
)
"""What is dealt. `polling-lag` is none of them: what is on its way is there with every export."""


def deal(chance: Random, faults: Sequence[Fault]) -> Iterator[Fault]:
    """Faults without an end, from a deck that is shuffled and dealt out again and again, so that a few hundred cards
    hold every fault a few times."""
    deck = [fault for fault in faults for _ in range(fault.cards)]
    while True:
        chance.shuffle(deck)
        yield from deck
