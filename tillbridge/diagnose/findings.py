"""A case becomes a finding: its class, its cause, what proves them, what mends it, and what can go wrong meanwhile."""

import hashlib
from datetime import datetime

from tillbridge.diagnose import causes, classes
from tillbridge.diagnose.facts import facts
from tillbridge.diagnose.mends import mend_for, risk_of
from tillbridge.diagnose.model import Case, Cause, Class, Evidence, Finding
from tillbridge.diagnose.view import GONE, Scope, View


def finding_of(case: Case, scope: Scope) -> Finding | None:
    """What is wrong with a credit; None when its sides agree, or when it is out of scope."""
    view = View(case, scope)
    found = class_of(view)
    if found is None:
        return None
    kind, proof = found
    explained = causes.cause_of(view, kind)
    cause, why, due = explained or (None, (), None)
    return _finding(view, kind, cause, (*facts(case), *proof, *why), due)


def class_of(view: View) -> tuple[Class, tuple[Evidence, ...]] | None:
    """The class of a case and what proves it: the first rule that holds. None when its sides agree."""
    for kind, rule in classes.RULES:
        proof = rule(view)
        if proof is not None:
            return kind, proof
    return None


def needs_the_directory(case: Case, scope: Scope) -> bool:
    """Whether whose it is decides on the cause, so that the web store's directory has to be asked first."""
    view = View(case, scope)
    found = class_of(view)
    known = view.held is not None and view.held.customer_id
    return found is not None and found[0] in (Class.ORPHAN, Class.MISSING_ON_PLATFORM) and not known


def finding_id(kind: Class, transaction_id: str, code: str, currency: str) -> str:
    """The same for the same difference in every run, however the rest of the exports has changed. One code may stand
    for a credit in each of several currencies."""
    return f"F-{hashlib.sha256(f'{kind}|{transaction_id}|{code}|{currency}'.encode()).hexdigest()[:12]}"


def _finding(
    view: View, kind: Class, cause: Cause | None, evidence: tuple[Evidence, ...], due: datetime | None
) -> Finding:  # fmt: skip
    sale, held, case = view.sale, view.held, view.case
    transaction_id = sale.transaction_id if sale else held.transaction_id if held else _booked_id(view)
    code = case.code or (held.code if held else "")
    amount, currency = _at_stake(view, kind)
    answer = case.answer
    proved = answer.accounts[0] if answer and len(answer.accounts) == 1 else ""
    return Finding(
        finding_id=finding_id(kind, transaction_id, code, currency),
        kind=kind,
        cause=cause,
        code=code,
        transaction_id=transaction_id,
        store=sale.store if sale else "",
        register=sale.register if sale else "",
        operator=sale.operator if sale else "",
        amount=amount,
        currency=currency,
        at=view.born_at,
        evidence=evidence,
        action=mend_for(kind, cause),
        risk=risk_of(kind, cause, spent_less_online=_less_online(view)),
        account_id=(held.customer_id if held and held.customer_id else proved),
        due=due,
    )


def _booked_id(view: View) -> str:
    return next((one.transaction_id for one in view.case.booked if one.transaction_id), "")


def _less_online(view: View) -> bool:
    """Whether the web store shows less than is left on the platform: it may have sold what a register still can."""
    return view.held is not None and bool(view.case.shown) and view.available < view.held.balance


def _at_stake(view: View, kind: Class) -> tuple[int, str]:
    """How much money the difference is about, in minor units, and its currency."""
    sale, held, posted = view.sale, view.held, view.posted
    if held is None:
        if sale is not None and kind is Class.AMOUNT_MISMATCH:
            return abs((view.booked or 0) - view.sold), sale.currency
        if sale is not None:
            return view.sold, sale.currency
        if posted is not None:
            return posted.amount or 0, posted.currency
        return view.available, view.case.shown[0].currency if view.case.shown else ""
    left = 0 if held.state in GONE else held.balance
    match kind:
        case Class.DOUBLE_REDEMPTION:
            return _overspent(view), held.currency
        case Class.MISSING_IN_ERP:
            return held.issued, held.currency
        case Class.AMOUNT_MISMATCH:
            return _difference(view), held.currency
        case Class.STALE_AFTER_REDEEM | Class.VOID_NOT_PROPAGATED:
            return view.available - left, held.currency
    return left, held.currency


def _overspent(view: View) -> int:
    held, first = view.held, view.case.first
    if held is None:
        return 0
    if first is not None and view.sale is not None:
        return view.spent + first.issued - first.balance - view.sale.amount
    return view.spent + (held.issued - view.available) - held.issued


def _difference(view: View) -> int:
    """The largest of the differences between what the sides say."""
    held, sale = view.held, view.sale
    if held is None:
        return 0
    gaps = [min(abs(amount - held.issued) for amount in (sale.amount, view.sold))] if sale and not view.replaced else []
    gaps += [abs(view.booked - held.issued)] if view.booked is not None and not view.replaced else []
    gaps += [abs(view.available - held.balance)] if view.case.shown else []
    return max(gaps, default=0)
