"""Idempotency keys: what is taken from outside, one spelling for each, and what the hub keeps for itself."""

import re
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

KEY_MAX: Final = 200
"""The longest key, in characters."""

_OURS: Final = re.compile(r"(claim|restore|reissue|unlink|expiry|void|hub):", re.IGNORECASE)
_ENDS_IN_TIME: Final = re.compile(r"(.*-)(\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:\.\d{1,6})?(?:Z|[+-]\d\d:?\d\d))")


def plain_key(text: str) -> str:
    """A key from outside in its one spelling. Raises ValueError when it cannot be used.

    A register's key is `store-register-timestamp`; the same moment may be written in another zone by an export of the
    same sale, so the time is kept in UTC: `006-3-2026-11-21T14:02:11-05:00` is `006-3-2026-11-21T19:02:11Z`.
    """
    if not text:
        raise ValueError("a key must not be blank")
    if len(text) > KEY_MAX or not text.isascii() or not text.isprintable():
        raise ValueError(f"a key has at most {KEY_MAX} printable ASCII characters")
    if _OURS.match(text):
        raise ValueError("keys that begin like this are the hub's own")
    found = _ENDS_IN_TIME.fullmatch(text)
    return found.group(1) + _in_utc(found.group(2)) if found else text


def _in_utc(text: str) -> str:
    if len(text) == len("2026-11-21T19:02:11Z") and text[10] == "T":
        return text  # the one spelling already: whole seconds, in UTC
    try:
        moment = datetime.fromisoformat(text).astimezone(UTC)
    except (ValueError, OverflowError):
        return text
    whole = f"{moment:%Y-%m-%dT%H:%M:%S}"
    return f"{whole}.{moment.microsecond:06d}".rstrip("0") + "Z" if moment.microsecond else f"{whole}Z"


def lapse_key(hold_id: UUID, *, late: bool = False) -> str:
    """The key under which a hold lapses: once, whoever comes upon it. `late` is for one that was refused as too early.

    The ledger writes both itself as well."""
    return f"expiry:hold:{hold_id}:late" if late else f"expiry:hold:{hold_id}"


def expiry_key(credit_id: UUID, version: int) -> str:
    """The key under which a credit expires as it stands: an expiry that was refused because something had changed may
    be tried again."""
    return f"expiry:{credit_id}:{version}"


def unlink_key(decision_id: UUID, version: int) -> str:
    """The key under which a credit, as it stands, leaves the customer whom a decision took it from: what was refused
    because of a hold or a freeze may be tried again."""
    return f"unlink:{decision_id}:{version}"


def claim_key(credit_id: UUID, challenge_id: UUID) -> str:
    """The key of one try to claim. The credit's state is what lets only one of them through."""
    return f"claim:{credit_id}:{challenge_id}"
