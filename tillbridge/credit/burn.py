"""Burn order: which of a customer's credits is spent first, and how much is taken from each. Pure."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time
from typing import Any, Final
from uuid import UUID

from tillbridge.ledger.model import CreditNow
from tillbridge.stack.model import Burn

PRIORITY: Final = 100
"""The priority of a credit that was issued without one."""

_NEVER: Final = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Spendable:
    """A credit that can be spent now. `available` is in minor units, all of one currency; both times are aware.

    A lower `priority` is spent first. `expires_at` of None: it never expires.
    """

    credit_id: UUID
    priority: int
    expires_at: datetime | None
    bucket: str
    issued_at: datetime
    available: int


def order(credits: Iterable[Spendable], policy: Burn) -> tuple[Spendable, ...]:
    """The credits, the one to spend first first.

    The criteria of the policy decide in their order; what they leave open is decided by age, then by id, so that the
    order does not depend on how the credits were found.
    """
    rank = {bucket: place for place, bucket in enumerate(policy.buckets)}
    weighed = [_WEIGHTS[name] for name in policy.order]

    def weight(credit: Spendable) -> tuple[Any, ...]:
        return (*(weigh(credit, rank) for weigh in weighed), credit.issued_at, credit.credit_id)

    return tuple(sorted(credits, key=weight))


def in_burn_order(
    credits_now: Sequence[CreditNow], policy: Burn, at: datetime
) -> tuple[list[CreditNow], list[CreditNow]]:  # fmt: skip
    """Credits that can be spent at a moment, the one to spend first first; and the others, as they came."""
    by_id = {one.credit_id: one for one in credits_now if one.available(at) > 0}
    spendable = [
        Spendable(one.credit_id, one.priority, one.expires_at, one.bucket, _born(one), one.available(at))
        for one in by_id.values()
    ]
    first = [by_id[one.credit_id] for one in order(spendable, policy)]
    return first, [one for one in credits_now if one.credit_id not in by_id]


def _born(now: CreditNow) -> datetime:
    """Since when it is owed: a reissue is as old as what it stands in for."""
    return now.occurred_at if now.replaces is None else datetime.combine(now.cohort_date, time.min, UTC)


# A bucket that the order does not name would be a credit that nobody knows how to spend: it goes last.
_WEIGHTS: Final[Mapping[str, Callable[[Spendable, Mapping[str, int]], Any]]] = {
    "priority": lambda credit, _: credit.priority,
    "expiry": lambda credit, _: credit.expires_at or _NEVER,
    "bucket": lambda credit, rank: rank.get(credit.bucket, len(rank)),
    "age": lambda credit, _: credit.issued_at,
}
