"""The door: one side of a reconciliation from a file, whatever kind of file it is."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import duckdb
import ibis
import pyarrow as pa
from ibis import _
from ibis.expr.types import BooleanScalar, Table

from tillbridge.diagnose.model import Side
from tillbridge.reconcile.columns import COLUMNS
from tillbridge.reconcile.model import SideRead
from tillbridge.reconcile.sources.careful import Careful, take_text
from tillbridge.reconcile.sources.layout import Layout
from tillbridge.reconcile.sources.lines import no_text
from tillbridge.reconcile.sources.model import Complaint, Loaded, Staged, Tally, refused, shown
from tillbridge.reconcile.sources.natural import text_of
from tillbridge.reconcile.sources.parquet import DAMAGED, lying, take_parquet
from tillbridge.reconcile.sources.quick import take_csv
from tillbridge.reconcile.sources.staging import Staging
from tillbridge.reconcile.sources.twins import find
from tillbridge.reconcile.sources.typed import BLANK, PLAIN, RAW, schema_of, typed
from tillbridge.reconcile.sources.words import USUAL
from tillbridge.reconcile.sources.workbook import take_workbook

_OTHERS: Final[Mapping[bytes, Complaint]] = {
    b"\xd0\xcf\x11\xe0": Complaint(
        "", "the file is an old .xls workbook, or one with a password", "Save it as .xlsx, without a password."
    ),
    b"\x1f\x8b": Complaint("", "the file is packed (gzip)", "Unpack it first."),
    b"BZh": Complaint("", "the file is packed (bzip2)", "Unpack it first."),
    b"\x28\xb5\x2f\xfd": Complaint("", "the file is packed (zstd)", "Unpack it first."),
    b"%PDF": Complaint("", "the file is a PDF", "Export it as CSV."),
}
"""Files that are often handed in and are no table, by how they begin."""

_NO_FILE: Final = Complaint(
    "", "this is a pipe or a device, and no file", "Save what it gives as a file, and name that."
)

_ENDINGS: Final[Mapping[str, tuple[bytes, str]]] = {
    ".xlsx": (b"PK", "an Excel workbook"),
    ".parquet": (b"PAR1", "a Parquet file"),
}


def read(side: Side, path: Path, layout: Layout, staging: Path, con: Any) -> Loaded:
    """Read one side. What is not left where it lies is typed into Parquet files in the folder `staging`.

    `con` is an Ibis backend of DuckDB whose zone is UTC. Nothing is raised for what is wrong with the file: it is told
    in `read.bad`, and a file that cannot be read at all has no rows and one bad row.
    """
    staged = _staged(side, path, layout, staging, con)
    try:
        staged, rows = _with_doubtful(staged, side, path, layout, staging, con)
    except duckdb.Error as error:
        if not staged.lies or _is_ours(error, path):
            raise
        # Only now every page of a Parquet file was unpacked.
        staged, rows = Staged((), refused([DAMAGED])), 0
    loaded = Loaded(_said(side, path, rows, staged.tally), path, layout, staged)
    if not rows:
        return loaded
    twins = find(table(loaded, con), side, staging / f"{side}-twice.parquet")
    tally = staged.tally + twins.tally
    loaded = replace(loaded, dropped=twins.dropped)
    tally += Tally(remarks=tuple(_unusual(table(loaded, con), side)))
    return replace(loaded, read=_said(side, path, rows - twins.tally.bad_rows, tally))


def table(loaded: Loaded, con: Any) -> Table:
    """The rows of a side that can be used, typed as `columns.SCHEMAS`, on any Ibis backend."""
    side, staged = loaded.read.side, loaded.staged
    parts = [_usable(con.read_parquet(path), side) for path in staged.typed]
    if staged.lies:
        # Whether a row can be used was asked once, when it was read: only what somebody wants is typed again.
        lie = typed(lying(con, loaded.path, side, loaded.layout), side, loaded.layout)
        lie = lie.anti_join(con.read_parquet(staged.left), "row") if staged.left else lie
        # A column that is taken as it lies costs nothing, and lets the engine pass over whole parts of the file.
        found = {name: lie[f"{RAW}{name}" if name in staged.as_typed else name] for name in COLUMNS[side]}
        parts.append(lie.select("row", **found).cast(schema_of(side)))
    if not parts:
        return con.create_table(f"nothing_of_{side}", schema=schema_of(side), temp=con.name == "duckdb", overwrite=True)
    rows = ibis.union(*parts, distinct=False) if len(parts) > 1 else parts[0]
    return rows.anti_join(con.read_parquet(loaded.dropped), "row") if loaded.dropped else rows


def _usable(rows: Table, side: Side) -> Table:
    if PLAIN in rows.columns:
        rows = rows.filter(_[PLAIN] & ~_[BLANK])
    return rows.select("row", *COLUMNS[side]).cast(schema_of(side))


def _staged(side: Side, path: Path, layout: Layout, staging: Path, con: Any) -> Staged:
    """What is read at once, by the kind of the file."""
    target = staging / f"{side}.parquet"
    try:
        # A pipe is opened when somebody writes to it, which may be never, and can be read once; a device may have no
        # end.
        if path.exists() and not path.is_file() and not path.is_dir():
            return Staged((), refused([_NO_FILE]))
        with path.open("rb") as file:
            start = file.read(8)
    except OSError as error:
        return Staged((), refused([_closed(path, error)]))
    if wrong := _no_table(path, start):
        return Staged((), refused([wrong]))
    if start.startswith(b"PK"):
        return take_workbook(side, path, layout, target)
    if start.startswith(b"PAR1"):
        return take_parquet(side, path, layout, target, con)
    if wrong := no_text(path, layout.encoding):
        return Staged((), refused([wrong]))
    return take_csv(side, path, layout, target, con) or take_text(side, path, layout, target)


def _is_ours(error: duckdb.Error, path: Path) -> bool:
    """Whether memory is full or a file of ours could not be written, which is not the fault of the file at `path`."""
    elsewhere = isinstance(error, duckdb.IOException) and path.name not in str(error)
    return elsewhere or isinstance(error, duckdb.OutOfMemoryException)


def _closed(path: Path, error: OSError) -> Complaint:
    if isinstance(error, IsADirectoryError) or path.is_dir():
        return Complaint("", "this is a folder", "Name the file in it.")
    if isinstance(error, FileNotFoundError):
        return Complaint("", "there is no such file", "Look at how its name is written.")
    problem = f"the file cannot be read ({error.strerror or type(error).__name__})"
    return Complaint("", problem, "Name a file that you may read.")


def _no_table(path: Path, start: bytes) -> Complaint | None:
    if not start:
        return Complaint("", "the file is empty", "Export it again, with its header.")
    for first, complaint in _OTHERS.items():
        if start.startswith(first):
            return complaint
    first, called = _ENDINGS.get(path.suffix.lower(), (b"", ""))
    if not start.startswith(first):
        return Complaint("", f"the file is called {path.suffix} and is not {called}", "Export it again.")
    return None


def _with_doubtful(
    staged: Staged, side: Side, path: Path, layout: Layout, staging: Path, con: Any
) -> tuple[Staged, int]:
    """With the rows that the quick way was not sure of, read carefully; and how many rows can be used."""
    usable = 0
    for part, lies in [
        *((con.read_parquet(one), False) for one in staged.typed),
        *_lying(staged, side, path, layout, con),
    ]:
        if PLAIN not in part.columns:
            usable += int(part.count().execute())
            continue
        sure = part[PLAIN] & ~part[BLANK]
        same = _as_typed(part, side) if lies else {}
        counted = part.agg(sure=sure.sum().fill_null(0), blank=part[BLANK].sum().fill_null(0), all=part.count(), **same)
        one = counted.to_pyarrow().to_pylist()[0]
        staged = replace(staged, as_typed=frozenset(name for name in same if one[name])) if lies else staged
        usable += int(one["sure"])
        if lies and one["sure"] < one["all"]:
            staged = replace(staged, left=staging / f"{side}-left.parquet")
            con.to_parquet(part.filter(~sure).select("row"), staged.left)
        if one["sure"] + one["blank"] < one["all"]:
            target = staging / f"{side}-mended.parquet"
            rows, said = _mended(part, side, layout, target, con)
            usable += rows
            staged = replace(staged, typed=(*staged.typed, target), tally=staged.tally + said)
    return staged, usable


def _as_typed(part: Table, side: Side) -> dict[str, BooleanScalar]:
    """For each column of texts, whether it holds every text just as it is typed."""
    texts = [
        name for name in COLUMNS[side] if f"{RAW}{name}" in part.columns and part[f"{RAW}{name}"].type().is_string()
    ]
    same = {name: part[name] == part[f"{RAW}{name}"] for name in texts if part[name].type().is_string()}
    return {name: one.fill_null(False).all().fill_null(False) for name, one in same.items()}


def _lying(staged: Staged, side: Side, path: Path, layout: Layout, con: Any) -> Iterator[tuple[Table, bool]]:
    if staged.lies:
        yield typed(lying(con, path, side, layout), side, layout), True


def _mended(part: Table, side: Side, layout: Layout, target: Path, con: Any) -> tuple[int, Tally]:
    """The doubtful rows of the quick way, one by one."""
    given = {name: f"{RAW}{name}" for name in COLUMNS[side] if f"{RAW}{name}" in part.columns}
    doubtful = part.filter(~part[PLAIN] & ~part[BLANK]).select("row", *given.values()).order_by("row")
    with Staging(side, target) as staging:
        careful = Careful(side, layout, staging)
        # The stream that every version of DuckDB offers; Ibis asks for one that some do not.
        for batch in pa.RecordBatchReader.from_stream(con.con.sql(con.compile(doubtful))):
            for row in batch.to_pylist():
                texts = [text_of(row[given[name]], name) if name in given else "" for name in COLUMNS[side]]
                careful.take(row["row"], texts)
    return staging.rows, careful.tally()


def _unusual(rows: Table, side: Side) -> Iterator[str]:
    """Remarks on words that no list has."""
    for name in COLUMNS[side]:
        if name not in USUAL:
            continue
        known = (*USUAL[name], "")
        others = rows.filter(rows[name].notin(known)).group_by(name).agg(rows=_.count()).order_by(name).limit(5)
        for one in others.to_pyarrow().to_pylist():
            usual = ", ".join(USUAL[name])
            yield f'{one["rows"]:,} rows have the {name} "{shown(one[name])}", which is none of {usual}.'


def _said(side: Side, path: Path, rows: int, tally: Tally) -> SideRead:
    empty = ("There are no rows.",) if not rows and not tally.bad_rows else ()
    bad = tuple(complaint.bad_row(side, str(path)) for complaint in tally.bad)
    return SideRead(side, str(path), rows, tally.bad_rows, bad, (*tally.remarks, *empty))
