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
from tillbridge.handoff.route import ANY, route
from tillbridge.kernel.money import Money
from tillbridge.ledger.model import Posting, Verb
from tillbridge.stack.model import Stack

_NEW = (Verb.ISSUE, Verb.ACTIVATE)
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
    """Sorts the events of a batch onto the hops of a stack."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        systems = [stack.systems[hop.target] for hop in stack.deliveries()]
        self._currencies = sorted({currency for system in systems for currency in system.currencies})
        self._buckets = BUCKETS if any(system.buckets for system in systems) else (ANY,)
        self._limited = any(system.amount_min or system.amount_max for system in systems)

    def mail(self, at: datetime, postings: Sequence[Posting]) -> Mail:
        """What goes out with these postings, if they are posted at `at`."""
        notices: list[Notice] = []
        routes: list[tuple[NewHandoff, ...]] = []
        classes: list[tuple[str, str, int]] = []
        for currency in (*self._currencies, ANY):
            for bucket in self._buckets:
                classes.append((currency, bucket, len(routes)))
                routes.append(self._route(at, currency, bucket, None))
        for posting in postings:
            number = None
            if self._limited and posting.verb in _NEW and posting.amount is not None:
                number = len(routes)
                bucket = posting.birth.bucket if posting.birth else BUCKET_OF_HOUSE.get(posting.house, ANY)
                routes.append(self._route(at, posting.amount.currency, bucket, posting.amount))
            notices += [Notice(event_id, number, payload_of(posting, type_)) for type_, event_id in _told(posting)]
        return Mail(notices, routes, classes)

    def _route(self, at: datetime, currency: str, bucket: str, amount: Money | None) -> tuple[NewHandoff, ...]:
        return route(self._stack, at, owned=False, currency=currency, bucket=bucket, amount=amount)


def _told(posting: Posting) -> Iterator[tuple[str, UUID]]:
    """Type and id of each event of a posting that others are told of."""
    first_type = EVENT_TYPE.get(posting.verb)
    if first_type is None:
        return
    yield first_type, posting.event_id
    for event_id in posting.other_events:
        yield SECOND_TYPE[posting.verb], event_id
