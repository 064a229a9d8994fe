"""The ledger's benchmark over HTTP: single requests to a hub in a process of its own."""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from tillbridge.cli.rig import Rig, hub_process
from tillbridge.cli.sales import Sales
from tillbridge.cli.tills import Rung, ring

RATE_MAX: Final = 8000
"""More single requests a second than are made ready for: no hub of one process answers so many."""

WARM_REQUESTS: Final = 500
WARM_SECONDS: Final = 5.0


@dataclass(frozen=True, slots=True)
class Singles:
    """What was measured, with all the clients and with one. Memory of the hub's process in megabytes."""

    redeems: Sequence[Rung]
    issues: Sequence[Rung]
    redeems_alone: Rung
    issues_alone: Rung
    memory_mb: float | None

    def failed(self) -> int:
        """Requests that were not answered with 201."""
        return sum(one.failed() for one in (*self.redeems, *self.issues, self.redeems_alone, self.issues_alone))


async def measure_singles(
    rig: Rig, sales: Sales, chance: random.Random, credit_ids: Sequence[UUID], clients: int, seconds: int, rounds: int
) -> Singles:
    """Redeem and issue over HTTP, `rounds` times with `clients` at once, then with one. Nothing is handed off."""
    bearer = rig.keys["registers"].bearer
    async with hub_process(rig, deliver=False) as hub:

        def redeem() -> bytes:
            return sales.redeem_request(hub.url, bearer, chance.choice(credit_ids))

        def issue() -> bytes:
            return sales.issue_request(hub.url, bearer)

        async def load(request: Callable[[], bytes], callers: int) -> Rung:
            # One caller waits for each answer: it needs fewer requests made ready.
            most = (RATE_MAX if callers > 1 else RATE_MAX // 8) * seconds
            return await ring(hub.url, [request() for _ in range(most)], callers, seconds)

        for request in (redeem, issue):
            await ring(hub.url, [request() for _ in range(WARM_REQUESTS)], clients, WARM_SECONDS)
        redeems = [await load(redeem, clients) for _ in range(rounds)]
        issues = [await load(issue, clients) for _ in range(rounds)]
        return Singles(redeems, issues, await load(redeem, 1), await load(issue, 1), hub.memory_mb())
