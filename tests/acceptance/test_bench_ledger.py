"""`tillbridge bench ledger` with tiny loads: every part is there and nothing fails. How fast it is, no test says."""

import json
from pathlib import Path

from tests.acceptance.test_replay import tillbridge

TINY = ("--rounds", "2", "--commands", "60", "--seconds", "1", "--clients", "4")


async def test_every_part_of_the_report_is_there(tmp_path: Path) -> None:
    status, out, err = await tillbridge(
        "bench", "ledger", *TINY, "--entries", "400", "--format", "json", folder=tmp_path
    )
    assert status == 0, err
    report = json.loads(out)
    assert report["handoffs"] == 3
    batches = report["batches"]
    assert batches["credits"] == 120
    for load in ("issues", "redeems", "hot"):
        assert batches[load]["commands"] == 120
        assert len(batches[load]["rounds"]) == 2
        assert min(batches[load]["rounds"]) > 0
    singles = report["singles"]
    for load in (*singles["redeems"], *singles["issues"], singles["redeems_alone"], singles["issues_alone"]):
        assert load["statuses"] == {"201": load["good"]}
        assert load["good"] > 0
        assert load["answer_ms"]["p50"] <= load["answer_ms"]["p99"]
    (end,) = report["growth"]
    assert end["entries"] == 400
    assert any(name.startswith("ledger.") for name in end["tables"])
    assert not any(name.startswith("public.") for name in end["tables"])
    for reference in (report["before"], report["after"]):
        assert reference["clients"] > 0
        assert reference["alone"] > 0


async def test_what_is_left_out_is_left_out_and_the_table_says_the_rest(tmp_path: Path) -> None:
    left_out = ("--no-http", "--no-pgbench")
    status, out, err = await tillbridge("bench", "ledger", *TINY, *left_out, folder=tmp_path)
    assert status == 0, err
    for line in ("batches of 500: credits issued", "redeemed, over 120 credits", "redeemed, all from one credit"):
        assert line in out
    assert "single requests" not in out
    assert "same server" not in out
