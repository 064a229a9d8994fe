"""What is to become of a finding: reissued, left alone, or a matter for a person. Pure."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from tillbridge.diagnose.model import Cause, Class
from tillbridge.kernel.money import Money
from tillbridge.ledger.model import CreditNow
from tillbridge.ledger.model import State as Ledger
from tillbridge.reconcile.reissue.model import Against, Reason
from tillbridge.reconcile.reissue.reading import Found


@dataclass(frozen=True, slots=True)
class Account:
    """An account of a web store that our directory knows, and its customer: `ids` are all of theirs, as one person may
    have several."""

    system: str
    account_id: str
    customer_id: UUID
    ids: frozenset[UUID]


@dataclass(frozen=True, slots=True)
class Facts:
    """What the hub knows of a finding: the credits that it names, as they stand; which of them were ever spent from;
    the plan that its credit is in (0: none); and the accounts that its account id names."""

    credits: tuple[CreditNow, ...]
    used: bool = False
    plan: int = 0
    accounts: tuple[Account, ...] = ()


_NOT_LIVE: Final = {
    Ledger.VOID: Reason.VOID,
    Ledger.EXPIRED: Reason.EXPIRED,
    Ledger.FROZEN: Reason.FROZEN,
    Ledger.PENDING: Reason.NOT_ACTIVE,
}


def other_mend(found: Found) -> Against | None:
    """What keeps a finding from being a matter of void and reissue at all."""
    if found.kind is not Class.ORPHAN:
        return Against(Reason.OTHER_MEND, found.action)
    if found.cause is Cause.POLLING_LAG:
        return Against(Reason.ON_ITS_WAY, found.action)
    return None


def the_one(credits: tuple[CreditNow, ...], at: datetime) -> CreditNow | Against:
    """The credit that a finding means: the one it names, or the one that is still live of those that it names."""
    if not credits:
        return Against(Reason.UNKNOWN_CREDIT)
    if len(credits) == 1:
        return credits[0]
    live = [one for one in credits if one.state_at(at) not in (Ledger.VOID, Ledger.EXPIRED)]
    if len(live) == 1:
        return live[0]
    return Against(Reason.SEVERAL_CREDITS if live else Reason.VOID)


def against_credit(credit: CreditNow, facts: Facts, at: datetime) -> Against | None:
    """What keeps a credit from being reissued to anybody at all."""
    if facts.plan:
        return Against(Reason.IN_A_PLAN, f"It is plan {facts.plan}.")
    state = credit.state_at(at)
    if state in _NOT_LIVE:
        return Against(_NOT_LIVE[state])
    if credit.balance == 0:
        return Against(Reason.SPENT)
    return Against(Reason.HELD, f"{Money(credit.held, credit.currency)} is held.") if credit.held else None


def needs_a_person(found: Found, credit: CreditNow, facts: Facts) -> Against | None:
    """What keeps a live credit from being reissued without a person's word; the gravest first."""
    if credit.owner is None and credit.state is Ledger.ACTIVE:
        return Against(Reason.BEARER)
    if facts.used:
        left = f"{Money(credit.balance, credit.currency)} of {Money(credit.issued, credit.currency)} is left."
        return Against(Reason.PARTLY_SPENT, left)
    holds = Money(credit.balance, credit.currency)
    if found.amount != holds:
        return Against(Reason.OTHER_AMOUNT, f"The findings say {found.amount or 'no amount'}, the ledger says {holds}.")
    if not found.account_id:
        near = len(found.candidates)
        return Against(Reason.NO_ACCOUNT, f"{near} may be meant." if near else "")
    if len(facts.accounts) != 1:
        named = "Several systems know it." if facts.accounts else f"It is {found.account_id}."
        return Against(Reason.UNKNOWN_ACCOUNT, named)
    return others(credit, facts.accounts[0])


def others(credit: CreditNow, account: Account) -> Against | None:
    """Whether a credit belongs to somebody else than the customer of an account."""
    if credit.owner is not None and credit.owner not in account.ids:
        return Against(Reason.OTHER_OWNER)
    return None
