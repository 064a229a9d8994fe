"""Live sides on real parts: a hub with its ledger, and the web store and the ERP of a simulated retailer."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.acceptance.test_simulate import Town
from tests.acceptance.town import open_town, someone
from tillbridge.diagnose.model import Class, Finding, Side
from tillbridge.diagnose.view import Scope
from tillbridge.diagnose.way import way_of
from tillbridge.kernel.clock import SystemClock
from tillbridge.kernel.errors import BadInput
from tillbridge.ledger import store as ledger
from tillbridge.reconcile.columns import SCHEMAS
from tillbridge.reconcile.engine import open_engine
from tillbridge.reconcile.live.codes import learn_codes
from tillbridge.reconcile.live.ports import ListingFault, Page
from tillbridge.reconcile.live.stage import HUB, Live, stage
from tillbridge.reconcile.model import Cut, SideRead
from tillbridge.reconcile.run import Home, find
from tillbridge.simulate.directory import Account
from tillbridge.simulate.faults import Delay, Faults, Often, Refuse
from tillbridge.simulate.receipt import Identifiers, Receipt
from tillbridge.wiring import open_ways

DAY = timedelta(days=1)


async def no_pause(_: float) -> None:
    """Nobody waits in a test."""


@dataclass
class Staging:
    """A town whose live sides are read."""

    town: Town
    live: Live
    folder: Path

    async def read(self, side: Side, name: str, learnt: Path | None = None) -> tuple[SideRead, list[dict[str, Any]]]:
        """What was read, and the rows as they are in the file."""
        now = SystemClock().now()
        read, path = await stage(side, name, self.live, Cut(now - DAY, now, now), self.folder, learnt, no_pause)
        table = pq.read_table(path)
        assert [(one.name, one.type) for one in table.schema] == [(one.name, one.type) for one in SCHEMAS[side]]
        assert table.num_rows == read.rows
        return read, table.sort_by("row").to_pylist()


@pytest.fixture
async def staging(db_url: str, tmp_path: Path) -> AsyncIterator[Staging]:
    async with AsyncExitStack() as closing:
        town = await closing.enter_async_context(open_town(db_url, tmp_path))
        listers = await closing.enter_async_context(open_ways(town.hub.stack, SystemClock()))
        folder = tmp_path / "staging"
        folder.mkdir()
        yield Staging(town, Live(town.hub.db, town.hub.stack, listers), folder)


def key(credit_id: str | None) -> str:
    assert credit_id
    return credit_id.replace("-", "").upper()


async def test_the_ledger_is_the_platform_and_the_registers(staging: Staging) -> None:
    town, ava = staging.town, someone(staging.town)
    known = await town.ring(Identifiers(email=ava.email))
    unknown = await town.ring(Identifiers(email="nobody@example.com", phone="212 555 0199"))
    await town.settled()
    await town.retailer.web.order(ava.account_id, "88.00", "USD")
    read, rows = await staging.read(Side.PLATFORM, HUB)
    assert (read.origin, read.rows, read.bad_rows) == ("hub", 2, 0)
    by_code = {row["code"]: row for row in rows}
    spent, waiting = by_code[key(known.credit_id)], by_code[key(unknown.credit_id)]
    assert (spent["state"], spent["issued"], spent["balance"], spent["currency"]) == ("redeemed", 8800, 0, "USD")
    assert (spent["origin"], spent["transaction_id"], spent["bucket"]) == ("register", "T0063-001", "refund")
    assert (spent["customer_id"], spent["email"]) == (ava.account_id, ava.email)
    assert spent["last_activity_at"] > spent["issued_at"]
    assert (waiting["state"], waiting["customer_id"]) == ("unclaimed", "")
    assert (waiting["email"], waiting["phone"]) == ("nobody@example.com", "212 555 0199")
    _, sales = await staging.read(Side.POS, HUB)
    by_code = {row["code"]: row for row in sales}
    sale = by_code[key(unknown.credit_id)]
    assert [sale[name] for name in ("store", "register", "operator", "kind", "bucket", "amount", "email")] == [
        "006", "3", "op07", "store_credit", "refund", 8800, "nobody@example.com",
    ]  # fmt: skip
    assert by_code[key(known.credit_id)]["email"] == ava.email


async def reissued(town: Town, receipt: Receipt) -> None:
    """Void the credit, and issue another in its place."""
    body, path = {"occurred_at": SystemClock().now().isoformat(), "reason": "lost"}, f"/v1/credits/{receipt.credit_id}"
    key = {"Idempotency-Key": "r1"}
    new = await town.retailer.hub.call("POST", f"{path}/reissue", town.rig.operations, headers=key, body=body)
    assert getattr(new, "status", 0) == 201, new


async def test_a_reissue_goes_back_to_the_sale_and_is_no_sale_itself(staging: Staging) -> None:
    town, ava = staging.town, someone(staging.town)
    receipt = await town.ring(Identifiers(email=ava.email))
    await reissued(town, receipt)
    _, rows = await staging.read(Side.PLATFORM, HUB)
    assert [(row["origin"], row["transaction_id"], row["state"]) for row in rows] == [
        ("register", "T0063-001", "void"),
        ("register", "T0063-001", "active"),
    ]
    _, sales = await staging.read(Side.POS, HUB)
    assert [row["code"] for row in sales] == [key(receipt.credit_id)]


async def test_nothing_is_told_of_after_the_cut(staging: Staging) -> None:
    town, ava = staging.town, someone(staging.town)
    await town.ring(Identifiers(email=ava.email))
    moment = SystemClock().now()
    await town.retailer.web.order(ava.account_id, "30.00", "USD")
    await town.ring(Identifiers(email=ava.email))
    cut = Cut(moment - DAY, moment, moment)
    read, path = await stage(Side.PLATFORM, HUB, staging.live, cut, staging.folder)
    assert [row["balance"] for row in pq.read_table(path).to_pylist()] == [8800]
    assert read.rows == 1


async def test_the_web_store_and_the_books_list_what_they_have(staging: Staging) -> None:
    town, ava = staging.town, someone(staging.town)
    receipt = await town.ring(Identifiers(email=ava.email))
    await town.settled()
    await town.retailer.web.order(ava.account_id, "30.00", "USD")
    await town.settled()
    read, rows = await staging.read(Side.STOREFRONT, "web")
    assert (read.rows, read.bad_rows, read.origin) == (60, 0, "web")
    (shown,) = (row for row in rows if row["code"])
    assert (shown["account_id"], shown["code"], shown["available"]) == (ava.account_id, key(receipt.credit_id), 5800)
    assert rows[-1]["available"] is None
    read, rows = await staging.read(Side.ERP, "erp")
    (booked,) = rows
    assert (booked["code"], booked["amount"], booked["status"]) == (key(receipt.credit_id), 8800, "posted")
    assert booked["transaction_id"] == "T0063-001"


async def test_codes_of_files_stand_for_the_hubs_ids_on_every_side(staging: Staging) -> None:
    town, ava = staging.town, someone(staging.town)
    named, unnamed = await town.ring(Identifiers(email=ava.email)), await town.ring(Identifiers(email=ava.email))
    await town.settled()
    assert named.credit_id
    now = await ledger.credit_now(town.hub.db, UUID(named.credit_id))
    assert now is not None
    code = town.hub.codes.make(now.issue_key)
    file = staging.folder / "pos.parquet"
    pq.write_table(pos_file(code, "6281670170002304"), file)
    learnt = await learn_codes(town.hub.db, town.hub.codes, {Side.POS: file}, staging.folder)
    assert pq.read_table(learnt).to_pylist() == [{"key": key(named.credit_id), "code": code}]
    for side, name in ((Side.PLATFORM, HUB), (Side.POS, HUB), (Side.STOREFRONT, "web"), (Side.ERP, "erp")):
        _, rows = await staging.read(side, name, learnt)
        assert {row["code"] for row in rows if row["code"]} == {code, key(unnamed.credit_id)}, side


async def test_an_export_of_the_platform_says_what_its_ids_are_called(staging: Staging) -> None:
    town, ava = staging.town, someone(staging.town)
    receipt = await town.ring(Identifiers(email=ava.email))
    await town.settled()
    file = staging.folder / "platform.parquet"
    row = dict.fromkeys(SCHEMAS[Side.PLATFORM].names) | {"credit_id": receipt.credit_id, "code": "ABC123"}
    pq.write_table(pa.Table.from_pylist([row], schema=SCHEMAS[Side.PLATFORM]), file)
    learnt = await learn_codes(town.hub.db, town.hub.codes, {Side.PLATFORM: file}, staging.folder)
    _, rows = await staging.read(Side.STOREFRONT, "web", learnt)
    assert [row["code"] for row in rows if row["code"]] == ["ABC123"]


def pos_file(*codes: str) -> pa.Table:
    """A register export that names these codes."""
    rows = [dict.fromkeys(SCHEMAS[Side.POS].names) | {"row": place, "code": code} for place, code in enumerate(codes)]
    return pa.Table.from_pylist(rows, schema=SCHEMAS[Side.POS])


async def test_accounts_that_are_made_during_the_walk_do_not_disturb_it(staging: Staging) -> None:
    town = staging.town
    lister, asked = staging.live.listers["web"], 0

    class Moving:
        """Customers sign up, and credits arrive, between two pages."""

        async def list_credits(self, after: str, limit: int) -> Any:
            nonlocal asked
            asked += 1
            new = Account(f"N{asked:07}", "New One", f"new{asked}@example.com", "", "", False, False)
            if asked < 5:
                town.retailer.web.directory.put(new)
                await town.ring(Identifiers(email=someone(town, asked).email))
            return await lister.list_credits(after, 7)

    staging.live = replace(staging.live, listers={"web": Moving()})
    read, rows = await staging.read(Side.STOREFRONT, "web")
    accounts = [row["account_id"] for row in rows]
    assert len(accounts) == len(set(zip(accounts, (row["code"] for row in rows), strict=True)))
    assert {f"A{number:07}" for number in range(1, 61)} | {f"N{n:07}" for n in range(1, 5)} == set(accounts)
    assert (read.bad_rows, asked > 5) == (0, True)


@pytest.mark.parametrize(
    "faults",
    [
        Faults(lose_answer=Often(0.3)),
        Faults(refuse=Refuse(0.3, 503, 0)),
        Faults(lock_error=Often(0.3), delay=Delay(0.3, 0.01)),
    ],
)
async def test_a_system_that_stumbles_is_asked_again(staging: Staging, faults: Faults) -> None:
    staging.town.retailer.set_faults({"web": faults})
    read, _ = await staging.read(Side.STOREFRONT, "web")
    assert (read.rows, read.bad_rows) == (60, 0)


@pytest.mark.parametrize(
    ("faults", "said"),
    [
        (Faults(refuse=Refuse(1, 503)), "web did not list: it answered 503"),
        (Faults(lose_answer=Often(1)), "web did not list: it cannot be reached"),
        (Faults(no_probe=True), "it has no listing: it answered 405.*Give its export as a file instead"),
    ],
)
async def test_a_system_of_which_nothing_can_be_read_is_told(staging: Staging, faults: Faults, said: str) -> None:
    staging.town.retailer.set_faults({"web": faults})
    with pytest.raises(BadInput, match=said) as caught:
        await staging.read(Side.STOREFRONT, "web")
    assert caught.value.field == "--storefront"


async def test_a_wrong_secret_is_told(staging: Staging) -> None:
    stack = staging.town.hub.stack
    wrong = replace(stack.systems["web"], secret="another secret")
    async with open_ways(replace(stack, systems={**stack.systems, "web": wrong}), SystemClock()) as listers:
        staging.live = replace(staging.live, listers=listers)
        with pytest.raises(BadInput, match=r"answered 401.*Its secret in the map"):
            await staging.read(Side.STOREFRONT, "web")


@pytest.mark.parametrize(
    ("side", "name", "said"),
    [
        (Side.STOREFRONT, HUB, "Name a system of role storefront, or a file"),
        (Side.STOREFRONT, "erp", "no system of role storefront in the map. Name one of them .web."),
        (Side.ERP, "nobody", "'nobody' is no file"),
        (Side.PLATFORM, "web", "only the hub tells this side live"),
    ],
)
async def test_a_name_that_cannot_be_this_side_is_told(staging: Staging, side: Side, name: str, said: str) -> None:
    with pytest.raises(BadInput, match=said):
        await staging.read(side, name)


async def test_a_system_without_a_way_to_ask_it_wants_a_file(staging: Staging) -> None:
    staging.live = replace(staging.live, listers={})
    with pytest.raises(BadInput, match=r"web cannot be asked for its credits.*as a file instead"):
        await staging.read(Side.STOREFRONT, "web")


async def test_a_listing_that_breaks_off_leaves_the_run_incomplete(staging: Staging) -> None:
    first = Page(({"account_id": "A1"}, {"account_id": "A2", "code": "X1", "available": "1,5", "currency": "USD"}), "2")

    class Broken:
        """One page, and then the line is dead."""

        async def list_credits(self, after: str, limit: int) -> Page:
            if after:
                raise ListingFault("it cannot be reached", "Ask again.", passing=True)
            return first

    staging.live = replace(staging.live, listers={"web": Broken()})
    read, rows = await staging.read(Side.STOREFRONT, "web")
    assert [row["account_id"] for row in rows] == ["A1"]
    assert [(one.file, one.row, one.name, one.field) for one in read.bad] == [
        ("web", 2, "A2", "available"),
        ("web", 0, "", ""),
    ]
    assert read.bad[1].problem == "the listing broke off after 2 rows: it cannot be reached"


async def test_four_live_sides_agree_until_something_fails(staging: Staging) -> None:
    town = staging.town
    receipts = [await town.ring(Identifiers(email=someone(town, number).email)) for number in range(3)]
    await town.settled()
    await town.retailer.web.order(someone(town).account_id, "30.00", "USD")
    await town.settled()
    assert await reconciled(staging) == []
    await reissued(town, receipts[1])
    await town.settled()
    assert await reconciled(staging) == []
    town.retailer.set_faults({"web": Faults(reject_currency=("USD",))})
    receipt = await town.ring(Identifiers(email=someone(town).email))
    await town.settled()
    (found,) = await reconciled(staging)
    assert (found.kind, found.code, found.store) == (Class.ORPHAN, key(receipt.credit_id), "006")


async def reconciled(staging: Staging) -> list[Finding]:
    """What the four live sides come to, an hour later."""
    now = SystemClock().now()
    cut = Cut(now - DAY, now, now)
    files = {}
    for side, name in ((Side.POS, HUB), (Side.PLATFORM, HUB), (Side.STOREFRONT, "web"), (Side.ERP, "erp")):
        _, files[side] = await stage(side, name, staging.live, cut, staging.folder, None, no_pause)
    with open_engine("duckdb", staging.folder) as con:
        tables = {side: con.read_parquet(path) for side, path in files.items()}
        way = way_of(staging.live.stack, frozenset(Side))
        scope = Scope(cut.since, cut.until, now + DAY / 24, way, frozenset(Side))
        return find(tables, scope, Home(), con)
