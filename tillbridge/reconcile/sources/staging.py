"""Typed rows on their way into a Parquet file of ours, some at a time."""

from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import pyarrow as pa
import pyarrow.parquet as pq

from tillbridge.diagnose.model import Side
from tillbridge.reconcile.columns import SCHEMAS
from tillbridge.reconcile.sources.cells import Value

GROUP: Final = 100_000
"""Rows in one row group: enough for columns to pay, few enough for memory."""


class Staging:
    """Writes one side's rows. The file is there when the block ends, also when there were no rows."""

    def __init__(self, side: Side, path: Path) -> None:
        self.rows = 0
        self._path = path
        self._schema = SCHEMAS[side]
        self._waiting: list[Sequence[Value]] = []

    def __enter__(self) -> Self:
        self._writer = pq.ParquetWriter(self._path, self._schema)
        return self

    def __exit__(self, kind: type[BaseException] | None, _: BaseException | None, __: TracebackType | None) -> None:
        if kind is None:
            self._flush()
        self._writer.close()

    def add(self, row: int, values: Sequence[Value]) -> None:
        """Take a row, under its number."""
        self.rows += 1
        self._waiting.append((row, *values))
        if len(self._waiting) >= GROUP:
            self._flush()

    def _flush(self) -> None:
        columns = zip(*self._waiting, strict=True) if self._waiting else ((),) * len(self._schema)
        arrays = [pa.array(column, field.type) for column, field in zip(columns, self._schema, strict=True)]
        self._writer.write_table(pa.Table.from_arrays(arrays, schema=self._schema))
        self._waiting.clear()
