"""The benchmark of reconciling: the real command on made files, beside the bare full join of the same files.

The command runs in a process of its own, and what it held in memory is what the system says of that process. The join
is DuckDB's, of all four files by code with all their columns, in a process of its own as well and with as much memory.
"""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import ibis
from ibis.expr.types import Table

from tillbridge.cli.bench_reconcile_data import AS_OF, DAYS, Form, made_in, make
from tillbridge.diagnose.model import Side
from tillbridge.kernel.errors import TillbridgeError
from tillbridge.reconcile.engine import open_engine
from tillbridge.reconcile.model import EXIT

_MAKING: Final = "3GB"
_MAP: Final = Path(__file__).parents[1] / "simulate" / "exports" / "stack.toml"


@dataclass(frozen=True, slots=True)
class Plan:
    """How many credits on each side, in which form, one fault in how many, how often, and what the engine may hold."""

    credits: int
    form: Form
    one_in: int
    rounds: int
    memory: str


@dataclass(frozen=True, slots=True)
class Took:
    """What a process took: seconds on the clock and of the processor, and the most memory it held, in megabytes."""

    seconds: float
    busy: float
    megabytes: int


@dataclass(frozen=True, slots=True)
class Report:
    """All rounds of a plan. `found` is how many differences the command found, `faults` how many there are."""

    plan: Plan
    file_megabytes: int
    faults: int
    found: int
    runs: tuple[Took, ...]
    joins: tuple[Took, ...]

    def as_json(self) -> Mapping[str, Any]:
        """For programs."""
        return asdict(self)

    def times_the_join(self) -> float:
        """How often the fastest bare join goes into the fastest run."""
        return min(one.seconds for one in self.runs) / min(one.seconds for one in self.joins)


def measure(folder: Path, plan: Plan, told: Callable[[str], None]) -> Report:
    """Make the files, then run the command and the join in turn."""
    told("making the files")
    # In a process of its own: one that is begun here is counted with the most that this one ever held.
    _timed((*_here("make", plan, folder), str(plan.credits), str(plan.one_in)), (0,))
    made = made_in(folder, plan.credits, plan.one_in, plan.form)
    out = folder / "found"
    runs, joins, found = [], [], 0
    for number in range(plan.rounds):
        told(f"round {number + 1} of {plan.rounds}: the bare join")
        joins.append(_timed(_here("join", plan, folder), (0,)))
        told(f"round {number + 1} of {plan.rounds}: reconciling")
        runs.append(_timed(_command(made.files, out, plan.memory), tuple(EXIT.values())[:2]))
        found = _lines(out / "findings.csv") - 1
    size = sum(path.stat().st_size for path in made.files.values()) // 10**6
    return Report(plan, size, made.faults, found, tuple(runs), tuple(joins))


def _here(what: str, plan: Plan, folder: Path) -> Sequence[str]:
    """This file as a command: `make` or `join`."""
    return (sys.executable, "-m", __name__, what, plan.form, plan.memory, str(folder))


def _command(files: Mapping[Side, Path], out: Path, memory: str) -> Sequence[str]:
    sides = [word for side, path in files.items() for word in (f"--{side.value}", str(path))]
    options = ["--stack", str(_MAP), "--days", str(DAYS), "--as-of", AS_OF.isoformat(), "--memory", memory]
    return (sys.executable, "-m", "tillbridge.cli", "reconcile", *sides, *options, "--out", str(out))


def _timed(command: Sequence[str], good: Sequence[int]) -> Took:
    """Run a command and say what it took. Raises TillbridgeError when it ends otherwise than well."""
    began = time.monotonic()
    # The words are our own; and who waits for the process learns what it used.
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:  # noqa: S603
        _, code, used = os.wait4(process.pid, 0)
        status = process.returncode = os.waitstatus_to_exitcode(code)
    if status not in good:
        raise TillbridgeError(f"{command[2]} ended with status {status}.")
    return Took(
        round(time.monotonic() - began, 2), round(used.ru_utime + used.ru_stime, 2), used.ru_maxrss * 1024 // 10**6
    )


def _lines(path: Path) -> int:
    with path.open("rb") as file:
        return sum(block.count(b"\n") for block in iter(lambda: file.read(1 << 20), b""))


def table_of(report: Report) -> str:
    """The report for people."""
    plan = report.plan
    rows = [
        ("credits on each side", f"{plan.credits:,}", f"{plan.form}, {report.file_megabytes:,} MB in four files"),
        ("differences", f"{report.found:,}", f"of {report.faults:,} that were put in"),
        ("tillbridge reconcile", *_spread(report.runs)),
        ("bare full join, DuckDB", *_spread(report.joins)),
        ("times the bare join", f"{report.times_the_join():.2f}", "the fastest run by the fastest join"),
    ]
    return "\n".join(f"{name:<28}{value:>14}  {more}" for name, value, more in rows)


def _spread(took: Sequence[Took]) -> tuple[str, str]:
    seconds = sorted(one.seconds for one in took)
    busy = ", ".join(f"{one.busy:.1f}" for one in took)
    most = max(one.megabytes for one in took)
    spread = f" ({seconds[0]:.1f} to {seconds[-1]:.1f})" if len(took) > 1 else ""
    return f"{seconds[len(seconds) // 2]:.1f} s", f"{spread.strip()} processor {busy} s, memory {most:,} MB".strip()


def _join(form: Form, memory: str, folder: Path) -> None:
    """All four files joined by code, with every column of theirs read, carried through and counted."""
    with open_engine("duckdb", folder / "joining", memory) as con:
        joined: Table | None = None
        for side in Side:
            path = str(folder / f"{side.value}.{form}")
            table = con.read_csv(path, all_varchar=True) if form == "csv" else con.read_parquet(path)
            table = table.rename(lambda name, side=side: f"{side.value}_{name}")
            code = f"{side.value}_code"
            if joined is None:
                joined = table.mutate(code=table[code])
                continue
            both = joined.outer_join(table, joined.code == table[code])
            joined = both.mutate(code=ibis.coalesce(both.code, both[code]))
        if joined is not None:
            joined.agg(**{name: joined[name].count() for name in joined.columns}).to_pyarrow()


def _carry_out(what: str, form: str, memory: str, folder: str, *more: str) -> None:
    shape: Form = "csv" if form == "csv" else "parquet"
    if what == "join":
        _join(shape, memory, Path(folder))
        return
    count, one_in = map(int, more)
    with open_engine("duckdb", Path(folder) / "making", _MAKING) as con:
        make(con, Path(folder), count, one_in, shape)


if __name__ == "__main__":
    _carry_out(*sys.argv[1:])
