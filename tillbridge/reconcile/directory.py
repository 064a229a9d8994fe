"""Whose is it? What the web store's directory says to the identifiers of many credits at once, exactly.

The rule is that of `identity.resolve`: what the web store's directory states counts as verified, what nobody holds says
nothing, and a credit is clear only where one identifier at least is held by one account alone and every other one that
anybody holds is held by it too. Nothing here is like something: two values are the same after normalising, or not.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from functools import partial
from typing import Final

import ibis
import ibis.expr.types as ir

from tillbridge.diagnose.model import Answer
from tillbridge.identity import normalise
from tillbridge.identity.masked import masked
from tillbridge.identity.model import NOUNS, Given, Heard, Key, Kind, Normal, Unusable
from tillbridge.reconcile.sieve import COLUMN, passing

NAMED_MAX: Final = 3
"""How many accounts a sentence names of those that hold one identifier."""

Holders = Mapping[Key, Set[str]]
"""The accounts that hold each identifier; one that nobody holds is not in it."""


def ask(directory: ir.Table, asked: Sequence[Given], country: str, con: ibis.BaseBackend) -> list[Answer]:
    """What the directory (the storefront's side, typed; an account may stand in several rows, and holds what any of
    them says) answers to each of these, in their order. `country` (ISO 3166) reads phones written without their own.

    Raises what the engine raises.
    """
    heard = [normalise.given(one, country) for one in asked]
    holders = held(directory, (normal.key for one in heard for normal in one.usable), country, con)
    return [answer(one, holders) for one in heard]


def held(directory: ir.Table, keys: Iterable[Key], country: str, con: ibis.BaseBackend) -> Holders:
    """Who holds each of these identifiers, in one pass over the column of each kind."""
    wanted: dict[Kind, set[str]] = defaultdict(set)
    for kind, value in keys:
        wanted[kind].add(value)
    holders: dict[Key, set[str]] = defaultdict(set)
    for kind in sorted(wanted):
        read = reader(kind, country)
        known: dict[str, Normal | Unusable] = {}
        for rows in passing(directory, kind, wanted[kind], country):
            found = con.to_pyarrow(rows)
            for account_id, raw in zip(*(found[name].to_pylist() for name in ("account_id", "text")), strict=True):
                normal = known.get(raw) or known.setdefault(raw, read(raw))
                if isinstance(normal, Normal) and normal.value in wanted[kind]:
                    holders[normal.key].add(account_id)
    return dict(holders)


def reader(kind: Kind, country: str) -> Callable[[str], Normal | Unusable]:
    """What normalises a raw value of this kind."""
    readers: Mapping[Kind, Callable[[str], Normal | Unusable]] = {
        Kind.ACCOUNT: normalise.account,
        Kind.LOYALTY: normalise.loyalty,
        Kind.EMAIL: normalise.email,
        Kind.PHONE: partial(normalise.phone, country=country),
    }
    return readers[kind]


def answer(heard: Heard, holders: Holders) -> Answer:
    """What the directory says to one credit's identifiers, when these accounts hold them."""
    if not heard.usable:
        why = "; ".join(one.sentence for one in heard.unusable if one.raw.strip()) or "nothing was given"
        return Answer(0, (), f"no usable identifier: {why}")
    found = [(normal, holders.get(normal.key, frozenset())) for normal in heard.usable]
    wrong = [one.sentence for one in heard.unusable if not one.blank]
    sentence = "; ".join([_whose(found), *wrong])
    return Answer(len(heard.usable), _pointed_to([who for _, who in found if who]), sentence)


def _pointed_to(holders: Sequence[Set[str]]) -> tuple[str, ...]:
    """The one account, where it is clear; else all whom anything points to, none or several."""
    if not holders:
        return ()
    common = frozenset.intersection(*map(frozenset, holders))
    # Two families that have one account in common prove nothing: each of the two may be meant.
    clear = any(len(who) == 1 for who in holders)
    return tuple(sorted(common if common and (clear or len(common) > 1) else frozenset().union(*holders)))


def _whose(found: Sequence[tuple[Normal, Set[str]]]) -> str:
    """One sentence on every usable identifier: first those that somebody holds, then those that nobody does."""
    owned = [(f"the {_shown(normal)}", _named(who)) for normal, who in found if who]
    nobodys = [f"the {_shown(normal)}" for normal, who in found if not who]
    parts = [f"{what} {'belongs ' if place == 0 else ''}to {whose}" for place, (what, whose) in enumerate(owned)]
    if nobodys:
        verb = "" if parts else "belongs " if len(nobodys) == 1 else "belong "
        parts.append(f"{' and '.join(nobodys)} {verb}to no online profile")
    return ", ".join(parts)


def _shown(normal: Normal) -> str:
    """An identifier in a list that goes from hand to hand: whoever knows it can compare."""
    if normal.kind is Kind.ACCOUNT:
        return f"{NOUNS[normal.kind]} {normal.value}"
    return f"{NOUNS[normal.kind]} {masked(COLUMN[normal.kind], normal.value)}"


def _named(who: Set[str]) -> str:
    """The accounts by name, or the first of them and how many more there are."""
    names = sorted(who)
    if len(names) <= NAMED_MAX:
        return " and ".join(names)
    return f"{', '.join(names[:NAMED_MAX])} and {len(names) - NAMED_MAX:,} more"
