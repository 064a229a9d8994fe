"""A hub with two customers who share a phone, and a clock that is moved by hand."""

import random
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import pytest

from tests.acceptance.conftest import QUIET_MAP, settings_in
from tillbridge.checkpoint.claim import Finish
from tillbridge.checkpoint.model import Receipt, Sale
from tillbridge.connectors.inbox import Inbox
from tillbridge.identity.directory import profile_of
from tillbridge.identity.model import Given, Profile
from tillbridge.identity.store import take_in
from tillbridge.kernel.clock import SetClock
from tillbridge.kernel.money import Money
from tillbridge.ledger import store as ledger
from tillbridge.ledger.model import Origin, State
from tillbridge.stack.load import parse
from tillbridge.wiring import INBOX, Hub, open_hub

START = datetime(2026, 11, 21, 19, 0, tzinfo=UTC)


SALE = Sale(
    key="sale",
    actor="till",
    kind="store_credit",
    bucket="refund",
    amount=Money(8800, "USD"),
    occurred_at=START,
    origin=Origin("006", "3", "op07", "T-sale"),
    given=Given(),
    code="",
    expires_at=None,
)


@dataclass
class Shop:
    """A hub with a clock that is moved by hand, and the inbox that its codes go to."""

    hub: Hub
    clock: SetClock
    inbox: Inbox

    async def voucher(self, key: str = "k1") -> Receipt:
        """A credit for somebody who gave no identifier."""
        sale = replace(SALE, key=key, occurred_at=self.clock.now(), origin=Origin("006", "3", "op07", f"T-{key}"))
        receipt = await self.hub.checkpoint.issue(sale, timedelta())
        assert isinstance(receipt, Receipt)
        assert receipt.voucher is not None
        return receipt

    async def begin(self, receipt: Receipt, contact: str) -> UUID:
        assert receipt.voucher is not None
        begun = await self.hub.claims.begin(receipt.voucher.claim_code, contact)
        assert begun.challenge_id is not None, begun
        return begun.challenge_id

    def code(self) -> str:
        """The code in the newest message."""
        found = re.search(r"\b\d{6}\b", self.inbox.messages()[0].text)
        assert found is not None
        return found.group()

    async def finish(self, receipt: Receipt, challenge: UUID, code: str) -> Finish:
        assert receipt.voucher is not None
        return (await self.hub.claims.finish(receipt.voucher.claim_code, challenge, code)).finish

    async def owner(self, receipt: Receipt) -> tuple[State, UUID | None]:
        now = await ledger.credit_now(self.hub.db, receipt.posted.credit_id)
        assert now is not None
        return now.state, now.owner


@pytest.fixture
async def shop(db_url: str, tmp_path: Path) -> AsyncIterator[Shop]:
    clock = SetClock(START)
    settings = settings_in(tmp_path, db_url)
    stack = parse(QUIET_MAP, "stack.toml", {})
    mail = replace(settings, smtp_url=INBOX)
    async with open_hub(mail, stack, public_url="http://hub.example", clock=clock, chance=random.Random(5)) as hub:
        assert hub.inbox is not None
        accounts = [
            (Given(email="ava@example.com", phone="+12125550143", account_id="A1"), True),
            (Given(email="ben@example.com", phone="+12125550143", account_id="A2"), True),
            (Given(email="eve-states@example.com", account_id="A3"), False),
        ]
        for given, verified in accounts:
            profile = profile_of("web", given, "US", email_verified=verified, phone_verified=verified)
            assert isinstance(profile, Profile)
            await take_in(hub.db, [profile], clock.now(), hub.ids)
        yield Shop(hub, clock, hub.inbox)
