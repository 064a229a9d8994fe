"""The benchmark of deliveries for people: what the table says."""

from tillbridge.cli.bench_handoff import Drain, Plan, Report, Steady
from tillbridge.cli.bench_handoff_rig import BATCH
from tillbridge.cli.bench_handoff_table import table_of


def test_the_table_says_each_figure_with_its_spread() -> None:
    plan = Plan(60, 300, 1500, 100_000, 30, 10, 2)
    alone = [Steady(300, 299.0, 20, 90, 120, 54_000, 0.8), Steady(300, 297.0, 22, 110, 130, 54_000, 0.9)]
    many = [Steady(1500, 1490.0, 80, 300, 400, 4_000, None)]
    drained = {1: [Drain(99_999, 1_200.0, 1.1)], BATCH: [Drain(99_999, 5_000.0, 1.2)]}
    report = Report(plan, {1: alone, BATCH: many}, drained, {1: 3_000.0, BATCH: 20_000.0}, 0, 0, 0.008, 106.2, None)
    lines = table_of(report).splitlines()
    assert lines[1].split() == [*"one request per event: 300 events/s asked for".split(), "298/s", "297", "to", "299"]
    assert any("99,999 waiting handoffs drained" in line and "5,000/s" in line for line in lines)
    assert any("idle hub" in line and "0.80%" in line for line in lines)
    assert any("web store, p99" in line and "100 ms" in line and "90 to 110" in line for line in lines)
    assert not any("pgbench" in line for line in lines)
