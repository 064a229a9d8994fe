"""A hub as small as can be, for the simulated retailer to talk to: keeps everything in memory and delivers at once."""

import asyncio
import base64
import hashlib
import hmac
import re
from collections import defaultdict
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import aiohttp
import msgspec
from aiohttp import web

from tillbridge.kernel.money import Money, parse
from tillbridge.simulate.evidence import HandoffLine, LedgerCredit

TARGETS = ("processor", "erp", "web")
SECRET = "whsec_" + base64.b64encode(b"a secret of 24 bytes....").decode()
_PAGE = '<form><input name="q"></form><form method="post" action="{action}">{hidden}<input name="{name}"></form>'


def signed(secret: str, key: str, body: bytes, at: int) -> dict[str, str]:
    """The headers of a delivery, by the Standard Webhooks specification."""
    raw = base64.b64decode(secret.removeprefix("whsec_")) if secret.startswith("whsec_") else secret.encode()
    digest = hmac.new(raw, f"{key}.{at}.".encode() + body, hashlib.sha256).digest()
    return {
        "Idempotency-Key": key,
        "webhook-id": key,
        "webhook-timestamp": str(at),
        "webhook-signature": "v1,bm9wZQ== v1," + base64.b64encode(digest).decode(),
        "Content-Type": "application/json",
    }


@dataclass
class Credit:
    id: str
    transaction_id: str
    key: str
    kind: str
    bucket: str
    issued: Money
    balance: int
    owner: str
    state: str = "active"
    version: int = 1

    @property
    def money(self) -> Money:
        return Money(self.balance, self.issued.currency)


