"""Codes of credits: made, checked, and kept only as a keyed hash.

A code is 19 digits: 18 of chance (60 bits) and a Luhn check digit, so that a mistyped digit is told at once. It is made
from the key of the request that issues the credit, so that a repeat of the request gets the same code again although
nobody kept it.
"""

import hashlib
import hmac
import re
from typing import Final

CODE_DIGITS: Final = 19
"""Digits in a code of ours: the longest that card readers take (ISO/IEC 7812)."""

_PIN = re.compile(r"[0-9]{4,8}")
_CODE = re.compile(r"[0-9A-Za-z]{4,40}")
_BREAKS = re.compile(r"[\s-]+")


_DOUBLED: Final = str.maketrans("0123456789", "0246813579")
"""Twice each digit, less nine where that has two."""


def luhn_digit(digits: str) -> str:
    """The check digit for a text of digits."""
    total = sum(map(int, digits[-1::-2].translate(_DOUBLED))) + sum(map(int, digits[-2::-2]))
    return str(-total % 10)


def plain_code(text: str) -> str:
    """A code as typed, without blanks and dashes, in upper case. Raises ValueError when it can be no code."""
    code = _BREAKS.sub("", text)
    if not _CODE.fullmatch(code):
        raise ValueError("a code has 4 to 40 letters and digits")
    return code.upper()


def plain_pin(text: str) -> str:
    """A PIN as typed, without blanks around it. Raises ValueError when it can be no PIN; never says what was typed."""
    pin = text.strip()
    if not _PIN.fullmatch(pin):
        raise ValueError("a PIN has 4 to 8 digits")
    return pin


class Codes:
    """Makes and hashes codes, tokens and digests with one secret."""

    def __init__(self, secret: bytes) -> None:
        self._secret = secret

    def _keyed(self, purpose: str, text: str) -> bytes:
        return hmac.digest(self._secret, f"{purpose}\0{text}".encode(), hashlib.sha256)

    def make(self, key: str) -> str:
        """The code of the credit that the request with this key issues."""
        digits = str(int.from_bytes(self._keyed("code", key)[:16], "big") % 10 ** (CODE_DIGITS - 1))
        body = digits.rjust(CODE_DIGITS - 1, "0")
        return body + luhn_digit(body)

    def hash(self, code: str) -> bytes:
        """What is kept of a code: 32 bytes. `code` must be plain (`plain_code`)."""
        return self._keyed("hash", code)

    def hash_pin(self, code: str, pin: str) -> bytes:
        """What is kept of a PIN: 32 bytes, keyed with its code, so that equal PINs differ. Both must be plain."""
        return self._keyed("pin", f"{code}\0{pin}")

    def digest(self, text: str) -> str:
        """What is kept of a personal text in a stored request, for telling whether a repeat says the same."""
        return self._keyed("digest", text)[:16].hex() if text else ""

    def secret_print(self) -> str:
        """A print of the secret, by which a database knows its own."""
        return self._keyed("print", "")[:16].hex()

    def token(self, purpose: str, text: str, bytes_long: int = 32) -> bytes:
        """Bytes that only the holder of the secret can make, for claim addresses and signed cookies."""
        return self._keyed(purpose, text)[:bytes_long]
