"""Findings beside the truth: what counts as found, as missed, as wrong and as invented."""

from datetime import UTC, datetime

import pytest

from tillbridge.diagnose.model import Cause, Class, Finding
from tillbridge.kernel.errors import BadInput
from tillbridge.reconcile.score import COLUMNS, Fault, read_truth, score

AT = datetime(2026, 11, 3, tzinfo=UTC)
HEADER = ",".join(COLUMNS)


def finding(receipt: str, code: str, kind: Class = Class.ORPHAN, cause: Cause | None = Cause.NO_CUSTOMER) -> Finding:
    return Finding(
        f"F-{receipt}{code}", kind, cause, code, receipt, "006", "3", "op07", 500, "USD", AT, (), "", "customer"
    )  # fmt: skip


def fault(receipt: str, code: str, kind: Class = Class.ORPHAN, cause: Cause | None = Cause.NO_CUSTOMER) -> Fault:
    return Fault(receipt, code, kind, cause)


def test_all_found_and_none_invented_is_one_throughout() -> None:
    scored = score([finding("T1", "6001"), finding("T2", "6002")], [fault("T2", "6002"), fault("T1", "6001")])
    assert scored.line() == (
        "Against the truth: precision 1.0000, recall 1.0000, class 1.0000, cause 1.0000 of 2 true, 2 found."
    )
    assert scored.wrong == ()


def test_a_receipt_or_a_code_is_enough() -> None:
    scored = score([finding("T1", "6001"), finding("", "6002")], [fault("T1", ""), fault("", "6002")])
    assert (scored.hit, scored.wrong) == (2, ())


def test_two_blanks_are_not_the_same() -> None:
    assert score([finding("", "6001")], [fault("T1", "")]).hit == 0
    assert score([finding("T1", "")], [fault("", "6001")]).hit == 0


def test_what_is_missed_and_what_is_invented_is_named_without_its_code() -> None:
    scored = score([finding("", "6199027320011712", Class.UNBACKED, Cause.MANUAL_BYPASS)], [fault("T1", "6001")])
    assert scored.wrong == (
        "missed: orphan (no-customer), receipt T1",
        "invented: unbacked (manual-bypass), code …1712",
    )
    assert scored.shares() == dict.fromkeys(("precision", "recall", "class", "cause"), "0.0000")


def test_a_wrong_class_and_a_wrong_cause_are_found_nevertheless() -> None:
    found = [finding("T1", "", Class.DUPLICATE_ISSUE, None), finding("T2", "", cause=Cause.LOST_IN_HOP)]
    scored = score(found, [fault("T1", ""), fault("T2", "")])
    assert (scored.hit, scored.class_right, scored.cause_right) == (2, 1, 0)
    assert scored.wrong == (
        "said duplicate-issue, true is orphan (no-customer), receipt T1",
        "said orphan (lost-in-hop), true is orphan (no-customer), receipt T2",
    )


def test_where_the_truth_asks_for_no_cause_any_is_right() -> None:
    scored = score([finding("T1", "", Class.AMOUNT_MISMATCH, Cause.LOST_IN_HOP)], [
        fault("T1", "", Class.AMOUNT_MISMATCH, None)
    ])  # fmt: skip
    assert (scored.cause_right, scored.wrong) == (1, ())


def test_each_finding_is_used_once_and_the_one_of_the_class_goes_first() -> None:
    found = [finding("T1", "6001"), finding("T1", "6002", Class.DUPLICATE_ISSUE, None)]
    truth = [fault("T1", "", Class.DUPLICATE_ISSUE, None), fault("T1", ""), fault("T1", "")]
    scored = score(found, truth)
    assert (scored.hit, scored.class_right, scored.true) == (2, 2, 3)
    assert scored.wrong == ("missed: orphan (no-customer), receipt T1",)


def test_a_share_is_cut_and_not_rounded() -> None:
    found = [finding(f"T{number}", "") for number in range(30_000)]
    scored = score(found, [fault(f"T{number}", "") for number in range(29_999)])
    assert scored.shares() == {"precision": "0.9999", "recall": "1.0000", "class": "1.0000", "cause": "1.0000"}


@pytest.mark.parametrize(("found", "true", "share"), [(0, 0, "1.0000"), (0, 1, "0.0000"), (1, 0, "0.0000")])
def test_nothing_is_right_only_where_there_is_nothing(found: int, true: int, share: str) -> None:
    scored = score([finding("T1", "")] * found, [fault("T2", "")] * true)
    assert set(scored.shares().values()) == {share}


def test_a_truth_is_read_by_its_column_names() -> None:
    lines = ["cause,class,code,transaction_id", "no-customer,orphan, 6001 ,T1", ",duplicate-issue,6002,"]
    assert read_truth("truth.csv", lines) == (
        fault("T1", "6001"),
        fault("", "6002", Class.DUPLICATE_ISSUE, None),
    )


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ([], "it has no column transaction_id"),
        (["transaction_id,code,class", "T1,,orphan"], "it has no column cause"),
        ([HEADER, "T1,,orphan,no-customer", ",,orphan,"], "row 3: it names no receipt and no code"),
        ([HEADER, "T1,,orphaned,"], "row 2: 'orphaned' is not a valid Class"),
        ([HEADER, "T1,,orphan,bad-luck"], "row 2: 'bad-luck' is not a valid Cause"),
        ([HEADER, "T1"], "row 2: '' is not a valid Class"),
    ],
)
def test_a_truth_that_cannot_be_read_names_the_row_and_the_mend(lines: list[str], said: str) -> None:
    with pytest.raises(BadInput, match="truth") as refused:
        read_truth("truth.csv", lines)
    assert said in str(refused.value)
