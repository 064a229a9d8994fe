"""Typed rows of the four sides as values."""

from collections.abc import Iterator, Mapping
from typing import Any

import pyarrow as pa

from tillbridge.diagnose.model import Booked, Held, Sale, Shown
from tillbridge.identity.model import Given
from tillbridge.reconcile.columns import MOMENT

Row = Mapping[str, Any]


def rows(table: pa.Table) -> Iterator[Row]:
    """The rows of a table, by column. Times that an engine gives without a zone are in UTC, as all engines are set."""
    for place, one in enumerate(table.schema):
        if pa.types.is_timestamp(one.type) and one.type != MOMENT:
            table = table.set_column(place, one.name, table.column(place).cast(MOMENT))
    for batch in table.to_batches(max_chunksize=10_000):
        yield from batch.to_pylist()


def sale(row: Row) -> Sale:
    """A row of the registers."""
    return Sale(
        row["transaction_id"],
        row["store"],
        row["register"],
        row["operator"],
        row["occurred_at"],
        row["kind"],
        row["bucket"],
        row["amount"],
        row["currency"],
        row["code"],
        given(row),
    )


def held(row: Row) -> Held:
    """A row of the platform."""
    return Held(
        row["credit_id"],
        row["code"],
        row["transaction_id"],
        row["origin"],
        row["issued_at"],
        row["state"],
        row["issued"],
        row["balance"],
        row["currency"],
        row["bucket"],
        row["customer_id"],
        given(row),
        row["last_activity_at"],
    )


def shown(row: Row) -> Shown:
    """A row of the web store that has a credit."""
    return Shown(row["account_id"], row["code"], row["available"], row["currency"], row["updated_at"])


def booked(row: Row) -> Booked:
    """A row of the books."""
    return Booked(
        row["document_id"],
        row["transaction_id"],
        row["code"],
        row["posted_at"],
        row["amount"],
        row["currency"],
        row["status"],
        row["error"],
    )


def given(row: Row) -> Given:
    """The identifiers of a row."""
    return Given(email=row["email"], phone=row["phone"], loyalty_id=row["loyalty_id"])
