"""The sides that `tillbridge reconcile` was told of, as typed tables of one engine: from files, the hub, systems."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ibis.expr.types import Table

from tillbridge.cli.running import run
from tillbridge.diagnose.model import Side
from tillbridge.kernel.clock import SystemClock
from tillbridge.kernel.errors import SettingFault
from tillbridge.kernel.settings import Settings
from tillbridge.reconcile.engine import open_engine
from tillbridge.reconcile.live.codes import learn_codes
from tillbridge.reconcile.live.stage import HUB, Live, stage
from tillbridge.reconcile.model import Cut, SideRead
from tillbridge.reconcile.run import Told
from tillbridge.reconcile.sources.layout import Layout
from tillbridge.reconcile.sources.model import Loaded
from tillbridge.reconcile.sources.reading import read, table
from tillbridge.stack.load import load
from tillbridge.stack.model import Stack
from tillbridge.wiring import open_codes, open_database, open_ways


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a run was asked for: each side's file, system or hub; how files are written; the cut; the engine."""

    named: Mapping[Side, str]
    layouts: Mapping[Side, Layout]
    settings: Settings
    stack: Stack | None
    cut: Cut
    engine: str
    memory: str


def gather(wanted: Wanted, staging: Path, con: Any, told: Told) -> tuple[dict[Side, Table], tuple[SideRead, ...]]:
    """The tables of the sides on the backend `con`, and what was read of each. A side of which nothing could be read
    has no table: what it would have said is not known, and it did not say that it has nothing.

    Raises BadInput and SettingFault for a side that cannot be live, DatabaseError.
    """
    live = {side: name for side, name in wanted.named.items() if _is_live(name, wanted.stack)}
    loaded = _from_files(wanted, live, staging, con, told)
    tables = {side: table(one, con) for side, one in loaded.items() if one.read.rows or not one.read.bad_rows}
    reads = {side: one.read for side, one in loaded.items()}
    if live:
        told("asking what is live")
        for side, (side_read, path) in run(_from_live(wanted, live, _names(loaded, staging, con), staging)).items():
            tables[side], reads[side] = con.read_parquet(str(path)), side_read
    return tables, tuple(reads[side] for side in Side if side in reads)


def _is_live(name: str, stack: Stack | None) -> bool:
    """A file of that name goes first: nothing that lies there is passed over."""
    return not Path(name).exists() and (name == HUB or (stack is not None and name in stack.systems))


def _from_files(
    wanted: Wanted, live: Mapping[Side, str], staging: Path, con: Any, told: Told
) -> dict[Side, Loaded]:  # fmt: skip
    files = {side: Path(name) for side, name in wanted.named.items() if side not in live}
    found: dict[Side, Loaded] = {}
    for side, path in files.items():
        told(f"reading {path.name}")
        if wanted.engine == "duckdb":
            found[side] = read(side, path, wanted.layouts[side], staging, con)
            continue
        # What types a file is DuckDB whatever engine compares.
        with open_engine("duckdb", staging, wanted.memory) as reader:
            found[side] = read(side, path, wanted.layouts[side], staging, reader)
    return found


def _names(loaded: Mapping[Side, Loaded], staging: Path, con: Any) -> dict[Side, Path]:
    """What the files call their credits, for the hub to find them by."""
    found = {}
    for side, one in loaded.items():
        names = ["credit_id", "code"] if side is Side.PLATFORM else ["code"]
        found[side] = staging / f"{side.value}-names.parquet"
        con.to_parquet(table(one, con).select(*names), str(found[side]))
    return found


async def _from_live(
    wanted: Wanted, live: Mapping[Side, str], files: Mapping[Side, Path], staging: Path
) -> dict[Side, tuple[SideRead, Path]]:
    if wanted.stack is None:
        mend = "Name it with --stack: the hub and its systems are known by it."
        raise SettingFault("TILLBRIDGE_STACK", "a live side needs a stack map", mend)
    # Asking a system takes its secret, which a run on files alone does without.
    stack = load(Path(wanted.stack.file)) if set(live.values()) - {HUB} else wanted.stack
    clock = SystemClock()
    async with (
        open_database(wanted.settings) as db,
        open_ways(stack, clock) as listers,
    ):
        learnt = await learn_codes(db, await open_codes(wanted.settings, db), files, staging)
        sources = Live(db, stack, listers)
        return {side: await stage(side, name, sources, wanted.cut, staging, learnt) for side, name in live.items()}
