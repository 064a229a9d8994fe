"""What must not be read in a log: e-mail addresses, phone numbers, codes, keys and secrets. Pure: text in, text out.

A log is read by many and kept for long. Nobody means to write a customer's address into it, but errors of other
libraries quote what they were given. So every line goes through here, whoever wrote it. Where it is not certain, it is
masked: of numbers, what looks like a time, an amount, an id or an address of a machine stays, and every other run of
six digits or more goes.
"""

import re
from typing import Final

EMAIL: Final = "[e-mail]"
PHONE: Final = "[phone]"
CODE: Final = "[code]"
SECRET: Final = "[secret]"  # noqa: S105 - what stands in for one

_TEXT_MAX: Final = 20_000
"""Characters of a line, traceback and all, that are kept: what is cut off cannot leak."""

_SECRETS: Final = re.compile(
    r"""
    (?P<word>
        \b(?:bearer|basic)\s+(?=\S{8})(?=\S*[^\sA-Za-z,.:;'])
      | ://[^\s/@:]*:(?=[^\s@]+@)
      | (?:pass(?:word|wd)?|pwd|secrets?|tokens?|api[-_]?keys?|authorization|cookie|signature)
        (?P<between>['"]?\s*[=:]\s*|['"]?\)\s*=\s*\()
    )
    (?P<quote>b?['"])?
    (?: (?<=['"])[^'"\n]+ | [^\s'",;)}\]@]+ )
    """,
    re.IGNORECASE | re.VERBOSE,
)
_CODES: Final = re.compile(
    r"""
    (?<![A-Za-z])(?P<word>(?i:(?:claim[-_ ]?|one[-_ ]?time[-_ ]?)?(?:code|pin|otp)))
    (?P<between>['"]?\s*[=:]\s*|['"]?\)\s*=\s*\(|\s+(?:is\s+)?)
    (?P<quote>['"]?)
    (?P<code>(?=[\w-]*[0-9]|[A-Z]{4})[0-9A-Za-z][0-9A-Za-z-]{3,}\b)
    """,
    re.VERBOSE,
)
_CLAIMS: Final = re.compile(r"(?P<path>/(?:claim|vouchers)/)[^\s/?#'\"<>]+")
_EMAILS: Final = re.compile(r"""(?:"[^"\n]{1,64}"|[^\s@"<>()\[\],:;\\]{1,200})(?:@|%40)(?:\[[^\]\s]*\]|[\w.-]+)""")
_TOKENS: Final = re.compile(
    r"\b(?:tb_|whsec_)[\w+/=-]{4,}|(?<![\w/.-])(?=[\w+-]*[0-9])(?=[\w+-]*[A-Z])(?=[\w+-]*[a-z])[\w+-]{24,}={0,2}"
)

_DATE: Final = r"(?:19|20)\d\d-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])"
_TIME: Final = r"(?:[01]\d|2[0-3]):[0-5]\d(?::[0-5]\d(?:[.,]\d{1,6})?)?(?:\s?(?:Z|[+-]\d\d:?\d\d)(?!\d))?"
_HEX: Final = "[0-9A-Fa-f]"
_PLAIN: Final = re.compile(
    rf"""
      (?<![0-9A-Za-z]){_HEX}{{8}}-{_HEX}{{4}}-{_HEX}{{4}}-{_HEX}{{4}}-{_HEX}{{12}}(?![0-9A-Za-z])
    | (?<![\d+])(?<!\d[-.])(?:\w{{1,6}}-\w{{1,4}}-)?{_DATE}(?:[T ]{_TIME})?(?!\d|[-.]\d)
    | (?<![\d:])(?:\d{{1,3}}\.){{3}}\d{{1,3}}(?::\d{{1,5}})?(?![\d.])
    | (?<=:)\d{{2,5}}(?=/)
    | (?<![\w.+-])(?<![\d)][ ])-?\d{{1,9}}\.\d{{1,3}}(?!\d|[-. ]\d)
    | (?<![\w.+-])0\.\d{{1,17}}(?!\d|[-. ]\d)
    | (?<![\w.+-])(?<![\d)][ ])\d{{1,5}}\.\d{{4,9}}(?=\ ?(?:ms|s|seconds)\b)
    """,
    re.VERBOSE,
)
"""Numbers that are no one's: ids, times, addresses of machines, amounts."""

_ABROAD: Final = re.compile(r"[+\uFF0B]\d(?:[\s().\-/\u00A0\u2010-\u2015]{0,3}\d){5,}")
_NUMBERS: Final = re.compile(r"(?<!\w)\(?\d(?:[\ ().\-/\u00A0\u2010-\u2015]{0,3}\d){6,}|\d{6,}")
_GROUPS: Final = re.compile(
    r"""
      (?<![\w-])(?=[0-9A-Za-z-]*[0-9])[0-9A-Za-z]{4}(?:-[0-9A-Za-z]{4}){1,9}(?![\w-])
    | (?<![\w./-])(?=[A-Za-z]*[0-9])(?=[0-9]*[A-Za-z])(?:[0-9]|[A-Z])(?:[0-9A-Z]){7,39}(?![\w-])
    """,
    re.VERBOSE,
)
"""Codes with letters: in groups of four, or in one piece of capitals and digits."""


def masked(text: str) -> str:
    """The text without what must not be read in a log."""
    text = text if len(text) <= _TEXT_MAX else f"{text[:_TEXT_MAX]} …"
    text = _CLAIMS.sub(rf"\g<path>{CODE}", text)
    text = _SECRETS.sub(lambda found: f"{found['word']}{found['quote'] or ''}{SECRET}", text)
    text = _EMAILS.sub(EMAIL, text)
    text = _CODES.sub(lambda found: f"{found['word']}{found['between']}{found['quote']}{CODE}", text)
    text = _TOKENS.sub(SECRET, text)
    text = _ABROAD.sub(PHONE, text)
    return _numbers_masked(text)


def _numbers_masked(text: str) -> str:
    """Mask what is between the numbers that may stay."""
    parts, end = [], 0
    for plain in _PLAIN.finditer(text):
        parts += [_piece_masked(text[end : plain.start()]), plain.group()]
        end = plain.end()
    return "".join([*parts, _piece_masked(text[end:])])


def _piece_masked(piece: str) -> str:
    return _NUMBERS.sub(_number_masked, _GROUPS.sub(CODE, piece))


def _number_masked(found: re.Match[str]) -> str:
    """A number in groups is a phone or a card; in one piece it may be either."""
    digits = sum(sign.isdecimal() for sign in found.group())
    whole = len(found.group()) == digits
    return CODE if (whole and digits not in range(9, 13)) or digits > 15 else PHONE
