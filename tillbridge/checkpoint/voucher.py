"""The voucher: the printed fallback, as a value, with its QR code and its claim code. `paper` draws it as a PDF."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Final

import segno
from babel import Locale
from babel.core import UnknownLocaleError
from babel.dates import format_date
from babel.numbers import format_currency

from tillbridge.kernel.money import Money, exponent

CLAIM_LETTERS: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
"""What claim codes are written in: Crockford's Base32, without the letters that are misread."""

_MISREAD: Final = str.maketrans("OIL", "011")
_CODE_LENGTH: Final = 12
_QUIET: Final = 4  # modules of white that a QR code needs around it


@dataclass(frozen=True, slots=True)
class Voucher:
    """What a voucher says. `issued_at` is local to the store, `amount` is written for people (`$88.00`), `receipt` is
    the register's transaction id, `claim_code` stands for the claim address when it has to be typed. What is not known
    is blank."""

    retailer: str
    store: str
    register: str
    operator: str
    receipt: str
    issued_at: datetime
    amount: str
    claim_url: str
    claim_code: str
    kind: str = "store_credit"

    @property
    def kind_words(self) -> str:
        """`store credit` or `gift card`."""
        return self.kind.replace("_", " ")

    @property
    def claim_page(self) -> str:
        """Where the claim code is typed: the claim address without its token and scheme (`shop.example/claim`)."""
        address = self.claim_url.partition("://")[2] or self.claim_url
        return address.rpartition("/")[0]

    @property
    def place(self) -> str:
        """`Store 006 · Reg 3`, as far as it is known."""
        parts = (f"Store {self.store}" if self.store else "", f"Reg {self.register}" if self.register else "")
        return " · ".join(filter(None, parts))

    @property
    def day(self) -> str:
        """`21 Nov 2026`."""
        return format_date(self.issued_at, "d MMM y", locale="en")

    @property
    def time(self) -> str:
        """`14:02`."""
        return f"{self.issued_at:%H:%M}"


def amount_words(money: Money, country: str = "") -> str:
    """An amount for people in English, as it is written in a country (ISO 3166-1): `$88.00`, `€5.00`, `CA$5.00`.

    It is never rounded, whatever number of decimals is usual.
    """
    style = _style(money.currency, country)
    if style is None or money.minor < 0:
        return _looked_up(money, country)
    decimals = exponent(money.currency)
    whole, part = divmod(money.minor, 10**decimals)
    figure = f"{whole:,}".replace(",", style.comma)
    return f"{style.before}{figure}{style.point}{part:0{decimals}}" if decimals else f"{style.before}{figure}"


@dataclass(frozen=True, slots=True)
class _Style:
    """How a country writes a currency: what stands before the figure, between thousands, and before the decimals."""

    before: str
    comma: str
    point: str


@cache
def _style(currency: str, country: str) -> _Style | None:
    """Read off one amount that was looked up, which takes longer than all the rest of a receipt. None where figures
    are not in threes, or decimals come and go: such amounts are looked up one by one."""
    decimals = exponent(currency)
    one, thousands = 10**decimals, _looked_up(Money(int("1234567" + "1" * decimals), currency), country)
    found = re.fullmatch(rf"(\D*)1(\D*)234(\D*)567(\D*){'1' * decimals}", thousands)
    if found is None or found[2] != found[3] or bool(found[4]) != bool(decimals):
        return None
    whole = f"{found[1]}1{found[4]}{'0' * decimals}"
    return _Style(found[1], found[2], found[4]) if _looked_up(Money(one, currency), country) == whole else None


def _looked_up(money: Money, country: str) -> str:
    try:
        locale = Locale.parse(f"en_{country}" if country else "en")
    except (UnknownLocaleError, ValueError):
        locale = Locale.parse("en")
    words = format_currency(money.decimal(), money.currency, locale=locale, decimal_quantization=False)
    # A currency that has no sign of its own is written as its code, and a code stands apart from the figure.
    return re.sub(r"(?<=[A-Z])(?=[0-9])", "\xa0", words)


def read_claim_code(text: str) -> str | None:
    """A claim code as a person types it, in the form it was printed in; None when it cannot be one."""
    letters = re.sub(r"[\s\-–.]+", "", text).upper().translate(_MISREAD)
    if len(letters) != _CODE_LENGTH or not set(letters) <= set(CLAIM_LETTERS):
        return None
    return _grouped(letters)


def _grouped(letters: str) -> str:
    return "-".join(letters[start : start + 4] for start in range(0, len(letters), 4))


@dataclass(frozen=True, slots=True)
class Run:
    """A row of dark modules of a QR code, side by side. Column and row count from the quiet zone's corner."""

    column: int
    row: int
    length: int


def qr_runs(text: str) -> tuple[int, Sequence[Run]]:
    """A QR code of a text (error correction M or better): its width in modules with the quiet zone, its dark runs."""
    matrix = segno.make(text, error="m", micro=False).matrix
    runs = [
        Run(match.start() + _QUIET, row + _QUIET, match.end() - match.start())
        for row, modules in enumerate(matrix)
        for match in re.finditer(rb"\x01+", bytes(modules))
    ]
    return len(matrix) + 2 * _QUIET, runs


def qr_svg(text: str) -> str:
    """A QR code of a text as an SVG element, black on white whatever is around it; its size is the page's matter."""
    width, runs = qr_runs(text)
    dark = "".join(f"M{run.column} {run.row}h{run.length}v1h-{run.length}z" for run in runs)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="qr" viewBox="0 0 {width} {width}" role="img"'
        ' aria-label="QR code of the claim address" shape-rendering="crispEdges">'
        f'<rect width="{width}" height="{width}" fill="#fff"/><path fill="#000" d="{dark}"/></svg>'
    )
