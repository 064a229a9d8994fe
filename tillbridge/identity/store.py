"""People in PostgreSQL: the only file here that runs SQL. Every call takes many and makes one round trip."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Literal
from uuid import UUID

from tillbridge.identity.model import (
    Conflict,
    Customer,
    Heard,
    Identifier,
    Key,
    Kind,
    Line,
    Normal,
    Owner,
    Owners,
    Particulars,
    Profile,
    Reference,
    Taken,
)
from tillbridge.identity.nearness import block_keys, mended, request_keys
from tillbridge.kernel.db import Db, Row, Tx, load_queries
from tillbridge.kernel.ids import Ids

NEAR_PER_KEY: Final = 100
"""How many customers are looked at for one key: a common name must not cost more than a rare one."""

NEAR_PER_REQUEST: Final = 48
"""How many of them are compared for one request, those that share the rarest keys first."""

MENDED_PER_VALUE: Final = 5
"""How many holders are looked at of a value that one step mends."""

Ruled = Literal["merge", "unmerge", "move_account"]
Touching = Literal["deny", "allow"]
"""Queries that carry out what a person ruled."""

_QUERIES = load_queries("identity")


async def owners_of(tx: Db | Tx, keys: Iterable[Key]) -> Owners:
    """Who holds each of these identifiers, for any number of requests at once; customers that are one person are told
    as that person. Raises DatabaseError."""
    asked = sorted(set(keys))
    if not asked:
        return {}
    rows = await tx.fetch(_QUERIES["owners_of"], [kind.value for kind, _ in asked], [value for _, value in asked])
    found: dict[Key, dict[UUID, Owner]] = defaultdict(dict)
    for row in rows:
        people = found[Kind(row["kind"]), row["value"]]
        one = Owner(row["customer_id"], row["verified"], row["ended"], row["moved_at"], row["shared"])
        people[one.customer_id] = _together(people[one.customer_id], one) if one.customer_id in people else one
    return {key: tuple(people[who] for who in sorted(people)) for key, people in found.items()}


def _together(one: Owner, other: Owner) -> Owner:
    """The same person by two sources: one proof is enough, and only what is not proved any more has ended. A value that
    one source brought from somebody else was not theirs all along."""
    verified = one.verified or other.verified
    moves = [at for at in (one.moved_at, other.moved_at) if at is not None]
    ended = (one.ended or other.ended) and not verified
    return Owner(one.customer_id, verified, ended, max(moves, default=None), one.shared)


async def near(tx: Db | Tx, requests: Sequence[Heard]) -> list[tuple[UUID, ...]]:
    """For each request the people whom a slip may have missed, in the order of the requests, the likeliest first.

    Bounded: about NEAR_PER_REQUEST each. Raises DatabaseError.
    """
    found: list[dict[UUID, None]] = [{} for _ in requests]
    values = [
        (number, normal.kind.value, value)
        for number, heard in enumerate(requests)
        for normal in heard.usable
        for value in sorted(mended(normal))
    ]
    if values:
        numbers, kinds, texts = zip(*values, strict=True)
        rows = await tx.fetch(_QUERIES["mended"], numbers, kinds, texts, MENDED_PER_VALUE)
        for row in rows:
            found[row["request"]][row["customer_id"]] = None
    asked = [(number, key) for number, heard in enumerate(requests) for key in sorted(request_keys(heard))]
    if asked:
        numbers, keys = zip(*asked, strict=True)
        for row in await tx.fetch(_QUERIES["near"], numbers, keys, NEAR_PER_KEY, NEAR_PER_REQUEST):
            found[row["request"]][row["customer_id"]] = None
    return [tuple(ids) for ids in found]


async def customers(tx: Db | Tx, customer_ids: Iterable[UUID]) -> Mapping[UUID, Customer]:
    """The customers with these ids; an id that nobody has is not in the answer. Raises DatabaseError."""
    asked = sorted(set(customer_ids))
    rows = await tx.fetch(_QUERIES["customers"], asked) if asked else ()
    return {row["customer_id"]: _customer(row) for row in rows}


async def customer(tx: Db | Tx, customer_id: UUID) -> Customer | None:
    """One customer, or None. Raises DatabaseError."""
    return (await customers(tx, [customer_id])).get(customer_id)


async def references(tx: Db | Tx, customer_ids: Iterable[UUID]) -> Mapping[UUID, tuple[Reference, ...]]:
    """The channel references of each of these customers; one without any is not in the answer. Raises DatabaseError."""
    asked = sorted(set(customer_ids))
    rows = await tx.fetch(_QUERIES["references"], asked) if asked else ()
    found: dict[UUID, list[Reference]] = defaultdict(list)
    for row in rows:
        found[row["customer_id"]].append(Reference(row["system"], row["account_id"]))
    return {customer_id: tuple(names) for customer_id, names in found.items()}


async def customer_by_reference(tx: Db | Tx, system: str, account_id: str) -> UUID | None:
    """Whose account this is; None when the account is unknown. Raises DatabaseError."""
    row = await tx.fetch_one(_QUERIES["customer_by_reference"], system, account_id)
    return None if row is None else _whose(row)


async def is_customer(tx: Db | Tx, customer_id: UUID) -> bool:
    """Whether a customer has this id. Raises DatabaseError."""
    row = await tx.fetch_one(_QUERIES["is_customer"], customer_id)
    return row is not None and bool(row["known"])


async def same_person(tx: Db | Tx, customer_id: UUID) -> tuple[UUID, ...]:
    """All ids of the person whom this customer is: first the one that the others were merged into. Nobody's id: none.
    Raises DatabaseError."""
    return tuple(row["customer_id"] for row in await tx.fetch(_QUERIES["same_person"], customer_id))


async def take_in(
    tx: Db | Tx, profiles: Sequence[Profile], at: datetime, ids: Ids, *, dated: bool = True
) -> list[Taken]:
    """Take in profiles, thousands in a call, all or none. The same again changes nothing, and neither does what is
    older than what is known of the account.

    `dated`: they are events, so that what they newly prove was proved at `at`, and a phone takes over from whoever
    proved it before. What a full export says may be as old as can be. Raises DatabaseError.
    """
    if not profiles:
        return []
    rows = await tx.fetch(_QUERIES["take_in"], at, [_profile_in(profile, ids.new()) for profile in profiles], dated)
    return [
        Taken(Reference(row["system"], row["account_id"]), row["customer_id"], row["new"], row["stale"]) for row in rows
    ]


async def verify(tx: Db | Tx, customer_id: UUID, proved: Normal, at: datetime) -> None:
    """The customer answered a one-time code sent to this e-mail or phone: they have proved control of it, and whoever
    proved it before has it no more.

    It holds for as long as an account of theirs states it. Raises DatabaseError, DatabaseFault for an unknown customer.
    """
    keys = sorted(block_keys([Identifier(proved.kind, proved.value, proved.raw, True)], Particulars()))
    state = (customer_id, proved.kind.value, proved.value, _raw(proved.raw, proved.value))
    await tx.execute(_QUERIES["prove"], *state, keys, at)


async def accounts_after(
    tx: Db | Tx, system: str, after: str, limit: int, as_of: datetime
) -> list[tuple[str, bool]]:  # fmt: skip
    """A page of a system's accounts that are not gone, in order, behind one, and whether each was heard of later than
    `as_of`. Raises DatabaseError."""
    rows = await tx.fetch(_QUERIES["accounts_after"], system, after, limit, as_of)
    return [(row["account_id"], row["later"]) for row in rows]


async def mark_gone(
    tx: Db | Tx, system: str, accounts: Sequence[str], at: datetime, as_of: datetime | None = None
) -> int:
    """These accounts were gone from their system at `as_of` (now, when it is None): what they stated counts no more,
    but for those that were heard of since. How many were not gone before. Raises DatabaseError."""
    row = await tx.fetch_one(_QUERIES["mark_gone"], at, system, list(accounts), as_of or at)
    return 0 if row is None else int(row["gone"])


async def open_conflicts(tx: Db | Tx, limit: int, after: tuple[datetime, UUID] | None = None) -> list[Conflict]:
    """Values that two people proved and nobody has settled, oldest first, behind a place (opened_at, conflict_id).
    Raises DatabaseError."""
    place = after or (datetime.min.replace(tzinfo=UTC) + timedelta(days=1), UUID(int=0))
    return [_conflict(row) for row in await tx.fetch(_QUERIES["open_conflicts"], limit, *place)]


async def conflict(tx: Db | Tx, conflict_id: UUID) -> Conflict | None:
    """One conflict, settled or not; None when nobody knows it. Raises DatabaseError."""
    row = await tx.fetch_one(_QUERIES["conflict"], conflict_id)
    return None if row is None else _conflict(row)


async def settle_conflict(tx: Tx, conflict_id: UUID, at: datetime, said: tuple[UUID, UUID, str, str]) -> bool:
    """A conflict is settled; `said` is in whose favour, by which decision, of whom, on what evidence. Whether it was
    open. Raises DatabaseError."""
    return await tx.execute(_QUERIES["settle_conflict"], conflict_id, at, *said) > 0


async def reopen_conflict(tx: Tx, conflict_id: UUID) -> None:
    """A decision about a conflict was taken back. Raises DatabaseError."""
    await tx.execute(_QUERIES["reopen_conflict"], conflict_id)


async def meet_again(tx: Tx, decision_id: UUID, at: datetime) -> None:
    """What a decision gave back to people may be proved by others by now: that is a conflict. Raises DatabaseError."""
    await tx.execute(_QUERIES["meet_again"], decision_id, at)


async def ruled(tx: Tx, query: Ruled, *said: object) -> str:
    """Carry out a ruling (`ruling.py`); blank, or why not as one word. Raises DatabaseError."""
    row = await tx.fetch_one(_QUERIES[query], *said)
    return "" if row is None else row["problem"] or ""


async def touched(tx: Tx, query: Touching, *said: object) -> int:
    """Carry out a ruling; how many rows it touched. Raises DatabaseError."""
    row = await tx.fetch_one(_QUERIES[query], *said)
    return 0 if row is None else int(row["rows"])


async def lines_of_decision(tx: Db | Tx, decision_id: UUID) -> list[Line]:
    """What a decision did to people, oldest first. Raises DatabaseError."""
    return [_line(row) for row in await tx.fetch(_QUERIES["lines_of_decision"], decision_id)]


async def history_of(tx: Db | Tx, customer_ids: Iterable[UUID], limit: int) -> list[Line]:
    """What became of these customers, newest first. Raises DatabaseError."""
    return [_line(row) for row in await tx.fetch(_QUERIES["history_of"], sorted(set(customer_ids)), limit)]


async def customer_for_claim(tx: Db | Tx, key: Key) -> UUID | None:
    """The verified owner of an identifier where there is exactly one; else None. Raises DatabaseError."""
    kind, value = key
    row = await tx.fetch_one(_QUERIES["customer_for_claim"], kind.value, value)
    return None if row is None else _whose(row)


async def count(tx: Db | Tx) -> tuple[int, int]:
    """How many customers and how many accounts are known. Raises DatabaseError."""
    row = await tx.fetch_one(_QUERIES["count_customers"])
    return (0, 0) if row is None else (int(row["customers"]), int(row["accounts"]))


async def analyse(tx: Db | Tx) -> None:
    """After a large directory was read: look-ups are planned for what is there now. Raises DatabaseError."""
    await tx.execute(_QUERIES["settle_index"])
    await tx.execute(_QUERIES["analyse"])


def _whose(row: Row) -> UUID:
    customer_id: UUID = row["customer_id"]
    return customer_id


def _profile_in(profile: Profile, new_id: UUID) -> tuple[object, ...]:
    """A profile as the composite identity.profile_in."""
    stated = [
        (one.kind.value, one.value, _raw(one.raw, one.value), one.verified) for one in profile.identifiers
    ]  # fmt: skip
    known, names = profile.particulars, profile.reference
    told = (known.name, known.street, known.place, known.postcode, known.born)
    keys = sorted(block_keys(profile.identifiers, known))
    return names.system, names.account_id, new_id, *told, keys, stated, profile.stated_at


def _raw(raw: str, value: str) -> str:
    """What was typed, blank where that is the value itself: most of millions are."""
    return "" if raw == value else raw


def _customer(row: Row) -> Customer:
    return Customer(
        row["customer_id"],
        row["created_at"],
        tuple(Reference(*names) for names in row["accounts"]),
        tuple(Identifier(Kind(kind), value, raw, verified) for kind, value, raw, verified in row["identifiers"]),
        tuple(known for known in (Particulars(*told) for told in row["particulars"]) if known),
        tuple(sorted(one for one in row["merged"] if one != row["customer_id"])),
    )


def _conflict(row: Row) -> Conflict:
    told: dict[str, Any] = {**dict(row), "kind": Kind(row["kind"]), "people": tuple(row["people"])}
    return Conflict(**told)


def _line(row: Row) -> Line:
    told: dict[str, Any] = dict(row)
    return Line(**told)
