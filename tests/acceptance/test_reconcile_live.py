"""`tillbridge reconcile` on a hub that runs: all sides live, and an export of the registers against live sides."""

import asyncio
import csv
import json
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest
from click.testing import CliRunner

from tests.acceptance.test_simulate import Town
from tests.acceptance.town import open_town, someone
from tillbridge.cli.reconcile import reconcile_command
from tillbridge.diagnose.model import Side
from tillbridge.kernel.clock import SystemClock
from tillbridge.kernel.errors import TillbridgeError
from tillbridge.ledger import store as ledger
from tillbridge.reconcile.columns import COLUMNS
from tillbridge.simulate.faults import Faults
from tillbridge.simulate.receipt import Identifiers, Receipt

LIVE = ("--platform", "hub", "--storefront", "web", "--erp", "erp")


async def run(town: Town, *sides: str) -> tuple[int, str]:
    """The exit status of the command an hour from now, and what it complained of."""
    folder = town.rig.settings.data_dir
    later = (SystemClock().now() + timedelta(hours=1)).isoformat()
    where = ("--data-dir", str(folder), "--stack", str(town.rig.settings.stack), "--out", str(folder / "out"))
    done = await asyncio.to_thread(CliRunner().invoke, reconcile_command, [*sides, *where, "--as-of", later])
    if isinstance(done.exception, TillbridgeError):
        return 2, str(done.exception)
    return done.exit_code, done.output


def findings(town: Town) -> list[dict[str, str]]:
    """The findings that the command left behind; the run was a whole one."""
    folder = town.rig.settings.data_dir / "out"
    assert json.loads((folder / "summary.json").read_text("utf-8"))["status"] in {"clean", "findings"}
    with (folder / "findings.csv").open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


async def code_of(town: Town, receipt: Receipt) -> str:
    """The code on the card: made from the key that the credit was issued with."""
    now = await ledger.credit_now(town.hub.db, UUID(receipt.credit_id))
    assert now is not None
    return town.hub.codes.make(now.issue_key)


def export(path: Path, *sales: tuple[Receipt, str, str]) -> Path:
    """The registers' own export of these sales, each with its code and the e-mail that was typed."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS[Side.POS])
        writer.writeheader()
        for receipt, code, email in sales:
            sold = receipt.sale
            writer.writerow(
                {
                    "transaction_id": receipt.transaction_id,
                    "store": sold.store,
                    "register": sold.register,
                    "operator": sold.operator,
                    "occurred_at": receipt.occurred_at.isoformat(),
                    "kind": sold.kind,
                    "bucket": sold.bucket,
                    "amount": receipt.amount.text(),
                    "currency": receipt.amount.currency,
                    "code": code,
                    "email": email,
                }
            )
    return path


async def test_live_sides_and_a_mix(db_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TILLBRIDGE_DATABASE_URL", db_url)
    async with open_town(db_url, tmp_path) as town:
        good = await town.ring(Identifiers(email=someone(town).email))
        await town.settled()
        status, err = await run(town, "--pos", "hub", *LIVE)
        assert (status, findings(town)) == (0, []), err

        lost = await town.ring()
        await town.settled()
        codes = [await code_of(town, one) for one in (good, lost)]
        file = export(tmp_path / "pos.csv", (good, codes[0], someone(town).email), (lost, codes[1], ""))
        status, err = await run(town, "--pos", str(file), *LIVE)
        assert status == 1, err
        (found,) = findings(town)
        assert (found["class"], found["cause"], found["code"]) == ("orphan", "no-customer", codes[1])
        assert (found["store"], found["operator"], found["transaction_id"]) == ("006", "op07", lost.transaction_id)

        town.retailer.set_faults({"web": Faults(no_probe=True)})
        status, err = await run(town, "--pos", "hub", *LIVE)
        assert status == 2
        assert "web did not list: it has no listing: it answered 405" in err
        assert "Give its export as a file instead." in err
