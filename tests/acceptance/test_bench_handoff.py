"""`tillbridge bench handoff` with tiny loads: every part is there and nothing is lost. How fast it is, no test says."""

import json
from pathlib import Path

from tests.acceptance.test_replay import tillbridge

TINY = ("--seconds", "1", "--rate", "20", "--batch-rate", "60", "--backlog", "150", "--idle", "1", "--reference", "0")


async def test_every_part_of_the_report_is_there(tmp_path: Path) -> None:
    status, out, err = await tillbridge("bench", "handoff", *TINY, "--format", "json", folder=tmp_path)
    assert status == 0, err
    report = json.loads(out)
    assert set(report["steady"]) == set(report["drained"]) == set(report["bare"]) == {"1", "100"}
    for steady in (*report["steady"]["1"], *report["steady"]["100"]):
        assert steady["per_second"] > 0
        assert steady["p50_ms"] <= steady["p99_ms"] <= steady["max_ms"]
    assert report["steady"]["100"][0]["requests"] < 3 * 60, "many go in one request"
    assert [one["handoffs"] for one in report["drained"]["1"]] == [150]
    assert (report["repeats"], report["missing"]) == (0, 0)
    assert report["memory_mb"] > 0
    assert report["pgbench_tps"] is None
