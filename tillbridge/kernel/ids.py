"""Ids are made by the caller, before anything is written: UUIDv7, so that they sort by time (RFC 9562)."""

import random
import secrets
from uuid import UUID

from tillbridge.kernel.clock import Clock


class Ids:
    """Makes UUIDv7s from a clock and a source of chance."""

    def __init__(self, clock: Clock, chance: random.Random) -> None:
        self._clock = clock
        self._chance = chance

    def new(self) -> UUID:
        """A new id: 48 bits of milliseconds, then 74 bits of chance."""
        milliseconds = int(self._clock.now().timestamp() * 1000) & 0xFFFF_FFFF_FFFF
        chance = self._chance.getrandbits(74)
        high, low = chance >> 62, chance & 0x3FFF_FFFF_FFFF_FFFF
        return UUID(int=milliseconds << 80 | 0x7 << 76 | high << 64 | 0b10 << 62 | low)


def secure_chance() -> random.Random:
    """The operating system's randomness, for everything that must not be guessed."""
    return secrets.SystemRandom()


def secret_token(bytes_of_chance: int = 32) -> str:
    """A text that cannot be guessed, safe in URLs and headers."""
    return secrets.token_urlsafe(bytes_of_chance)
