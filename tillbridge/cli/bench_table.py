"""The report of the ledger's benchmark for people: one table, each figure beside pgbench."""

import statistics
from collections.abc import Iterable, Iterator, Sequence

from tillbridge.cli.bench_batches import Spread
from tillbridge.cli.bench_ledger import Report
from tillbridge.cli.tills import Rung

Row = tuple[str, str, str, str]
"""What it is, the figure, its spread, and how many times what pgbench did."""


def table_of(report: Report) -> str:
    """The table, a line for each figure."""
    rows: list[Row] = [("", "", "lowest to highest", "pgbench -N = 1"), *_rows(report)]
    return "\n".join(
        f"{name:<46}{value:>14}  {spread:<26}{beside:>14}".rstrip() for name, value, spread, beside in rows
    )


def _rows(report: Report) -> Iterator[Row]:
    references = [one for one in (report.before, report.after) if one is not None]
    many, alone = _mean(one.clients for one in references), _mean(one.alone for one in references)
    if report.batches is not None:
        yield _spread("batches of 500: credits issued", report.batches.issues, many)
        yield _spread(f"  redeemed, over {report.batches.credits:,} credits", report.batches.redeems, many)
        yield _spread("  redeemed, all from one credit", report.batches.hot, many)
    if (singles := report.singles) is not None:
        for name, rungs in (("redeemed", singles.redeems), ("issued", singles.issues)):
            yield from _rungs(f"single requests, {report.plan.clients} clients: {name}", rungs, many)
        for name, rung in (("redeemed", singles.redeems_alone), ("issued", singles.issues_alone)):
            yield from _rungs(f"single requests, one client: {name}", [rung], alone)
        yield "  requests that failed", f"{singles.failed():,}", "", ""
        yield "  memory of the hub", _mb(singles.memory_mb), "", ""
    for mark in report.growth:
        yield f"book of {mark.entries:,} more entries", f"{mark.per_second:,.0f}/s", "", _times(mark.per_second, many)
        yield "  memory of this process", _mb(mark.memory_mb), "", ""
        yield from ((f"  {name}", f"{size / 1e6:,.0f} MB", "", "") for name, size in mark.tables.items())
    if references:
        pairs = (([one.clients for one in references], report.plan.clients), ([one.alone for one in references], 1))
        for seen, count in pairs:
            yield f"pgbench -N, {_clients(count)}, same server", _rate(_mean(seen)), _before_after(seen), "1.00"


def _spread(name: str, spread: Spread, reference: float | None) -> Row:
    median = spread.median()
    return name, f"{median:,.0f}/s", _range(spread.rounds), _times(median, reference)


def _rungs(name: str, rungs: Sequence[Rung], reference: float | None) -> Iterator[Row]:
    rates = [one.per_second for one in rungs]
    median = statistics.median(rates)
    yield name, f"{median:,.0f}/s", _range(rates), _times(median, reference)
    for word, values in (("p50", [one.answer_ms.p50 for one in rungs]), ("p99", [one.answer_ms.p99 for one in rungs])):
        known = [value for value in values if value is not None]
        if known:
            yield (
                f"  answer, {word}",
                f"{statistics.median(known):,.1f} ms",
                f"{min(known):,.1f} to {max(known):,.1f}",
                "",
            )


def _range(rates: Sequence[float]) -> str:
    return f"{min(rates):,.0f} to {max(rates):,.0f}" if len(rates) > 1 else ""


def _before_after(seen: Sequence[float | None]) -> str:
    return " before, ".join(_rate(one) for one in seen) + " after"


def _rate(rate: float | None) -> str:
    return "not there" if rate is None else f"{rate:,.0f}/s"


def _times(rate: float, reference: float | None) -> str:
    return f"{rate / reference:,.2f}" if reference else ""


def _mb(value: float | None) -> str:
    return "-" if value is None else f"{value:,.0f} MB"


def _clients(count: int) -> str:
    return "one client" if count == 1 else f"{count} clients"


def _mean(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return statistics.fmean(known) if known else None
