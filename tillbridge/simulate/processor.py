"""The payments processor: keeps stored-value records and answers at once with its reference."""

from typing import Final

from aiohttp import web

from tillbridge.kernel.clock import Clock
from tillbridge.simulate.book import Book
from tillbridge.simulate.chance import Chance
from tillbridge.simulate.intake import Intake, confirm_at_once
from tillbridge.simulate.wire import new_app

SWITCHES: Final = frozenset({"refuse", "delay", "lose_answer", "lock_error", "reject_currency", "no_probe"})


class Processor:
    """The processor's book behind its server."""

    def __init__(self, name: str, secret: str, clock: Clock, chance: Chance) -> None:
        self.book = Book(name, "PAY")
        self.intake = Intake(self.book, secret, clock, chance, SWITCHES, confirm_at_once)

    def app(self) -> web.Application:
        """The server."""
        app = new_app()
        self.intake.add_routes(app)
        return app
