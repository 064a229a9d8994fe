"""Is it a handoff failure at all, and if so, why? Asked of one credit, from what is known of it live. Pure.

The rules are two ordered tuples of small functions. Each answers with what proves it, or None; the first that does
decides. The causes come first, in the order of the closed list. Where none holds, the ledger and the systems agree, and
whoever complains has another kind of trouble: one of COMPLAINTS.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final
from zoneinfo import ZoneInfo

from tillbridge.diagnose.causes import LOCK_OR_SCHEMA, MAP, REJECTION
from tillbridge.diagnose.model import CAUSES, Cause, Evidence, Nearest, Risk, Side
from tillbridge.handoff.model import MAPPING_REJECTED, OVER, STUCK, HandoffView, State
from tillbridge.kernel.money import Money
from tillbridge.ledger.model import CreditNow, Line, RefusedRequest, Verb
from tillbridge.ledger.model import State as CreditState
from tillbridge.stack.draw import place, span_words
from tillbridge.stack.model import Hop, Role, Stack, Trigger


class Complaint(StrEnum):
    """What a complaint is about that is no handoff failure. COMPLAINTS has a sentence for each."""

    ACTIVATION = "activation"
    REDEMPTION = "redemption"
    BALANCE_INQUIRY = "balance-inquiry"


COMPLAINTS: Final[Mapping[Complaint, str]] = {
    Complaint.ACTIVATION: "The card was never activated, or nobody knows it.",
    Complaint.REDEMPTION: "A credit was refused at the checkout.",
    Complaint.BALANCE_INQUIRY: "What is on it was shown late, or is shown from an old copy.",
}


@dataclass(frozen=True, slots=True)
class Doubt:
    """Why nobody owns a credit: a review that waits for a person. `candidates` are those whom the customer may be, the
    likeliest first."""

    cause: Cause
    sentence: str
    at: datetime
    candidates: tuple[Nearest, ...] = ()


@dataclass(frozen=True, slots=True)
class Seen:
    """What a web store says of a credit when it is asked right now.

    `there` is None where it cannot say; `available` is what it shows in minor units of the credit's currency, None
    where it does not say. `sentence` has no full stop.
    """

    system: str
    there: bool | None
    available: int | None
    sentence: str


@dataclass(frozen=True, slots=True)
class Known:
    """All that is known of a credit at a moment: its statement, its handoffs, what was refused of it, the doubt about
    its owner where there is one, and what web stores say of it where they were asked."""

    stack: Stack
    credit: CreditNow
    lines: Sequence[Line]
    handoffs: Sequence[HandoffView]
    refusals: Sequence[RefusedRequest]
    doubt: Doubt | None
    at: datetime
    seen: tuple[Seen, ...] = ()

    @property
    def shows(self) -> int:
        """What a web store should show, in minor units: what is left, unless it is worth nothing any more."""
        return 0 if self.credit.state_at(self.at) in _GONE else self.credit.balance

    def missing(self) -> list[HandoffView]:
        """What has not arrived, along the way of the map, the oldest event first."""
        order = {hop.name: number for number, hop in enumerate(self.stack.deliveries())}
        still_open = [one for one in self.handoffs if one.state not in OVER]
        return sorted(still_open, key=lambda one: (order.get(one.hop, len(order)), one.version))

    def hop(self, name: str) -> Hop | None:
        """The hop of this name, where the map still has it."""
        return next((one for one in self.stack.hops if one.name == name), None)

    def target(self, name: str) -> str:
        """Where a hop leads, as people call it."""
        hop = self.hop(name)
        return name if hop is None else place(self.stack, hop.target).label

    def source(self, name: str) -> str:
        """Where a hop starts, as people call it: what it should deliver is there."""
        hop = self.hop(name)
        return "the platform" if hop is None else place(self.stack, hop.source).label

    def role(self, name: str) -> Role | None:
        """What a hop leads to; None where the map no longer has it."""
        hop = self.hop(name)
        return None if hop is None else self.stack.systems[hop.target].role


@dataclass(frozen=True, slots=True)
class Explanation:
    """What is wrong with a credit and what to do: a cause, or a complaint where it is no handoff failure.

    `due` is when what is on its way will be there by itself; `hop` the hop that it is about, blank for none.
    """

    cause: Cause | None
    complaint: Complaint | None
    sentence: str
    evidence: tuple[Evidence, ...]
    mend: str
    risk: Risk
    due: datetime | None = None
    hop: str = ""
    candidates: tuple[Nearest, ...] = ()


@dataclass(frozen=True, slots=True)
class Proof:
    """What a rule found: the facts, what mends it, and what can go wrong meanwhile."""

    evidence: tuple[Evidence, ...]
    mend: str
    risk: Risk
    due: datetime | None = None
    hop: str = ""


Rule = Callable[[Known], Proof | None]


def explain(known: Known) -> Explanation:
    """The cause of a handoff failure, or which complaint it would be."""
    for cause, rule in RULES:
        proof = rule(known)
        if proof is not None:
            candidates = known.doubt.candidates if known.doubt and cause is Cause.IDENTIFIER_MISMATCH else ()
            return Explanation(
                cause, None, CAUSES[cause], proof.evidence, proof.mend, proof.risk, proof.due, proof.hop, candidates
            )
    for complaint, rule in OTHERWISE:
        proof = rule(known)
        if proof is not None:
            said = f"{_agreement(known)} {_WOULD_BE[complaint]}"
            return Explanation(None, complaint, said, proof.evidence, proof.mend, proof.risk, proof.due, proof.hop)
    raise AssertionError("the last rule always holds")


def _agreement(known: Known) -> str:
    """Why it is no handoff failure."""
    if known.missing():
        return _IN_TIME
    return _TOLD if _differing(known) else _AGREED


_GONE: Final = frozenset({CreditState.VOID, CreditState.EXPIRED})
_TOLD: Final = "It is no handoff failure: every system has confirmed what the ledger told it."
_AGREED: Final = "It is no handoff failure: the ledger and every system agree."
_IN_TIME: Final = "It is no handoff failure: what is on its way is within its time."
_WOULD_BE: Final[Mapping[Complaint, str]] = {
    Complaint.ACTIVATION: "A complaint is about activation: the card is not active.",
    Complaint.REDEMPTION: "A complaint is about redemption: it was, or would be, refused at the checkout.",
    Complaint.BALANCE_INQUIRY: "A complaint is about the balance shown: late, or from an old copy.",
}


def manual_bypass(known: Known) -> Proof | None:
    """Somebody made it, or what is missing of it, by hand: no receipt, or no register and no web store's order."""
    storefronts = {one.name for one in known.stack.systems.values() if one.role is Role.STOREFRONT}
    birth = next((one for one in known.lines if one.verb in (Verb.ISSUE, Verb.ACTIVATE)), None)
    by_hand = [
        one for one in known.lines if one.verb is Verb.ADJUST and one.change > 0 and not one.origin.transaction_id
    ]
    if birth is not None and known.credit.replaces is None and not _backed(birth, storefronts):
        found = birth
    else:
        missing = {one.version for one in known.missing()}
        if not missing or not missing <= {one.version for one in by_hand}:
            return None
        found = by_hand[0]
    who = f"by {found.actor}" if found.actor else "by nobody known"
    did = "corrected up by" if found.verb is Verb.ADJUST else "issued for"
    amount = Money(found.amount, known.credit.currency)
    fact = f"{did} {amount} {who}, and no register transaction or online order stands behind it"
    mend = "Ask who made it and why; void it where nobody can say."
    return Proof((Evidence(found.occurred_at, Side.PLATFORM.value, fact),), mend, "overstated")


