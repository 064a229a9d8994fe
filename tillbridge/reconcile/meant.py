"""What may have been meant by an identifier that cannot be right: for finding candidates, and for nothing else.

One wrong digit spoils the check digit of a loyalty id, a letter too many makes a phone that no country gives out.
Such a value proves nothing and links nobody, but it is like the right one, and a person may look at whoever has that.
"""

import re
from dataclasses import replace
from typing import Final

import phonenumbers

from tillbridge.identity.model import Heard, Kind, Normal, Unusable
from tillbridge.identity.normalise import LENGTH_MAX, LOYALTY_DIGITS

DIGITS_MIN: Final = 6
"""With fewer digits a phone is like too many."""

_NO_DIGITS: Final = re.compile(r"[^0-9]")
_ADDRESS: Final = re.compile(r"[^\s@]+@[^\s@]+")


def meant(heard: Heard, country: str) -> Heard:
    """The same with what was unusable in the spelling that it would have, as far as it has one. Blank stays blank."""
    guesses = [_guess(one, country) for one in heard.unusable if not one.blank and len(one.raw) <= LENGTH_MAX]
    return replace(heard, usable=(*heard.usable, *(guess for guess in guesses if guess)))


def _guess(one: Unusable, country: str) -> Normal | None:
    text = one.raw.strip()
    if one.kind is Kind.EMAIL:
        return Normal(one.kind, one.raw, text.lower()) if _ADDRESS.fullmatch(text) else None
    if one.kind is Kind.LOYALTY:
        digits = _NO_DIGITS.sub("", text)
        return Normal(one.kind, one.raw, digits) if len(digits) in LOYALTY_DIGITS else None
    return _phone(one, text, country) if one.kind is Kind.PHONE else None


def _phone(one: Unusable, text: str, country: str) -> Normal | None:
    if len(_NO_DIGITS.sub("", text)) < DIGITS_MIN:
        return None
    try:
        number = phonenumbers.parse(text, country)
    except phonenumbers.NumberParseException:
        return None
    return Normal(one.kind, one.raw, phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164))
