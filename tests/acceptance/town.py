"""A hub and a simulated retailer around it, on a map that a test may change."""

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from pathlib import Path

from tests.acceptance.conftest import settings_in
from tests.acceptance.test_simulate import MAP, PACE, ROLES, SECRETS, Town
from tillbridge.api.keys import make_key
from tillbridge.cli.rig import Rig
from tillbridge.cli.serving import serving
from tillbridge.kernel.clock import SystemClock
from tillbridge.simulate.directory import Account
from tillbridge.simulate.servers import NAMES, Key, Shape, open_retailer
from tillbridge.stack.load import load
from tillbridge.wiring import INBOX, open_database


@asynccontextmanager
async def open_town(
    db_url: str, folder: Path, changes: Mapping[str, str] | None = None, *, pace: str = PACE, accounts: int = 60
) -> AsyncIterator[Town]:
    """The town, until the block ends. `changes` are texts of the map and what stands in their place."""
    settings = replace(settings_in(folder, db_url), smtp_url=INBOX)
    async with AsyncExitStack() as closing:
        async with open_database(settings, size=1) as db:
            bearers = {name: await make_key(db, SystemClock(), name, *role) for name, role in ROLES.items()}
        keys = {name: Key(bearers[name], SECRETS[name]) for name in NAMES}
        retailer = await closing.enter_async_context(open_retailer("", keys, seed=7, shape=Shape(accounts=accounts)))
        text = MAP.format(**retailer.urls, pace=pace)
        for before, after in (changes or {}).items():
            assert before in text
            text = text.replace(before, after)
        settings.stack.write_text(text, "utf-8")
        hub, url = await closing.enter_async_context(serving(settings, load(settings.stack, {})))
        retailer.hub.url = url
        assert await retailer.web.push_customers() == accounts
        yield Town(hub, Rig(settings, retailer.urls, keys, bearers["operations"]), retailer)


def someone(town: Town, number: int = 0) -> Account:
    """A customer whose e-mail is verified."""
    return [account for account in town.retailer.web.directory if account.email_verified][number]
