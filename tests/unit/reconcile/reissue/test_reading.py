"""findings.json: what is read, and every way in which it can be something else."""

import json
from pathlib import Path
from typing import Any

import pytest

from tillbridge.diagnose.model import Cause, Class
from tillbridge.kernel.errors import BadInput
from tillbridge.kernel.money import Money
from tillbridge.reconcile.reissue.reading import findings_of, read_findings

ONE: dict[str, Any] = {
    "finding_id": "F-1",
    "class": "orphan",
    "cause": "lost-in-hop",
    "code": "6281670170002304",
    "transaction_id": "T0063-118",
    "store": "006",
    "register": "3",
    "operator": "op07",
    "amount": "25.00",
    "currency": "USD",
    "at": "2026-11-21T14:02:11-05:00",
    "evidence": [{"at": None, "source": "pos", "fact": "Sold."}],
    "action": "Void and reissue it.",
    "risk": "customer",
    "account_id": "A1",
    "due": None,
    "candidates": [{"account_id": "A2", "score": 91, "reasons": ["one letter differs"]}],
}


def content(**changes: Any) -> bytes:
    return json.dumps({"format": 1, "cut": {}, "findings": [{**ONE, **changes}]}).encode()


def test_a_finding_is_read_with_its_evidence_and_candidates() -> None:
    findings = findings_of("findings.json", content())
    (one,) = findings.found
    assert (one.kind, one.cause, one.amount) == (Class.ORPHAN, Cause.LOST_IN_HOP, Money(2500, "USD"))
    assert one.evidence == [{"at": None, "source": "pos", "fact": "Sold."}]
    assert one.candidates == [{"account_id": "A2", "score": 91, "reasons": ["one letter differs"]}]
    assert len(findings.print) == 64


def test_no_cause_and_no_currency_are_read_too() -> None:
    (one,) = findings_of("findings.json", content(cause=None, amount="", currency="")).found
    assert (one.cause, one.amount) == (None, None)


@pytest.mark.parametrize(
    ("written", "said"),
    [
        (b"", "no JSON"),
        (b"transaction_id,store\n", "no JSON"),
        (content()[:-30], "was cut off"),
        (b"[]", "no file of findings"),
        (b"{}", "missing required field `format`"),
        (b'{"format": 1}', "missing required field `findings`"),
        (b'{"format": 2, "findings": []}', "of form 2"),
        (b'{"format": "1", "findings": []}', "no file of findings"),
        (content(amount=25), "findings\\[0\\].amount|findings\\[...\\].amount"),
        (content(amount="1,234.50"), r"findings\[0\].amount: '1,234.50' is no plain decimal"),
        (content(amount="1.005"), "finer than USD"),
        (content(currency="DOLLAR"), "no ISO 4217"),
        (content(**{"class": "lost"}), r"findings\[0\].class: 'lost'"),
        (content(cause="bad luck"), r"'bad luck'"),
    ],
)
def test_what_is_no_file_of_findings_is_told_with_its_mend(written: bytes, said: str) -> None:
    with pytest.raises(BadInput, match=said) as told:
        findings_of("findings.json", written)
    assert told.value.mend


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"cannot be read \(No such file"):
        read_findings(tmp_path / "findings.json")
    with pytest.raises(BadInput, match="cannot be read"):
        read_findings(tmp_path)


def test_findings_of_an_incomplete_run_are_taken_only_when_somebody_says_so(tmp_path: Path) -> None:
    file = tmp_path / "findings.json"
    file.write_text(json.dumps({"format": 1, "status": "incomplete", "findings": [ONE]}), "utf-8")
    with pytest.raises(BadInput, match="--incomplete"):
        read_findings(file)
    assert len(read_findings(file, incomplete=True).found) == 1
