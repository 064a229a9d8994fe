"""Telling the hub who the storefront's customers are: all of them at the start, each change as it happens."""

import asyncio
from collections.abc import Sequence
from itertools import islice
from typing import Final

from tillbridge.simulate.directory import Account
from tillbridge.simulate.hub import Answer, Hub

AT_ONCE: Final = 500
"""Customers in one call, at most."""

ATTEMPTS: Final = 6
_PAUSE_SECONDS: Final = 0.2


class CustomerFeed:
    """Pushes customers of one system."""

    def __init__(self, hub: Hub, bearer: str, system: str) -> None:
        self._hub = hub
        self._bearer = bearer
        self._path = f"/v1/events/{system}"

    async def push_all(self, accounts: Sequence[Account]) -> int:
        """Tell the hub of all accounts; how many it has taken. It stops at the first call that fails for good."""
        pushed = 0
        rest = iter(accounts)
        while chunk := list(islice(rest, AT_ONCE)):
            body = {"type": "customers.updated", "customers": [account.as_json() for account in chunk]}
            if not await self._send(body):
                break
            pushed += len(chunk)
        return pushed

    async def push(self, account: Account) -> bool:
        """Tell the hub of one account; whether it has taken it."""
        return await self._send({"type": "customer.updated", "customer": account.as_json()})

    async def _send(self, body: object) -> bool:
        for attempt in range(ATTEMPTS):
            answer = await self._hub.call("POST", self._path, self._bearer, body=body)
            if isinstance(answer, Answer) and answer.status < 500 and answer.status != 429:
                return answer.good
            await asyncio.sleep(_PAUSE_SECONDS * 2**attempt)
        return False
