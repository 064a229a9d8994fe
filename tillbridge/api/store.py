"""The only file of this package that runs SQL."""

from dataclasses import dataclass
from datetime import datetime

from tillbridge.kernel.actor import ROLES, Actor
from tillbridge.kernel.db import Db, Row, load_queries

_Q = load_queries("api")


@dataclass(frozen=True, slots=True)
class KeptKey:
    """A key as it is kept: everything but the key."""

    name: str
    role: str
    system: str
    made_at: datetime
    revoked_at: datetime | None


async def add_key(db: Db, key_hash: bytes, kept: KeptKey) -> bool:
    """Keep a new key by its hash; false when the name is taken."""
    return bool(await db.execute(_Q["add_key"], kept.name, key_hash, kept.role, kept.system, kept.made_at))


async def revoke_key(db: Db, name: str, at: datetime) -> bool:
    """Take a key back; false when there is none of this name in force."""
    return bool(await db.execute(_Q["revoke_key"], name, at))


async def actor_of(db: Db, key_hash: bytes) -> Actor | None:
    """Who holds the key that hashes to this; None when it is unknown or revoked."""
    return _actor(await db.fetch_one(_Q["key_of_hash"], key_hash))


async def actor_named(db: Db, name: str) -> Actor | None:
    """Who holds the key of this name; None when it is unknown or revoked."""
    return _actor(await db.fetch_one(_Q["key_of_name"], name))


def _actor(row: Row | None) -> Actor | None:
    return None if row is None else Actor(row["name"], ROLES[row["role"]], row["system"] or None)


async def keys(db: Db) -> list[KeptKey]:
    """All keys, by name."""
    return [KeptKey(**dict(row)) for row in await db.fetch(_Q["keys"])]
