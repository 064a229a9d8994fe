"""API keys: made, shown once, kept as a hash, looked up at every request."""

import hashlib
from typing import Final

from tillbridge.api import store
from tillbridge.api.store import KeptKey
from tillbridge.kernel.actor import ROLES, Actor, Right
from tillbridge.kernel.clock import Clock
from tillbridge.kernel.db import Db
from tillbridge.kernel.errors import BadInput, NotAllowed
from tillbridge.kernel.ids import secret_token

KEY_PREFIX: Final = "tb_"
KNOWN_SECONDS: Final = 5.0
"""How long a key that was found is taken for good without asking again: a revoked key dies within this time."""


def hash_key(key: str) -> bytes:
    """What is kept of a key. A plain SHA-256 is enough: keys are 256 bits of chance, not words of people."""
    return hashlib.sha256(key.encode(errors="surrogateescape")).digest()


async def make_key(db: Db, clock: Clock, name: str, role: str, system: str = "") -> str:
    """Make a key and answer it: the only time that it is seen. Raises BadInput for an unknown role or a taken name."""
    if role not in ROLES:
        raise BadInput("role", f"{role!r} is no role", f"Choose one of {', '.join(ROLES)}.")
    key = KEY_PREFIX + secret_token()
    if role == "system" and not system:
        raise BadInput("system", "a key of this role speaks for one system", "Name the system of the stack map.")
    if not await store.add_key(db, hash_key(key), KeptKey(name, role, system, clock.now(), None)):
        raise BadInput(
            "name", f"a key called {name!r} exists", "Choose another name; names of revoked keys stay taken."
        )
    return key


class Keys:
    """Tells who is asking. Keys found are remembered for a few seconds."""

    def __init__(self, db: Db, clock: Clock) -> None:
        self._db = db
        self._clock = clock
        self._known: dict[bytes, tuple[float, Actor]] = {}
        self._trusted: dict[bytes, Actor] = {}

    def trust(self, key: str, actor: Actor) -> None:
        """Take a key that lives in this process only and is kept nowhere."""
        self._trusted[hash_key(key)] = actor

    async def actor(self, authorization: str | None) -> Actor:
        """Who holds the key of an `Authorization: Bearer KEY` header. Raises NotAllowed."""
        scheme, _, key = (authorization or "").partition(" ")
        if scheme.lower() != "bearer" or not key:
            raise NotAllowed("Send your key as 'Authorization: Bearer KEY'.", known=False)
        return await self.holder(key.strip())

    async def named(self, name: str) -> Actor | None:
        """The holder of the key of this name, as long as it is in force."""
        return await store.actor_named(self._db, name)

    async def holder(self, key: str) -> Actor:
        """Who holds this key. Raises NotAllowed when it is unknown or revoked."""
        key_hash, now = hash_key(key), self._clock.now().timestamp()
        if key_hash in self._trusted:
            return self._trusted[key_hash]
        found = self._known.get(key_hash)
        if found is not None and abs(now - found[0]) < KNOWN_SECONDS:
            return found[1]
        actor = await store.actor_of(self._db, key_hash)
        if actor is None:
            self._known.pop(key_hash, None)
            raise NotAllowed("This key is unknown or was revoked.", known=False)
        self._known[key_hash] = (now, actor)
        return actor


def require(actor: Actor, right: Right) -> None:
    """Raises NotAllowed when the actor lacks the right."""
    if not actor.may(right):
        raise NotAllowed(
            f"The key {actor.name} may not {right.value}. Use a key whose role has this right.", known=True
        )
