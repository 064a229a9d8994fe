"""Does it add up? Every credit that a register was told of, on the ledger, and in every book that should have it.

A pure function of the evidence: `reckon`. What is lost or there twice is found by the checks next door.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import Final

from tillbridge.simulate.checks import DOUBLES, LOSSES, OPEN, Finding, Handoffs
from tillbridge.simulate.evidence import Evidence, HandoffLine
from tillbridge.simulate.receipt import Receipt, Standing

_MS: Final = timedelta(milliseconds=1)


@dataclass(frozen=True, slots=True)
class Figures:
    """Milliseconds: the middle, and what 99 of 100 stay under. None when nothing was measured."""

    p50: float | None
    p99: float | None
    count: int


@dataclass(frozen=True, slots=True)
class Summary:
    """How a run went. `late` counts what is past its deadline and not confirmed; `confirmed_late` what came after it.

    `pending` counts those whose next run lies ahead (a poll or a batch), `blocked` those behind a dead or parked one.
    """

    issued: int
    refused: int
    unanswered: int
    replayed: int
    confirmed: Mapping[str, int]
    vouchers: int
    claimed: int
    waiting_for_claim: int
    pending: int
    blocked: int
    late: int
    confirmed_late: int
    dead: int
    dead_reasons: Mapping[str, int]
    parked: int
    lost: tuple[Finding, ...]
    duplicated: tuple[Finding, ...]
    confirmation_ms: Figures
    register_to_storefront_ms: Figures

    @property
    def accounted(self) -> bool:
        """Whether every issued credit is accounted for."""
        return not self.lost and not self.duplicated

    def as_json(self, findings: int = 20) -> Mapping[str, object]:
        """The summary for machines: counts, and the first `findings` of each kind of trouble."""
        return {
            **asdict(self),
            "lost": len(self.lost),
            "duplicated": len(self.duplicated),
            "accounted": self.accounted,
            "findings": [asdict(one) for one in (*self.lost[:findings], *self.duplicated[:findings])],
        }


def reckon(evidence: Evidence) -> Summary:
    """How the run went, by all that is known."""
    handoffs = Handoffs(evidence)
    confirmed = [receipt for receipt in evidence.receipts if receipt.standing is Standing.CONFIRMED]
    states = Counter(line.state for line in evidence.handoffs)
    ends = Counter(handoffs.why_open(line) for line in evidence.handoffs if line.state in OPEN)
    vouchers = [receipt for receipt in confirmed if receipt.voucher is not None]
    return Summary(
        issued=len(confirmed),
        refused=sum(receipt.standing is Standing.REFUSED for receipt in evidence.receipts),
        unanswered=sum(receipt.standing is Standing.OPEN for receipt in evidence.receipts),
        replayed=sum(receipt.replayed for receipt in confirmed),
        confirmed=dict(Counter(line.hop for line in evidence.handoffs if line.state == "confirmed")),
        vouchers=len(vouchers),
        claimed=sum(receipt.claimed for receipt in vouchers),
        waiting_for_claim=ends["claim"],
        pending=ends["pending"],
        blocked=ends["blocked"],
        late=sum(_late_now(line, evidence) for line in evidence.handoffs),
        confirmed_late=sum(_confirmed_late(line) for line in evidence.handoffs),
        dead=states["dead"],
        dead_reasons=dict(
            Counter(f"{line.hop}: {line.reason_code}" for line in evidence.handoffs if line.state == "dead")
        ),
        parked=states["parked"],
        lost=tuple(finding for check in LOSSES for finding in check(evidence)),
        duplicated=tuple(finding for check in DOUBLES for finding in check(evidence)),
        confirmation_ms=figures(receipt.confirm_ms for receipt in confirmed),
        register_to_storefront_ms=figures(_online_ms(evidence, confirmed)),
    )


def figures(measured: Iterable[float | None]) -> Figures:
    """The middle and the 99th of a hundred, by nearest rank, to a tenth of a millisecond."""
    values = sorted(value for value in measured if value is not None)

    def rank(percent: int) -> float | None:
        return round(values[max(0, -(-len(values) * percent // 100) - 1)], 1) if values else None

    return Figures(rank(50), rank(99), len(values))


def _online_ms(evidence: Evidence, confirmed: Sequence[Receipt]) -> Iterator[float]:
    """From the register's key to the storefront's book, of credits whose owner was known at the register."""
    issued = [line for line in evidence.books.get(evidence.storefront, ()) if line.type == "credit.issued"]
    online_at = {line.credit_id: line.applied_at for line in reversed(issued)}
    for receipt in confirmed:
        if receipt.voucher is None and receipt.credit_id in online_at:
            yield (online_at[receipt.credit_id] - receipt.rung_at) / _MS


def _late_now(line: HandoffLine, evidence: Evidence) -> bool:
    return line.state in OPEN and line.deadline is not None and line.deadline < evidence.as_of


def _confirmed_late(line: HandoffLine) -> bool:
    return line.confirmed_at is not None and line.deadline is not None and line.confirmed_at > line.deadline
