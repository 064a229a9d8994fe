"""Canonical exports in little, and what was said of them."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import ibis

from tillbridge.diagnose.model import Side
from tillbridge.reconcile.columns import COLUMNS
from tillbridge.reconcile.sources.layout import Layout, canonical
from tillbridge.reconcile.sources.model import Loaded
from tillbridge.reconcile.sources.reading import read, table

Read = Callable[..., Loaded]


@contextmanager
def duckdb() -> Iterator[Any]:
    """The engine as a reconciliation opens it."""
    backend = ibis.duckdb.connect(preserve_insertion_order=False)
    backend.con.execute("SET TimeZone = 'UTC'")
    try:
        yield backend
    finally:
        backend.disconnect()


def reader(folder: Path, con: Any) -> Read:
    """Reads a file of these bytes, and holds that the table has as many rows as are said to be usable."""

    def read_bytes(side: Side, content: bytes, layout: Layout | None = None, name: str = "side.csv") -> Loaded:
        (folder / name).write_bytes(content)
        loaded = read(side, folder / name, layout or canonical(side), folder, con)
        assert int(table(loaded, con).count().execute()) == loaded.read.rows
        assert all(bad.side == side and bad.file == str(folder / name) for bad in loaded.read.bad)
        return loaded

    return read_bytes


POS: Final = {
    "transaction_id": "T1",
    "store": "002",
    "register": "1",
    "operator": "op24",
    "occurred_at": "2026-11-05T10:27:10-05:00",
    "kind": "gift_card",
    "bucket": "paid",
    "amount": "5.00",
    "currency": "USD",
    "code": "6281670170002304",
    "email": "a@example.net",
    "phone": "",
    "loyalty_id": "",
}
PLATFORM: Final = {
    "credit_id": "C1",
    "code": "6281670170002304",
    "transaction_id": "T1",
    "origin": "register",
    "issued_at": "2026-11-05T10:27:10-05:00",
    "state": "active",
    "issued": "5.00",
    "balance": "5.00",
    "currency": "USD",
    "bucket": "paid",
    "customer_id": "A1",
    "email": "",
    "phone": "",
    "loyalty_id": "",
    "last_activity_at": "",
}
STOREFRONT: Final = {
    "account_id": "A1",
    "email": "a@example.net",
    "phone": "",
    "loyalty_id": "",
    "code": "6281670170002304",
    "available": "5.00",
    "currency": "USD",
    "updated_at": "2026-11-05T10:27:10-05:00",
}
ERP: Final = {
    "document_id": "JE1",
    "transaction_id": "T1",
    "code": "6281670170002304",
    "posted_at": "2026-11-06T02:07:45-05:00",
    "amount": "5.00",
    "currency": "USD",
    "status": "posted",
    "error": "",
}
ROW: Final = {Side.POS: POS, Side.PLATFORM: PLATFORM, Side.STOREFRONT: STOREFRONT, Side.ERP: ERP}
ID: Final = {
    Side.POS: "transaction_id",
    Side.PLATFORM: "credit_id",
    Side.STOREFRONT: "account_id",
    Side.ERP: "document_id",
}


def lines(side: Side, *changed: dict[str, str], end: str = "\n") -> bytes:
    """A canonical export with a good row before and behind the changed ones, each with an id of its own."""
    rows = [{}, *changed, {}]
    header = ",".join(COLUMNS[side])
    cells = [{**ROW[side], ID[side]: f"X{number}", **row} for number, row in enumerate(rows, start=2)]
    return end.join([header, *(",".join(row.values()) for row in cells), ""]).encode()


def only(loaded: Loaded) -> tuple[int, str, str, str, str]:
    """The one thing that is wrong."""
    (bad,) = loaded.read.bad
    assert loaded.read.bad_rows == 1
    return bad.row, bad.name, bad.field, bad.problem, bad.mend
