"""The benchmark of reconciling: small, whole, and right about what it put into its files."""

import json

from click.testing import CliRunner

from tillbridge.cli.bench import bench_group


def test_every_part_of_the_report_is_there() -> None:
    words = "reconcile --credits 3000 --one-in 50 --rounds 1 --profiles 400 --orphans 40 --format json".split()
    ended = CliRunner().invoke(bench_group, words)
    assert ended.exit_code == 0, ended.output
    report = json.loads(ended.stdout)
    files, owners = report["files"], report["owners"]
    assert files["found"] == files["faults"] == 60
    assert all(took["seconds"] > 0 and took["megabytes"] > 20 for took in (*files["runs"], *files["joins"]))
    assert owners["orphans"] == 40
    assert owners["found_share"] > 0.9