def _backed(birth: Line, storefronts: set[str]) -> bool:
    origin = birth.origin
    ordered = not {birth.actor, origin.store, origin.register}.isdisjoint(storefronts)
    return bool(origin.transaction_id and (origin.register or ordered))


def no_customer(known: Known) -> Proof | None:
    """Nobody owns it, and what the register sent names nobody."""
    if not _unowned(known):
        return None
    if known.doubt is None:
        evidence = Evidence(known.credit.recorded_at, Side.PLATFORM.value, "nobody owns it, and no review says why")
    elif known.doubt.cause is Cause.NO_CUSTOMER:
        evidence = Evidence(known.doubt.at, Side.POS.value, known.doubt.sentence)
    else:
        return None
    return Proof((evidence,), "Let the customer claim it with the voucher, or decide the review.", "customer")


def identifier_mismatch(known: Known) -> Proof | None:
    """Nobody owns it, and what the register sent fits no online profile, or several."""
    doubt = known.doubt
    if doubt is None or doubt.cause is not Cause.IDENTIFIER_MISMATCH or not _unowned(known):
        return None
    mend = "Decide the review with proof from the customer, or let them claim it with the voucher."
    return Proof((Evidence(doubt.at, Side.POS.value, doubt.sentence),), mend, "customer")


