"""One spelling for each identifier, or the reason why it cannot be used. Pure, and remembered: people come back.

Two people must never become one by normalising, so it only undoes what cannot tell people apart: upper case, the
punctuation of phone numbers, the spaces in a card number. Tags and dots in an e-mail stay.
"""

import re
from functools import lru_cache
from typing import Final

import phonenumbers
from email_validator import EmailNotValidError, ValidatedEmail, validate_email

from tillbridge.identity.model import NOUNS, Given, Heard, Kind, Normal, Unusable
from tillbridge.identity.particulars import particulars

LENGTH_MAX: Final = 254
"""The longest identifier that is looked at: the longest e-mail address there is (RFC 5321)."""

LOYALTY_DIGITS: Final = range(6, 33)
"""How many digits a loyalty id may have. Shorter ones pass the check digit by accident too often."""

REMEMBERED: Final = 16_384
"""How many e-mails and phones are remembered, each: a few megabytes."""

_NOTHING: Final = frozenset(
    "noemail nomail noemailaddress noemailgiven none nophone nonumber nophonenumber noaddress noloyalty nocard null "
    "unknown notgiven notprovided notavailable notapplicable declined refused donotcontact".split()
)
"""What people type to say that there is none, letters and digits only. As a local part it makes any e-mail blank:
whoever really owns none@gmail.com is not whom the clerk means."""

_SHORT: Final = frozenset(["", *"x xx xxx xxxx n na nil no non tbd test testing a aa asdf email mail phone".split()])
"""The same, but short enough to be somebody's initials in an e-mail: there both sides must be of these words."""

_PUNCTUATION: Final = re.compile(r"[\W_]+")
_WORDS: Final = re.compile(r"[^\W\d_]+")
_EXTENSION_WORDS: Final = frozenset("x ext extn extension tel".split())
_PLAIN_LOCAL: Final = re.compile(r"(?=.{1,64}\Z)[A-Za-z0-9_+-]+(?:\.[A-Za-z0-9_+-]+)*", re.ASCII)
_CARD_GAPS: Final = re.compile(r"[\s\-\u2010-\u2015]+")
_UNWRITABLE: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\ud800-\udfff]")
_RUNS: Final = ("01234567890123456789", "12345678901234567890", "98765432109876543210")


def given(identifiers: Given, country: str) -> Heard:
    """All identifiers of one request, normalised. `country` (ISO 3166, `US`) reads phones written without their own."""
    answers = (
        account(identifiers.account_id),
        loyalty(identifiers.loyalty_id),
        email(identifiers.email),
        phone(identifiers.phone, country),
    )
    return Heard(
        usable=tuple(answer for answer in answers if isinstance(answer, Normal)),
        unusable=tuple(answer for answer in answers if isinstance(answer, Unusable)),
        particulars=particulars(
            identifiers.name, identifiers.street, identifiers.place, identifiers.postcode, identifiers.birth_date
        ),
    )


@lru_cache(REMEMBERED)
def email(raw: str) -> Normal | Unusable:
    """An e-mail address in lower case, without asking the network. The domain must be one that could get mail."""
    text = raw.strip()
    unusable = _blank(Kind.EMAIL, raw, text)
    if unusable:
        return unusable
    local, _, domain = text.casefold().rpartition("@")
    if _bare(local) in _NOTHING or (_stands_for_nothing(local) and _stands_for_nothing(domain.partition(".")[0])):
        return _placeholder(Kind.EMAIL, raw, text)
    # A plain local part is in order at any domain: of millions of addresses only the few domains are looked into.
    name, at, host = text.rpartition("@")
    plain = bool(at) and _PLAIN_LOCAL.fullmatch(name) is not None
    checked = _at_domain(host) if plain else _checked(text)
    if checked is None:
        return Unusable(Kind.EMAIL, raw, False, f"{_quoted(text)} is no valid e-mail address")
    # Lower case and not casefold(): that one would make two mailboxes one (straße, strasse).
    return Normal(Kind.EMAIL, raw, f"{(name if plain else checked.local_part).lower()}@{checked.domain}")


