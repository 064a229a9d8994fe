"""Whom may the customer have meant? The nearest accounts for a whole backlog, ranked, with reasons field by field.

The engine finds who shares a key (`blocking`), the plain values drop the unlikely, and those who are left are compared
exactly as a register's request is: `identity.nearness.candidate`, in the order of `identity.resolve.rank`. It is
evidence for a person who looks, and never links.
"""

import heapq
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

import ibis
import ibis.expr.types as ir
import pyarrow as pa

from tillbridge.diagnose.model import Nearest
from tillbridge.identity import normalise
from tillbridge.identity.masked import masked
from tillbridge.identity.model import (
    Candidate,
    Customer,
    Given,
    Heard,
    Identifier,
    Kind,
    Normal,
    Reason,
    Reference,
    Unusable,
)
from tillbridge.identity.nearness import ALIKE, BLANK, likeness
from tillbridge.identity.resolve import CANDIDATES_MAX, rank
from tillbridge.reconcile.blocking import PLAIN, met, people
from tillbridge.reconcile.directory import reader
from tillbridge.reconcile.meant import meant
from tillbridge.reconcile.sieve import COLUMN

ALIKE_MIN: Final = 70
"""Nobody is shown none of whose identifiers is as like as this: any two phones of one town are 60 of 100 alike."""

SPARE: Final = 1
"""How many more are compared exactly than are wanted: plain values may put one a place too high."""

_NOT_OURS: Final = datetime.min.replace(tzinfo=UTC)
"""When an account came to be is not told, and not asked."""


def nearest(
    directory: ir.Table, asked: Sequence[Given], country: str, con: ibis.BaseBackend, most: int = CANDIDATES_MAX
) -> list[tuple[Nearest, ...]]:
    """The accounts that each of these may have meant, in their order, the likeliest first: `most`, and never more than
    CANDIDATES_MAX. `directory` is the storefront's side, typed; `country` (ISO 3166) reads phones written without one.

    Raises what the engine raises.
    """
    heard = [meant(normalise.given(one, country), country) for one in asked]
    persons = people(directory, country)
    pairs = con.to_pyarrow(met(persons, heard))
    shelf = _Shelf.of(persons, pairs["account_id"], country, con)
    found: list[tuple[Nearest, ...]] = [()] * len(heard)
    for request, accounts in _by_request(pairs, shelf.places):
        found[request] = tuple(_nearest(one) for one in shelf.ranked(heard[request], accounts, most) if one.score)
    return found


def _by_request(pairs: pa.Table, places: Mapping[str, int]) -> Iterator[tuple[int, list[int]]]:
    """The places of the accounts that were met for each request."""
    accounts = pairs["account_id"].combine_chunks().dictionary_encode()
    names = [places[name] for name in accounts.dictionary.to_pylist()]
    grouped: dict[int, list[int]] = defaultdict(list)
    for request, index in zip(pairs["request"].to_pylist(), accounts.indices.to_pylist(), strict=True):
        grouped[request].append(names[index])
    yield from sorted(grouped.items())