def _unowned(known: Known) -> bool:
    """Whether it waits for an owner. A gift card that belongs to whoever has it waits for none."""
    if known.credit.owner is not None:
        return False
    frozen = known.credit.state is CreditState.FROZEN and known.doubt is not None
    return known.credit.state is CreditState.UNCLAIMED or frozen


def mapping_rejected(known: Known) -> Proof | None:
    """A hop was judged not to let it through, or its target refused its currency, bucket or amount."""
    for one in known.missing():
        if one.state is not State.DEAD:
            continue
        said = one.reason.rstrip(".") or one.reason_code
        if one.reason_code == MAPPING_REJECTED:
            evidence = Evidence(one.recorded_at, f"{MAP}: {one.hop}", said)
        elif REJECTION.search(f"{one.reason_code} {one.reason}") and not _by_the_books(one):
            evidence = Evidence(_ended(one), one.hop, f"{known.target(one.hop)} refused it, {one.reason_code}: {said}")
        else:
            continue
        mend = f"Change what the map or {known.target(one.hop)} takes, then replay the handoff."
        return Proof((evidence,), mend, _risk(known, one), hop=one.hop)
    return None


def _by_the_books(one: HandoffView) -> bool:
    """Whether a reason is about the books themselves: a lock, a column, a constraint."""
    return bool(LOCK_OR_SCHEMA.search(f"{one.reason_code.replace('-', ' ')} {one.reason}"))


def write_back_failed(known: Known) -> Proof | None:
    """The platform has it, and the ERP does not: refused, past its promise, or behind a lock or a schema error."""
    for one in known.missing():
        if known.role(one.hop) is not Role.ERP or one.state is State.WAITING:
            continue
        errors = [tried for tried in one.history if LOCK_OR_SCHEMA.search(f"{tried.reason_code} {tried.reason}")]
        late = one.late(known.at)
        if not (one.state is State.DEAD or late or errors):
            continue
        target = known.target(one.hop)
        facts = [
            Evidence(tried.ended_at, one.hop, f"{target} could not take it, {_why(tried.reason_code, tried.reason)}")
            for tried in errors[-1:]
        ]
        if not errors and one.reason_code:
            facts.append(
                Evidence(_ended(one), one.hop, f"{target} did not take it, {_why(one.reason_code, one.reason)}")
            )
        if late:
            facts.append(Evidence(one.deadline, one.hop, f"{target} should have had it by now"))
        mend = "Mend what the books refused, then replay the handoff: its key lets nothing be posted twice."
        if one.state not in STUCK:
            mend = "Look at what the books say: the hub keeps trying."
        return Proof(tuple(facts), mend, _risk(known, one), hop=one.hop)
    return None


def _why(code: str, reason: str) -> str:
    return ": ".join(part for part in (code, reason.rstrip(".")) if part) or "and did not say why"


