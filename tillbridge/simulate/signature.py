"""Whether a delivery comes from the hub: the Standard Webhooks signature, checked as a customer's system would.

Written apart from the hub's own signing on purpose: two readings of one specification check each other.
"""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping
from datetime import datetime
from typing import Final

TOLERANCE_SECONDS: Final = 300
"""How far a signature's time may be from ours, either way."""


class Verifier:
    """Checks signatures made with one secret: `whsec_` and base64, or plain text."""

    def __init__(self, secret: str) -> None:
        self._key = _key(secret)

    def fault(self, headers: Mapping[str, str], body: bytes, now: datetime) -> str | None:
        """What is wrong with the signature, as a sentence, or None."""
        name, at = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
        if not name or not at.isdecimal():
            return "The headers webhook-id and webhook-timestamp are needed."
        if abs(now.timestamp() - int(at)) > TOLERANCE_SECONDS:
            return f"The signature's time is more than {TOLERANCE_SECONDS} s from ours."
        digest = hmac.digest(self._key, f"{name}.{at}.".encode() + body, hashlib.sha256)
        ours = "v1," + base64.b64encode(digest).decode()
        # During a change of secrets a sender may give several signatures, separated by spaces.
        given = headers.get("webhook-signature", "").split()
        if not any(hmac.compare_digest(ours.encode(), one.encode()) for one in given):
            return "No signature of this body with our secret is given."
        return None


def _key(secret: str) -> bytes:
    encoded = secret.removeprefix("whsec_")
    if encoded == secret:
        return secret.encode()
    try:
        return base64.b64decode(encoded, validate=True)
    except binascii.Error:
        return secret.encode()
