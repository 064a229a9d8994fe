"""The words that cells of closed lists may hold, and those that are only remarked upon."""

from collections.abc import Mapping
from typing import Final

from tillbridge.stack.terms import BUCKETS

STATES: Final = ("pending", "unclaimed", "active", "frozen", "redeemed", "void", "expired")
STATUSES: Final = ("posted", "error")

CLOSED: Final[Mapping[str, tuple[str, ...]]] = {"state": STATES, "status": STATUSES}
"""Columns whose words are a closed list; capitals and small letters are the same."""

USUAL: Final[Mapping[str, tuple[str, ...]]] = {"kind": ("store_credit", "gift_card"), "bucket": tuple(BUCKETS)}
"""Columns whose other words are only remarked upon."""

IDS: Final = ("transaction_id", "credit_id", "document_id", "account_id", "customer_id")
"""Columns that name something: a spreadsheet that took one for a number has spoiled it, as it does codes."""
