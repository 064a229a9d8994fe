"""People in PostgreSQL: the only file here that runs SQL. Every call takes many and makes one round trip."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

from tillbridge.identity.model import (
    Customer,
    Heard,
    Identifier,
    Key,
    Kind,
    Normal,
    Owner,
    Owners,
    Profile,
    Reference,
    Taken,
)
from tillbridge.identity.nearness import Probe, blocks, probes
from tillbridge.kernel.db import Db, Row, Tx, load_queries
from tillbridge.kernel.ids import Ids

NEAR_PER_PROBE: Final = 20
"""How many customers are looked at for one key: a common name must not cost more than a rare one."""

NEAR_PER_REQUEST: Final = 12
"""How many of them are compared for one request, those that share the most first."""

_QUERIES = load_queries("identity")


async def owners_of(tx: Db | Tx, keys: Iterable[Key]) -> Owners:
    """Who holds each of these identifiers, for any number of requests at once. Raises DatabaseError."""
    asked = sorted(set(keys))
    if not asked:
        return {}
    rows = await tx.fetch(_QUERIES["owners_of"], [kind.value for kind, _ in asked], [value for _, value in asked])
    verified: dict[Key, dict[UUID, bool]] = defaultdict(dict)
    for row in rows:
        people = verified[Kind(row["kind"]), row["value"]]
        people[row["customer_id"]] = people.get(row["customer_id"], False) or row["verified"]
    return {key: tuple(Owner(*pair) for pair in sorted(people.items())) for key, people in verified.items()}


async def near(tx: Db | Tx, requests: Sequence[Heard]) -> list[tuple[UUID, ...]]:
    """For each request the customers whom one slip of the finger may have missed, in the order of the requests.

    Bounded: NEAR_PER_REQUEST each. Raises DatabaseError.
    """
    asked = [
        (number, probe)
        for number, heard in enumerate(requests)
        for probe in sorted(frozenset[Probe]().union(*map(probes, heard.usable)))
    ]
    found: list[list[UUID]] = [[] for _ in requests]
    if asked:
        rows = await tx.fetch(
            _QUERIES["near"],
            [number for number, _ in asked],
            [probe.block for _, probe in asked],
            [probe.kind.value for _, probe in asked],
            [probe.key for _, probe in asked],
            NEAR_PER_PROBE,
            NEAR_PER_REQUEST,
        )
        for row in rows:
            found[row["request"]].append(row["customer_id"])
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


async def take_in(tx: Db | Tx, profiles: Sequence[Profile], at: datetime, ids: Ids) -> list[Taken]:
    """Take in profiles, thousands in a call, all or none. The same again changes nothing.

    What a profile states replaces what the same account stated before. Answers one `Taken` per account, ordered by
    system and account id. Raises DatabaseError.
    """
    if not profiles:
        return []
    rows = await tx.fetch(_QUERIES["take_in"], at, [_profile_in(profile, ids.new()) for profile in profiles])
    return [Taken(Reference(row["system"], row["account_id"]), row["customer_id"], row["new"]) for row in rows]


async def verify(tx: Db | Tx, customer_id: UUID, proved: Normal, at: datetime) -> None:
    """The customer answered a one-time code sent to this e-mail or phone: they have proved control of it.

    A profile that changes later does not take this back. Raises DatabaseError, DatabaseFault for an unknown customer.
    """
    keys = blocks(proved.kind, proved.value)
    state = (customer_id, proved.kind.value, proved.value, proved.raw)
    await tx.execute(_QUERIES["verify"], *state, keys.head, keys.tail, keys.ends, keys.stem, at)


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
    await tx.execute(_QUERIES["analyse"])


def _whose(row: Row) -> UUID:
    customer_id: UUID = row["customer_id"]
    return customer_id


def _profile_in(profile: Profile, new_id: UUID) -> tuple[object, ...]:
    """A profile as the composite identity.profile_in."""
    stated = [_identifier_in(identifier) for identifier in profile.identifiers]
    return profile.reference.system, profile.reference.account_id, new_id, stated


def _identifier_in(identifier: Identifier) -> tuple[object, ...]:
    """An identifier as the composite identity.identifier_in."""
    keys = blocks(identifier.kind, identifier.value)
    state = (identifier.kind.value, identifier.value, identifier.raw, identifier.verified)
    return *state, keys.head, keys.tail, keys.ends, keys.stem


def _customer(row: Row) -> Customer:
    return Customer(
        row["customer_id"],
        row["created_at"],
        tuple(Reference(*names) for names in row["accounts"]),
        tuple(Identifier(Kind(kind), *rest) for kind, *rest in row["identifiers"]),
    )
