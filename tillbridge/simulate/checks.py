"""The checks of the reckoning: what is lost, and what is there twice.

Each is a small function on the evidence that returns what it found, and none hides the next.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final, Literal

from tillbridge.simulate.evidence import Evidence, HandoffLine
from tillbridge.simulate.receipt import Standing

OPEN: Final = frozenset({"due", "sending", "unknown", "waiting"})
"""States of a handoff that something is still to happen to."""

STUCK: Final = frozenset({"dead", "parked"})
"""States that a handoff stays in until a person acts; both say why."""

WhyOpen = Literal["claim", "blocked", "pending", "unexplained"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that does not add up: its kind, what it is about (a key, a credit, a transaction), in a sentence."""

    kind: str
    subject: str
    sentence: str


class Handoffs:
    """The handoffs, and why those that are open are open."""

    def __init__(self, evidence: Evidence) -> None:
        self._as_of = evidence.as_of
        self._by_hop = {(line.credit_id, line.version, line.hop): line for line in evidence.handoffs}

    def why_open(self, line: HandoffLine) -> WhyOpen:
        """Why a handoff is not confirmed: it waits for a claim, is blocked by a dead or parked one, or its next run
        lies ahead; a retry that lies ahead explains nothing."""
        if line.state == "waiting":
            found = {self._behind(line, cause) for cause in line.waits_for}
            return next((reason for reason in _EXPLAINED if reason in found), "unexplained")
        ahead = line.state == "due" and line.attempts == 0 and line.due_at is not None and line.due_at > self._as_of
        return "pending" if ahead else "unexplained"

    def _behind(self, line: HandoffLine, cause: str) -> WhyOpen:
        if cause == "claim":
            return "claim"
        if cause == "earlier":
            versions = range(1, line.version)
            earlier = (self._by_hop.get((line.credit_id, version, line.hop)) for version in versions)
            return "blocked" if any(one is not None and one.state in STUCK for one in earlier) else "unexplained"
        before = self._by_hop.get((line.credit_id, line.version, cause))
        if before is None or before.state == "confirmed":
            return "unexplained"
        return "blocked" if before.state in STUCK else self.why_open(before)


_EXPLAINED: Final[tuple[WhyOpen, ...]] = ("claim", "blocked", "pending")


def not_on_ledger(evidence: Evidence) -> Iterator[Finding]:
    """Told to a customer, and the ledger does not have it."""
    known = {credit.credit_id for credit in evidence.credits}
    for receipt in evidence.receipts:
        if receipt.standing is Standing.CONFIRMED and receipt.credit_id not in known:
            sentence = f"Receipt {receipt.transaction_id} promises a credit that the ledger does not have."
            yield Finding("not-on-ledger", receipt.credit_id, sentence)


def other_amount(evidence: Evidence) -> Iterator[Finding]:
    """Told to a customer, and the ledger has it with another amount."""
    issued = {credit.credit_id: credit.issued for credit in evidence.credits}
    for receipt in evidence.receipts:
        on_ledger = issued.get(receipt.credit_id)
        if on_ledger is not None and on_ledger != receipt.amount:
            sentence = f"Receipt {receipt.transaction_id} says {receipt.amount}, the ledger {on_ledger}."
            yield Finding("other-amount", receipt.credit_id, sentence)


def not_told(evidence: Evidence) -> Iterator[Finding]:
    """On the ledger, and the register that rang it was never told: nobody has the credit in hand."""
    standings = {receipt.transaction_id: receipt.standing for receipt in evidence.receipts}
    for credit in evidence.credits:
        standing = standings.get(credit.transaction_id)
        if standing is not None and standing is not Standing.CONFIRMED:
            sentence = f"The ledger has a credit for {credit.transaction_id}; at the register that sale is {standing}."
            yield Finding("not-told", credit.credit_id, sentence)


def not_in_book(evidence: Evidence) -> Iterator[Finding]:
    """Confirmed by the hub, and not in the target's book."""
    keys = {system: {line.key for line in lines} for system, lines in evidence.books.items()}
    for line in evidence.handoffs:
        if line.state == "confirmed" and line.target in keys and line.key not in keys[line.target]:
            sentence = f"The hub counts this as confirmed, but {line.target} has never booked it."
            yield Finding("not-in-book", line.key, sentence)


