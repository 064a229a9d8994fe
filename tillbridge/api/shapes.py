"""Answers as JSON: values of the trade to what the wire shows. Money leaves as decimal strings."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from tillbridge.checkpoint.model import HopLine, Receipt, VoucherLink
from tillbridge.checkpoint.store import Decision, Review
from tillbridge.credit.approval import Approval
from tillbridge.diagnose.inquiry import Explanation
from tillbridge.diagnose.trail import Fact, Trail
from tillbridge.handoff.model import HandoffView
from tillbridge.identity.masked import masked
from tillbridge.identity.model import Conflict, Customer
from tillbridge.identity.model import Line as PersonLine
from tillbridge.kernel.clock import time_text
from tillbridge.kernel.money import Money
from tillbridge.ledger.model import CreditNow, Hold, Line, Total


def moment(at: datetime | None) -> str | None:
    """A time as ISO 8601 in UTC."""
    return None if at is None else time_text(at)


def credit(now: CreditNow, at: datetime) -> Mapping[str, Any]:
    """A credit as it stands at a moment."""
    return {
        "id": str(now.credit_id),
        "kind": now.kind,
        "bucket": now.bucket,
        "currency": now.currency,
        "last4": now.code_last4,
        "state": now.state_at(at).value,
        "issued": Money(now.issued, now.currency).text(),
        "balance": Money(now.balance, now.currency).text(),
        "held": Money(now.held, now.currency).text(),
        "available": Money(now.available(at), now.currency).text(),
        "priority": now.priority,
        "cohort_date": now.cohort_date.isoformat(),
        "replaces": None if now.replaces is None else str(now.replaces),
        "issuer": now.issuer,
        "owner": None if now.owner is None else str(now.owner),
        "version": now.version,
        "expires_at": moment(now.expires_at),
        "store": now.origin.store,
        "transaction_id": now.origin.transaction_id,
        "occurred_at": moment(now.occurred_at),
        "recorded_at": moment(now.recorded_at),
    }


def hold(one: Hold, currency: str) -> Mapping[str, Any]:
    """An open hold."""
    return {"id": str(one.hold_id), "left": Money(one.remaining, currency).text(), "ends": moment(one.expires_at)}


def receipt(one: Receipt) -> Mapping[str, Any]:
    """What the register gets."""
    posted = one.posted
    balance = Money(posted.balance, one.currency).text()
    active = posted.state == "active"
    voucher = one.voucher
    return {
        "credit": {
            "id": str(posted.credit_id),
            "kind": one.kind,
            "bucket": one.bucket,
            "currency": one.currency,
            "code": one.code,
            "last4": one.code[-4:],
            "state": posted.state.value,
            "issued": Money(posted.amount, one.currency).text(),
            "balance": balance,
            "available": balance if active else Money(0, one.currency).text(),
            "owner": None if posted.owner is None else str(posted.owner),
        },
        "event_id": str(posted.event_id),
        "transaction_id": one.transaction_id,
        "occurred_at": moment(posted.occurred_at),
        "recorded_at": moment(posted.recorded_at),
        "hops": [hop_line(line) for line in one.hops],
        "voucher": None if voucher is None else voucher_link(voucher),
        "sentence": one.sentence,
    }


def voucher_link(one: VoucherLink) -> Mapping[str, Any]:
    """Where a customer claims, and where the voucher is printed from."""
    return {
        "claim_url": one.claim_url,
        "claim_code": one.claim_code,
        "page_url": one.page_url,
        "pdf_url": one.pdf_url,
    }


def approval(one: Approval) -> Mapping[str, Any]:
    """What waits, or waited, for a second person: what was asked, without what tells of a customer or a code."""
    asked = {
        name: value
        for name, value in one.request.items()
        if name not in ("code", "pin") and not name.startswith("customer")
    }
    return {
        "id": str(one.approval_id),
        "state": one.state.value,
        "key": one.key,
        "asked": asked,
        "asked_by": one.asked_by,
        "asked_at": moment(one.asked_at),
        "decided_by": one.decided_by or None,
        "decided_at": moment(one.decided_at),
        "reason": one.reason or None,
        "credit_id": None if one.credit_id is None else str(one.credit_id),
        "refusal": one.refusal or None,
    }


def total(one: Total, by: Collection[str]) -> Mapping[str, Any]:
    """What an account holds; `by` are the further words that were asked for. Positive is owed to customers."""
    return {
        "account": one.account,
        "currency": one.currency,
        **{name: getattr(one, name) for name in by},
        "amount": Money(one.amount, one.currency).text(),
        "credits": one.credits,
        "entries": one.entries,
    }


def hop_line(line: HopLine) -> Mapping[str, Any]:
    """One hop of a receipt."""
    shown: dict[str, Any] = {
        "hop": line.hop,
        "from": line.source,
        "to": line.target,
        "state": line.state,
        "sla_seconds": line.sla.total_seconds(),
    }
    if line.took is not None:
        shown["seconds"] = round(line.took.total_seconds(), 6)
    if line.deadline is not None:
        shown["deadline"] = moment(line.deadline)
    if line.reason:
        shown["reason"] = line.reason
    return shown


def statement_line(line: Line) -> Mapping[str, Any]:
    """One line of a statement."""
    return {
        "version": line.version,
        "event_id": str(line.event_id),
        "verb": line.verb.value,
        "amount": Money(line.amount, line.currency).text(),
        "change": Money(line.change, line.currency).text(),
        "balance": Money(line.balance, line.currency).text(),
        "held": Money(line.held, line.currency).text(),
        "hold_id": None if line.hold_id is None else str(line.hold_id),
        "currency": line.currency,
        "state": line.state.value,
        "account": line.house,
        "key": line.key,
        "store": line.origin.store,
        "register": line.origin.register,
        "operator": line.origin.operator,
        "transaction_id": line.origin.transaction_id,
        "cause": line.cause,
        "reason": line.reason,
        "by": line.actor,
        "approver": line.approver,
        "occurred_at": moment(line.occurred_at),
        "recorded_at": moment(line.recorded_at),
    }


def fact(one: Fact) -> Mapping[str, Any]:
    """One line of a trail."""
    shown = {
        "at": moment(one.at),
        "occurred_at": moment(one.occurred_at),
        "what": one.what,
        "detail": one.detail or None,
        "state": one.mark or None,
        "hop": one.hop or None,
        "seconds": None if one.took is None else round(one.took.total_seconds(), 6),
        "sla_seconds": None if one.promise is None else one.promise.total_seconds(),
    }
    return {name: value for name, value in shown.items() if value is not None}


def trail(one: Trail) -> Mapping[str, Any]:
    """A trail and what it comes to."""
    verdict = one.verdict
    return {
        "verdict": {
            "state": verdict.mark,
            "heading": verdict.heading,
            "sentence": verdict.sentence,
            "mend": verdict.mend,
            "hops": verdict.hops,
        },
        "explanation": None if one.explanation is None else explanation(one.explanation),
        "facts": [fact(line) for line in one.facts],
        "trace_id": one.trace_id,
    }


def explanation(one: Explanation) -> Mapping[str, Any]:
    """Whether it is a handoff failure, and why; or what a complaint would be about."""
    return {
        "failure": one.cause is not None,
        "cause": one.cause,
        "complaint": one.complaint,
        "sentence": one.sentence,
        "evidence": [{"at": moment(fact.at), "source": fact.source, "fact": fact.fact} for fact in one.evidence],
        "mend": one.mend,
        "risk": one.risk,
        "hop": one.hop or None,
        "due": moment(one.due),
        "candidates": [
            {"account": near.account_id, "score": near.score, "reasons": near.reasons} for near in one.candidates
        ],
    }


def handoff(one: HandoffView, now: datetime) -> Mapping[str, Any]:
    """A handoff as it stands."""
    return {
        "id": f"{one.credit_id}.{one.version}.{one.hop}",
        "credit_id": str(one.credit_id),
        "event_id": str(one.event_id),
        "hop": one.hop,
        "version": one.version,
        "state": one.state.value,
        "waits_for": one.waits_for or None,
        "late": one.late(now),
        "recorded_at": moment(one.recorded_at),
        "ready_at": moment(one.ready_at),
        "due_at": moment(one.due_at),
        "deadline": moment(one.deadline),
        "confirmed_at": moment(one.confirmed_at),
        "attempts": one.attempts,
        "replay": one.replay,
        "reason_code": one.reason_code or None,
        "reason": one.reason or None,
        "reference": one.reference or None,
    }


def review(one: Review, candidates: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    """An item for a person; the candidates with their accounts as they are now."""
    return {
        "id": str(one.review_id),
        "kind": "unidentified-customer" if one.cause == "no-customer" else "conflicting-identity",
        "cause": one.cause,
        "credit_id": str(one.credit_id),
        "sentence": one.sentence,
        "given": one.given,
        "candidates": candidates,
        "opened_at": moment(one.opened_at),
    }


def conflict(one: Conflict) -> Mapping[str, Any]:
    """A value that several people have proved, masked."""
    return {
        "id": str(one.conflict_id),
        "kind": "two-owners",
        "identifier": one.kind.value,
        "value": masked(one.kind.value, one.value),
        "customers": [str(person) for person in one.people],
        "opened_at": moment(one.opened_at),
    }


def decision(one: Decision, left: Sequence[UUID] = (), voucher: VoucherLink | None = None) -> Mapping[str, Any]:
    """What a person decided. `left` are credits to be looked at after it; `voucher` is that of the credit that it left
    with nobody."""
    return {
        "id": str(one.decision_id),
        "decision": one.what,
        "review_id": None if one.review_id is None else str(one.review_id),
        "credit_id": None if one.credit_id is None else str(one.credit_id),
        "customer_id": None if one.customer_id is None else str(one.customer_id),
        "new_credit_id": None if one.new_credit_id is None else str(one.new_credit_id),
        "undoes": None if one.undoes is None else str(one.undoes),
        "evidence": one.evidence,
        "decided_by": one.decided_by,
        "decided_at": moment(one.decided_at),
        "left_with": [str(credit_id) for credit_id in left],
        "voucher": None if voucher is None else voucher_link(voucher),
    }


def person(one: Customer, lines: Sequence[PersonLine]) -> Mapping[str, Any]:
    """A customer: all ids of the person, accounts, identifiers, and what became of them, newest first."""
    return {
        "customer_id": str(one.customer_id),
        "same_person": [str(other) for other in one.merged],
        "accounts": [f"{account.system}:{account.account_id}" for account in one.references],
        "identifiers": [
            {"kind": held.kind.value, "value": held.value, "verified": held.verified} for held in one.identifiers
        ],
        "history": [person_line(line) for line in lines],
    }


def person_line(one: PersonLine) -> Mapping[str, Any]:
    """One line of what became of a customer."""
    shown = {
        "at": moment(one.at),
        "what": one.what,
        "customer_id": str(one.customer_id),
        "other_id": None if one.other_id is None else str(one.other_id),
        "identifier": one.kind,
        "value": masked(one.kind, one.value),
        "account": f"{one.system}:{one.account_id}" if one.account_id else "",
        "since": moment(one.since),
        "decision_id": None if one.decision_id is None else str(one.decision_id),
        "by": one.decided_by,
        "evidence": one.evidence,
    }
    return {name: value for name, value in shown.items() if value not in (None, "")}
