"""`tillbridge reconcile --truth`: how many of the known differences were found, said behind the answer."""

import json
from collections.abc import Mapping
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from tillbridge.cli.reconcile import reconcile_command
from tillbridge.kernel.errors import BadInput
from tillbridge.reconcile.score import COLUMNS

AS_OF = "2026-11-21T11:00:00-05:00"
POS = (
    "transaction_id,store,register,operator,occurred_at,kind,bucket,amount,currency,code,email,phone,loyalty_id\n"
    "T1,006,3,op07,2026-11-03T10:00:00-05:00,store_credit,refund,88.00,USD,6199027320011712,,,\n"
)
PLATFORM = (
    "credit_id,code,transaction_id,origin,issued_at,state,issued,balance,currency,bucket,customer_id,email,phone,"
    "loyalty_id,last_activity_at\n"
)
HEADER = ",".join(COLUMNS)


def answer(folder: Path, truth: str, *options: str) -> Result:
    """What the command says of one sale that the platform lacks."""
    files: Mapping[str, str] = {"pos.csv": POS, "platform.csv": PLATFORM, "truth.csv": truth}
    for name, text in files.items():
        (folder / name).write_text(text)
    words = [word for side in ("pos", "platform", "truth") for word in (f"--{side}", str(folder / f"{side}.csv"))]
    return CliRunner().invoke(reconcile_command, [*words, "--as-of", AS_OF, *options])


def test_the_last_line_says_how_many_were_found(tmp_path: Path) -> None:
    told = answer(tmp_path, f"{HEADER}\nT1,,missing-on-platform,lost-in-hop\n")
    assert told.exit_code == 1
    assert told.output.splitlines()[-1] == (
        "Against the truth: precision 1.0000, recall 1.0000, class 1.0000, cause 1.0000 of 1 true, 1 found."
    )


def test_a_wrong_answer_is_named_and_changes_no_exit_status(tmp_path: Path) -> None:
    told = answer(tmp_path, f"{HEADER}\nT1,,missing-on-platform,no-customer\nT9,,orphan,lost-in-hop\n")
    assert told.exit_code == 1
    assert told.output.splitlines()[-3:] == [
        "missed: orphan (lost-in-hop), receipt T9",
        "said missing-on-platform (lost-in-hop), true is missing-on-platform (no-customer), receipt T1",
        "Against the truth: precision 1.0000, recall 0.5000, class 1.0000, cause 0.0000 of 2 true, 1 found.",
    ]


def test_as_json_it_is_one_document_still(tmp_path: Path) -> None:
    told = json.loads(answer(tmp_path, f"{HEADER}\n", "--format", "json").stdout)
    assert told["status"] == "findings"
    assert told["truth"]["precision"] == "0.0000"
    assert told["truth"]["wrong"] == ["invented: missing-on-platform (lost-in-hop), receipt T1"]


@pytest.mark.parametrize("truth", ["", "\ufeffa,b\n1,2\n"])
def test_a_truth_that_cannot_be_read_is_refused_before_anything_is_compared(tmp_path: Path, truth: str) -> None:
    refused = answer(tmp_path, truth).exception
    assert isinstance(refused, BadInput)
    assert refused.field == "--truth: truth.csv"
