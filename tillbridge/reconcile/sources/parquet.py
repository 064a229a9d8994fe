"""Parquet files. One that is canonical in all but its types stays where it lies, and is typed as it is asked."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pyarrow.types as kinds
from ibis.expr.types import Table

from tillbridge.diagnose.model import Side
from tillbridge.reconcile.columns import AMOUNTS, COLUMNS, TIMES
from tillbridge.reconcile.sources.careful import Careful
from tillbridge.reconcile.sources.header import Header, in_columns
from tillbridge.reconcile.sources.layout import Layout
from tillbridge.reconcile.sources.model import Complaint, Staged, Tally, refused
from tillbridge.reconcile.sources.natural import text_of
from tillbridge.reconcile.sources.quick import stage
from tillbridge.reconcile.sources.staging import Staging

DAMAGED: Final = Complaint("", "the Parquet file is damaged, or cut off", "Export it again, whole.")
"""A file that says of itself that it is a Parquet file, and cannot be unpacked."""
_WHOLE: Final = "{} holds whole numbers: 50 is read as fifty of the currency, not as fifty of its smallest coin."
_FIRST: Final = 2


def take_parquet(side: Side, path: Path, layout: Layout, target: Path, con: Any) -> Staged:
    """A Parquet file: left where it lies, or brought into the file `target`."""
    try:
        file = pq.ParquetFile(path)
    except (pa.ArrowException, OSError, ValueError):
        return Staged((), refused([DAMAGED]))
    with file:
        schema = file.schema_arrow
        header = in_columns(schema.names, side, layout)
        if isinstance(header, list):
            return Staged((), refused(complaint.at(1) for complaint in header))
        said = Tally(remarks=tuple(_remarks(schema, header, side)))
        ours = {name: schema.field(place[0]) for name, place in zip(COLUMNS[side], header.places, strict=True) if place}
        if layout.plain and all(_natural(field.type, name) for name, field in ours.items()):
            return Staged((), said, lies=True)
        try:
            if layout.plain and all(_near(field.type, name) for name, field in ours.items()):
                stage(_streamed(file, ours), side, layout, target, con)
                return Staged((target,), said)
            return Staged((target,), _carefully(file, header, side, layout, target) + said)
        except (pa.ArrowException, OSError, ValueError):
            return Staged((), refused([DAMAGED]))


def lying(con: Any, path: Path, side: Side, layout: Layout) -> Table:
    """The rows of a file that stays where it lies, under our names and with their numbers."""
    with pq.ParquetFile(path) as file:
        names = file.schema_arrow.names
    header = in_columns(names, side, layout)
    if isinstance(header, list):
        raise TypeError("the file has changed since it was read")
    table = _numbered(con, path)
    places = zip(COLUMNS[side], header.places, strict=True)
    return table.select(
        row=table["file_row_number"] + _FIRST, **{name: table[names[place[0]]] for name, place in places if place}
    )


def _numbered(con: Any, path: Path) -> Table:
    """Each engine numbers the rows of a file in a way of its own; both know the number without counting."""
    if con.name == "duckdb":
        return con.read_parquet(path, file_row_number=True)
    # Spark keeps it beside the columns, where Ibis does not see it.
    session = con._session
    frame = session.read.parquet(str(path))
    name = f"numbered_{path.stem}".replace("-", "_").replace(".", "_")
    frame.select("*", frame["_metadata.row_index"].alias("file_row_number")).createOrReplaceTempView(name)
    return con.table(name)


def _natural(kind: pa.DataType, name: str) -> bool:
    """Whether both engines read the type as it is."""
    if kinds.is_string(kind) or kinds.is_large_string(kind):
        return True
    if name in TIMES:
        return bool(kinds.is_timestamp(kind)) and kind.tz is not None and kind.unit in ("us", "ms")
    if name in AMOUNTS:
        return bool(kinds.is_integer(kind)) or (bool(kinds.is_decimal(kind)) and 0 <= kind.scale <= 9)
    return bool(kinds.is_integer(kind))


def _near(kind: pa.DataType, name: str) -> bool:
    """Whether it can be made so, column by column: times in nanoseconds, and texts that are kept once each."""
    if kinds.is_dictionary(kind):
        return _natural(kind.value_type, name)
    nano = name in TIMES and kinds.is_timestamp(kind) and kind.tz is not None
    return bool(nano) or _natural(kind, name)


def _remarks(schema: pa.Schema, header: Header, side: Side) -> Iterator[str]:
    for name, place in zip(COLUMNS[side], header.places, strict=True):
        if name in AMOUNTS and place and kinds.is_integer(schema.field(place[0]).type):
            yield _WHOLE.format(schema.names[place[0]])


def _streamed(file: pq.ParquetFile, ours: dict[str, pa.Field]) -> pa.RecordBatchReader:
    made = {name: _made(field.type) for name, field in ours.items()}
    schema = pa.schema([("row", pa.int64()), *made.items()])

    def batches() -> Iterator[pa.RecordBatch]:
        row = _FIRST
        for batch in file.iter_batches(columns=sorted({field.name for field in ours.values()})):
            columns = [batch.column(field.name).cast(made[name], safe=False) for name, field in ours.items()]
            numbers = pa.array(np.arange(row, row + batch.num_rows))
            yield pa.RecordBatch.from_arrays([numbers, *columns], schema=schema)
            row += batch.num_rows

    return pa.RecordBatchReader.from_batches(schema, batches())


def _made(kind: pa.DataType) -> pa.DataType:
    if kinds.is_dictionary(kind):
        return kind.value_type
    return pa.timestamp("us", tz=kind.tz) if kinds.is_timestamp(kind) else kind


def _carefully(file: pq.ParquetFile, header: Header, side: Side, layout: Layout, target: Path) -> Tally:
    names = file.schema_arrow.names
    with Staging(side, target) as staging:
        careful = Careful(side, layout, staging)
        row = _FIRST
        for batch in file.iter_batches(batch_size=8192):
            columns = {name: batch.column(place).to_pylist() for place, name in enumerate(names)}
            for at in range(batch.num_rows):
                careful.take(row, _texts(header, side, [columns[name][at] for name in names]))
                row += 1
    return careful.tally()


def _texts(header: Header, side: Side, values: list[Any]) -> list[str]:
    return [
        " ".join(text_of(values[one], name) for one in place).strip()
        for name, place in zip(COLUMNS[side], header.places, strict=True)
    ]
