"""Keys, roles and audit lines as values."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final
from uuid import UUID

from tillbridge.kernel.actor import Actor, Right


@dataclass(frozen=True, slots=True)
class KeptKey:
    """A key as it is kept: everything but the key. `store` and `register` are blank where it is not narrowed."""

    name: str
    role: str
    system: str
    made_at: datetime
    revoked_at: datetime | None = None
    store: str = ""
    register: str = ""


@dataclass(frozen=True, slots=True)
class FoundKey:
    """Who holds a key, and whether it was taken back."""

    actor: Actor
    revoked: bool


@dataclass(frozen=True, slots=True)
class Role:
    """What the keys of a role may do. `changed_at` is None as long as it is as it came."""

    name: str
    rights: frozenset[Right]
    changed_at: datetime | None


class What(StrEnum):
    """What an audit line is about: the closed list, the same in the schema."""

    REFUSED = "refused"
    KEY_MADE = "key-made"
    KEY_REVOKED = "key-revoked"
    ROLE_SET = "role-set"
    UNWRITTEN = "unwritten"


WHATS: Final[Mapping[What, str]] = {
    What.REFUSED: "A request was answered 401, 403 or 429.",
    What.KEY_MADE: "A key was made.",
    What.KEY_REVOKED: "A key was taken back.",
    What.ROLE_SET: "What a role may do was changed.",
    What.UNWRITTEN: "So many were refused that not each has a line; `times` says how many have none.",
}
"""What each kind of audit line says."""


@dataclass(frozen=True, slots=True)
class Denial:
    """A request that was turned away: what makes two of them the same. `who` is the key's name, blank for nobody
    known; `path` is the pattern of the route, never what stood in it."""

    status: int
    who: str
    method: str
    path: str
    right: str
    reason: str
    remote: str


@dataclass(frozen=True, slots=True)
class Line:
    """An audit line: `count` times between `at` and `until`. `status` is None unless something was refused; `subject`
    is the route that was asked, or the key or the role that was changed."""

    line_id: UUID
    what: What
    at: datetime
    until: datetime
    count: int = 1
    who: str = ""
    status: int | None = None
    method: str = ""
    subject: str = ""
    right: str = ""
    reason: str = ""
    remote: str = ""
