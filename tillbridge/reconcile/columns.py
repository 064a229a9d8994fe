"""The columns of the four sides: as texts in a canonical export, and typed as the engine compares them.

Typed: texts without spaces around them and never null (blank is ""), codes without blanks and hyphens and in capitals,
money as whole minor units of the row's currency, times in UTC. `row` is the row's number in its file (the header is 1),
or its place in what a live system told.
"""

from collections.abc import Mapping
from typing import Final

import pyarrow as pa

from tillbridge.diagnose.model import Side

COLUMNS: Final[Mapping[Side, tuple[str, ...]]] = {
    Side.POS: tuple(
        "transaction_id store register operator occurred_at kind bucket amount currency code email phone "
        "loyalty_id".split()
    ),
    Side.PLATFORM: tuple(
        "credit_id code transaction_id origin issued_at state issued balance currency bucket customer_id email phone "
        "loyalty_id last_activity_at".split()
    ),
    Side.STOREFRONT: tuple("account_id email phone loyalty_id code available currency updated_at".split()),
    Side.ERP: tuple("document_id transaction_id code posted_at amount currency status error".split()),
}
"""The columns of each side, as its canonical export has them."""

TIMES: Final = frozenset({"occurred_at", "issued_at", "last_activity_at", "updated_at", "posted_at"})
"""The columns that hold a moment."""

AMOUNTS: Final = frozenset({"amount", "issued", "balance", "available"})
"""The columns that hold money, in the currency of the row's column `currency`."""

NEEDED: Final[Mapping[Side, frozenset[str]]] = {
    Side.POS: frozenset({"transaction_id", "occurred_at", "amount", "currency"}),
    Side.PLATFORM: frozenset({"credit_id", "code", "issued_at", "state", "issued", "balance", "currency"}),
    Side.STOREFRONT: frozenset({"account_id"}),
    Side.ERP: frozenset({"document_id", "status"}),
}
"""Columns that no row may leave blank. Beyond these: an account's row with a code needs `available` and `currency`, a
document that is posted needs `posted_at`, `amount` and `currency`, and a code or a transaction id."""

MOMENT: Final = pa.timestamp("us", tz="UTC")


def _typed(side: Side) -> pa.Schema:
    kinds = {**dict.fromkeys(TIMES, MOMENT), **dict.fromkeys(AMOUNTS, pa.int64())}
    return pa.schema([("row", pa.int64()), *((name, kinds.get(name, pa.string())) for name in COLUMNS[side])])


SCHEMAS: Final[Mapping[Side, pa.Schema]] = {side: _typed(side) for side in Side}
"""The typed columns of each side."""