def unfinished(evidence: Evidence) -> Iterator[Finding]:
    """Neither confirmed, nor dead or parked with a reason, nor waiting for a claim, a later run, or one of those."""
    handoffs = Handoffs(evidence)
    for line in evidence.handoffs:
        if line.state not in STUCK | {"confirmed"} and handoffs.why_open(line) == "unexplained":
            yield Finding("unfinished", line.key, f"The handoff is {line.state!r} and nothing explains why.")


def never_routed(evidence: Evidence) -> Iterator[Finding]:
    """An event of a credit without a handoff for a hop that it should have taken."""
    hops = {line.hop for line in evidence.handoffs} | set(evidence.hops)
    routed: dict[tuple[str, int], set[str]] = {(credit.credit_id, 1): set() for credit in evidence.credits}
    for line in evidence.handoffs:
        routed.setdefault((line.credit_id, line.version), set()).add(line.hop)
    for (credit_id, version), taken in routed.items():
        for hop in sorted(hops - taken):
            yield Finding("never-routed", credit_id, f"Version {version} of this credit has no handoff for {hop}.")


def applied_twice(evidence: Evidence) -> Iterator[Finding]:
    """One key applied more than once in one book."""
    for system, lines in evidence.books.items():
        for key, times in {line.key: line.times for line in lines if line.times > 1}.items():
            yield Finding("applied-twice", key, f"{system} has applied this key {times} times.")


def two_keys(evidence: Evidence) -> Iterator[Finding]:
    """One event in one book under two keys, or one fact of one transaction as two events."""
    for system, lines in evidence.books.items():
        keys: dict[tuple[str, int], set[str]] = defaultdict(set)
        events: dict[tuple[str, str, str], set[str]] = defaultdict(set)
        for line in lines:
            keys[line.credit_id, line.version].add(line.key)
            if line.transaction_id:
                events[line.credit_id, line.transaction_id, line.type].add(line.event_id)
        for (credit_id, version), found in keys.items():
            if len(found) > 1:
                sentence = f"{system} has applied version {version} of this credit under {len(found)} keys."
                yield Finding("two-keys", credit_id, sentence)
        for (credit_id, transaction_id, kind), found in events.items():
            if len(found) > 1:
                sentence = f"{system} has {len(found)} events {kind} of {transaction_id} for this credit."
                yield Finding("two-events", credit_id, sentence)


def two_credits(evidence: Evidence) -> Iterator[Finding]:
    """Two credits for one sale: on the ledger, or in a book."""
    sources: list[tuple[str, Iterable[tuple[str, str]]]] = [
        ("The ledger", ((credit.transaction_id, credit.credit_id) for credit in evidence.credits)),
        ("The ledger", ((credit.key, credit.credit_id) for credit in evidence.credits)),
    ]
    for system, lines in evidence.books.items():
        issued = ((line.transaction_id, line.credit_id) for line in lines if line.type == "credit.issued")
        sources.append((system, issued))
    seen: set[str] = set()
    for source, pairs in sources:
        for sale, credits in _gathered(pairs).items():
            if len(credits) > 1 and sale not in seen:
                seen.add(sale)
                yield Finding("two-credits", sale, f"{source} has {len(credits)} credits for this sale.")


def told_twice(evidence: Evidence) -> Iterator[Finding]:
    """One credit promised on two receipts."""
    confirmed = (one for one in evidence.receipts if one.standing is Standing.CONFIRMED)
    for credit_id, keys in _gathered((receipt.credit_id, receipt.key) for receipt in confirmed).items():
        if len(keys) > 1:
            yield Finding("told-twice", credit_id, f"{len(keys)} receipts promise this one credit.")


def _gathered(pairs: Iterable[tuple[str, str]]) -> Mapping[str, set[str]]:
    """The second parts by the first, without those whose first is blank."""
    found: dict[str, set[str]] = defaultdict(set)
    for first, second in pairs:
        if first:
            found[first].add(second)
    return found


Check = Callable[[Evidence], Iterator[Finding]]

LOSSES: Final[tuple[Check, ...]] = (not_on_ledger, other_amount, not_told, not_in_book, unfinished, never_routed)
"""The checks that find what is lost."""

DOUBLES: Final[tuple[Check, ...]] = (applied_twice, two_keys, two_credits, told_twice)
"""The checks that find what is there twice."""
