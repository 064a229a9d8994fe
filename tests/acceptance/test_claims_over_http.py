"""The claim on a real hub, page by page: unknown, used, expired, wrong and locked codes; strangers learn nothing."""

import re
import statistics
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import aiohttp
import pytest

from tests.acceptance.conftest import QUIET_MAP, sale, settings_in
from tests.acceptance.pages_server import Seen, Visitor
from tests.integration.checkpoint.conftest import START
from tillbridge.api.keys import make_key
from tillbridge.checkpoint import claim
from tillbridge.cli.serving import serving
from tillbridge.kernel.clock import SetClock
from tillbridge.stack.load import parse
from tillbridge.wiring import INBOX, Hub

KNOWN, STRANGER = "ava.reed@example.com", "who.knows@example.com"


@dataclass
class Shop:
    """A hub with a clock that is moved by hand, a customer in front of its pages, and a till."""

    hub: Hub
    clock: SetClock
    customer: Visitor
    till: aiohttp.ClientSession

    async def voucher(self, key: str = "k1") -> str:
        """The path of the claim page of a credit that nobody owns."""
        body = sale(customer={}, transaction_id=f"T-{key}", occurred_at=self.clock.now().isoformat())
        async with self.till.post("/v1/credits", json=body, headers={"Idempotency-Key": key}) as response:
            assert response.status == 201, await response.text()
            url = str((await response.json())["voucher"]["claim_url"])
        return "/claim/" + url.rpartition("/")[2]

    def code(self) -> str:
        """The code in the newest message."""
        assert self.hub.inbox is not None
        found = re.search(r"\b\d{6}\b", self.hub.inbox.messages()[0].text)
        assert found is not None
        return found.group()

    async def asked(self, path: str, contact: str = KNOWN) -> Seen:
        """The page on which the six digits are typed."""
        sent = await self.customer.send(await self.customer.get(path), path, contact=contact)
        assert sent.status == 200, sent.text
        return sent

    async def typed(self, path: str, page: Seen, code: str) -> Seen:
        """What is answered to six digits."""
        return await self.customer.send(page, f"{path}/code", challenge=page.field("challenge"), code=code)


def other(code: str) -> str:
    """Six digits that are not these."""
    return f"{(int(code) + 1) % 1_000_000:06}"


@pytest.fixture
async def shop(db_url: str, tmp_path: Path) -> AsyncIterator[Shop]:
    clock = SetClock(START)
    settings = replace(settings_in(tmp_path, db_url), smtp_url=INBOX)
    async with serving(settings, parse(QUIET_MAP, "stack.toml", {}), clock=clock) as (hub, url):
        keys = [
            await make_key(hub.db, clock, "till", "register"),
            await make_key(hub.db, clock, "web", "system", "web"),
        ]
        till, web = (aiohttp.ClientSession(url, headers={"Authorization": f"Bearer {key}"}) for key in keys)
        account = {"account_id": "A1", "email": KNOWN, "email_verified": True}
        async with web.post("/v1/events/web", json={"type": "customer.updated", "customer": account}) as response:
            assert response.status == 202
        async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as session:
            yield Shop(hub, clock, Visitor(session, url), till)
        await till.close()
        await web.close()


async def test_the_right_code_links_once_and_the_voucher_is_used(shop: Shop) -> None:
    path = await shop.voucher()
    page = await shop.asked(path)
    code = shop.code()
    done = await shop.typed(path, page, code)
    assert (done.status, "is in your online account" in done.text) == (200, True)
    for again in (await shop.typed(path, page, code), await shop.customer.get(path)):
        assert (again.status, "This voucher has been used" in again.text) == (410, True)
    assert (await shop.customer.send(page, path, contact=KNOWN)).status == 410


async def test_a_wrong_code_is_counted_and_five_lock(shop: Shop) -> None:
    path = await shop.voucher()
    page = await shop.asked(path)
    right = shop.code()
    for left in ("4 more times", "3 more times", "2 more times", "once more"):
        wrong = await shop.typed(path, page, other(right))
        assert (wrong.status, f"You can try {left}" in wrong.text) == (422, True)
    for code in (other(right), right):
        locked = await shop.typed(path, page, code)
        assert (locked.status, "Too many tries" in locked.text) == (429, True)
    # A new code begins anew.
    page = await shop.asked(path)
    assert (await shop.typed(path, page, shop.code())).status == 200


