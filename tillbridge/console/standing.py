"""From the hub's values to what the pages show. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from tillbridge.checkpoint.claim import ClaimState as Claimable
from tillbridge.checkpoint.claim import Finish, Looked
from tillbridge.console.views import (
    Badge,
    ClaimOutcome,
    ClaimState,
    CreditLine,
    Explanation,
    Fact,
    HandoffLine,
    VoucherState,
)
from tillbridge.diagnose.trail import Fact as TrailFact
from tillbridge.diagnose.trail import Trail
from tillbridge.handoff.model import OVER, HandoffView, HopCount, Latency, State
from tillbridge.kernel.money import Money
from tillbridge.ledger.model import CreditNow
from tillbridge.ledger.model import State as CreditState
from tillbridge.stack.draw import HopView, Mark, Traffic, Truth, hop_views, span_words, truth_of
from tillbridge.stack.model import Stack

FINISHED: Final[Mapping[Finish, ClaimState]] = {
    Finish.LINKED: ClaimState.LINKED,
    Finish.WRONG_CODE: ClaimState.WRONG_CODE,
    Finish.EXPIRED: ClaimState.CODE_EXPIRED,
    Finish.LOCKED: ClaimState.LOCKED,
    Finish.NO_ACCOUNT: ClaimState.NO_ACCOUNT,
    Finish.UNSURE: ClaimState.UNSURE,
    Finish.CLAIMED: ClaimState.USED,
    Finish.GONE: ClaimState.EXPIRED,
    Finish.UNKNOWN: ClaimState.UNKNOWN,
}
"""How a try to finish a claim ended, as the pages say it."""

NOT_OPEN: Final[Mapping[Claimable, ClaimState]] = {
    Claimable.CLAIMED: ClaimState.USED,
    Claimable.GONE: ClaimState.EXPIRED,
    Claimable.UNKNOWN: ClaimState.UNKNOWN,
}

_VOUCHERS: Final[Mapping[Claimable, VoucherState]] = {
    Claimable.OPEN: VoucherState.WAITING,
    Claimable.CLAIMED: VoucherState.USED,
    Claimable.GONE: VoucherState.EXPIRED,
}

_CREDIT_BADGES: Final[Mapping[CreditState, Badge]] = {
    CreditState.PENDING: Badge(Mark.PENDING, "pending"),
    CreditState.UNCLAIMED: Badge(Mark.PENDING, "unclaimed"),
    CreditState.ACTIVE: Badge(Mark.CONFIRMED, "active"),
    CreditState.FROZEN: Badge(Mark.LATE, "frozen"),
    CreditState.VOID: Badge(Mark.QUIET, "void"),
    CreditState.EXPIRED: Badge(Mark.QUIET, "expired"),
}

_TITLES: Final[Mapping[str, str]] = {
    "confirmed": "Where it is",
    "pending": "Where it is",
    "late": "Why it is late",
    "dead": "Why it is not there",
    "unknown": "What is not known",
}


def voucher_state(looked: Looked) -> VoucherState:
    """Whether a voucher can still be claimed."""
    return _VOUCHERS[looked.state]


def outcome(looked: Looked) -> ClaimOutcome:
    """What a voucher that cannot be claimed says."""
    return ClaimOutcome(NOT_OPEN[looked.state])


def money(minor: int, now: CreditNow) -> Money:
    """Minor units in the currency of a credit."""
    return Money(minor, now.currency)


def badge(now: CreditNow, at: datetime) -> Badge:
    """How a credit stands, as a word with a mark."""
    state = now.state_at(at)
    if state is CreditState.ACTIVE and now.balance == 0:
        return Badge(Mark.QUIET, "spent")
    return _CREDIT_BADGES[state]


def credit_line(now: CreditNow, at: datetime) -> CreditLine:
    """A credit as a line of a list."""
    return CreditLine(
        credit_id=now.credit_id,
        kind=now.kind,
        last4=now.code_last4,
        receipt=now.origin.transaction_id,
        store=now.origin.store,
        issued=money(now.issued, now),
        available=money(now.available(at), now),
        issued_at=now.occurred_at,
        badge=badge(now, at),
    )


def fact(one: TrailFact) -> Fact:
    """A line of a trail."""
    refused = one.mark == "refused"
    mark = Mark(one.mark) if one.mark and not refused else Mark.QUIET
    # A refusal is an answer, and nothing that is to be mended.
    shown = Badge(mark, "refused") if refused else None
    if one.took is not None and one.promise is not None:
        shown = Badge(mark, f"{span_words(one.took)} of {span_words(one.promise)}")
    elif mark in (Mark.LATE, Mark.DEAD, Mark.UNKNOWN):
        shown = Badge(mark, mark.value)
    return Fact(at=one.at, what=one.what, detail=one.detail, badge=shown, mark=mark)


def explanation(trail: Trail) -> Explanation:
    """Where a credit is, in words: what happened, whether the money is safe, what to do. Of a failure the cause is
    named, and what mends it."""
    verdict, why = trail.verdict, trail.explanation
    mark = verdict.mark or "confirmed"
    said: tuple[str, ...] = (verdict.sentence, verdict.mend)
    if why is not None and why.cause is not None:
        said = (verdict.sentence, f"Cause, {why.cause.value}: {why.sentence}", why.mend)
    return Explanation(_TITLES[mark], verdict.heading, said, Mark(mark))


def key_of(one: HandoffView) -> str:
    """A handoff's name between page and port."""
    return f"{one.credit_id}.{one.version}.{one.hop}"


