"""API keys: made, shown once, kept as a hash, looked up at every request."""

import asyncio
import hashlib
from typing import Final

from tillbridge.api import store
from tillbridge.api.model import KeptKey, Line, What
from tillbridge.kernel.actor import Actor, Right
from tillbridge.kernel.clock import Clock
from tillbridge.kernel.db import Db
from tillbridge.kernel.errors import BadInput, NotAllowed, NotFound
from tillbridge.kernel.ids import Ids, secret_token, secure_chance

KEY_PREFIX: Final = "tb_"
KNOWN_SECONDS: Final = 5.0
"""How long a key that was found is taken for good without asking again: a revoked key dies within this time, and a
role that was changed is as it is now."""

LOOKUPS_MAX: Final = 2
"""How many keys are looked up in the database at once: a flood of unknown ones leaves connections for honest work."""

COMMAND_LINE: Final = "cli"
"""Who changed keys and roles, in the audit lines."""


def hash_key(key: str) -> bytes:
    """What is kept of a key. A plain SHA-256 is enough: keys are 256 bits of chance, not words of people."""
    return hashlib.sha256(key.encode(errors="surrogateescape")).digest()


async def make_key(
    db: Db, clock: Clock, name: str, role: str, system: str = "", *, place: str = "", register: str = ""
) -> str:
    """Make a key and answer it: the only time that it is seen. `place` is the store it is narrowed to, `register` one
    register of that store; blank for all. Raises BadInput for an unknown role or a taken name, DatabaseError."""
    known = [one.name for one in await store.roles(db)]
    if role not in known:
        raise BadInput("role", f"{role!r} is no role", f"Choose one of {', '.join(known)}.")
    if role == "system" and not system:
        raise BadInput("system", "a key of this role speaks for one system", "Name the system of the stack map.")
    if register and not place:
        raise BadInput("register", "registers of two stores may have the same number", "Name the store as well.")
    key, at = KEY_PREFIX + secret_token(), clock.now()
    words = ((role, f"role {role}"), (system, f"system {system}"), (place, f"store {place}"))
    said = ", ".join(text for given, text in (*words, (register, f"register {register}")) if given)
    made = Line(Ids(clock, secure_chance()).new(), What.KEY_MADE, at, at, who=COMMAND_LINE, subject=name, reason=said)
    kept = KeptKey(name, role, system, at, None, place, register)
    async with db.transaction() as tx:
        if not await store.add_key(tx, hash_key(key), kept):
            mend = "Choose another name; names of revoked keys stay taken."
            raise BadInput("name", f"a key called {name!r} exists", mend)
        await store.add_lines(tx, [made])
    return key


async def revoke_key(db: Db, clock: Clock, name: str) -> None:
    """Take a key back: it dies within KNOWN_SECONDS. Raises NotFound when none of this name is in force."""
    at = clock.now()
    line = Line(Ids(clock, secure_chance()).new(), What.KEY_REVOKED, at, at, who=COMMAND_LINE, subject=name)
    async with db.transaction() as tx:
        if not await store.revoke_key(tx, name, at):
            raise NotFound("key in force", name)
        await store.add_lines(tx, [line])


class Keys:
    """Tells who is asking. Keys found are remembered for a few seconds."""

    def __init__(self, db: Db, clock: Clock) -> None:
        self._db = db
        self._clock = clock
        self._known: dict[bytes, tuple[float, Actor]] = {}
        self._trusted: dict[bytes, Actor] = {}
        self._looking = asyncio.Semaphore(LOOKUPS_MAX)

    def trust(self, key: str, actor: Actor) -> None:
        """Take a key that lives in this process only and is kept nowhere."""
        self._trusted[hash_key(key)] = actor

    async def actor(self, authorization: str | None) -> Actor:
        """Who holds the key of an `Authorization: Bearer KEY` header. Raises NotAllowed."""
        scheme, _, key = (authorization or "").partition(" ")
        if scheme.lower() != "bearer" or not key:
            raise NotAllowed("Send your key as 'Authorization: Bearer KEY'.", known=False, reason="no-key")
        return await self.holder(key.strip())

    async def named(self, name: str) -> Actor | None:
        """The holder of the key of this name, as long as it is in force."""
        return await store.actor_named(self._db, name)

    async def holder(self, key: str) -> Actor:
        """Who holds this key. Raises NotAllowed when it is unknown or revoked."""
        key_hash = hash_key(key)
        if key_hash in self._trusted:
            return self._trusted[key_hash]
        found = self._remembered(key_hash)
        if found is not None:
            return found
        async with self._looking:
            # Whoever waited here with the same key has it from the one before.
            return self._remembered(key_hash) or await self._look_up(key_hash)

    def _remembered(self, key_hash: bytes) -> Actor | None:
        found = self._known.get(key_hash)
        fresh = found is not None and abs(self._clock.now().timestamp() - found[0]) < KNOWN_SECONDS
        return found[1] if found is not None and fresh else None

    async def _look_up(self, key_hash: bytes) -> Actor:
        asked_at = self._clock.now().timestamp()
        found = await store.key_of_hash(self._db, key_hash)
        if found is None or found.revoked:
            self._known.pop(key_hash, None)
            reason, who = ("unknown-key", "") if found is None else ("revoked-key", found.actor.name)
            raise NotAllowed("This key is unknown or was revoked.", known=False, reason=reason, who=who)
        self._known[key_hash] = (asked_at, found.actor)
        return found.actor


def require(actor: Actor, right: Right) -> None:
    """Raises NotAllowed when the actor lacks the right."""
    if not actor.may(right):
        sentence = f"The key {actor.name} may not {right.value}. Use a key whose role has this right."
        raise NotAllowed(sentence, known=True, reason="no-right", who=actor.name)


def check_place(actor: Actor, place: str, register: str) -> None:
    """Raises NotAllowed when a request names a store (`place`) or a register other than those the actor's key is
    narrowed to. What the request leaves blank names none."""
    for word, own, named in (("store", actor.store, place), ("register", actor.register, register)):
        if own and named and own != named:
            sentence = f"The key {actor.name} is for {word} {own} only. Use a key of that {word}."
            raise NotAllowed(sentence, known=True, reason=f"other-{word}", who=actor.name)
