"""From a command to the posting that it is on the ledger. Pure: ids and codes are handed in."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID
from zoneinfo import ZoneInfo

from msgspec import Struct

from tillbridge.credit.accounts import HOUSE_OF_BUCKET, HOUSE_OF_VERB
from tillbridge.credit.codes import Codes
from tillbridge.credit.model import (
    Activate,
    Adjust,
    Capture,
    CashOut,
    Chargeback,
    Claim,
    Command,
    Expire,
    Freeze,
    Import,
    Issue,
    Lapse,
    Load,
    PlaceHold,
    Redeem,
    RedeemOver,
    Refund,
    Reissue,
    Release,
    Submitted,
    Transfer,
    Unfreeze,
    Void,
)
from tillbridge.kernel.clock import time_text
from tillbridge.kernel.money import Money
from tillbridge.ledger.model import Birth, Fixed, Posting, State, Use, Verb


class Terms(Struct, frozen=True):
    """What the stack map and the law say about a command: the most a credit may hold after it, or may hold to be paid
    out (`ceiling`, in minor units, None for no such rule), the limits it counts against, what is known of the credit,
    and the first moment at which what is on it may expire (None for any)."""

    ceiling: int | None = None
    uses: tuple[Use, ...] = ()
    fixed: Fixed | None = None
    not_before: datetime | None = None

    def ends(self, wanted: datetime | None) -> datetime | None:
        """The last moment of money that is put on now: the one that was wanted, or later where the law says so; None
        for money that does not end."""
        if wanted is None or self.not_before is None:
            return wanted
        return max(wanted, self.not_before)


NO_TERMS: Final = Terms()

FAR: Final = datetime(9999, 12, 30, tzinfo=UTC)
"""The last moment of what never ends, where there has to be one."""


class Clerk:
    """Writes commands down as postings."""

    def __init__(self, new_id: Callable[[], UUID], codes: Codes, zone: ZoneInfo) -> None:
        self._new_id = new_id
        self._codes = codes
        self._zone = zone

    def posting_of(self, command: Submitted | Claim, terms: Terms = NO_TERMS) -> Posting:
        """What a command posts."""
        return _WRITERS[type(command)](self, command, terms)

    def _issue(self, c: Issue, terms: Terms) -> Posting:
        return Posting(
            key=c.key,
            verb=Verb.ISSUE,
            credit_id=self._new_id(),
            event_id=self._new_id(),
            request=c.request,
            actor=c.actor,
            occurred_at=c.occurred_at,
            amount=c.amount,
            house=HOUSE_OF_BUCKET[c.bucket],
            origin=c.origin,
            reason=c.reason,
            approver=c.approver,
            birth=self._birth(c, c.kind, c.bucket, _first_state(c.owner, c.bearer), c.owner, c.code, c.pin, c.priority),
            expires_at=None if terms.ends(c.expires_at) == FAR else terms.ends(c.expires_at),
            ceiling=terms.ceiling,
            uses=terms.uses,
            trace=c.trace,
        )

    def _import(self, c: Import, _: Terms) -> Posting:
        said = {"kind": "gift_card", "bucket": c.bucket, "currency": c.currency, "code": self._codes.digest(c.code)}
        return Posting(
            key=c.key,
            verb=Verb.IMPORT,
            credit_id=self._new_id(),
            event_id=self._new_id(),
            request=_request(Verb.IMPORT, c, said | _time("expires_at", c.expires_at) | self._pin(c.code, c.pin)),
            actor=c.actor,
            occurred_at=c.occurred_at,
            amount=Money(0, c.currency),
            origin=c.origin,
            birth=self._birth(c, "gift_card", c.bucket, State.PENDING, None, c.code, c.pin, 100),
            expires_at=c.expires_at,
        )

    def _activate(self, c: Activate, terms: Terms) -> Posting:
        said = {"customer": c.named or (str(c.owner) if c.owner else "")} | _time("expires_at", c.expires_at)
        house = HOUSE_OF_BUCKET[terms.fixed.bucket if terms.fixed else "paid"]
        wanted = c.expires_at or (terms.fixed.expires_at if terms.fixed else None)
        return self._on(
            Verb.ACTIVATE, c, c.credit_id, c.amount, said, house=house, owner=c.owner, expires_at=terms.ends(wanted),
            ceiling=terms.ceiling, uses=terms.uses, approver=c.approver, trace=c.trace,
        )  # fmt: skip

    def _load(self, c: Load, terms: Terms) -> Posting:
        house = HOUSE_OF_BUCKET[terms.fixed.bucket if terms.fixed else "paid"]
        said = _time("expires_at", c.expires_at)
        return self._on(
            Verb.LOAD, c, c.credit_id, c.amount, said, house=house, ceiling=terms.ceiling, uses=terms.uses,
            expires_at=terms.ends(c.expires_at or terms.not_before), approver=c.approver,
        )  # fmt: skip

    def _redeem(self, c: Redeem, terms: Terms) -> Posting:
        return self._on(Verb.REDEEM, c, c.credit_id, c.amount, {}, uses=terms.uses)

    def _redeem_over(self, c: RedeemOver, terms: Terms) -> Posting:
        # The order may differ when the request comes again: what is asked is the customer and the amount.
        said = {"credit": "", "customer": c.named or str(c.customer)}
        first, *rest = c.credits or (c.customer,)
        events = tuple(self._new_id() for _ in rest)
        return self._on(
            Verb.REDEEM, c, first, c.amount, said, uses=terms.uses, others=tuple(rest) or (first,),
            other_events=events or (self._new_id(),),
        )  # fmt: skip

    def _hold(self, c: PlaceHold, _: Terms) -> Posting:
        said = _time("ends", c.ends)
        return self._on(Verb.HOLD, c, c.credit_id, c.amount, said, hold_id=self._new_id(), hold_ends=c.ends)

    def _capture(self, c: Capture, terms: Terms) -> Posting:
        said = {"hold": str(c.hold_id), "more": c.more}
        return self._on(
            Verb.CAPTURE, c, c.credit_id, c.amount, said, hold_id=c.hold_id, whole=not c.more, uses=terms.uses
        )

    def _release(self, c: Release, _: Terms) -> Posting:
        return self._on(Verb.RELEASE, c, c.credit_id, None, {"hold": str(c.hold_id)}, hold_id=c.hold_id)

    def _lapse(self, c: Lapse, _: Terms) -> Posting:
        # Said as the ledger itself says it when it comes upon a hold whose time is up.
        request = {"command": "lapse", "hold": str(c.hold_id)}
        cause = f"hold:{c.hold_id}"
        return self._on(Verb.LAPSE, c, c.credit_id, None, {}, hold_id=c.hold_id, cause=cause, request=request)

    def _refund(self, c: Refund, terms: Terms) -> Posting:
        return self._on(Verb.REFUND, c, c.credit_id, c.amount, {"cause": c.cause}, cause=c.cause, uses=terms.uses)

    def _void(self, c: Void, _: Terms) -> Posting:
        said = {"reason": c.reason} | _expected(c.expected)
        return self._on(Verb.VOID, c, c.credit_id, None, said, reason=c.reason, expected=_minor(c.expected))

    def _chargeback(self, c: Chargeback, _: Terms) -> Posting:
        return self._on(Verb.CHARGEBACK, c, c.credit_id, None, {"reason": c.reason}, reason=c.reason)

    def _expire(self, c: Expire, terms: Terms) -> Posting:
        return self._on(Verb.EXPIRE, c, c.credit_id, None, {}, expires_at=terms.not_before)

    def _reissue(self, c: Reissue, terms: Terms) -> Posting:
        said = {
            "reason": c.reason,
            "cause": c.cause,
            "customer": c.customer if c.customer is not None else str(c.owner) if c.owner else "",
            "code": self._codes.digest(c.code),
            **({"unclaimed": True} if c.unclaimed else {}),
            **self._pin(c.code, c.pin),
        }
        kind, bucket = (terms.fixed.kind, terms.fixed.bucket) if terms.fixed else ("store_credit", "refund")
        inherits = not c.unclaimed and (c.customer == "" or not (c.owner or c.bearer))
        given = (None, State.UNCLAIMED) if c.unclaimed else (c.owner, State.ACTIVE)
        owner, state = (None, None) if inherits else given
        birth = self._birth(c, kind, bucket, state, owner, c.code, c.pin, 100)
        return self._on(
            Verb.REISSUE, c, c.credit_id, None, said | _expected(c.expected), reason=c.reason, cause=c.cause,
            birth=birth, expected=_minor(c.expected), other_id=self._new_id(), other_events=(self._new_id(),),
        )  # fmt: skip

    def _transfer(self, c: Transfer, terms: Terms) -> Posting:
        said = {"to": str(c.to), "reason": c.reason}
        return self._on(
            Verb.TRANSFER, c, c.credit_id, c.amount, said, reason=c.reason, ceiling=terms.ceiling, other_id=c.to,
            other_events=(self._new_id(),),
        )  # fmt: skip

    def _cash_out(self, c: CashOut, terms: Terms) -> Posting:
        return self._on(
            Verb.CASH_OUT, c, c.credit_id, None, {"place": c.place}, ceiling=terms.ceiling, uses=terms.uses
        )  # fmt: skip

    def _adjust(self, c: Adjust, terms: Terms) -> Posting:
        said = {"down": c.down, "reason": c.reason}
        return self._on(
            Verb.ADJUST, c, c.credit_id, c.amount, said, reason=c.reason, approver=c.approver, down=c.down,
            ceiling=terms.ceiling, uses=terms.uses,
        )  # fmt: skip

    def _freeze(self, c: Freeze, _: Terms) -> Posting:
        return self._on(Verb.FREEZE, c, c.credit_id, None, {"reason": c.reason}, reason=c.reason)

    def _unfreeze(self, c: Unfreeze, _: Terms) -> Posting:
        return self._on(Verb.UNFREEZE, c, c.credit_id, None, {"reason": c.reason}, reason=c.reason)

    def _claim(self, c: Claim, _: Terms) -> Posting:
        request = {"command": "claim", "credit": str(c.credit_id), "customer": str(c.owner)}
        return self._on(Verb.CLAIM, c, c.credit_id, None, {}, owner=c.owner, request=request)

    def _on(
        self, verb: Verb, c: Command, credit_id: UUID, amount: Money | None, said: Mapping[str, Any], **more: Any
    ) -> Posting:
        """A posting on a credit that is there."""
        request = more.pop("request", None) or _request(
            verb, c, {"credit": str(credit_id), **({} if amount is None else _amount(amount)), **said}
        )
        return Posting(
            key=c.key,
            verb=verb,
            credit_id=credit_id,
            event_id=self._new_id(),
            request=request,
            actor=c.actor,
            occurred_at=c.occurred_at,
            amount=amount,
            house=more.pop("house", None) or HOUSE_OF_VERB.get(verb, ""),
            origin=c.origin,
            **more,
        )

    def _birth(
        self,
        c: Command,
        kind: str,
        bucket: str,
        state: State | None,
        owner: UUID | None,
        code: str,
        pin: str,
        priority: int,
    ) -> Birth:
        code = code or self._codes.make(c.key)
        return Birth(
            kind=kind,
            bucket=bucket,
            state=state,
            code_hash=self._codes.hash(code),
            code_last4=code[-4:],
            cohort_date=c.occurred_at.astimezone(self._zone).date(),
            owner=owner,
            pin_hash=self._codes.hash_pin(code, pin) if pin else None,
            priority=priority,
        )

    def _pin(self, code: str, pin: str) -> dict[str, str]:
        return {"pin": self._codes.digest(f"{code} {pin}")} if pin else {}


_WRITERS: Final[Mapping[type[Command], Callable[[Clerk, Any, Terms], Posting]]] = {
    Issue: Clerk._issue,
    Import: Clerk._import,
    Activate: Clerk._activate,
    Load: Clerk._load,
    Redeem: Clerk._redeem,
    RedeemOver: Clerk._redeem_over,
    PlaceHold: Clerk._hold,
    Capture: Clerk._capture,
    Release: Clerk._release,
    Lapse: Clerk._lapse,
    Refund: Clerk._refund,
    Void: Clerk._void,
    Chargeback: Clerk._chargeback,
    Expire: Clerk._expire,
    Reissue: Clerk._reissue,
    Transfer: Clerk._transfer,
    CashOut: Clerk._cash_out,
    Adjust: Clerk._adjust,
    Freeze: Clerk._freeze,
    Unfreeze: Clerk._unfreeze,
    Claim: Clerk._claim,
}


def _request(verb: Verb, c: Command, said: Mapping[str, Any]) -> Mapping[str, Any]:
    """What the caller asked, for telling a repeat from a conflict."""
    origin = c.origin
    return {
        "command": verb.value,
        **said,
        "occurred_at": time_text(c.occurred_at),
        "transaction_id": origin.transaction_id,
        "store": origin.store,
        "register": origin.register,
        "operator": origin.operator,
    }


def _amount(amount: Money) -> dict[str, str]:
    return {"amount": amount.text(), "currency": amount.currency}


def _expected(expected: Money | None) -> dict[str, str]:
    return {} if expected is None else {"expected": str(expected)}


def _minor(expected: Money | None) -> int | None:
    return None if expected is None else expected.minor


def _time(field: str, at: datetime | None) -> dict[str, str]:
    return {} if at is None else {field: time_text(at.astimezone(UTC))}


def _first_state(owner: UUID | None, bearer: bool) -> State:
    return State.ACTIVE if owner or bearer else State.UNCLAIMED
