"""A side of which nothing could be read did not say that it has nothing: the others are compared without it."""

import json
from pathlib import Path

from tests.acceptance.test_reconcile import CUT, SIDES, options, reconcile, rows


def test_what_could_not_be_read_is_not_taken_for_missing(sample: Path, tmp_path: Path) -> None:
    # The web store's export was handed in as that of the books: nothing of it can be read.
    wrong = [*options(sample, "pos", "platform", "storefront"), "--erp", str(sample / "storefront.csv")]
    result = reconcile(*wrong, *CUT, "--out", str(tmp_path), "--rows", "0")
    assert result.exit_code == 2
    assert "Incomplete: the books (" in " ".join(result.output.split())
    summary = json.loads((tmp_path / "summary.json").read_text("utf-8"))
    assert (summary["status"], summary["complete"]) == ("incomplete", False)
    assert [side["side"] for side in summary["sides"]] == list(SIDES)
    true = {one[name] for one in rows(sample / "truth.csv") for name in ("code", "transaction_id")} - {""}
    found = rows(tmp_path / "findings.csv")
    assert len(found) > 400, "what the other three say is found all the same"
    assert all({one["code"], one["transaction_id"]} & true for one in found), "and nothing is invented"
    assert {one["field"] for one in rows(tmp_path / "unreadable.csv")} >= {"document_id", "posted_at"}


def test_where_too_few_are_left_nothing_is_compared(sample: Path, tmp_path: Path) -> None:
    gone = str(tmp_path / "gone.csv")
    for words in (
        [*options(sample, "platform"), "--storefront", gone],
        [*options(sample, "storefront", "erp"), "--platform", gone, "--pos", gone],
    ):
        result = reconcile(*words, *CUT, "--out", str(tmp_path / "out"), "--rows", "0")
        assert result.exit_code == 2
        assert rows(tmp_path / "out" / "findings.csv") == []
        assert "agree" not in result.output
