"""Which daily limits a command uses up, as counters. Pure: the counting itself is the ledger's, in its transaction."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from urllib.parse import quote
from uuid import UUID

from tillbridge.ledger.model import Use
from tillbridge.stack.model import Limit, Per


@dataclass(frozen=True, slots=True)
class Attempt:
    """A command as a limit sees it. `day` is that of the retailer's zone; blank texts and None: not known."""

    verb: str
    bucket: str
    currency: str
    credit_id: UUID | None
    customer: UUID | None
    operator: str
    register: str
    store: str
    day: date


def uses_of(limits: Iterable[Limit], attempt: Attempt) -> tuple[Use, ...]:
    """The counters of one command, in the order of the limits; empty where no limit applies.

    A counter's subject is such as `operator:op07:issue+load:any:USD:2026-11-22`.

    A limit per credit (of one that is new), customer, operator, register or store does not apply where that is not
    known. No two limits of a stack
    share a counter, and no two days, customers, operators, registers or stores do.
    """
    uses: list[Use] = []
    for limit in limits:
        who = _who(limit.per, attempt)
        if who and _counts(limit, attempt):
            what = ("+".join(limit.verbs), "+".join(limit.buckets) or "any", limit.currency)
            subject = ":".join((limit.per.value, who, *what, attempt.day.isoformat()))
            uses.append(Use(subject, attempt.day, limit.amount, limit.count))
    return tuple(uses)


def _counts(limit: Limit, attempt: Attempt) -> bool:
    in_bucket = not limit.buckets or attempt.bucket in limit.buckets
    return attempt.verb in limit.verbs and attempt.currency == limit.currency and in_bucket


def _who(per: Per, attempt: Attempt) -> str:
    """Whose counter it is; blank where that is not known. Registers are numbered anew in every store."""
    match per:
        case Per.CREDIT:
            return str(attempt.credit_id) if attempt.credit_id else ""
        case Per.CUSTOMER:
            return str(attempt.customer) if attempt.customer else ""
        case Per.OPERATOR:
            return _plain(attempt.operator)
        case Per.REGISTER:
            return f"{_plain(attempt.store)}/{_plain(attempt.register)}" if attempt.register else ""
        case Per.STORE:
            return _plain(attempt.store)


def _plain(name: str) -> str:
    """A name from outside without the marks that part a subject, so that no name can pass for another counter."""
    return quote(name, safe=" ")
