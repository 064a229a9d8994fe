"""The server of the registers: sales in, the receipts journal out."""

from typing import Final

from aiohttp import web

from tillbridge.simulate.faults import read_faults
from tillbridge.simulate.pages import Pages
from tillbridge.simulate.receipt import Sale
from tillbridge.simulate.registers import Registers, journal_json
from tillbridge.simulate.wire import new_app, part, read, said, shown

SWITCHES: Final = frozenset({"delay", "lose_answer"})
_SHOWN: Final = 100
_MENDS: Final = {
    "": "Send a sale as JSON: store, register, operator, kind, bucket, amount, currency, and customer if known.",
    "kind": "Send store_credit or gift_card.",
    "bucket": "Send paid, refund, goodwill or promo.",
    "amount": "Send a decimal text such as 88.00.",
    "currency": "Send an ISO 4217 code such as USD.",
    "customer": "Send email, phone, loyalty_id or account_id as texts, or leave customer out.",
}


class Till:
    """The HTTP side of the registers."""

    def __init__(self, registers: Registers, pages: Pages) -> None:
        self._registers = registers
        self._pages = pages

    def app(self) -> web.Application:
        """The server."""
        app = new_app()
        app.router.add_post("/sales", self.post_sale)
        app.router.add_get("/book", self.get_book)
        app.router.add_get("/faults", self.get_faults)
        app.router.add_put("/faults", self.put_faults)
        app.router.add_get("/", self.get_journal)
        return app

    async def post_sale(self, request: web.Request) -> web.Response:
        """Ring one sale; the receipt as it stands when the register stops asking."""
        receipt = await self._registers.ring(read(await request.read(), Sale, _MENDS))
        return said(receipt.as_json(), 201 if receipt.credit_id else 200)

    async def get_book(self, request: web.Request) -> web.Response:
        """The receipts; `?from=100&limit=50` gives the 101st to the 150th."""
        return said(journal_json(self._registers.journal, *part(request)))

    async def get_faults(self, _: web.Request) -> web.Response:
        """The switches that are on."""
        return said(self._registers.faults)

    async def put_faults(self, request: web.Request) -> web.Response:
        """Set all switches; what is left out is off."""
        self._registers.faults = read_faults(await request.read(), SWITCHES)
        return said(self._registers.faults)

    async def get_journal(self, _: web.Request) -> web.Response:
        """The journal for a person: the newest receipts, what the cashier was told, and the vouchers."""
        journal = self._registers.journal
        return shown(self._pages.journal(journal.latest(_SHOWN), len(journal)))