def polling_lag(known: Known) -> Proof | None:
    """Everything upstream has it, and a hop that runs in a rhythm has not taken it yet."""
    for one in known.missing():
        hop = known.hop(one.hop)
        if hop is None or hop.trigger is Trigger.WEBHOOK or one.state not in _MOVING or one.attempts:
            continue
        due = one.due_at or one.deadline
        if one.late(known.at) or due is None:
            continue
        zone = ZoneInfo(known.stack.retailer.time_zone)
        when = f"{due.astimezone(zone):%Y-%m-%d %H:%M}"
        fact = f"{known.source(one.hop)} has it, and the next run to {known.target(one.hop)} is at {when}"
        mend = f"Wait for the run at {when}. Do not issue it again: it would be there twice."
        return Proof((Evidence(one.ready_at, one.hop, fact),), mend, "none", due, one.hop)
    return None


_MOVING: Final = frozenset({State.DUE, State.SENDING})


def lost_in_hop(known: Known) -> Proof | None:
    """A hop that should have delivered by now has not."""
    for one in known.missing():
        late = one.late(known.at) and one.state is not State.WAITING
        if one.state not in STUCK and not late:
            continue
        target, last = known.target(one.hop), known.source(one.hop)
        if one.state is State.DEAD:
            fact, mend = f"given up on {target}, {_why(one.reason_code, one.reason)}", _REPLAY.format(target=target)
        elif one.state is State.PARKED:
            fact = f"{target}'s answer was lost, and it cannot be asked"
            mend = f"Look it up in {target}, then replay it or let it be."
        else:
            fact = f"late on the way to {target}, {one.attempts} tried"
            mend = f"Look at {target}, which does not take it: the hub keeps trying."
        moment = one.deadline if late and one.state not in STUCK else _ended(one)
        evidence = Evidence(moment, one.hop, f"{fact}; {last} is the last that has it")
        return Proof((evidence,), mend, _risk(known, one), hop=one.hop)
    return _confirmed_and_gone(known)


def _confirmed_and_gone(known: Known) -> Proof | None:
    """A web store confirmed it once, and says now that it does not have it."""
    if not known.shows or known.credit.owner is None:
        return None
    for seen in (one for one in known.seen if one.there is False):
        told = [one for one in known.handoffs if one.confirmed_at is not None and _leads_to(known, one, seen.system)]
        if told:
            target = known.target(told[0].hop)
            named = f" as {told[0].reference}" if told[0].reference else ""
            facts = (
                Evidence(told[0].confirmed_at, told[0].hop, f"{target} confirmed it{named}"),
                Evidence(known.at, Side.STOREFRONT.value, f"{target} was asked: {seen.sentence}"),
            )
            mend = f"Have {target} look for it; where it stays lost, void and reissue it: tillbridge reissue plan."
            return Proof(facts, mend, "customer", hop=told[0].hop)
    return None


def _leads_to(known: Known, one: HandoffView, system: str) -> bool:
    hop = known.hop(one.hop)
    return hop is not None and hop.target == system


_REPLAY: Final = "Mend what {target} refused, then replay the handoff."


def _ended(one: HandoffView) -> datetime:
    return max((tried.ended_at for tried in one.history), default=one.recorded_at)


def _risk(known: Known, one: HandoffView) -> Risk:
    """What can go wrong while this has not arrived. Where a web store does not know that money is gone, it can sell it
    again."""
    if known.role(one.hop) is not Role.STOREFRONT:
        return "customer" if _feeds_storefront(known, one) else "books"
    line = next((line for line in known.lines if line.version == one.version), None)
    return "double-redemption" if line is not None and line.change < 0 else "customer"


def _feeds_storefront(known: Known, one: HandoffView) -> bool:
    """Whether a web store waits for this hop."""
    waiting = [other for other in known.missing() if one.hop in other.waits_for.split()]
    return any(known.role(other.hop) is Role.STOREFRONT for other in waiting)


RULES: Final[tuple[tuple[Cause, Rule], ...]] = (
    (Cause.MANUAL_BYPASS, manual_bypass),
    (Cause.NO_CUSTOMER, no_customer),
    (Cause.IDENTIFIER_MISMATCH, identifier_mismatch),
    (Cause.MAPPING_REJECTED, mapping_rejected),
    (Cause.WRITE_BACK_FAILED, write_back_failed),
    (Cause.POLLING_LAG, polling_lag),
    (Cause.LOST_IN_HOP, lost_in_hop),
)
"""Every cause with its rule, in the order of the closed list."""


