"""The only file of this package that runs SQL."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from tillbridge.api.model import FoundKey, KeptKey, Line, Role, What
from tillbridge.kernel.actor import Actor, Right
from tillbridge.kernel.db import Db, Row, Tx, load_queries

_Q = load_queries("api")
_KNOWN = frozenset(Right)


async def add_key(tx: Tx, key_hash: bytes, kept: KeptKey) -> bool:
    """Keep a new key by its hash; false when the name is taken. Raises DatabaseFault for a role that is none."""
    place = (kept.system, kept.store, kept.register)
    return bool(await tx.execute(_Q["add_key"], kept.name, key_hash, kept.role, *place, kept.made_at))


async def revoke_key(tx: Tx, name: str, at: datetime) -> bool:
    """Take a key back; false when there is none of this name in force."""
    return bool(await tx.execute(_Q["revoke_key"], name, at))


async def key_of_hash(db: Db, key_hash: bytes) -> FoundKey | None:
    """The key that hashes to this, in force or not; None when it is unknown."""
    row = await db.fetch_one(_Q["key_of_hash"], key_hash)
    return None if row is None else FoundKey(_actor(row), row["revoked"])


async def actor_named(db: Db, name: str) -> Actor | None:
    """Who holds the key of this name; None when it is unknown or revoked."""
    row = await db.fetch_one(_Q["key_of_name"], name)
    return None if row is None else _actor(row)


def _actor(row: Row) -> Actor:
    return Actor(row["name"], _rights(row), row["system"] or None, row["store"], row["register"])


def _rights(row: Row) -> frozenset[Right]:
    """The rights of a role. One that only a newer hub knows is passed over: nothing here asks for it."""
    return frozenset(Right(right) for right in row["rights"] if right in _KNOWN)


async def keys(db: Db) -> list[KeptKey]:
    """All keys, by name."""
    return [KeptKey(**dict(row)) for row in await db.fetch(_Q["keys"])]


async def roles(db: Db) -> list[Role]:
    """All roles, by name."""
    return [Role(row["name"], _rights(row), row["changed_at"]) for row in await db.fetch(_Q["roles"])]


async def set_role(tx: Tx, role: Role) -> None:
    """Say what a role may do; a new one is made. Raises DatabaseFault for a name that cannot be one."""
    rights = [right.value for right in Right if right in role.rights]
    await tx.execute(_Q["set_role"], role.name, rights, role.changed_at)


async def add_lines(tx: Tx, lines: Sequence[Line]) -> None:
    """Write audit lines down; those that are there already stay as they are."""
    rows = [
        (
            *(one.line_id, one.what.value, one.at, one.until, one.count, one.who, one.status),
            *(one.method, one.subject, one.right, one.reason, one.remote),
        )
        for one in lines
    ]
    if rows:
        await tx.execute(_Q["add_lines"], *map(list, zip(*rows, strict=True)))


async def lines(db: Db, before: UUID, since: UUID, limit: int) -> list[Line]:
    """Audit lines, newest first: those with ids below `before` and from `since` on, at most `limit`."""
    return [_line(row) for row in await db.fetch(_Q["lines"], before, since, limit)]


def _line(row: Row) -> Line:
    values = dict(row)
    return Line(what=What(values.pop("what")), right=values.pop("right_asked"), **values)
