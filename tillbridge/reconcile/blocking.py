"""The keys of `identity.nearness` for a whole directory at once, as expressions of the engine, and who meets whom.

An account that may have been meant shares a key with what was given: a third of an e-mail, a phone or a loyalty id left
out, the letters of a name, or the very value after one step is mended. The keys of what was given come from
`identity.nearness` itself; those of the directory are made here of plainly cleaned values, because millions cannot be
normalised one by one. Plain is the same as normal for nearly every row; one that is not (an extension, a domain in
another script) is not found by that field, and by the others all the same.

A key that more than CROWD accounts carry tells nobody apart and is not looked at: the domain of a shop's own people, a
placeholder phone. Of those who are left the ones with the rarest keys come first, LOOKED_AT for each.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice
from typing import Final

import ibis
import ibis.expr.types as ir
import pyarrow as pa
from phonenumbers import PhoneMetadata

from tillbridge.identity.model import Heard, Kind, Normal
from tillbridge.identity.nearness import LENGTH_MIN, STEM_LETTERS_MIN, mended, probes
from tillbridge.identity.normalise import passes_luhn

CROWD: Final = 100
"""How many accounts may carry a key that is looked at."""

LOOKED_AT: Final = 48
"""How many accounts are compared with what was given for one credit, those with the rarest keys first."""

PLAIN: Final = (Kind.EMAIL, Kind.PHONE, Kind.LOYALTY)
"""The kinds that are spelled, and so can be misspelled."""

BATCH: Final = 2_000
"""For how many requests keys are made at once."""

_RARITY: Final = 1_000_000
"""What a key counts that one account carries; of two it counts half. Whole numbers: each engine adds them up alike."""


def people(directory: ir.Table, country: str) -> ir.Table:
    """Every account once for each set of identifiers that it states: raw, and `plain_` each of PLAIN."""
    told = directory.select("account_id", "email", "phone", "loyalty_id").distinct()
    return told.mutate(
        plain_email=told.email.lower(),
        plain_phone=_written_out(told.phone, country),
        plain_loyalty=told.loyalty_id.re_replace(r"[^0-9]", ""),
    )


def met(persons: ir.Table, heard: Sequence[Heard]) -> ir.Table:
    """Who may have been meant: `request` (a place in `heard`) and `account_id`, LOOKED_AT at most for each request."""
    asked = ibis.memtable(_asked(heard))
    carried = _carried(persons).semi_join(asked, "key").distinct()
    crowd = carried.mutate(carriers=carried.count().over(ibis.window(group_by=carried.key)))
    told_apart = crowd.filter(crowd.carriers <= CROWD)
    pairs = asked.join(told_apart, "key").group_by("request", "account_id")
    weighed = pairs.agg(weight=lambda both: (ibis.literal(_RARITY, "int64") // both.carriers).sum())
    order = [ibis.desc(weighed.weight), weighed.account_id]
    placed = weighed.mutate(place=ibis.row_number().over(ibis.window(group_by=weighed.request, order_by=order)))
    return placed.filter(placed.place < LOOKED_AT).select("request", "account_id")


def keys_of(heard: Heard) -> frozenset[str]:
    """All keys to look for: those of `nearness` with their kind, the values, and two more: for another domain
    altogether (`local`), and for a wrong digit in a loyalty id."""
    return frozenset(chain.from_iterable(map(_keys_of, heard.usable)))


def _keys_of(normal: Normal) -> Iterator[str]:
    yield f"{normal.kind}|same|{normal.value}"
    yield from (f"{normal.kind}|same|{value}" for value in mended(normal))
    yield from (f"{normal.kind}|{key}" for key in probes(normal))
    if normal.kind is Kind.EMAIL:
        yield f"{normal.kind}|local|{normal.value.rpartition('@')[0]}"
    if normal.kind is Kind.LOYALTY:
        yield from (f"{normal.kind}|same|{value}" for value in _rechecked(normal.value))


def _rechecked(digits: str) -> Iterator[str]:
    """The ids that one with a wrong check digit may have been: at each place one digit mends it. Ids are given out in a
    row, so that thousands share their first digits, and a third tells nobody apart."""
    if passes_luhn(digits):
        return
    for place in range(len(digits)):
        others = (f"{digits[:place]}{digit}{digits[place + 1 :]}" for digit in "0123456789")
        yield from filter(passes_luhn, others)


def _asked(heard: Iterable[Heard]) -> pa.Table:
    """The keys to look for, one a row; a batch for every so many requests, as there are millions of keys."""
    schema = pa.schema([("request", pa.int64()), ("key", pa.string())])
    numbered, batches = enumerate(heard), []
    while some := list(islice(numbered, BATCH)):
        keys = [(place, key) for place, one in some for key in sorted(keys_of(one))]
        columns = [pa.array([place for place, _ in keys], pa.int64()), pa.array([key for _, key in keys], pa.string())]
        batches.append(pa.record_batch(columns, schema))
    return pa.Table.from_batches(batches, schema)


def _carried(persons: ir.Table) -> ir.Table:
    """The keys that each account carries, one a row."""
    email, phone, loyalty = persons.plain_email, persons.plain_phone, persons.plain_loyalty
    at = email.find("@")
    local = ibis.ifelse(at > 0, email.substr(0, at), "")
    domain = ibis.ifelse(at > 0, email.substr(at), "")
    letters = local.re_replace(r"\+.*$", "").re_replace(r"[^\p{L}]", "")
    keys = [
        ibis.literal("account|same|") + persons.account_id,
        _key("email|same|", email, at > 0),
        _key("email|local|", local, local != ""),
        _key("phone|same|+", phone, phone != ""),
        _key("loyalty|same|", loyalty, loyalty != ""),
        _key("email|stem|", letters, letters.length() >= STEM_LETTERS_MIN),
        *_thirds("email", local, domain),
        *_thirds("phone", phone, ibis.literal("")),
        *_thirds("loyalty", loyalty, ibis.literal("")),
    ]
    rows = persons.select("account_id", key=ibis.array(keys).unnest())
    return rows.filter(rows.key != "")


def _thirds(kind: str, body: ir.StringColumn, scope: ir.StringValue) -> Iterator[ir.StringColumn]:
    """What `nearness.blocks` makes of a value: it without its last, its first and its middle third."""
    size = body.length()
    cut, long_enough = size // 3, size >= LENGTH_MIN
    yield _key(f"{kind}|head|", body.substr(0, size - cut) + scope, long_enough)
    yield _key(f"{kind}|tail|", body.substr(cut) + scope, long_enough)
    yield _key(f"{kind}|ends|", body.substr(0, cut) + "|" + body.substr(size - cut) + scope, long_enough)


def _key(name: str, text: ir.StringColumn, there: ir.BooleanValue) -> ir.StringColumn:
    return ibis.ifelse(there, ibis.literal(name) + text, "")


def _written_out(raw: ir.StringColumn, country: str) -> ir.StringColumn:
    """A phone's digits with its country's code, as well as that can be told without reading it number by number."""
    rules = PhoneMetadata.metadata_for_region(country)
    if rules is None:
        return raw.re_replace(r"[^0-9]", "")
    text = raw.re_replace(r"[A-Za-z;#,].*$", "")
    digits = text.re_replace(r"[^0-9]", "")
    abroad = next((one for one in (rules.preferred_international_prefix, rules.international_prefix) if one), "00")
    abroad = abroad if abroad.isdecimal() else "00"
    trunk, code = rules.national_prefix or "", str(rules.country_code)
    national = ibis.ifelse(digits.startswith(trunk), digits.substr(len(trunk)), digits) if trunk else digits
    return ibis.cases(
        (digits == "", ""),
        (text.startswith("+"), digits),
        (digits.startswith(abroad), digits.substr(len(abroad))),
        else_=ibis.literal(code) + national,
    )