def activation(known: Known) -> Proof | None:
    """The card has no money yet."""
    if known.credit.state is not CreditState.PENDING:
        return None
    fact = "its number is known, and it was never activated"
    mend = "Have the register that sold it activate it, with the receipt of the sale."
    return Proof((Evidence(known.credit.recorded_at, Side.PLATFORM.value, fact),), mend, "customer")


_AT_CHECKOUT: Final = frozenset({Verb.REDEEM, Verb.HOLD, Verb.CAPTURE, Verb.CASH_OUT, Verb.TRANSFER})
_NOT_GOOD: Final[Mapping[CreditState, str]] = {
    CreditState.FROZEN: "it is frozen, so a checkout is refused: credit-frozen",
    CreditState.VOID: "it was taken back, so a checkout is refused: credit-void",
    CreditState.EXPIRED: "its last day has passed, so a checkout is refused: credit-expired",
}


def redemption(known: Known) -> Proof | None:
    """Spending it was refused, or would be as it stands."""
    refused = [one for one in known.refusals if one.verb in _AT_CHECKOUT]
    if refused:
        last = refused[-1]
        fact = f"refused to {last.verb.value}, {last.refusal.code}: {last.refusal.engineer}"
        mend = f"Tell the customer what the register said: {last.refusal.cashier}"
        return Proof((Evidence(last.recorded_at, Side.PLATFORM.value, fact),), mend, "none")
    why = _NOT_GOOD.get(known.credit.state_at(known.at))
    if why is None:
        return None
    changed = known.lines[-1].recorded_at if known.lines else known.credit.recorded_at
    return Proof((Evidence(changed, Side.PLATFORM.value, why),), "Tell the customer why it cannot be spent.", "none")


def balance_inquiry(known: Known) -> Proof | None:
    """What remains: the money is where it should be. Where something came late, or is on its way, that is said."""
    left = Money(known.credit.available(known.at), known.credit.currency)
    facts = [Evidence(known.at, Side.PLATFORM.value, f"{left} can be spent")]
    facts += [
        Evidence(one.confirmed_at, one.hop, f"{known.target(one.hop)} had it after {_span(one)}: late")
        for one in known.handoffs
        if one.confirmed_at is not None and one.late(known.at)
    ]
    facts += [
        Evidence(known.at, Side.STOREFRONT.value, f"{place(known.stack, one.system).label} was asked: {one.sentence}")
        for one in known.seen
    ]
    moving = known.missing()
    facts += [
        Evidence(one.deadline, one.hop, f"on its way to {known.target(one.hop)}, which is promised to have it by then")
        for one in moving
        if one.deadline is not None
    ]
    due = max((one.deadline for one in moving if one.deadline), default=None)
    mend = "Nothing to do: what is shown elsewhere is an old copy. Ask the hub for the balance."
    if moving:
        mend = "Nothing to do yet: wait until what is on its way has arrived."
    differing = _differing(known)
    if differing and not moving:
        mend = "Have the store ask the hub for the balance, or replay its last handoff."
        more = any(one.available is not None and one.available > known.shows for one in differing)
        return Proof(tuple(facts), mend, "double-redemption" if more else "customer")
    return Proof(tuple(facts), mend, "none", due)


def _differing(known: Known) -> list[Seen]:
    """The web stores that show another amount than is left."""
    return [one for one in known.seen if one.available is not None and one.available != known.shows]


def _span(one: HandoffView) -> str:
    began = one.ready_at or one.recorded_at
    return span_words(one.confirmed_at - began) if one.confirmed_at else "some time"


OTHERWISE: Final[tuple[tuple[Complaint, Rule], ...]] = (
    (Complaint.ACTIVATION, activation),
    (Complaint.REDEMPTION, redemption),
    (Complaint.BALANCE_INQUIRY, balance_inquiry),
)
"""What a complaint is about where no cause holds; the last always does."""
