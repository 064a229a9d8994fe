"""A side on its way to a file: typed rows, written page by page, so that no more than a page is in memory."""

from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import pyarrow as pa
import pyarrow.parquet as pq

from tillbridge.diagnose.model import Side
from tillbridge.reconcile.columns import SCHEMAS
from tillbridge.reconcile.live.book import Values
from tillbridge.reconcile.model import BadRow, SideRead

BAD_MAX: Final = 100
"""How many rows that cannot be read are named; the others are counted."""

GROUP: Final = 20_000
"""Rows that are gathered before they are written."""


class Sheet:
    """One side's rows. A context manager: the file is whole when the block ends."""

    def __init__(self, side: Side, origin: str, path: Path) -> None:
        self.side = side
        self.origin = origin
        self.rows = 0
        self.bad_rows = 0
        self.place = 0
        self._bad: list[BadRow] = []
        self._gathered: list[tuple[object, ...]] = []
        self._writer = pq.ParquetWriter(path, SCHEMAS[side], compression="zstd")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._write()
        self._writer.close()

    def add(self, values: Values) -> None:
        """One row more, of the next place."""
        self.place += 1
        self.rows += 1
        self._gathered.append((self.place, *values))
        if len(self._gathered) >= GROUP:
            self._write()

    def refuse(self, name: str, field: str, problem: str, mend: str) -> None:
        """A row that cannot be read, of the next place."""
        self.place += 1
        self._refused(self.place, name, field, problem, mend)

    def broke_off(self, problem: str, mend: str) -> None:
        """The side could not be read to its end."""
        self._refused(0, "", "", problem, mend)

    def read(self, remarks: Sequence[str] = ()) -> SideRead:
        """What came of it."""
        return SideRead(self.side, self.origin, self.rows, self.bad_rows, tuple(self._bad), tuple(remarks))

    def _refused(self, row: int, name: str, field: str, problem: str, mend: str) -> None:
        self.bad_rows += 1
        if len(self._bad) < BAD_MAX:
            self._bad.append(BadRow(self.side, self.origin, row, name, field, problem, mend))

    def _write(self) -> None:
        if not self._gathered:
            return
        schema = SCHEMAS[self.side]
        columns = [
            pa.array(column, field.type)
            for column, field in zip(zip(*self._gathered, strict=True), schema, strict=True)
        ]
        self._writer.write_table(pa.Table.from_arrays(columns, schema=schema))
        self._gathered.clear()
