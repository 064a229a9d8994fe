"""What files call the credits that live systems know by the hub's id.

The ledger keeps no code, only its keyed hash, and live systems were told the id alone. So the codes that the files name
are hashed with the hub's secret and looked up; a credit that a file names goes by its code on every side, and any other
by its id. What an export of the platform says of its own ids and codes counts as well.
"""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import ibis
import pyarrow as pa
import pyarrow.parquet as pq
from ibis import _

from tillbridge.credit.codes import Codes
from tillbridge.diagnose.model import Side
from tillbridge.kernel.db import Db
from tillbridge.ledger import store as ledger
from tillbridge.reconcile.engine import open_engine
from tillbridge.reconcile.live.keys import key_of

AT_ONCE: Final = 10_000
"""Codes that are looked up in one round trip."""

_SCHEMA: Final = pa.schema([("key", pa.string()), ("code", pa.string())])


async def learn_codes(db: Db, codes: Codes, files: Mapping[Side, Path], staging: Path) -> Path | None:
    """The names by which these files (typed Parquet) call the hub's credits: `key` and `code`, one row a credit, in a
    file of the staging folder; None where there are no files. Raises DatabaseError."""
    if not files:
        return None
    drawn, looked_up, learnt = (staging / f"codes-{name}.parquet" for name in ("named", "known", "learnt"))
    await asyncio.to_thread(_draw, files, drawn, staging)
    with pq.ParquetWriter(looked_up, _SCHEMA, compression="zstd") as writer:
        for named in _batches(drawn):
            hashed = {codes.hash(code): code for code in named}
            found = await ledger.credits_of_codes(db, list(hashed))
            pairs = [(key_of(credit_id), hashed[code_hash]) for code_hash, credit_id in found.items()]
            if pairs:
                keys, plain = zip(*pairs, strict=True)
                writer.write_table(pa.Table.from_arrays([pa.array(keys), pa.array(plain)], schema=_SCHEMA))
    await asyncio.to_thread(_together, files, looked_up, learnt, staging)
    return learnt


def _draw(files: Mapping[Side, Path], drawn: Path, staging: Path) -> None:
    """Every code that a file names, once."""
    with open_engine("duckdb", staging) as con:
        tables = [con.read_parquet(path).select("code") for path in files.values()]
        con.to_parquet(ibis.union(*tables, distinct=True).filter(_.code != ""), drawn)


def _batches(drawn: Path) -> Iterator[Sequence[str]]:
    with pq.ParquetFile(drawn) as file:
        for batch in file.iter_batches(AT_ONCE):
            yield batch.column(0).to_pylist()


def _together(files: Mapping[Side, Path], looked_up: Path, learnt: Path, staging: Path) -> None:
    """One name for each key: the first in the order of texts where there are several."""
    with open_engine("duckdb", staging) as con:
        tables = [con.read_parquet(looked_up).select("key", "code")]
        if Side.PLATFORM in files:
            told = con.read_parquet(files[Side.PLATFORM])
            key = told.credit_id.re_replace(r"[\s-]+", "").upper()
            tables.append(told.select(key=key, code=told.code).filter((_.key != "") & (_.code != "")))
        con.to_parquet(ibis.union(*tables).group_by("key").agg(code=_.code.min()), learnt)


def renamed(con: Any, raw: Path, learnt: Path | None) -> Any:
    """A raw side as an expression, each credit by the code that a file has for it."""
    table = con.read_parquet(raw)
    if learnt is None:
        return table
    names = con.read_parquet(learnt).select(named_key="key", named_code="code")
    joined = table.left_join(names, table.code == names.named_key)
    return joined.mutate(code=ibis.coalesce(joined.named_code, joined.code)).drop("named_key", "named_code")