@lru_cache(REMEMBERED)
def phone(raw: str, country: str) -> Normal | Unusable:
    """A phone number as E.164 (`+16172000068`). It must be a number that its country gives out.

    An extension stays part of it (`;ext=12`): one switchboard serves many people.
    """
    text = raw.strip()
    unusable = _blank(Kind.PHONE, raw, text)
    if unusable:
        return unusable
    digits = _bare(text)
    if _is_filler(digits):
        return _placeholder(Kind.PHONE, raw, text)
    # Letters would be read as on a keypad, which makes numbers out of words.
    if set(_WORDS.findall(text.casefold())) <= _EXTENSION_WORDS:
        number = _number(text, country)
        if number is not None:
            return Normal(Kind.PHONE, raw, number)
    return Unusable(Kind.PHONE, raw, False, f"{_quoted(text)} is no valid phone number in {country}")


def loyalty(raw: str) -> Normal | Unusable:
    """A loyalty id: its digits, when the last of them is the right check digit (Luhn)."""
    text = raw.strip()
    unusable = _blank(Kind.LOYALTY, raw, text)
    if unusable:
        return unusable
    digits = _CARD_GAPS.sub("", text)
    if not (digits.isascii() and digits.isdecimal() and len(digits) in LOYALTY_DIGITS):
        return Unusable(Kind.LOYALTY, raw, False, f"{_quoted(text)} is no loyalty id")
    if _is_filler(digits):
        return _placeholder(Kind.LOYALTY, raw, text)
    if not passes_luhn(digits):
        return Unusable(Kind.LOYALTY, raw, False, f"{_quoted(text)} has a wrong check digit")
    return Normal(Kind.LOYALTY, raw, digits)


def account(raw: str) -> Normal | Unusable:
    """An account id, exactly as its system writes it but for spaces around it."""
    text = raw.strip()
    unusable = _blank(Kind.ACCOUNT, raw, text)
    if unusable:
        return unusable
    if not text.isprintable():
        return Unusable(Kind.ACCOUNT, raw, False, f"{_quoted(text)} is no account id")
    return Normal(Kind.ACCOUNT, raw, text)


def passes_luhn(digits: str) -> bool:
    """Whether the last digit is the Luhn check digit of those before it."""
    total = 0
    for place, digit in enumerate(reversed(digits)):
        step = int(digit) << (place % 2)
        total += step - 9 if step > 9 else step
    return total % 10 == 0


@lru_cache(REMEMBERED)
def _at_domain(host: str) -> ValidatedEmail | None:
    """What is known of every address with a plain local part at this domain."""
    return _checked(f"a@{host}")


def _checked(address: str) -> ValidatedEmail | None:
    try:
        return validate_email(address, check_deliverability=False)
    except EmailNotValidError:
        return None


def _number(text: str, country: str) -> str | None:
    """The number in E.164, with its extension; None when it is no number that a country gives out."""
    try:
        number = phonenumbers.parse(text, country)
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_valid_number(number):
        return None
    plain = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    return f"{plain};ext={number.extension}" if number.extension else plain


def _blank(kind: Kind, raw: str, text: str) -> Unusable | None:
    """The checks that every kind begins with: nothing there, a word for nothing, or far too much."""
    if not text:
        return Unusable(kind, raw, True, f"the {NOUNS[kind]} is blank")
    if len(text) > LENGTH_MAX:
        return Unusable(kind, raw, False, f"the {NOUNS[kind]} is longer than {LENGTH_MAX} characters")
    if _UNWRITABLE.search(raw):
        return Unusable(kind, raw, False, f"the {NOUNS[kind]} holds characters that nobody can type")
    if _stands_for_nothing(text):
        return _placeholder(kind, raw, text)
    return None


def _placeholder(kind: Kind, raw: str, text: str) -> Unusable:
    """Someone had to fill the field and had nothing to fill in."""
    return Unusable(kind, raw, True, f"{_quoted(text)} stands for no {NOUNS[kind]}")


def _bare(text: str) -> str:
    """Letters and digits only."""
    return _PUNCTUATION.sub("", text.casefold())


def _stands_for_nothing(text: str) -> bool:
    bare = _bare(text)
    return bare in _SHORT or bare in _NOTHING


def _is_filler(digits: str) -> bool:
    """One digit over and over, or digits counted up or down: 0000000000, 1234567890."""
    return len(set(digits)) == 1 or any(run.startswith(digits) for run in _RUNS)


def _quoted(text: str) -> str:
    """What was typed, short enough for a sentence."""
    return repr(text if len(text) <= 60 else f"{text[:57]}...")
