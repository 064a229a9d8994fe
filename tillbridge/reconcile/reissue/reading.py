"""findings.json of a reconciliation, as values. Pure but for the reading of the file."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import msgspec
from msgspec import Struct

from tillbridge.diagnose.model import Cause, Class
from tillbridge.kernel.errors import BadInput
from tillbridge.kernel.money import AmountFault, Money, parse

FORMAT: Final = 1
"""The number of the form of findings.json that is read here."""

BYTES_MAX: Final = 512 * 1024 * 1024
"""The largest file of findings that is read: some hundred thousand of them."""

_MEND: Final = "Name the findings.json of 'tillbridge reconcile --out DIR'."


@dataclass(frozen=True, slots=True)
class Found:
    """What a plan needs of a finding. `code` is a credit's code, or its id where a live hub told of it; `account_id` is
    the account that the identifiers prove, or our own id of the customer; `amount` is None where no currency
    is known."""

    finding_id: str
    kind: Class
    cause: Cause | None
    code: str
    transaction_id: str
    store: str
    amount: Money | None
    action: str
    account_id: str
    evidence: Sequence[dict[str, Any]]
    candidates: Sequence[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Findings:
    """A file of findings: its name, a print of its bytes, and what is in it."""

    name: str
    print: str
    found: tuple[Found, ...]


class _Fact(Struct):
    at: str | None = None
    source: str = ""
    fact: str = ""


class _Near(Struct):
    account_id: str
    score: int | str = 0
    reasons: list[str] | str = ""


class _One(Struct):
    finding_id: str
    kind: str = msgspec.field(name="class")
    amount: str
    currency: str
    cause: str | None = ""
    code: str = ""
    transaction_id: str = ""
    store: str = ""
    action: str = ""
    account_id: str = ""
    evidence: list[_Fact] = []
    candidates: list[_Near] = []


class _Head(Struct):
    format: int
    status: str = ""


class _Whole(Struct):
    findings: list[_One]


def read_findings(file: Path, *, incomplete: bool = False) -> Findings:
    """The findings of a file. Raises BadInput when it is missing, something else, of another form, or of a run that
    could not read all of its sides, unless `incomplete` says to take those."""
    try:
        if file.stat().st_size > BYTES_MAX:
            raise BadInput(str(file), f"it has more than {BYTES_MAX // 1024 // 1024} MiB", _MEND)
        content = file.read_bytes()
    except OSError as error:
        raise BadInput(str(file), f"it cannot be read ({error.strerror})", _MEND) from error
    return findings_of(file.name, content, incomplete=incomplete)


def findings_of(name: str, content: bytes, *, incomplete: bool = False) -> Findings:
    """The findings in a file's bytes. Raises BadInput that names the place and the mend."""
    try:
        head = msgspec.json.decode(content, type=_Head)
        if head.format != FORMAT:
            problem = f"it is of form {head.format}, and this version reads form {FORMAT}"
            raise BadInput(name, problem, "Run 'tillbridge reconcile' of this version again.")
        if head.status == "incomplete" and not incomplete:
            problem = "its run could not read every row, so what looks lost may stand in one of those"
            raise BadInput(
                name, problem, "Mend the rows of unreadable.csv and reconcile again, or plan with --incomplete."
            )
        whole = msgspec.json.decode(content, type=_Whole)
    except msgspec.ValidationError as error:
        raise BadInput(name, f"it is no file of findings: {str(error).rstrip('.')}", _MEND) from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BadInput(name, f"it is no JSON, or was cut off ({error})", _MEND) from error
    found = tuple(_found(name, place, one) for place, one in enumerate(whole.findings))
    return Findings(name, hashlib.sha256(content).hexdigest(), found)


def _found(name: str, place: int, one: _One) -> Found:
    field = f"{name}, findings[{place}]"
    try:
        kind, cause = Class(one.kind), Cause(one.cause) if one.cause else None
    except ValueError as error:
        raise BadInput(f"{field}.class", str(error), "Run 'tillbridge reconcile' of this version again.") from error
    try:
        amount = parse(one.amount, one.currency) if one.currency else None
    except AmountFault as fault:
        raise BadInput(
            f"{field}.amount", str(fault), 'Amounts are decimals such as "25.00", currencies ISO 4217.'
        ) from fault
    evidence = [{"at": fact.at, "source": fact.source, "fact": fact.fact} for fact in one.evidence]
    candidates = [_near(near) for near in one.candidates]
    return Found(
        one.finding_id, kind, cause, one.code, one.transaction_id, one.store, amount, one.action,
        one.account_id.strip(), evidence, candidates,
    )  # fmt: skip


def _near(near: _Near) -> dict[str, Any]:
    reasons = [near.reasons] if isinstance(near.reasons, str) else near.reasons
    return {"account_id": near.account_id, "score": near.score, "reasons": [one for one in reasons if one]}
