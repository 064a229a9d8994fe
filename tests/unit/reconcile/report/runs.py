"""Runs made by hand, and one of any size."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Final

from tillbridge.diagnose.mends import mend_for, risk_of
from tillbridge.diagnose.model import Cause, Class, Evidence, Finding, Nearest, Side
from tillbridge.reconcile.model import BadRow, Cut, Run, SideRead

AS_OF: Final = datetime(2026, 11, 21, 16, tzinfo=UTC)
CUT: Final = Cut(AS_OF - timedelta(days=30), AS_OF, AS_OF)

SIDES_READ: Final = (
    SideRead(Side.POS, "pos.csv", 2_384, 0, ()),
    SideRead(Side.PLATFORM, "platform.csv", 2_408, 0, ()),
    SideRead(Side.STOREFRONT, "storefront.csv", 3_402, 0, (), ("12 accounts have no e-mail and no phone.",)),
    SideRead(Side.ERP, "erp.csv", 2_312, 0, ()),
)

BAD: Final = BadRow(
    Side.POS, "pos.csv", 412, "T00210000228", "amount", "'1.234,50' is no amount", "Write 1234.50, with a point."
)

ORPHAN: Final = Finding(
    finding_id="F-0001",
    kind=Class.ORPHAN,
    cause=Cause.IDENTIFIER_MISMATCH,
    code="6281670170002304",
    transaction_id="T00210000228",
    store="002",
    register="1",
    operator="op24",
    amount=8_800,
    currency="USD",
    at=datetime(2026, 11, 5, 15, 27, 10, tzinfo=UTC),
    evidence=(
        Evidence(
            datetime(2026, 11, 5, 15, 27, 10, tzinfo=UTC),
            "pos",
            "issued 88.00 USD, refund, receipt T00210000228, store 002, register 1, by op24",
        ),
        Evidence(
            datetime(2026, 11, 5, 15, 27, 12, tzinfo=UTC),
            "platform",
            "credit C000000233 is active, 88.00 USD of 88.00 USD left, of nobody",
        ),
        Evidence(None, "erp-web", "the profile of the e-mail ava.reid@example.com is nobody's"),
    ),
    action="Look at the candidates, ask the customer for proof, then reissue it.",
    risk="customer",
    candidates=(Nearest("A0001368", 92, ("the e-mail is one letter off", "the same last four digits of the phone")),),
)

BOUGHT_TWICE: Final = replace(
    ORPHAN,
    finding_id="F-0002",
    kind=Class.DUPLICATE_ISSUE,
    cause=None,
    code="6005916370012006",
    transaction_id="T00910001183",
    store="009",
    amount=5_000,
    evidence=(Evidence(AS_OF, "platform", "first credit of the sale C000000001 is active"),),
    action="Void this second credit; the first one stays.",
    risk="double-redemption",
    candidates=(),
)


def run(*findings: Finding, **changes: object) -> Run:
    """A run with these findings: everything of it could be read unless `changes` say otherwise."""
    made = Run(
        cut=CUT,
        retailer="Harbor & Pine",
        time_zone="America/New_York",
        map_file="stack.toml",
        engine="duckdb",
        sides=SIDES_READ,
        findings=findings,
        looked_at=2_408,
        matched=2_408 - len(findings),
        remarks=(),
        seconds=1.25,
    )
    return replace(made, **changes)  # type: ignore[arg-type]  # whatever a test changes


def incomplete(*findings: Finding) -> Run:
    """A run in which two rows of the registers could not be read, one of which is named."""
    broken = replace(SIDES_READ[0], bad_rows=2, bad=(BAD,))
    return run(*findings, sides=(broken, *SIDES_READ[1:]))


_KINDS: Final[tuple[tuple[Class, Cause | None, int], ...]] = (
    (Class.ORPHAN, Cause.IDENTIFIER_MISMATCH, 72),
    (Class.ORPHAN, Cause.MAPPING_REJECTED, 72),
    (Class.ORPHAN, Cause.POLLING_LAG, 53),
    (Class.ORPHAN, Cause.NO_CUSTOMER, 48),
    (Class.ORPHAN, Cause.WRITE_BACK_FAILED, 48),
    (Class.UNBACKED, Cause.MANUAL_BYPASS, 48),
    (Class.ORPHAN, Cause.LOST_IN_HOP, 24),
    (Class.MISSING_ON_PLATFORM, Cause.LOST_IN_HOP, 24),
    (Class.AMOUNT_MISMATCH, None, 24),
    (Class.DUPLICATE_ISSUE, None, 24),
    (Class.STALE_AFTER_REDEEM, None, 24),
    (Class.VOID_NOT_PROPAGATED, None, 24),
)


def many(number: int, seed: int = 5, currencies: tuple[str, ...] = ("USD",)) -> Run:
    """A run of this many findings of every kind, as a backlog has them."""
    chance = Random(seed)
    weights = [weight for _kind, _cause, weight in _KINDS]
    picked = chance.choices(_KINDS, weights, k=number)
    findings = tuple(
        _one(place, kind, cause, chance, currencies) for place, (kind, cause, _weight) in enumerate(picked)
    )
    return run(*findings, looked_at=number * 5, matched=number * 4)


def _one(place: int, kind: Class, cause: Cause | None, chance: Random, currencies: tuple[str, ...]) -> Finding:
    at = AS_OF - timedelta(minutes=chance.randrange(30 * 1_440))
    backed = kind is not Class.UNBACKED
    return Finding(
        finding_id=f"F-{place:012x}",
        kind=kind,
        cause=cause,
        code=f"6{chance.randrange(10**15):015}",
        transaction_id=f"T{place:011}" if backed else "",
        store=f"{chance.choice((1, 1, 1, 2, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12)):03}" if backed else "",
        register=str(chance.randrange(1, 7)) if backed else "",
        operator=f"op{chance.randrange(1, 40):02}" if backed else "",
        amount=chance.choice((1_000, 1_500, 2_500, 5_000, 8_800, 16_431, chance.randrange(100, 60_000))),
        currency=chance.choice(currencies),
        at=at,
        evidence=(
            Evidence(at, "pos", f"issued it, refund, receipt T{place:011}, store 002, register 1, by op24"),
            Evidence(at, "platform", f"credit C{place:09} is active, all of it left, of nobody"),
            Evidence(
                at + timedelta(hours=13), "erp-web", "should have delivered it by now; ERP is the last that has it"
            ),
        ),
        action=mend_for(kind, cause),
        risk=risk_of(kind, cause, spent_less_online=False),
        due=AS_OF + timedelta(hours=6) if cause is Cause.POLLING_LAG else None,
        candidates=ORPHAN.candidates if cause is Cause.IDENTIFIER_MISMATCH else (),
    )