@dataclass
class StubHub:
    """Its state is open to the tests. `troubles` are statuses that the next calls of `POST /v1/credits` get."""

    url: str = ""
    targets: dict[str, str] = field(default_factory=dict)
    troubles: list[int] = field(default_factory=list)
    credits: dict[str, Credit] = field(default_factory=dict)
    answers: dict[str, bytes] = field(default_factory=dict)
    profiles: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    lines: dict[str, HandoffLine] = field(default_factory=dict)
    inbox: list[Mapping[str, str]] = field(default_factory=list)
    events: list[tuple[str, Mapping[str, Any]]] = field(default_factory=list)
    seen: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    tasks: set[asyncio.Task[None]] = field(default_factory=set)

    # what the retailer calls

    async def issue(self, request: web.Request) -> web.Response:
        key, body = request.headers["Idempotency-Key"], await request.json()
        self.seen[key] += 1
        if self.troubles:
            status = self.troubles.pop(0)
            problem = {"code": "trouble", "cashier": "Try again.", "retry": "never" if status == 422 else "safe"}
            return web.json_response(problem, status=status)
        if key in self.answers:
            headers = {"Idempotent-Replay": "true"}
            return web.Response(body=self.answers[key], content_type="application/json", headers=headers)
        amount = parse(body["amount"], body["currency"])
        number = f"c{len(self.credits) + 1}"
        owner = self.owner(body.get("customer") or {})
        credit = Credit(
            number, body["transaction_id"], key, body["kind"], body["bucket"], amount, amount.minor, owner,
            "active" if owner else "unclaimed",
        )  # fmt: skip
        self.credits[number] = credit
        self.send(credit, "credit.issued", amount, body["transaction_id"])
        claim = {"claim_url": f"{self.url}/claim/{number}", "claim_code": "AAAA", "page_url": "/p", "pdf_url": "/d"}
        self.answers[key] = msgspec.json.encode(
            {
                "credit": {"id": number, "last4": "4471", "state": credit.state},
                "hops": [{"hop": "registers-platform", "state": "confirmed"}],
                "voucher": None if owner else claim,
                "sentence": "Confirmed.",
            }
        )
        return web.Response(body=self.answers[key], content_type="application/json", status=201)

    def owner(self, typed: Mapping[str, str]) -> str:
        email, phone = typed.get("email", "").strip().lower(), re.sub(r"\D", "", typed.get("phone", ""))[-10:]
        for account_id, profile in self.profiles.items():
            by_phone = len(phone) == 10 and profile["phone"].endswith(phone) and profile["phone_verified"]
            by_mail = email == profile["email"] and profile["email_verified"]
            if by_mail or by_phone or typed.get("loyalty_id") == profile["loyalty_id"]:
                return account_id
        return ""

    async def event(self, request: web.Request) -> web.Response:
        body = await request.json()
        self.events.append((request.match_info["system"], body))
        for profile in body.get("customers", [body["customer"]] if "customer" in body else []):
            self.profiles[profile["account_id"]] = profile
        if body["type"] == "handoff.confirmed" and body["key"] in self.lines:
            self.mark(body["key"], "confirmed")
        return web.json_response({})

    async def customer(self, request: web.Request) -> web.Response:
        _, _, account_id = request.match_info["customer"].partition(":")
        mine = [credit for credit in self.credits.values() if credit.owner == account_id]
        listed = [
            {"id": one.id, "kind": one.kind, "last4": "4471", "state": one.state, "currency": one.issued.currency,
             "available": one.money.text()}
            for one in mine
        ]  # fmt: skip
        return web.json_response({"credits": listed, "totals": []})

    async def redeem(self, request: web.Request) -> web.Response:
        key, body = request.headers["Idempotency-Key"], await request.json()
        credit = self.credits[request.match_info["credit"]]
        if key not in self.answers:
            amount = parse(body["amount"], body["currency"])
            if amount.minor > credit.balance:
                return web.json_response({"code": "not-enough", "retry": "new_key"}, status=422)
            credit.balance -= amount.minor
            self.answers[key] = b"{}"
            self.send(credit, "credit.redeemed", amount, body["transaction_id"])
        return web.json_response({}, status=201)

    async def void(self, request: web.Request) -> web.Response:
        credit = self.credits[request.match_info["credit"]]
        amount, credit.balance, credit.state = credit.money, 0, "void"
        self.send(credit, "credit.voided", amount, credit.transaction_id)
        return web.json_response({}, status=201)

    # the claim pages

    async def claim(self, request: web.Request) -> web.Response:
        response = web.Response(text=self.form(request.path, "contact"), content_type="text/html")
        response.set_cookie("browser", "one", samesite="Strict")
        return response

    def form(self, action: str, name: str) -> str:
        return _PAGE.format(action=action, hidden='<input type="hidden" name="form" value="ours">', name=name)

    async def contact(self, request: web.Request) -> web.Response:
        form = await request.post()
        if form["form"] != "ours" or request.cookies.get("browser") != "one":
            return web.Response(status=403)
        text = "Your code for voucher 7QK4-M2XD-9HTR is 271 828. It works for 10 minutes."
        self.inbox.insert(
            0, {"to": str(form["contact"]), "subject": "Your code", "text": text, "sent_at": "2026-11-21"}
        )
        return web.Response(text=self.form(f"{request.path}/code", "code"), content_type="text/html")

    async def code(self, request: web.Request) -> web.Response:
        form = await request.post()
        if form["code"] != "271828":
            return web.Response(text="wrong", status=422)
        credit = self.credits[request.match_info["token"]]
        to = self.inbox[0]["to"]
        credit.owner = next(name for name, profile in self.profiles.items() if profile["email"] == to)
        credit.state, waiting = "active", [one for one in self.lines.values() if one.credit_id == credit.id]
        for line in waiting:
            self.deliver_later(line.key, self.body(credit, "credit.issued", credit.issued, credit.transaction_id))
        return web.Response(text="done")

    async def messages(self, _: web.Request) -> web.Response:
        return web.json_response({"messages": self.inbox})

    # what the hub sends

    def body(self, credit: Credit, kind: str, amount: Money, transaction_id: str) -> Mapping[str, object]:
        accounts = {"web": credit.owner}
        return {
            "type": kind,
            "event_id": f"{credit.id}v{credit.version}",
            "version": credit.version,
            "state": credit.state,
            "amount": amount.text(),
            "balance": credit.money.text(),
            "credit": {"id": credit.id, "kind": credit.kind, "bucket": credit.bucket, "last4": "4471",
                       "currency": credit.issued.currency},
            "transaction_id": transaction_id,
            "customer": {"customer_id": "p", "accounts": accounts} if credit.owner else None,
        }  # fmt: skip

    def send(self, credit: Credit, kind: str, amount: Money, transaction_id: str) -> None:
        if kind != "credit.issued":
            credit.version += 1
        body = self.body(credit, kind, amount, transaction_id)
        for target in TARGETS:
            hop = f"platform-{target}"
            key = f"{body['event_id']}:{hop}"
            waits = () if credit.owner else ("claim",)
            state = "due" if credit.owner else "waiting"
            self.lines[key] = HandoffLine(credit.id, credit.version, hop, target, key, state, waits)
            if credit.owner:
                self.deliver_later(key, body)

    def deliver_later(self, key: str, body: Mapping[str, object]) -> None:
        task = asyncio.get_running_loop().create_task(self.deliver(key, body))
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def deliver(self, key: str, body: Mapping[str, object]) -> None:
        target = self.lines[key].target
        self.mark(key, "sending")
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=5)) as session:
            for _ in range(40):
                status = await self.send_once(session, self.targets[target], key, body)
                if status in {200, 202, 422}:
                    self.mark(key, {200: "confirmed", 202: self.lines[key].state, 422: "dead"}[status])
                if status in {200, 422} or self.lines[key].state == "confirmed":
                    return
                await asyncio.sleep(0.05)

    async def send_once(self, session: aiohttp.ClientSession, url: str, key: str, body: Mapping[str, object]) -> int:
        raw = msgspec.json.encode(body)
        headers = signed(SECRET, key, raw, int(datetime.now(UTC).timestamp()))
        try:
            async with session.post(f"{url}/tillbridge/events", data=raw, headers=headers) as response:
                return response.status
        except (aiohttp.ClientError, TimeoutError):
            async with session.get(f"{url}/tillbridge/events/{key}") as found:
                return found.status

    def mark(self, key: str, state: str) -> None:
        line = self.lines[key]
        self.lines[key] = HandoffLine(line.credit_id, line.version, line.hop, line.target, key, state)

    async def settled(self) -> None:
        """Wait until nothing is on its way."""
        while self.tasks:
            await asyncio.gather(*self.tasks)

    def ledger(self) -> list[LedgerCredit]:
        return [
            LedgerCredit(one.id, one.transaction_id, one.key, one.state, one.issued) for one in self.credits.values()
        ]

    @asynccontextmanager
    async def running(self) -> AsyncIterator["StubHub"]:
        app = web.Application()
        app.router.add_post("/v1/credits", self.issue)
        app.router.add_post("/v1/events/{system}", self.event)
        app.router.add_get("/v1/customers/{customer}/credits", self.customer)
        app.router.add_post("/v1/credits/{credit}/redemptions", self.redeem)
        app.router.add_post("/v1/credits/{credit}/void", self.void)
        app.router.add_get("/claim/{token}", self.claim)
        app.router.add_post("/claim/{token}", self.contact)
        app.router.add_post("/claim/{token}/code", self.code)
        app.router.add_get("/inbox", self.messages)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
        await runner.setup()
        try:
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            self.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
            yield self
            await self.settled()
        finally:
            await runner.cleanup()
