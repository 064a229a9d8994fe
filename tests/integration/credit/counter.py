"""A desk on a real database, with a map of rules, and commands in short."""

import random
from datetime import UTC, datetime
from itertools import count
from typing import Any, Final
from uuid import UUID

from tillbridge.credit.codes import Codes
from tillbridge.credit.desk import Desk
from tillbridge.credit.lawbook import load_law
from tillbridge.credit.model import Issue, Submitted
from tillbridge.credit.terms import Rules
from tillbridge.kernel.clock import SetClock
from tillbridge.kernel.db import Db
from tillbridge.kernel.ids import Ids
from tillbridge.kernel.money import Money
from tillbridge.ledger.model import Answer, Origin, Posted
from tillbridge.stack.load import parse

START: Final = datetime(2026, 11, 22, 17, 0, tzinfo=UTC)
SHOP: Final = Origin("006", "3", "op07", "T-1")

MAP: Final = """
[retailer]
name = "Harbor & Pine"
country = "US"
currency = "USD"
time_zone = "America/New_York"
place = "US-NY"

[authority]
system = "platform"

[systems.registers]
role = "pos"
connector = "csv"

[systems.platform]
role = "platform"
connector = "built-in"
amount = {{ max = "500" }}

[systems.web]
role = "storefront"
connector = "http"
url = "http://127.0.0.1:9"
secret = "a secret for the web store"

[[hops]]
from = "registers"
to = "platform"
trigger = "webhook"
sla = "2s"

[[hops]]
from = "platform"
to = "web"
trigger = "webhook"
sla = "5s"

[stores.006]
place = "US-CA"

{rules}
"""


class Counter:
    """One desk: what is asked of it, and what it answered."""

    def __init__(self, db: Db, rules: str = "", clock: SetClock | None = None, seed: int = 7) -> None:
        self.db = db
        self.clock = clock or SetClock(START)
        self.ids = Ids(self.clock, random.Random(seed))
        self.stack = parse(MAP.format(rules=rules), "stack.toml", {})
        law = Rules(self.stack, load_law(None))
        codes = Codes(b"a secret of at least so many bytes")
        self.desk = Desk(db, self.stack, self.clock, self.ids, codes, lambda hops: None, law)
        self.owner = self.ids.new()
        self._numbers = count()
        self._seed = seed

    def said(self, key: str = "") -> dict[str, Any]:
        """What every command says."""
        key = key or f"k{self._seed}-{next(self._numbers)}"
        return {"key": key, "actor": "till", "occurred_at": self.clock.now(), "origin": SHOP}

    async def do(self, command: Submitted) -> Posted:
        """Carry out a command that must not be refused."""
        result = (await self.desk.post(command)).result
        assert isinstance(result, Posted), result.code
        return result

    async def refused(self, command: Submitted) -> str:
        """The code with which a command is refused."""
        answer: Answer = await self.desk.post(command)
        assert not isinstance(answer.result, Posted), answer.result
        return answer.result.code

    def issue(self, minor: int = 10_000, *, key: str = "", **more: Any) -> Issue:
        """An issue to the owner."""
        given: dict[str, Any] = {
            "kind": "gift_card",
            "bucket": "paid",
            "amount": Money(minor, "USD"),
            "owner": self.owner,
            "code": "",
            "expires_at": None,
            "request": {"amount": minor},
            **more,
        }
        return Issue(**(self.said(key) | given))

    async def credit(self, minor: int = 10_000, **more: Any) -> UUID:
        """The id of a new credit."""
        return (await self.do(self.issue(minor, **more))).credit_id