@dataclass(frozen=True, slots=True)
class _Shelf:
    """The accounts that anybody met, by their place in the order of their names."""

    names: Sequence[str]
    places: Mapping[str, int]
    plain: Sequence[Mapping[Kind, tuple[str, ...]]]
    raw: Sequence[Mapping[Kind, tuple[str, ...]]]
    readers: Mapping[Kind, Callable[[str], Normal | Unusable]]
    stated: dict[tuple[Kind, int], tuple[Identifier, ...]] = field(default_factory=dict)

    @classmethod
    def of(cls, persons: ir.Table, met_ones: pa.ChunkedArray, country: str, con: ibis.BaseBackend) -> "_Shelf":
        """The rows of these accounts, read once."""
        names = sorted(met_ones.unique().to_pylist())
        places = {name: place for place, name in enumerate(names)}
        wanted = ibis.memtable(pa.table({"account_id": pa.array(names, pa.string())}))
        rows = con.to_pyarrow(persons.semi_join(wanted, "account_id"))
        at = [places[name] for name in rows["account_id"].to_pylist()]
        plain = {kind: rows[f"plain_{kind}"].to_pylist() for kind in PLAIN}
        raw = {kind: rows[COLUMN[kind]].to_pylist() for kind in PLAIN}
        plain[Kind.PHONE] = [f"+{digits}" if digits else "" for digits in plain[Kind.PHONE]]
        readers = {kind: reader(kind, country) for kind in PLAIN}
        return cls(names, places, _stacked(at, len(names), plain), _stacked(at, len(names), raw), readers)

    def ranked(self, heard: Heard, accounts: Iterable[int], most: int) -> tuple[Candidate, ...]:
        """The best of these accounts in the order of `rank`. Whoever is the likest by one identifier has a place: a
        family that shares a phone does not fill the list while the e-mail is one letter from somebody else's."""
        likely, needed = self.likeliest(heard, accounts, most + SPARE)
        first = rank(heard, (self.customer(place, heard) for place in likely))[:most]
        shown = [one.customer_id.int for one in first]
        absent = [place for place in dict.fromkeys(needed) if place not in shown][:most]
        if not absent:
            return first
        kept = [place for place in shown if place in needed]
        rest = [place for place in shown if place not in needed]
        chosen = [*kept, *absent, *rest][:most]
        return rank(heard, (self.customer(place, heard) for place in chosen))

    def likeliest(self, heard: Heard, accounts: Iterable[int], most: int) -> tuple[list[int], list[int]]:
        """Those of the accounts whose plain values are the most like what was heard, at most so many: first whoever
        seems to hold one of them. And, of each identifier, the one account that is the likest by it."""
        sought = [normal for normal in heard.usable if normal.kind in PLAIN]
        places: list[tuple[bool, int, int]] = []
        best_by = [(ALIKE, 0, -1)] * len(sought)
        for account in accounts:
            held = self.plain[account]
            alike = [_alike(normal, held[normal.kind]) for normal in sought]
            best, total = max(alike, default=0), sum(alike)
            if best >= ALIKE_MIN or self._named(account, heard):
                places.append((best == 100, total, -account))
                best_by = [max(old, (one, total, -account)) for old, one in zip(best_by, alike, strict=True)]
        likely = [-account for _, _, account in heapq.nlargest(most, places)]
        return likely, [-account for _, total, account in best_by if total]

    def customer(self, place: int, heard: Heard) -> Customer:
        """An account as a register's request is compared with it: of each kind that was heard, what it states,
        normalised. What its web store states is verified."""
        identifiers = (one for normal in heard.usable for one in self._stated(normal.kind, place))
        reference = Reference("storefront", self.names[place])
        return Customer(UUID(int=place), _NOT_OURS, (reference,), tuple(identifiers))

    def _named(self, account: int, heard: Heard) -> bool:
        return any(normal.kind is Kind.ACCOUNT and normal.value == self.names[account] for normal in heard.usable)

    def _stated(self, kind: Kind, place: int) -> tuple[Identifier, ...]:
        if kind not in PLAIN:
            return ()
        known = self.stated.get((kind, place))
        if known is None:
            normals = ((self.readers[kind](raw), raw) for raw in self.raw[place][kind])
            known = tuple(Identifier(kind, one.value, raw, True) for one, raw in normals if isinstance(one, Normal))
            self.stated[kind, place] = known
        return known


def _stacked(
    at: Sequence[int], count: int, columns: Mapping[Kind, Sequence[str]]
) -> list[dict[Kind, tuple[str, ...]]]:  # fmt: skip
    """What each account states of each kind, in any of its rows."""
    stacked: list[dict[Kind, tuple[str, ...]]] = [dict.fromkeys(columns, ()) for _ in range(count)]
    for kind, values in columns.items():
        for place, value in zip(at, values, strict=True):
            mine = stacked[place]
            if value and value not in mine[kind]:
                mine[kind] = (*mine[kind], value)
    return stacked


def _alike(normal: Normal, held: tuple[str, ...]) -> int:
    """How alike the most alike of these values is; BLANK where there is none."""
    return max([likeness(normal.kind, normal.value, one) for one in held], default=BLANK)


def _nearest(one: Candidate) -> Nearest:
    return Nearest(one.accounts[0].account_id, one.score, tuple(map(_said, one.reasons)))


def _said(reason: Reason) -> str:
    """A reason in a list that goes from hand to hand: whoever knows the value can compare."""
    if not (reason.held and isinstance(reason.kind, Kind)) or reason.kind is Kind.ACCOUNT:
        return reason.sentence
    shown = masked(COLUMN[reason.kind], reason.held)
    alike = "" if reason.score == 100 else f", {reason.score} of 100 alike"
    return f"{reason.sentence}: {shown}{alike}"
