"""Which sales a file of findings names as lost."""

import csv
import json
from pathlib import Path
from typing import Any

import pytest

from tillbridge.kernel.errors import BadInput
from tillbridge.reconcile.reissue.sales import read_named

COLUMNS = ("finding_id", "class", "cause", "code", "transaction_id", "amount", "currency")


def finding(kind: str, cause: str, transaction_id: str, code: str = "") -> dict[str, Any]:
    return dict(zip(COLUMNS, ("F", kind, cause, code, transaction_id, "1.00", "USD"), strict=True))


FINDINGS = [
    finding("orphan", "lost-in-hop", "T-1", "6281670170002304"),
    finding("orphan", "polling-lag", "T-2"),
    finding("missing-on-platform", "lost-in-hop", "T-3"),
    finding("missing-in-erp", "write-back-failed", "T-4"),
    finding("duplicate-issue", "", "T-1", "9999999999999999"),
    finding("orphan", "no-customer", "", "6281670170002305"),
    finding("orphan", "no-customer", "T-5", "0192f3a4-5b6c-7d8e-9fa0-b1c2d3e4f5a6"),
    finding("orphan", "mapping-rejected", "-T-6", "6281-6701 7000/2306"),
]


def as_json(folder: Path, findings: list[dict[str, Any]], status: str = "findings") -> Path:
    file = folder / "findings.json"
    file.write_text(json.dumps({"format": 1, "status": status, "findings": findings}), "utf-8")
    return file


def as_csv(folder: Path, findings: list[dict[str, Any]]) -> Path:
    file = folder / "findings.csv"
    with file.open("w", encoding="utf-8", newline="") as opened:
        writer = csv.DictWriter(opened, COLUMNS, lineterminator="\n")
        writer.writeheader()
        # A spreadsheet would take this receipt for a formula: the file has an apostrophe before it.
        writer.writerows({**one, "transaction_id": one["transaction_id"].replace("-T-6", "'-T-6")} for one in findings)
    return file


@pytest.mark.parametrize("write", [as_json, as_csv])
def test_what_is_lost_is_named_and_nothing_else(tmp_path: Path, write: Any) -> None:
    named = read_named(write(tmp_path, FINDINGS))
    assert set(named.codes) == {"T-1", "T-3", "T-5", "-T-6"}
    assert named.has("T-1", "6281670170002304")
    assert named.has("T-1", "6281 6701-7000 2304"), "the same code, written otherwise"
    assert named.has("T-1", ""), "a row without a code is known by its receipt"
    assert not named.has("T-1", "9999999999999999"), "the second sale under the same receipt is not lost"
    assert named.has("T-3", "anything"), "a finding without a code means the receipt"
    assert named.has("T-5", "anything"), "an id of a live hub is no code that a register has"
    assert not named.has("T-2", "")
    assert not named.has("", "6281670170002305")


@pytest.mark.parametrize("write", [as_json, as_csv])
def test_findings_that_name_nothing_lost_are_refused(tmp_path: Path, write: Any) -> None:
    with pytest.raises(BadInput, match="names no sale"):
        read_named(write(tmp_path, FINDINGS[1:2]))


def test_findings_of_an_incomplete_run_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="could not read every row"):
        read_named(as_json(tmp_path, FINDINGS, "incomplete"))
    file = as_csv(tmp_path, FINDINGS)
    (tmp_path / "unreadable.csv").write_text("side,file,row\n", "utf-8")
    with pytest.raises(BadInput, match="could not read every row"):
        read_named(file)


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("", "no column class, cause, code, transaction_id"),
        ("class,cause,code\norphan,,1\n", "no column transaction_id"),
        ("class,cause,code,transaction_id\norphan,lost", "line 2: it has fewer cells"),
        ('class,cause,code,transaction_id\n"orphan,lost', "is no CSV in UTF-8, or was cut off"),
        (b"class,cause,code,transaction_id\norphan,\xff,,T-1\n", "is no CSV in UTF-8"),
    ],
)
def test_what_is_no_file_of_findings_is_refused(tmp_path: Path, content: str | bytes, problem: str) -> None:
    file = tmp_path / "findings.csv"
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(BadInput, match=problem):
        read_named(file)
    with pytest.raises(BadInput, match="cannot be read"):
        read_named(tmp_path / "missing.csv")
