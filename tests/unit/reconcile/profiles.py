"""A web store's directory for the tests: rows of the storefront's side, and those of the sample."""

import csv
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa

from tillbridge.diagnose.model import Side
from tillbridge.identity.model import Given
from tillbridge.reconcile.columns import SCHEMAS

SAMPLE = Path(__file__).parents[2] / "data" / "sample"


def table(profiles: Sequence[Given]) -> pa.Table:
    """The storefront's side, one row for each."""
    rows = [
        {
            "row": number,
            "account_id": one.account_id,
            "email": one.email,
            "phone": one.phone,
            "loyalty_id": one.loyalty_id,
            "code": "",
            "available": 0,
            "currency": "",
            "updated_at": None,
        }
        for number, one in enumerate(profiles, start=2)
    ]
    return pa.Table.from_pylist(rows, SCHEMAS[Side.STOREFRONT])


def given_of(row: dict[str, str]) -> Given:
    return Given(row["email"], row["phone"], row["loyalty_id"], row.get("account_id", ""))


def rows_of(name: str) -> list[dict[str, str]]:
    with (SAMPLE / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))
