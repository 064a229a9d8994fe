"""Rows that stand twice: found by the engine over all rows; only then are their numbers looked up."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import ibis
import pyarrow as pa
import pyarrow.parquet as pq
from ibis import _
from ibis.expr.types import StringValue, Table

from tillbridge.diagnose.model import Side
from tillbridge.reconcile.sources.model import NAMED, NAMES, Complaint, Tally, shown

KEYS: Final[Mapping[Side, tuple[str, ...]]] = {
    Side.POS: ("transaction_id", "code"),
    Side.PLATFORM: ("credit_id",),
    Side.STOREFRONT: ("account_id", "code"),
    Side.ERP: ("document_id",),
}
"""What no two rows of a side have alike. One sale may issue several credits, each with a code of its own."""

_SAID: Final[Mapping[Side, str]] = {
    Side.POS: "the transaction stands there already with this code",
    Side.PLATFORM: "the credit stands there already",
    Side.STOREFRONT: "the account stands there already with this code",
    Side.ERP: "the document stands there already",
}
_MEND: Final = "Find out which of the two is true, and take the other out."


@dataclass(frozen=True, slots=True)
class Twins:
    """The later rows of all that stand more than once: what is said of them, and the file of their numbers."""

    tally: Tally
    dropped: Path | None


def find(table: Table, side: Side, target: Path) -> Twins:
    """Which rows of a typed table stand there already; their numbers go into the Parquet file `target`."""
    # Grouping by a number of eight bytes takes a fraction of what the keys themselves would.
    prints = table.select(print=_key(table, side).hash())
    again = prints.group_by("print").agg(times=_.count()).filter(_.times > 1).select("print")
    found = again.to_pyarrow()
    if not found.num_rows:
        return Twins(Tally(), None)
    suspects = table.mutate(print=_key(table, side).hash()).semi_join(ibis.memtable(found), "print")
    keyed = suspects.mutate(key=_key(suspects, side))
    first = keyed.row.min().over(ibis.window(group_by=keyed.key))
    later = keyed.mutate(first=first).filter(_.row > _.first).select("row", "first", *NAMES[side]).order_by("row")
    rows = later.to_pyarrow()
    if not rows.num_rows:
        return Twins(Tally(), None)
    pq.write_table(pa.table({"row": rows.column("row")}), target)
    return Twins(Tally(rows.num_rows, tuple(_complaints(rows.slice(0, NAMED).to_pylist(), side))), target)


def _key(table: Table, side: Side) -> StringValue:
    """The key as one text. Cards that one sale issued and whose codes the register does not know differ in money."""
    parts = [table[name] for name in KEYS[side]]
    key = parts[0]
    for part in parts[1:]:
        key = key.concat("\t", part)
    if side is Side.POS:
        nameless = ibis.literal("\t").concat(table.amount.cast("string"), table.currency)
        return key.concat((table.code == "").ifelse(nameless, ""))
    return key


def _complaints(rows: list[dict[str, Any]], side: Side) -> Iterator[Complaint]:
    for row in rows:
        name = next((row[one] for one in NAMES[side] if row[one]), "")
        problem = f"{_SAID[side]}, in row {row['first']}"
        yield Complaint(KEYS[side][0], problem, _MEND, row["row"], shown(name, 60))
