"""The examples of the docs, run as they stand there against a real hub."""

import ast
import asyncio
import json
import shlex
import sqlite3
import sys
import tomllib
from asyncio.subprocess import PIPE, Process
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import UUID

import aiohttp
import pytest

from tests.docs.commands import typed
from tests.docs.conftest import CUSTOMER, SECRET, Shop, free_port, open_hub, open_shop
from tests.docs.pages import DOCS, ROOT, Block, all_pages, block, blocks
from tillbridge.checkpoint.sentences import CASHIER, sentence
from tillbridge.connectors.http import HttpConnector
from tillbridge.handoff import store as handoffs
from tillbridge.handoff.model import HandoffView, State
from tillbridge.handoff.ports import Confirmed, Delivery, NotThere, Refused, There
from tillbridge.ledger import store as ledger

NOWHERE = "http://127.0.0.1:1"
REGISTER = DOCS / "howto" / "connect-a-register.md"
SYSTEM = DOCS / "howto" / "connect-a-system.md"


def of_kind(*kinds: str) -> list[Block]:
    """All blocks of these kinds."""
    return [one for page in all_pages() for one in blocks(page) if one.kind in kinds]


def shape(value: Any) -> Any:
    """What a JSON value is made of: the names of its fields, and what is in a list, without the values themselves."""
    if isinstance(value, dict):
        return {name: shape(inner) for name, inner in value.items()}
    return [shape(inner) for inner in value] if isinstance(value, list) else type(value).__name__


async def register(shop_url: str, key: str, folder: Path, *words: str) -> Process:
    """Start the register of the docs; it leaves its unsent sales in `folder`."""
    program = folder / "register.py"
    program.write_text(block(REGISTER, "python", "def ring").text, "utf-8")
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-u", str(program), shop_url, key, *words), cwd=folder, stdout=PIPE, stderr=PIPE
    )


async def said(process: Process) -> tuple[list[str], str]:
    """What a program printed until its end, and its complaints. It ends well, and soon."""
    async with asyncio.timeout(30):
        out, complaints = await process.communicate()
    assert process.returncode == 0, complaints.decode()
    return out.decode().splitlines(), complaints.decode()


async def read(answer: aiohttp.ClientResponse) -> Any:
    """The JSON of an answer."""
    return await answer.json(content_type=None)