def handoff_line(one: HandoffView, now: CreditNow, stack: Stack, at: datetime) -> HandoffLine:
    """A handoff as a line of a list."""
    return HandoffLine(
        key=key_of(one),
        credit_id=one.credit_id,
        last4=now.code_last4,
        receipt=now.origin.transaction_id,
        hop=hop_words(one.hop, stack),
        amount=money(now.issued, now),
        state=one.state.value,
        late=one.late(at),
        reason=one.reason or one.reason_code,
        attempts=one.attempts,
        replay=one.replay,
        recorded_at=one.recorded_at,
        deadline=one.deadline,
        replayable=one.state in (State.DEAD, State.PARKED),
    )


def hop_words(name: str, stack: Stack) -> str:
    """A hop for people: `platform to web`. One that the map no longer has keeps its name."""
    return next((f"{hop.source} to {hop.target}" for hop in stack.hops if hop.name == name), name)


def live_path(
    stack: Stack, counts: Sequence[HopCount], latencies: Iterable[Latency], at: datetime
) -> tuple[HopView, ...]:
    """The path of credits with what is true of it right now."""
    typical = {one.hop: timedelta(milliseconds=one.p50_ms) for one in latencies}
    truths = {
        hop.name: truth_of(hop, _traffic([one for one in counts if one.hop == hop.name], typical.get(hop.name), at))
        for hop in stack.deliveries()
    }
    for hop in stack.entries():
        truths[hop.name] = Truth(Mark.CONFIRMED, "confirmed at once")
    return hop_views(stack, truths)


def _traffic(counts: Sequence[HopCount], typical: timedelta | None, at: datetime) -> Traffic:
    def total(*states: State) -> int:
        return sum(one.count for one in counts if one.state in states)

    open_counts = [one for one in counts if one.state not in {*OVER, State.DEAD}]
    late = [one for one in open_counts if one.late]
    oldest = min((one.oldest_due for one in late if one.oldest_due), default=None)
    return Traffic(
        typical=typical,
        waiting=total(State.DUE, State.SENDING),
        late=sum(one.late for one in late),
        dead=total(State.DEAD),
        unknown=total(State.UNKNOWN, State.PARKED),
        oldest=at - oldest if oldest else None,
    )


def credit_path(stack: Stack, handoffs: Sequence[HandoffView], at: datetime) -> tuple[HopView, ...]:
    """The path of one credit: the newest handoff on each hop."""
    newest = {one.hop: one for one in sorted(handoffs, key=lambda one: one.version)}
    truths = {name: _truth(one, at) for name, one in newest.items()}
    for hop in stack.entries()[:1]:
        truths[hop.name] = Truth(Mark.CONFIRMED, "confirmed")
    return hop_views(stack, truths)


def _truth(one: HandoffView, at: datetime) -> Truth:
    if one.state is State.CONFIRMED:
        took = one.confirmed_at - one.ready_at if one.confirmed_at and one.ready_at else None
        mark = Mark.LATE if one.late(at) else Mark.CONFIRMED
        return Truth(mark, span_words(took) if took is not None else "")
    if one.state is State.ENDED:
        return Truth(Mark.CONFIRMED, "not needed")
    if one.state is State.DEAD:
        return Truth(Mark.DEAD, "dead")
    if one.state in (State.PARKED, State.UNKNOWN):
        return Truth(Mark.UNKNOWN, one.state.value)
    if one.late(at):
        return Truth(Mark.LATE, "late")
    return Truth(Mark.PENDING, "for the claim" if "claim" in one.waits_for else "on its way")


def midnight(at: datetime, zone: ZoneInfo) -> datetime:
    """When the retailer's day began."""
    return datetime.combine(at.astimezone(zone).date(), time(), zone)
