"""What the stack map and the law say about a command: ceilings and limits. Pure."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from msgspec import structs

from tillbridge.credit.law import Facts, Law, earliest_expiry, most_in_cash
from tillbridge.credit.limits import Attempt, uses_of
from tillbridge.credit.model import (
    Activate,
    Adjust,
    Capture,
    CashOut,
    Expire,
    Issue,
    Load,
    Redeem,
    RedeemOver,
    Refund,
    Reissue,
    Submitted,
    Transfer,
)
from tillbridge.credit.postings import FAR, NO_TERMS, Terms
from tillbridge.kernel.money import Money, parse
from tillbridge.ledger.model import CreditNow, Fixed, Past, Use
from tillbridge.stack.model import Stack

_VERB: Final = {
    Issue: "issue",
    Activate: "activate",
    Load: "load",
    Redeem: "redeem",
    RedeemOver: "redeem",
    Capture: "redeem",
    Refund: "refund",
    CashOut: "cash-out",
    Adjust: "adjust",
}
"""The commands that count against limits, as the stack map calls them."""

_ALWAYS: Final = (CashOut, Reissue, Load, Activate, Expire)
"""The commands whose terms depend on the credit itself."""


def needs_a_look(command: Submitted, stack: Stack) -> bool:
    """Whether its credits must be looked at before the command is put together."""
    if isinstance(command, _ALWAYS) or (isinstance(command, Transfer) and command.amount is None):
        return True
    return bool(stack.limits) and type(command) in _VERB and type(command) is not Issue


class Rules:
    """The rules of one retailer: the ceiling of the authority, the limits of the map, and the law."""

    def __init__(self, stack: Stack, law: Law | None = None) -> None:
        self._stack = stack
        self._law = law or Law(())
        self._zone = ZoneInfo(stack.retailer.time_zone)
        most = stack.systems[stack.authority].amount_max
        self._ceiling = parse(most, stack.retailer.currency) if most else None

    def terms_of(self, command: Submitted, seen: Sequence[CreditNow], at: datetime, past: Past | None = None) -> Terms:
        """The terms of a command at a moment; `seen` are its credits and `past` what the first has been through, where
        these were looked at."""
        now = seen[0] if seen else None
        fixed = None if now is None else Fixed(now.kind, now.bucket, now.expires_at)
        uses = self._uses(command, seen, at) if self._stack.limits else ()
        if isinstance(command, Expire):
            ends = None if now is None else self._lives_until(now.issuer, now.bucket, now.cohort_date)
            return Terms(fixed=fixed, not_before=ends)
        if isinstance(command, CashOut):
            return Terms(self._in_cash(command, now, past, at), uses, fixed)
        if isinstance(command, (Issue, Activate, Load)):
            ends = self._put_on_now(command, now)
            return Terms(self._ceiling_in(command.amount.currency), uses, fixed, ends)
        if isinstance(command, Transfer):
            currency = command.amount.currency if command.amount else now.currency if now else ""
            return Terms(self._ceiling_in(currency), uses, fixed)
        return Terms(None, uses, fixed) if uses or fixed else NO_TERMS

    def _ceiling_in(self, currency: str) -> int | None:
        """The map states the ceiling in the retailer's currency; it says nothing about amounts in another."""
        return self._ceiling.minor if self._ceiling and currency == self._ceiling.currency else None

    def may_end(self, now: CreditNow, at: datetime) -> bool:
        """Whether the law lets a credit expire at a moment."""
        ends = self._lives_until(now.issuer, now.bucket, now.cohort_date)
        return ends is None or ends <= at

    def _put_on_now(self, command: Issue | Activate | Load, now: CreditNow | None) -> datetime | None:
        """The first moment at which money may expire that is put on a credit now; None for any."""
        if isinstance(command, Issue):
            if command.expires_at is None:
                return None
            store, bucket = command.origin.store, command.bucket
        elif now is None:
            return None
        else:
            store, bucket = now.issuer, now.bucket
        return self._lives_until(store, bucket, command.occurred_at.astimezone(self._zone).date())

    def _lives_until(self, store: str, bucket: str, put_on: date) -> datetime | None:
        """The first moment at which the law lets money expire that was put on in a store on a day: the end of the
        earliest day that may be its last. None for any."""
        last = earliest_expiry(self._law, self._stack.place_of(store), bucket, put_on)
        if last is None or last >= FAR.date():
            return FAR
        if last <= put_on:
            return None
        return datetime.combine(last + timedelta(days=1), time(), self._zone).astimezone(UTC)

    def _in_cash(self, command: CashOut, now: CreditNow | None, past: Past | None, at: datetime) -> int | None:
        """The largest balance that this place pays out, in minor units."""
        if now is None or past is None:
            return None
        facts = Facts(used=past.used, issued_on=now.cohort_date, put_on=Money(past.put_on, now.currency))
        place = command.place or self._stack.place_of(command.origin.store)
        day = at.astimezone(self._zone).date()
        most = most_in_cash(self._law, place, now.bucket, day, now.currency, facts=facts)
        return None if most is None else most.minor

    def _uses(self, command: Submitted, seen: Sequence[CreditNow], at: datetime) -> tuple[Use, ...]:
        """The limits that a command counts against, on the day that it is recorded: a register's clock cannot buy it a
        fresh counter. What is spent from several credits counts for each with what it took of that one."""
        verb = _VERB.get(type(command))
        if verb is None:
            return ()
        if isinstance(command, RedeemOver):
            return tuple(
                structs.replace(use, credit_id=one.credit_id)
                for one in seen
                for use in uses_of(self._stack.limits, self._attempt(command, verb, one, at))
            )
        return uses_of(self._stack.limits, self._attempt(command, verb, seen[0] if seen else None, at))

    def _attempt(self, command: Submitted, verb: str, now: CreditNow | None, at: datetime) -> Attempt:
        """A command on one credit, as far as it says itself what it concerns, and else as the credit stands."""
        amount: Money | None = getattr(command, "amount", None)
        origin = command.origin
        return Attempt(
            verb=verb,
            bucket=command.bucket if isinstance(command, Issue) else now.bucket if now else "",
            currency=amount.currency if amount else now.currency if now else "",
            credit_id=None if isinstance(command, Issue) or now is None else now.credit_id,
            customer=getattr(command, "owner", None)
            or getattr(command, "customer", None)
            or (now.owner if now else None),
            operator=origin.operator,
            register=origin.register,
            store=origin.store,
            day=at.astimezone(self._zone).date(),
        )
