"""The web store behind its pages: customers, the book of what arrived, the balance shown, orders."""

from dataclasses import replace
from typing import Final

from tillbridge.kernel.clock import Clock
from tillbridge.kernel.errors import BadInput
from tillbridge.kernel.money import AmountFault, parse
from tillbridge.simulate.balance import Balance, Balances, kept_balance
from tillbridge.simulate.book import Book
from tillbridge.simulate.chance import Chance
from tillbridge.simulate.checkout import Checkout, Order
from tillbridge.simulate.customers import CustomerFeed
from tillbridge.simulate.directory import Account, Directory
from tillbridge.simulate.hub import Hub
from tillbridge.simulate.intake import Intake, confirm_at_once

SWITCHES: Final = frozenset(
    {"refuse", "delay", "lose_answer", "lock_error", "reject_currency", "lose_webhook", "no_probe"}
)


class Storefront:
    """One web store. `keeps_balance` is the old way: balances come from its own copy and can be wrong."""

    def __init__(
        self, name: str, secret: str, bearer: str, hub: Hub, directory: Directory, clock: Clock, chance: Chance
    ) -> None:
        self.directory = directory
        self.book = Book(name, "WEB")
        self.intake = Intake(self.book, secret, clock, chance, SWITCHES, confirm_at_once)
        self.keeps_balance = False
        self.feed = CustomerFeed(hub, bearer, name)
        self._balances = Balances(hub, bearer, name)
        self.checkout = Checkout(self._balances, hub, bearer, clock)

    async def balance(self, account_id: str) -> Balance | None:
        """What the customer's page shows; None when the hub does not say and no copy is kept."""
        if self.keeps_balance:
            return kept_balance(self.book.of_account(account_id))
        return await self._balances.ask(account_id)

    async def push_customers(self) -> int:
        """Tell the hub of all customers; how many it has taken."""
        return await self.feed.push_all(tuple(self.directory))

    async def change(self, account: Account) -> bool:
        """Change a customer and tell the hub; whether the hub has it. The call may be lost: a fault switch."""
        self.directory.put(account)
        if self.intake.mishap(account.account_id).lose_webhook:
            return False
        return await self.feed.push(account)

    async def order(self, account_id: str, amount: str, currency: str) -> Order:
        """Pay an order with the account's credits. Raises BadInput for an account or an amount that cannot be."""
        if self.directory.find(account_id) is None:
            raise BadInput("account_id", f"{account_id!r} is no account of this store", "Send an account id.")
        try:
            money = parse(amount, currency)
        except AmountFault as error:
            field = "currency" if error.code == "unknown-currency" else "amount"
            raise BadInput(
                field, str(error), "Send a decimal text such as 88.00, and a currency such as USD."
            ) from None
        if money.minor <= 0:
            raise BadInput("amount", f"{amount} is nothing to pay", "Send an amount above zero.")
        return await self.checkout.order(account_id, money)


def renamed(account: Account, email: str | None, phone: str | None) -> Account:
    """The account with another e-mail or phone; what is new is not verified yet."""
    if email is not None and email != account.email:
        account = replace(account, email=email, email_verified=False)
    if phone is not None and phone != account.phone:
        account = replace(account, phone=phone, phone_verified=False)
    return account
