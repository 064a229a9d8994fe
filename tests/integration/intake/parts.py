"""A hub on a real database, whose registers and web store have sources, and files and rows for them."""

import csv
import io
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from tests.acceptance.conftest import settings_in
from tillbridge.handoff.inbound import store
from tillbridge.handoff.inbound.model import Quarantined, SourceNow
from tillbridge.kernel.clock import SetClock
from tillbridge.kernel.db import Db, Query
from tillbridge.stack.exports import SALES
from tillbridge.stack.load import parse
from tillbridge.stack.model import Stack
from tillbridge.wiring import Hub, open_hub

NOW: Final = datetime(2026, 11, 22, 17, 0, tzinfo=UTC)

MAP: Final = """
[retailer]
name = "Harbor & Pine"
country = "US"
currency = "USD"
time_zone = "America/New_York"

[authority]
system = "platform"

[systems.registers]
role = "pos"
connector = "csv"
{registers}

[systems.platform]
role = "platform"
connector = "built-in"
{platform}

[systems.web]
role = "storefront"
connector = "csv"
{web}

[[hops]]
from = "registers"
to = "platform"
trigger = "poll"
interval = "1m"
sla = "5m"

[[hops]]
from = "platform"
to = "web"
trigger = "webhook"
sla = "60s"
"""

_ISSUED: Final = Query("tests.issued", "SELECT issue_key AS key, issued AS amount, currency FROM ledger.credit_now")


def folder_source(folder: Path, *, what: str = "sales", **more: str) -> str:
    """A source of kind folder as the map writes it; `more` are further keys as they stand there."""
    rhythm = {"interval": '"1h"'} if what == "customers" else {}
    keys = {"kind": '"folder"', "what": f'"{what}"', "path": f'"{folder}"', "settle": '"50ms"', **rhythm, **more}
    return f"source = {{ {', '.join(f'{name} = {value}' for name, value in keys.items())} }}"


def feed_source(url: str, **more: str) -> str:
    """A source of kind http for the sales."""
    keys = {"kind": '"http"', "what": '"sales"', "url": f'"{url}"', "timeout": '"2s"', **more}
    return f"source = {{ {', '.join(f'{name} = {value}' for name, value in keys.items())} }}"


def a_map(registers: str = "", web: str = "", platform: str = "") -> Stack:
    """A map with these sources."""
    return parse(MAP.format(registers=registers, web=web, platform=platform), "stack.toml", {})


@asynccontextmanager
async def a_hub(folder: Path, db_url: str, stack: Stack, clock: SetClock | None = None) -> AsyncIterator[Hub]:
    """A hub that fetches only when it is told to."""
    settings = settings_in(folder, db_url)
    clock = clock or SetClock(NOW)
    async with open_hub(settings, stack, public_url="http://hub.example", clock=clock, deliver=False) as hub:
        yield hub


def sale_row(number: int, **changes: str) -> dict[str, str]:
    """A register transaction of the canonical file."""
    return {
        "transaction_id": f"T{number:05}",
        "store": "006",
        "register": "3",
        "operator": "op07",
        "occurred_at": f"2026-11-21T{10 + number // 3600:02}:{number // 60 % 60:02}:{number % 60:02}-05:00",
        "kind": "store_credit",
        "bucket": "refund",
        "amount": "10.00",
        "currency": "USD",
        "code": "",
        "email": "",
        "phone": "",
        "loyalty_id": "",
        **changes,
    }


def as_csv(rows: Sequence[Mapping[str, str]], columns: Sequence[str] = SALES, delimiter: str = ",") -> str:
    """Rows as a file with a header."""
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, delimiter=delimiter)
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


async def issued(db: Db) -> dict[str, tuple[int, str]]:
    """What the ledger has issued: minor units and currency by key."""
    return {row["key"]: (row["amount"], row["currency"]) for row in await db.fetch(_ISSUED)}


async def ran(hub: Hub, name: str = "registers") -> tuple[dict[str, int], str]:
    """Run a source now: what it brought, and its trouble."""
    outcome = await hub.intake.run_once(name)
    assert outcome is not None
    return dict(outcome.brought), outcome.trouble


async def source_now(hub: Hub, name: str = "registers") -> SourceNow:
    """A source as it stands."""
    return (await store.sources(hub.db))[name]


async def waiting(hub: Hub) -> list[Quarantined]:
    """The rows in quarantine."""
    return await store.open_rows(hub.db)


def names_below(folder: Path) -> list[str]:
    """Every file in a folder and below, by its place."""
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())
