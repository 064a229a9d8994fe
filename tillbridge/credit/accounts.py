"""The house accounts: what stands on the other side of what is owed to a customer."""

from collections.abc import Mapping
from typing import Final

from tillbridge.ledger.model import Verb

HOUSE_OF_BUCKET: Final[Mapping[str, str]] = {
    "paid": "tender",
    "refund": "returns",
    "goodwill": "goodwill",
    "promo": "promo",
}
"""The account against which a credit of each bucket is issued, activated or loaded."""

BUCKET_OF_HOUSE: Final = {house: bucket for bucket, house in HOUSE_OF_BUCKET.items()}
"""Which bucket money went to, by the account that it came from."""

HOUSE_OF_VERB: Final[Mapping[Verb, str]] = {
    Verb.REDEEM: "sales",
    Verb.CAPTURE: "sales",
    Verb.REFUND: "refunded",
    Verb.VOID: "voided",
    Verb.CHARGEBACK: "chargeback",
    Verb.EXPIRE: "expired",
    Verb.CASH_OUT: "cash",
    Verb.ADJUST: "adjustments",
    Verb.REISSUE: "reissue",
    Verb.TRANSFER: "transfer",
}
"""The account of every other verb that moves money. `reissue` and `transfer` are gone through: they hold nothing."""
