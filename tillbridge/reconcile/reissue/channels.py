"""The systems behind the ledger, asked what they show of a credit."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Final
from uuid import UUID

from tillbridge.handoff import store as handoffs
from tillbridge.kernel.db import Db
from tillbridge.reconcile.reissue.model import Item
from tillbridge.reconcile.reissue.ports import Asked, CannotTell, Channel
from tillbridge.reconcile.reissue.prove import reached
from tillbridge.stack.model import Role, Stack

SPENDING: Final = frozenset({Role.STOREFRONT, Role.PAYMENTS, Role.PLATFORM})
"""The roles of systems in which a credit can be spent. The books take note of it; the registers ask the ledger."""

_NO_WAY: Final = CannotTell("The map has no live way to it.")


class HubChannels:
    """Every system that the map hands events to. `ways` are those that can be asked, by name."""

    def __init__(self, db: Db, stack: Stack, ways: Mapping[str, Channel]) -> None:
        self._db = db
        self._ways = ways
        targets = dict.fromkeys(hop.target for hop in stack.deliveries())
        self._systems = tuple(stack.systems[name] for name in targets)
        self._hops = {name: [hop.name for hop in stack.deliveries() if hop.target == name] for name in targets}

    async def ask(self, item: Item) -> Sequence[Asked]:
        """What each of them says of an item's credit, and whether it may ever have had it. Raises DatabaseError."""
        kept = await handoffs.of_credit(self._db, UUID(item.credit))

        async def asked(name: str, role: Role) -> Asked:
            way = self._ways.get(name)
            sight = _NO_WAY if way is None else await way.shows(item.credit)
            return Asked(name, role in SPENDING, reached(kept, self._hops[name]), sight)

        return await asyncio.gather(*(asked(system.name, system.role) for system in self._systems))
