"""The pages of the simulated retailer: plain HTML, one style sheet inside each page, nothing from elsewhere."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from importlib import resources
from typing import Final
from zoneinfo import ZoneInfo

import jinja2
from babel.numbers import format_currency

from tillbridge.kernel.money import Money
from tillbridge.simulate.receipt import Receipt, Standing

_KINDS: Final = {"store_credit": "Store credit", "gift_card": "Gift card"}
_MARKS: Final = {Standing.CONFIRMED: "confirmed", Standing.OPEN: "pending", Standing.REFUSED: "failed"}


def money_words(amount: Money) -> str:
    """An amount for people: `$88.00`, `CA$20.00`."""
    return str(format_currency(amount.decimal(), amount.currency, locale="en_US"))


class Pages:
    """Renders the pages of one retailer; times are shown in its zone."""

    def __init__(self, retailer: str, zone: ZoneInfo) -> None:
        self._zone = zone
        files = resources.files("tillbridge.simulate").joinpath("templates")
        names = ("look.css", "frame.html", "journal.html", "accounts.html", "account.html", "order.html", "sorry.html")
        self._jinja = jinja2.Environment(
            loader=jinja2.DictLoader({name: files.joinpath(name).read_text("utf-8") for name in names}),
            autoescape=True,
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._jinja.filters.update(money=money_words, clock=self._clock_time, kind=lambda kind: _KINDS.get(kind, kind))
        self._jinja.globals.update(retailer=retailer, marks=_MARKS)

    def _clock_time(self, moment: datetime) -> str:
        return f"{moment.astimezone(self._zone):%H:%M:%S}"

    def journal(self, receipts: Sequence[Receipt], total: int) -> str:
        """The registers' journal, the newest receipt first."""
        return self._show("journal.html", {"receipts": receipts, "total": total})

    def show(self, name: str, values: Mapping[str, object]) -> str:
        """A page of the storefront by the name of its template."""
        return self._show(f"{name}.html", values)

    def _show(self, file: str, values: Mapping[str, object]) -> str:
        return self._jinja.get_template(file).render(values)
