"""The server of the web store: the customer's page, orders, and the side that the hub delivers to."""

from collections import Counter
from collections.abc import Mapping
from functools import partial
from typing import Annotated, Final

from aiohttp import web
from msgspec import Meta, Struct

from tillbridge.kernel.clock import Clock
from tillbridge.kernel.errors import BadInput
from tillbridge.simulate.checkout import Order, OrderStanding
from tillbridge.simulate.directory import Account
from tillbridge.simulate.listing import shown_credits
from tillbridge.simulate.pages import Pages
from tillbridge.simulate.storefront import Storefront, renamed
from tillbridge.simulate.wire import new_app, part, read, refused, said, shown

_SHOWN: Final = 200
_MARKS: Final = {
    OrderStanding.OPEN: "pending",
    OrderStanding.PAID: "confirmed",
    OrderStanding.PART: "pending",
    OrderStanding.UNPAID: "failed",
    OrderStanding.UNKNOWN: "pending",
}
_ORDER_MENDS: Final = {"": 'Send {"account_id": "A0000001", "amount": "20.00", "currency": "USD"}.'}
_MODE_MENDS: Final = {"": 'Send {"keeps_balance": true} or {"keeps_balance": false}.'}
_CHANGE_MENDS: Final = {"": 'Send {"email": "..."} or {"phone": "+12125550123"} or both.'}


class OrderRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """An order as it is sent."""

    account_id: str
    amount: str
    currency: str = "USD"


class Mode(Struct, frozen=True, forbid_unknown_fields=True):
    """Whether the store keeps balances of its own: the old way."""

    keeps_balance: bool


class Change(Struct, frozen=True, forbid_unknown_fields=True):
    """What a customer changes about themselves."""

    email: Annotated[str, Meta(max_length=254)] | None = None
    phone: Annotated[str, Meta(max_length=40)] | None = None


class WebStore:
    """The HTTP side of the storefront."""

    def __init__(self, storefront: Storefront, pages: Pages, clock: Clock) -> None:
        self._storefront = storefront
        self._pages = pages
        self._clock = clock

    def app(self) -> web.Application:
        """The server."""
        app = new_app()
        self._storefront.intake.add_routes(app)
        app.router.add_post("/tillbridge/listing", self.post_listing)
        app.router.add_get("/", self.get_accounts)
        app.router.add_get("/account/{account_id}", self.get_account)
        app.router.add_get("/account/{account_id}/credits", self.get_credits)
        app.router.add_put("/account/{account_id}", self.put_account)
        app.router.add_get("/orders", self.get_orders)
        app.router.add_post("/orders", self.post_order)
        app.router.add_get("/mode", self.get_mode)
        app.router.add_put("/mode", self.put_mode)
        return app

    async def get_accounts(self, _: web.Request) -> web.Response:
        """The accounts that credits have arrived for, the newest first."""
        directory, book = self._storefront.directory, self._storefront.book
        accounts = book.accounts()
        known = [account for account_id in accounts[:_SHOWN] if (account := directory.find(account_id))]
        rows = [{"account": one, "credits": len({line.credit_id for line in book.of_account(one.account_id)})}
                for one in known]  # fmt: skip
        values = {"rows": rows, "total": len(accounts), "accounts": len(directory)}
        return shown(self._pages.show("accounts", values))

    async def get_account(self, request: web.Request) -> web.Response:
        """The customer's page. 503 with a plain sentence when the hub does not say."""
        account = self._account(request)
        if account is None:
            sentence = "This store has no account of this number."
            return shown(self._pages.show("sorry", {"title": "No such account", "sentence": sentence}), 404)
        balance = await self._storefront.balance(account.account_id)
        values = {"account": account, "balance": balance, "asked_at": self._clock.now()}
        return shown(self._pages.show("account", values), 503 if balance is None else 200)

    async def post_listing(self, request: web.Request) -> web.Response:
        """All accounts with the credits that they show, page by page."""
        shop = self._storefront
        told = partial(shown_credits, shop.directory, shop.book, shop.keeps_balance)
        return await shop.intake.post_listing(request, told)

    async def get_credits(self, request: web.Request) -> web.Response:
        """The same for machines."""
        account = self._account(request)
        if account is None:
            return refused(404, "no-account", "This store has no account of this number.")
        balance = await self._storefront.balance(account.account_id)
        if balance is None:
            return refused(503, "hub-away", "The system that keeps the balances does not answer.")
        return said({"account_id": account.account_id, **balance.as_json()})

    async def put_account(self, request: web.Request) -> web.Response:
        """Change a customer's e-mail or phone; `told` says whether the hub has it."""
        account = self._account(request)
        if account is None:
            return refused(404, "no-account", "This store has no account of this number.")
        change = read(await request.read(), Change, _CHANGE_MENDS)
        changed = renamed(account, change.email, change.phone)
        told = await self._storefront.change(changed)
        return said({**changed.as_json(), "told": told})

    def _account(self, request: web.Request) -> Account | None:
        return self._storefront.directory.find(request.match_info["account_id"])

    async def get_orders(self, request: web.Request) -> web.Response:
        """The orders and how many stand how; `?from=100&limit=50` gives the 101st to the 150th."""
        orders = list(self._storefront.checkout)
        start, limit = part(request)
        counts: Mapping[str, int] = Counter(order.standing for order in orders)
        return said({"orders": [order.as_json() for order in orders[start : start + limit]], "counts": counts})

    async def post_order(self, request: web.Request) -> web.Response:
        """Pay an order with credit; JSON gets JSON, the page's form gets a page."""
        if request.content_type == "application/x-www-form-urlencoded":
            return await self._post_form(request)
        wanted = read(await request.read(), OrderRequest, _ORDER_MENDS)
        order = await self._storefront.order(wanted.account_id, wanted.amount, wanted.currency)
        return said(order.as_json(), 201)

    async def _post_form(self, request: web.Request) -> web.Response:
        form = await request.post()
        account_id, amount, currency = (
            str(form.get(name, "")).strip() for name in ("account_id", "amount", "currency")
        )
        try:
            order = await self._storefront.order(account_id, amount, currency)
        except BadInput as error:
            values = {"title": "This cannot be paid", "sentence": f"{error.problem}. {error.mend}"}
            return shown(self._pages.show("sorry", values), 422)
        return shown(self._order_page(order), 201)

    def _order_page(self, order: Order) -> str:
        return self._pages.show("order", {"order": order, "mark": _MARKS[order.standing]})

    async def get_mode(self, _: web.Request) -> web.Response:
        """Whether the store keeps balances of its own."""
        return said(Mode(self._storefront.keeps_balance))

    async def put_mode(self, request: web.Request) -> web.Response:
        """Switch the old way on or off."""
        mode = read(await request.read(), Mode, _MODE_MENDS)
        self._storefront.keeps_balance = mode.keeps_balance
        return said(mode)
