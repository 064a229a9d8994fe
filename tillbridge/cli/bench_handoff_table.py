"""The report of the benchmark of deliveries for people."""

import statistics
from collections.abc import Iterator, Sequence

from tillbridge.cli.bench_handoff import Drain, Report, Steady
from tillbridge.cli.bench_handoff_rig import BATCH

Row = tuple[str, str, str]
_WAYS = {1: "one request per event", BATCH: f"{BATCH} events in a request"}


def table_of(report: Report) -> str:
    """The table, a line for each figure."""
    rows: list[Row] = [("", "", "lowest to highest"), *_rows(report)]
    return "\n".join(f"{name:<52}{value:>14}  {spread}".rstrip() for name, value, spread in rows)


def _rows(report: Report) -> Iterator[Row]:
    for batch, way in _WAYS.items():
        yield from _steady(way, report.steady[batch])
        yield from _drained(report.drained[batch])
        yield "  a loop without a hub, to one system", f"{report.bare[batch]:,.0f}/s", "events"
    yield "idle hub with its PostgreSQL", _share(report.idle), "of one core"
    yield "memory of the hub, at most", "-" if report.memory_mb is None else f"{report.memory_mb:,.0f} MB", ""
    yield "events a system was sent twice", f"{report.repeats:,}", ""
    yield "events missing in a system's book", f"{report.missing:,}", ""
    if report.pgbench_tps:
        yield "pgbench -N, 64 clients, same server", f"{report.pgbench_tps:,.0f}/s", "transactions"


def _steady(way: str, rounds: Sequence[Steady]) -> Iterator[Row]:
    rates = [one.per_second for one in rounds]
    asked = rounds[0].asked
    yield f"{way}: {asked:,} events/s asked for", f"{statistics.median(rates):,.0f}/s", _range(rates)
    for word, values in (("p50", [one.p50_ms for one in rounds]), ("p99", [one.p99_ms for one in rounds])):
        yield f"  register to web store, {word}", f"{statistics.median(values):,.0f} ms", _range(values)
    yield "  hub and PostgreSQL", _cores([one.cores for one in rounds]), "cores"


def _drained(rounds: Sequence[Drain]) -> Iterator[Row]:
    rates = [one.per_second for one in rounds]
    name = f"  {rounds[0].handoffs:,} waiting handoffs drained"
    yield name, f"{statistics.median(rates):,.0f}/s", _range(rates)
    yield "  hub and PostgreSQL", _cores([one.cores for one in rounds]), "cores"


def _range(values: Sequence[float]) -> str:
    return f"{min(values):,.0f} to {max(values):,.0f}" if len(values) > 1 else ""


def _cores(values: Sequence[float | None]) -> str:
    known = [value for value in values if value is not None]
    return f"{statistics.median(known):.2f}" if known else "-"


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.2%}"
