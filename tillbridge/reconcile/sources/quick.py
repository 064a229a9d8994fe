"""The quick way for clean CSV files: split in columns, typed by the engine, kept as Parquet."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any, Final

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.csv as pacsv

from tillbridge.diagnose.model import Side
from tillbridge.reconcile.columns import COLUMNS
from tillbridge.reconcile.sources.ending import cut_off, last_cells
from tillbridge.reconcile.sources.header import Header, of_line
from tillbridge.reconcile.sources.layout import Layout
from tillbridge.reconcile.sources.lines import encoding_of, lines
from tillbridge.reconcile.sources.model import Staged, Tally
from tillbridge.reconcile.sources.typed import typed

_WINDOW: Final = 1 << 23
_BLOCK: Final = 1 << 22
_NUL, _LINE, _RETURN, _QUOTE = b'\0\n\r"'


def take_csv(side: Side, path: Path, layout: Layout, target: Path, con: Any) -> Staged | None:
    """A text file, into the Parquet file `target`; None where the careful way has to look at it."""
    encoding, mark = encoding_of(path, layout.encoding)
    first = next(lines(path, layout.encoding), "")
    if encoding != "utf-8" or not layout.plain or not first.strip() or '"' in first:
        return None
    header = of_line(first, side, layout)
    if isinstance(header, list):
        return None
    ended = regular(path, mark, header.delimiter.encode())
    if ended is None or (not ended and cut_off(last_cells(path, header), path, header, layout)):
        return None
    stream = _Stream(path, header, side, layout)
    try:
        stage(stream.reader(), side, layout, target, con)
    except (pa.ArrowInvalid, duckdb.Error):
        target.unlink(missing_ok=True)
        if not stream.broken:
            raise
        return None
    said = () if ended else ("The last line has no line end.",)
    return Staged((target,), Tally(remarks=(*header.remarks, *said)))


def stage(reader: pa.RecordBatchReader, side: Side, layout: Layout, target: Path, con: Any) -> None:
    """Rows under our names and their numbers, typed into a Parquet file with all that `typed` says of them."""
    name = f"streamed_{side}"
    con.con.register(name, reader)
    try:
        con.to_parquet(typed(con.table(name), side, layout), target)
    finally:
        con.con.unregister(name)


def regular(path: Path, start: int, delimiter: bytes) -> bool | None:
    """Whether the last line has its end; None where quotes, line ends or NUL characters are not as every reader of CSV
    understands them alike, or where lines between others are blank, or where a cell has line breaks: it may be a quote
    that was never closed, and swallows rows."""
    end = _end(path)
    odd = 0
    between = np.frombuffer(delimiter + b'\n\r"', np.uint8)
    with path.open("rb") as file:
        for at in range(start, end, _WINDOW):
            size = min(_WINDOW, end - at)
            file.seek(max(at - 1, start))
            before = b"\n" if at == start else file.read(1)
            data = np.frombuffer(before + file.read(min(size + 2, end - at)) + b"\n\n\n", np.uint8)
            here = data[1 : size + 1]
            if (here == _NUL).any() or not _lines_regular(here, data):
                return None
            quotes = np.flatnonzero(here == _QUOTE)
            inside = (np.searchsorted(quotes, np.flatnonzero(here == _LINE)) + odd) & 1
            if inside.any():
                return None
            opening, closing = quotes[odd::2], quotes[1 - odd :: 2]
            if not np.isin(data[opening], between).all() or not np.isin(data[closing + 2], between).all():
                return None
            odd ^= quotes.size & 1
    return None if odd else end < path.stat().st_size


def _lines_regular(here: Any, data: Any) -> bool:
    """No return without its line feed, and no blank line. `data` is one byte ahead of `here`, and goes on behind it."""
    returns = np.flatnonzero(here == _RETURN)
    feeds = np.flatnonzero(here == _LINE)
    following, then = data[feeds + 2], data[feeds + 3]
    blank = (following == _LINE) | ((following == _RETURN) & (then == _LINE))
    return bool((data[returns + 2] == _LINE).all()) and not blank.any()


def _end(path: Path) -> int:
    """Where the last line that is not blank ends, without its line end."""
    with path.open("rb") as file:
        size = file.seek(0, 2)
        tail = min(size, 1 << 16)
        file.seek(size - tail)
        return size - tail + len(file.read().rstrip(b"\r\n"))


@dataclass(slots=True)
class _Stream:
    """The rows of a text file in batches; `broken` once they turned out not to be split so easily."""

    path: Path
    header: Header
    side: Side
    layout: Layout
    broken: bool = False

    def reader(self) -> pa.RecordBatchReader:
        """The rows under our names, with their numbers. Raises ArrowInvalid."""
        named = zip(COLUMNS[self.side], self.header.places, strict=True)
        ours = {name: f"c{place[0]}" for name, place in named if place}
        try:
            batches = self._open(sorted(set(ours.values())))
        except pa.ArrowInvalid:
            self.broken = True
            raise
        schema = pa.schema([("row", pa.int64()), *((name, pa.string()) for name in ours)])
        return pa.RecordBatchReader.from_batches(schema, self._numbered(batches, ours, schema))

    def _open(self, included: list[str]) -> Any:
        names = [f"c{place}" for place in range(self.header.width)]
        return pacsv.open_csv(
            self.path,
            read_options=pacsv.ReadOptions(column_names=names, skip_rows=1, block_size=_BLOCK),
            parse_options=pacsv.ParseOptions(delimiter=self.header.delimiter, newlines_in_values=False),
            convert_options=pacsv.ConvertOptions(
                include_columns=included,
                column_types=dict.fromkeys(included, pa.string()),
                strings_can_be_null=False,
                quoted_strings_can_be_null=False,
            ),
        )

    def _numbered(self, batches: Any, ours: dict[str, str], schema: pa.Schema) -> Iterator[pa.RecordBatch]:
        row = 2
        try:
            for batch in batches:
                numbers = pa.array(np.arange(row, row + batch.num_rows))
                columns = chain((numbers,), (batch.column(theirs) for theirs in ours.values()))
                yield pa.RecordBatch.from_arrays(list(columns), schema=schema)
                row += batch.num_rows
        except pa.ArrowInvalid:
            self.broken = True
            raise
