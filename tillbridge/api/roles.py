"""Roles: which rights the keys of a role have. They are rows that a retailer changes, not constants."""

import re
from collections.abc import Iterable
from typing import Final

from tillbridge.api import store
from tillbridge.api.keys import COMMAND_LINE
from tillbridge.api.model import Line, Role, What
from tillbridge.kernel.actor import Right
from tillbridge.kernel.clock import Clock
from tillbridge.kernel.db import Db
from tillbridge.kernel.errors import BadInput
from tillbridge.kernel.ids import Ids, secure_chance

_NAME: Final = re.compile(r"[a-z][a-z0-9-]{0,31}", re.ASCII)


def read_rights(words: Iterable[str]) -> frozenset[Right]:
    """Rights by their names. Raises BadInput for a name that is no right, with the list of those that are."""
    known = {right.value: right for right in Right}
    rights = set()
    for word in words:
        if word not in known:
            raise BadInput("may", f"{word!r} is no right", f"Choose from {', '.join(known)}.")
        rights.add(known[word])
    return frozenset(rights)


async def set_role(db: Db, clock: Clock, name: str, rights: frozenset[Right]) -> None:
    """Say what the keys of a role may do, all of it; a role that is new is made. Running hubs follow within
    KNOWN_SECONDS. Raises BadInput for a name that cannot be one, DatabaseError."""
    if not _NAME.fullmatch(name):
        mend = "Use 1 to 32 small letters, digits and dashes, a letter first."
        raise BadInput("name", f"{name!r} cannot be the name of a role", mend)
    at = clock.now()
    may = ", ".join(right.value for right in Right if right in rights) or "nothing"
    line_id = Ids(clock, secure_chance()).new()
    line = Line(line_id, What.ROLE_SET, at, at, who=COMMAND_LINE, subject=name, reason=f"may {may}")
    async with db.transaction() as tx:
        await store.set_role(tx, Role(name, rights, at))
        await store.add_lines(tx, [line])
