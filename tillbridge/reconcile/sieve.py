"""Which rows of a directory may hold an identifier that is asked for: decided by the engine, before any is normalised.

Normalising ten million phones one by one takes minutes, so the engine first drops what cannot match. It may let too
much through, never too little: each sieve is a necessary condition of being the same after `identity.normalise`.

- *e-mail*: of printable ASCII alone, normalising is small letters and no more, so its small letters must be asked for.
- *phone*: of digits and their punctuation alone, normalising changes the beginning (a country's code comes, a trunk
  prefix goes) and never the end, so its last digits must be those of a number that is asked for.
- *loyalty id*: normalising leaves the digits, so its digits must be asked for.

Whatever is written in another way (letters of other scripts, an extension, `xn--`) passes, to be normalised exactly.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

import ibis
import ibis.expr.types as ir
import phonenumbers
import pyarrow as pa

from tillbridge.identity.model import Kind

COLUMN: Final[Mapping[Kind, str]] = {
    Kind.ACCOUNT: "account_id",
    Kind.LOYALTY: "loyalty_id",
    Kind.EMAIL: "email",
    Kind.PHONE: "phone",
}
"""The column of the storefront's side that holds each kind."""

TAIL_DIGITS: Final = 7
"""How many digits at the end of a phone are compared: enough to be rare, and no more than normalising leaves alone."""

TAIL_DIGITS_OF: Final[Mapping[str, int]] = {"AR": 6, "GG": 6, "IM": 6, "JE": 6, "SM": 6, "NF": 5}
"""Regions that put something in front of fewer digits: `15 431234` is a mobile in Argentina, and six digits are a whole
local number in Jersey. A test derives the same from the rules of all regions."""

_ODD: Final = " "
"""The key of what is written in another way. No other key has a blank."""

_ODD_ASCII: Final = r"[^!-~]"
_ODD_EMAIL: Final = r"[^!-~]|[xX][nN]--"
_ODD_PHONE: Final = r"[^-+0-9 ().]"
_MAY_BE_PHONE: Final = r"[0-9]|[^ -~]"
_NO_DIGITS: Final = r"[^0-9]"


def passing(directory: ir.Table, kind: Kind, values: Iterable[str], country: str) -> Iterator[ir.Table]:
    """The rows that may hold one of these normalised values, as tables of `account_id` and `text` (the raw value). A
    row may be in several of them; one that is in none holds none of the values. None for no values."""
    keys = _keys(kind, values, country)
    raw = directory[COLUMN[kind]]
    for digits, wanted in sorted(keys.items()):
        rows = directory.filter(raw != "").select("account_id", text=raw, key=_key(kind, raw, digits))
        asked = ibis.memtable(pa.table({"key": pa.array(sorted({*wanted, _ODD}), pa.string())}))
        yield rows.semi_join(asked, "key").select("account_id", "text").distinct()


def tail_digits(number: str, country: str) -> int:
    """How many digits at the end of this number (E.164, without an extension) stand there in whatever way it is
    written, for readers in `country`."""
    parsed = phonenumbers.parse(number)
    regions = phonenumbers.COUNTRY_CODE_TO_REGION_CODE.get(parsed.country_code or 0, ())
    concerned = {*regions[:1], *({country} & set(regions))}
    least = min((TAIL_DIGITS_OF.get(region, TAIL_DIGITS) for region in concerned), default=TAIL_DIGITS)
    return min(least, len(phonenumbers.national_significant_number(parsed)))


def _keys(kind: Kind, values: Iterable[str], country: str) -> dict[int, set[str]]:
    """What to look for, by how many digits of a phone's end; for the other kinds under 0."""
    keys: dict[int, set[str]] = {}
    for value in values:
        if kind is not Kind.PHONE:
            keys.setdefault(0, set()).add(value)
            continue
        number, _, extension = value.partition(";ext=")
        digits = tail_digits(number, country)
        # With an extension it is always written in another way: no end is to be looked for.
        keys.setdefault(digits, set()).update([] if extension else [number[-digits:]])
    return keys


def _key(kind: Kind, raw: ir.StringColumn, digits: int) -> ir.StringColumn:
    """What a raw value is looked up by."""
    if kind is Kind.LOYALTY:
        return raw.re_replace(_NO_DIGITS, "")
    # Blanks around it are another way of writing. `strip` is no way out: on Spark, Ibis strips `v` and `f` as well.
    if kind is Kind.EMAIL:
        return ibis.ifelse(raw.re_search(_ODD_EMAIL), _ODD, raw.lower())
    if kind is Kind.ACCOUNT:
        return ibis.ifelse(raw.re_search(_ODD_ASCII), _ODD, raw)
    # Without a digit, and in ASCII, it is no phone, however many type `none` there.
    odd = ibis.ifelse(raw.re_search(_MAY_BE_PHONE), _ODD, "")
    return ibis.ifelse(raw.re_search(_ODD_PHONE), odd, raw.re_replace(_NO_DIGITS, "").right(digits))
