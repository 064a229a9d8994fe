"""Who is asking, and what they may do."""

from dataclasses import dataclass
from enum import StrEnum


class Right(StrEnum):
    """One thing an actor may do. Rights are data: a key holds a set of them."""

    ISSUE = "issue"
    REDEEM = "redeem"
    VOID = "void"
    READ = "read"
    EVENTS = "events"
    REPLAY = "replay"
    CONSOLE = "console"


ROLES: dict[str, frozenset[Right]] = {
    "register": frozenset({Right.ISSUE, Right.REDEEM, Right.READ}),
    "system": frozenset({Right.EVENTS, Right.REDEEM, Right.READ}),
    "support": frozenset({Right.READ, Right.CONSOLE}),
    "operations": frozenset(Right),
}
"""What each role may do, from the least rights to all of them."""


@dataclass(frozen=True, slots=True)
class Actor:
    """Someone or something known by a key. `system` names the stack's system it speaks for, where it does."""

    name: str
    rights: frozenset[Right]
    system: str | None = None

    def may(self, right: Right) -> bool:
        """Whether this actor holds the right."""
        return right in self.rights