async def test_an_old_code_says_so_and_a_new_one_can_be_had(shop: Shop) -> None:
    path = await shop.voucher()
    page = await shop.asked(path)
    code = shop.code()
    shop.clock.move(claim.CODE_LIFE + timedelta(seconds=1))
    old = await shop.typed(path, page, code)
    assert (old.status, "This code is too old" in old.text, "still waiting" in old.text) == (410, True, True)
    assert f'href="{path}"' in old.text


async def test_a_right_code_without_an_account_says_what_now(shop: Shop) -> None:
    path = await shop.voucher()
    page = await shop.asked(path, STRANGER)
    told = await shop.typed(path, page, shop.code())
    assert told.status == 409
    for said in (
        "There is no online account with this address",
        "The code was right, and your credit is still waiting.",
        "Open one with it and scan the voucher again",
        f'href="{path}"',
    ):
        assert said in told.text
    page = await shop.asked(path)
    assert (await shop.typed(path, page, shop.code())).status == 200


@pytest.mark.parametrize("challenge", ["", "nonsense", "01976f00-0000-7000-8000-000000000001"])
async def test_a_code_for_no_challenge_of_this_voucher(shop: Shop, challenge: str) -> None:
    path, elsewhere = await shop.voucher("k1"), await shop.voucher("k2")
    page = await shop.asked(elsewhere)
    for named in (challenge, page.field("challenge")):
        told = await shop.customer.send(page, f"{path}/code", challenge=named, code=shop.code())
        assert told.status in (400, 404)
        assert "<h1>" in told.text
    assert (await shop.customer.get(path)).status == 200


@pytest.mark.parametrize("path", ["/claim/0000-0000-0000", "/claim/nobody-knows-this"])
async def test_an_unknown_voucher(shop: Shop, path: str) -> None:
    await shop.voucher()
    unknown = await shop.customer.get(path)
    assert (unknown.status, "We do not know this voucher" in unknown.text) == (404, True)


async def test_a_voucher_whose_credit_was_taken_back(shop: Shop) -> None:
    path = await shop.voucher()
    page = await shop.asked(path)
    found = (await shop.hub.claims.look(path.rpartition("/")[2])).credit
    assert found is not None
    key = await make_key(shop.hub.db, shop.clock, "ops", "operations")
    headers = {"Idempotency-Key": "v1", "Authorization": f"Bearer {key}"}
    body = {"occurred_at": shop.clock.now().isoformat(), "reason": "rung up twice"}
    async with shop.till.post(f"/v1/credits/{found.credit_id}/void", json=body, headers=headers) as response:
        assert response.status == 201, await response.text()
    for gone in (await shop.customer.get(path), await shop.typed(path, page, shop.code())):
        assert (gone.status, "can no longer be claimed" in gone.text) == (410, True)


async def test_known_and_unknown_get_the_same_page_the_same_work_and_the_same_time(shop: Shop) -> None:
    took: dict[str, list[float]] = {KNOWN: [], STRANGER: []}
    shapes: dict[str, set[object]] = {KNOWN: set(), STRANGER: set()}
    wrongs: dict[str, set[object]] = {KNOWN: set(), STRANGER: set()}
    assert shop.hub.inbox is not None
    for number in range(12):
        for contact in (KNOWN, STRANGER)[:: 1 if number % 2 else -1]:
            shop.clock.move(timedelta(minutes=30))
            path = await shop.voucher(f"k{number}{contact[0]}")
            waiting = await shop.customer.get(path)
            messages = len(shop.hub.inbox.messages())
            began = time.perf_counter()
            sent = await shop.customer.send(waiting, path, contact=contact)
            took[contact].append(time.perf_counter() - began)
            assert len(shop.hub.inbox.messages()) - messages == 1, "a code went out to either"
            shapes[contact].add(_shape(sent, path))
            wrongs[contact].add(_shape(await shop.typed(path, sent, other(shop.code())), path))
    assert len(shapes[KNOWN]) == 1
    assert shapes[KNOWN] == shapes[STRANGER]
    assert wrongs[KNOWN] == wrongs[STRANGER]
    middle = [statistics.median(times) for times in took.values()]
    assert max(middle) < 2 * min(middle) + 0.02, middle


def _shape(page: Seen, path: str) -> object:
    """A page without what belongs to this very voucher and form."""
    text = page.text.replace(path, "PATH").replace(page.field("challenge"), "CHALLENGE")
    text = re.sub(r'name="form" value="[^"]*"', "FORM", text)
    headers = {
        name: value for name, value in page.headers.items() if name not in {"Date", "Content-Length", "X-Request-ID"}
    }
    return page.status, text, tuple(sorted(headers.items()))
