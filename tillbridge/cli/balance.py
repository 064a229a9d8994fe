"""`tillbridge balance`: what a credit is worth."""

from pathlib import Path
from uuid import UUID

import click

from tillbridge.cli.listing import FORMAT, print_rows
from tillbridge.cli.options import DATA_DIR
from tillbridge.cli.running import run, settings_with
from tillbridge.credit.codes import Codes, plain_code
from tillbridge.diagnose.lookup import credits_named
from tillbridge.kernel.clock import SystemClock, parse_time
from tillbridge.kernel.db import Db
from tillbridge.kernel.errors import BadInput, NotFound
from tillbridge.kernel.money import Money
from tillbridge.kernel.settings import Settings
from tillbridge.ledger import store
from tillbridge.ledger.model import CreditNow
from tillbridge.wiring import open_codes, open_database


async def named(db: Db, codes: Codes, name: str) -> list[UUID]:
    """The credits that a code, an id, a receipt or a key stands for. Raises NotFound."""
    try:
        code_hash = codes.hash(plain_code(name))
    except ValueError:
        code_hash = None
    found = await credits_named(db, name.strip(), code_hash)
    if not found:
        raise NotFound("credit", name)
    return found


@click.command("balance")
@click.argument("name")
@click.option("--at", "moment", default="", help="What it held at this moment (ISO 8601 with offset).")
@click.option("--occurred", is_flag=True, help="With --at: by when things happened, not by when they were recorded.")
@DATA_DIR
@FORMAT
def balance_command(name: str, moment: str, occurred: bool, data_dir: Path | None, form: str) -> None:
    """What the credit called NAME is worth: a code, an id, a receipt or an idempotency key.

    Example: tillbridge balance 6281670170002304
    """
    rows = run(_balance(settings_with(data_dir), name, moment, occurred=occurred))
    print_rows(rows, form, ("issued", "balance", "available"))


async def _balance(settings: Settings, name: str, moment: str, *, occurred: bool) -> list[dict[str, str]]:
    async with open_database(settings) as db:
        codes = await open_codes(settings, db)
        rows = []
        for credit_id in await named(db, codes, name):
            now = await store.credit_now(db, credit_id)
            if now is not None:
                rows.append(await _row(db, now, moment, occurred=occurred))
        return rows


async def _row(db: Db, now: CreditNow, moment: str, *, occurred: bool) -> dict[str, str]:
    row = {
        "credit": str(now.credit_id),
        "code": f"…{now.code_last4}",
        "kind": now.kind,
        "bucket": now.bucket,
        "state": now.state_at(SystemClock().now()).value,
        "issued": Money(now.issued, now.currency).text(),
        "currency": now.currency,
    }
    if not moment:
        held = {"balance": now.balance, "available": now.available(SystemClock().now())}
        return {**row, **{name: Money(minor, now.currency).text() for name, minor in held.items()}}
    try:
        at = parse_time(moment)
    except ValueError:
        mend = "Give ISO 8601 with an offset, such as 2026-11-21T14:02:11-05:00."
        raise BadInput("--at", f"{moment!r} is no time with a zone", mend) from None
    money = await store.balance_at(db, now.credit_id, at, occurred=occurred)
    return {**row, "balance": (money or Money(0, now.currency)).text(), "at": at.isoformat()}
