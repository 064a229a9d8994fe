"""What goes out with a batch: for each event that others are told of, its message and its route. Pure.

What a message says of its credit is added by the ledger, which knows it; so nothing has to be read before a batch.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from tillbridge.credit.accounts import BUCKET_OF_HOUSE
from tillbridge.credit.model import BUCKETS
from tillbridge.credit.payload import EVENT_TYPE, SECOND_TYPE, payload_of
from tillbridge.handoff.model import NewHandoff
from tillbridge.handoff.route import routed, unaccepted
from tillbridge.kernel.money import Money
from tillbridge.ledger.model import Posting, Verb
from tillbridge.stack.model import Stack, System
from tillbridge.stack.settings import ConvertCurrency, RouteBucket
from tillbridge.stack.transforms import ANY

FIRST = (Verb.ISSUE, Verb.ACTIVATE)
"""The verbs by which a credit first gets its money: a system that does not take so much, or so little, never hears of
it, and what follows on the credit stays back behind that."""


class Notice(NamedTuple):
    """The message of one event. `route` is the number of its route, or None where currency and bucket say it."""

    event_id: UUID
    route: int | None
    payload: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Mail:
    """All that goes out with a batch: messages, routes by number, and the route of each currency and bucket."""

    notices: Sequence[Notice]
    routes: Sequence[tuple[NewHandoff, ...]]
    classes: Sequence[tuple[str, str, int]]


class Sorter:
    """Sorts the events of a batch onto the hops of a stack.

    What an event's credit has that a target does not accept is known by currency and bucket, and where a target has
    limits or a hop converts, by the amount and the day of a new credit. All that have the same problems, most often
    none, take one route.
    """

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        hops = stack.deliveries()
        systems = [stack.systems[hop.target] for hop in hops]
        steps = [transform for hop in hops for transform in hop.transform]
        by_bucket = any(system.buckets for system in systems) or any(isinstance(step, RouteBucket) for step in steps)
        currencies = sorted({currency for system in systems for currency in system.currencies})
        converts = any(isinstance(step, ConvertCurrency) for step in steps)
        self._each = converts or any(_limited(system) for system in systems)
        self._classes = [
            (currency, bucket, unaccepted(stack, currency, bucket))
            for currency in (*currencies, ANY)
            for bucket in (BUCKETS if by_bucket else (ANY,))
        ]

    def mail(self, at: datetime, postings: Sequence[Posting]) -> Mail:
        """What goes out with these postings, if they are posted at `at`."""
        notices: list[Notice] = []
        routes = _Routes(self._stack, at)
        classes = [(currency, bucket, routes.number(problems)) for currency, bucket, problems in self._classes]
        for posting in postings:
            number = None
            if self._each and posting.verb in FIRST and posting.amount is not None:
                number = routes.number(self._problems(posting, posting.amount))
            notices += [Notice(event_id, number, payload_of(posting, type_)) for type_, event_id in _told(posting)]
        return Mail(notices, routes.made, classes)

    def _problems(self, posting: Posting, amount: Money) -> tuple[str, ...]:
        """What about a new credit is not accepted. The day of a card that was imported is known to the ledger alone."""
        birth = posting.birth
        bucket = birth.bucket if birth else BUCKET_OF_HOUSE.get(posting.house, ANY)
        return unaccepted(self._stack, amount.currency, bucket, amount, birth.cohort_date if birth else None)


class _Routes:
    """The routes of one batch, each made once."""

    def __init__(self, stack: Stack, at: datetime) -> None:
        self.made: list[tuple[NewHandoff, ...]] = []
        self._stack = stack
        self._at = at
        self._numbers: dict[tuple[str, ...], int] = {}

    def number(self, problems: tuple[str, ...]) -> int:
        """The number of the route of events with these problems."""
        number = self._numbers.get(problems)
        if number is None:
            number = self._numbers[problems] = len(self.made)
            self.made.append(routed(self._stack, self._at, False, problems))
        return number


def _limited(system: System) -> bool:
    return bool(system.amount_min or system.amount_max or system.denominations)


def _told(posting: Posting) -> Iterator[tuple[str, UUID]]:
    """Type and id of each event of a posting that others are told of."""
    first_type = EVENT_TYPE.get(posting.verb)
    if first_type is None:
        return
    yield first_type, posting.event_id
    for event_id in posting.other_events:
        yield SECOND_TYPE[posting.verb], event_id
