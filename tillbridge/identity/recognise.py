"""From what was typed to whose it is: normalise, ask the store once for all requests, decide."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final
from uuid import UUID

from tillbridge.identity import normalise, resolve, store
from tillbridge.identity.model import Candidate, Given, Heard, Owners, Resolution, Unresolved
from tillbridge.kernel.db import Db, Tx

COMPARED_MAX: Final = 64
"""How many people are compared field by field for one request: a few milliseconds of work."""


async def recognise(
    tx: Db | Tx, country: str, requests: Sequence[Given], at: datetime, *, ranked: bool = True
) -> list[Resolution]:
    """One resolution per request, in their order. `country` (ISO 3166) reads phones written without their own; `at` is
    the moment of asking.

    One round trip for all of them, and one more where somebody else states what one person proved, or a name was given;
    with `ranked`, three more for all that are not linked, to list candidates. A register that waits may leave them out
    and ask `candidates_for` when the review is looked at. Raises DatabaseError.
    """
    heard = [normalise.given(request, country) for request in requests]
    owners = await store.owners_of(tx, (normal.key for one in heard for normal in one.usable))
    wanted = frozenset[UUID]().union(*(resolve.to_know(one, owners) for one in heard))
    people = await store.customers(tx, wanted) if wanted else {}
    known = {customer_id: one.particulars for customer_id, one in people.items()}
    resolutions = [resolve.decide(one, owners, at, known) for one in heard]
    if ranked:
        await _rank_open(tx, heard, owners, resolutions)
    return resolutions


async def candidates_for(tx: Db | Tx, country: str, request: Given) -> tuple[Candidate, ...]:
    """Whom a reviewer may want to look at for this request, the likeliest first. Raises DatabaseError."""
    heard = normalise.given(request, country)
    owners = await store.owners_of(tx, (normal.key for normal in heard.usable))
    (candidates,) = await _candidates(tx, [heard], owners)
    return candidates


async def _rank_open(tx: Db | Tx, heard: Sequence[Heard], owners: Owners, resolutions: list[Resolution]) -> None:
    """Put candidates into those resolutions that a person will look at."""
    still_open = [
        (place, one)
        for place, one in enumerate(resolutions)
        if isinstance(one, Unresolved) and (heard[place].usable or heard[place].particulars)
    ]
    found = await _candidates(tx, [heard[place] for place, _ in still_open], owners)
    for (place, unresolved), candidates in zip(still_open, found, strict=True):
        resolutions[place] = replace(unresolved, candidates=candidates)


async def _candidates(tx: Db | Tx, heard: Sequence[Heard], owners: Owners) -> list[tuple[Candidate, ...]]:
    """The ranked candidates of each request: those who hold any of it exactly, and those near it."""
    if not heard:
        return []
    near = await store.near(tx, heard)
    wanted = [_first(resolve.holders(one, owners), ids) for one, ids in zip(heard, near, strict=True)]
    people = await store.customers(tx, (customer_id for ids in wanted for customer_id in ids))
    return [
        resolve.rank(one, (people[customer_id] for customer_id in ids if customer_id in people))
        for one, ids in zip(heard, wanted, strict=True)
    ]


def _first(holders: frozenset[UUID], near: Sequence[UUID]) -> list[UUID]:
    """Whom to compare: those who hold something exactly, then the near ones, COMPARED_MAX at most. A crowd of holders
    leaves room for the near ones."""
    exact = sorted(holders)
    if len(exact) > COMPARED_MAX // 2:
        inside = frozenset(near)
        exact = sorted(holders, key=lambda one: (one not in inside, one))[: COMPARED_MAX // 2]
    return list(dict.fromkeys((*exact, *near)))[:COMPARED_MAX]