@pytest.mark.parametrize("example", of_kind("json", "toml", "python"), ids=lambda example: example.place)
def test_examples_can_be_read(example: Block) -> None:
    match example.kind:
        case "json":
            json.loads(example.text)
        case "toml":
            tomllib.loads(example.text)
        case _:
            tree = ast.parse(example.text)
            plain = [node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
            names = [name.name for node in ast.walk(tree) if isinstance(node, ast.Import) for name in node.names]
            assert {str(name).partition(".")[0] for name in (*plain, *names)} <= sys.stdlib_module_names


async def test_the_register_issues_and_crosses_off(shop: Shop, tmp_path: Path) -> None:
    lines, _ = await said(await register(shop.url, shop.register, tmp_path, "88.00", str(CUSTOMER["email"])))
    assert lines[0] == sentence("issued", amount="$88.00")
    assert lines[1].startswith("code ")
    assert not list((tmp_path / "unsent").iterdir())


async def test_the_register_prints_a_voucher(shop: Shop, tmp_path: Path) -> None:
    lines, _ = await said(await register(shop.url, shop.register, tmp_path, "12.50"))
    assert lines[2].startswith(f"print {shop.url}/vouchers/")
    async with aiohttp.ClientSession() as browser, browser.get(lines[2].removeprefix("print ")) as page:
        assert page.status == 200


async def test_the_register_tells_a_refusal_and_goes_on(shop: Shop, tmp_path: Path) -> None:
    lines, complaints = await said(await register(shop.url, shop.register, tmp_path, "10.005"))
    assert lines == [CASHIER["bad-input"]]
    assert "amount: 10.005 is finer than USD allows" in complaints
    assert not list((tmp_path / "unsent").iterdir())


async def test_the_register_keeps_trying_until_the_hub_is_there(db_url: str, tmp_path: Path) -> None:
    port = free_port()
    async with open_shop(tmp_path, db_url, NOWHERE) as shop:
        key = shop.register
    process = await register(f"http://127.0.0.1:{port}", key, tmp_path, "5.00", str(CUSTOMER["email"]))
    assert process.stdout
    assert await process.stdout.readline() == b"The hub does not answer. Do not hand anything out yet.\n"
    async with open_hub(tmp_path, db_url, NOWHERE, port):
        lines, _ = await said(process)
    assert sentence("issued", amount="$5.00") in lines


async def test_the_receiver_takes_each_event_once_and_can_be_asked(shop: Shop, tmp_path: Path) -> None:
    await said(await register(shop.url, shop.register, tmp_path, "88.00", str(CUSTOMER["email"])))
    (kept,) = await all_handoffs(shop)
    assert (kept.state, kept.reference) == (State.CONFIRMED, "WEB-000001")
    body = json.loads(applied(tmp_path)[kept.key])
    delivery = Delivery(kept.credit_id, 1, kept.event_id, kept.hop, kept.key, "credit.issued", body, 2, 0, 5)
    async with HttpConnector(shop.web_url, SECRET) as connector:
        assert await connector.deliver(delivery) == Confirmed("WEB-000001")
        assert await connector.probe(delivery) == There("WEB-000001")
        assert await connector.probe(replace(delivery, key=f"{kept.event_id}:other")) == NotThere()
    async with HttpConnector(shop.web_url, "another secret") as stranger:
        refused = await stranger.deliver(delivery)
    assert isinstance(refused, Refused)
    assert refused.sentence == "This is not signed with our secret."
    assert len(applied(tmp_path)) == 1


async def test_the_event_in_the_docs_is_what_the_hub_sends(shop: Shop, tmp_path: Path) -> None:
    await said(await register(shop.url, shop.register, tmp_path, "88.00", str(CUSTOMER["email"])))
    (sent,) = (json.loads(event) for event in applied(tmp_path).values())
    shown = json.loads(block(SYSTEM, "json", "credit.issued").text)
    assert list(shown["customer"]["accounts"]) == ["web"]
    assert shape(shown) == shape(sent)


async def test_the_customer_in_the_docs_is_taken(shop: Shop) -> None:
    told = json.loads(block(SYSTEM, "json", "customer.updated").text)
    async with shop.session(shop.operations) as client, client.post("/v1/events/web", json=told) as answer:
        assert (answer.status, await read(answer)) == (202, {"taken": 1})


async def test_the_sale_of_the_readme_gets_a_receipt_like_the_one_it_shows(shop: Shop) -> None:
    (line,) = typed(block(ROOT / "README.md", "console", "/v1/credits").text)
    words = shlex.split(line)
    headers = dict(words[at + 1].split(": ", 1) for at, word in enumerate(words) if word == "-H")
    headers["Authorization"] = f"Bearer {shop.register}"
    sale = words[words.index("-d") + 1]
    async with aiohttp.ClientSession(shop.url) as till, till.post("/v1/credits", data=sale, headers=headers) as answer:
        assert answer.status == 201
        given = await read(answer)
    shown = json.loads(block(ROOT / "README.md", "json", "voucher").text)
    del shown["hops"][2:]  # the shop of this test has no payments and no ERP
    assert shape(shown) == shape(given)
    assert shown["sentence"] == given["sentence"]


async def test_the_worked_example_of_the_ledger_adds_up(shop: Shop) -> None:
    at = "2026-11-21T14:02:11-05:00"
    sale = json.loads(sale_of_the_walk())
    async with shop.session(shop.operations) as client:
        credit = (await posted(client, "/v1/credits", "1", sale))["credit"]["id"]
        spent = {"amount": "20.00", "currency": "USD", "occurred_at": at, "transaction_id": "W1"}
        await posted(client, f"/v1/credits/{credit}/redemptions", "2", spent)
        back = {"amount": "10.00", "currency": "USD", "occurred_at": at, "transaction_id": "W2", "cause": "W1"}
        await posted(client, f"/v1/credits/{credit}/refunds", "3", back)
        lost = {"occurred_at": at, "reason": "the voucher was lost"}
        await posted(client, f"/v1/credits/{credit}/reissue", "4", lost)
    totals = {one.account: one.amount for one in await ledger.totals(shop.hub.db)}
    assert totals == {"owed:refund": 7800, "returns": -8800, "sales": 2000, "refunded": -1000, "reissue": 0}
    page = (DOCS / "concepts" / "ledger.md").read_text("utf-8")
    house = "`returns` -88.00, `sales` 20.00, `refunded` -10.00, `reissue` 0.00"
    assert f"| | | **totals** | **78.00** | {house} | |" in page


def sale_of_the_walk() -> str:
    """The sale that the first walk writes to a file."""
    text = block(DOCS / "start.md", "console", "cat > sale.json").text
    return text.split("<<END\n")[1].split("END\n")[0]


async def posted(client: aiohttp.ClientSession, path: str, key: str, body: object) -> Any:
    """The answer to a change that is made."""
    async with client.post(path, json=body, headers={"Idempotency-Key": key}) as answer:
        assert answer.status == 201, await answer.text()
        return await read(answer)


async def all_handoffs(shop: Shop) -> list[HandoffView]:
    """Every handoff of every credit."""
    credits = await ledger.page_of_credits(shop.hub.db, UUID(int=0), 100)
    return [one for credit in credits for one in await handoffs.of_credit(shop.hub.db, credit.credit_id)]


def applied(folder: Path) -> dict[str, str]:
    """What the receiver of the docs has written down: events by key."""
    with closing(sqlite3.connect(folder / "applied.db")) as book:
        return dict(book.execute("SELECT key, event FROM applied").fetchall())
