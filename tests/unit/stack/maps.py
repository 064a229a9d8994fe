"""A good map, and ways to spoil it."""

from pathlib import Path

import pytest

from tillbridge.kernel.errors import StackFault
from tillbridge.stack.load import parse
from tillbridge.stack.model import Stack

ROOT = Path(__file__).parents[3]
SAMPLE = ROOT / "tests" / "data" / "sample" / "stack.toml"

GOOD = """\
# A star and a chain in one, with every key there is.
[retailer]
name = "Harbor & Pine"
country = "US"
currency = "USD"
time_zone = "America/New_York"
place = "US-NY"

[authority]
system = "platform"

[systems.registers]
role = "pos"
connector = "http"

[systems.platform]
role = "platform"
connector = "built-in"

[systems.processor]
role = "payments"
connector = "http"
url = "https://pay.example/hub/"
secret = "env:PAY_SECRET"
capabilities = ["api", "webhooks", "idempotency", "own_word"]
denominations = ["50", "25.00"]

[systems.erp]
role = "erp"
connector = "csv"
capabilities = ["flat_file"]
owner = "Books"
contact = "books@shop.example"

[systems."web"]
role = "storefront"
connector = "http"
url = "http://127.0.0.1:9001"
secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
currencies = [
    "USD",  # the books
    "EUR",
]
buckets = ["paid", "refund"]
amount = { min = "0.01", max = "500" }

[[hops]]
from = "erp"
to = "web"
trigger = "poll"
interval = "12h"
sla = "13h"
transform = [
    "route-bucket",
    { name = "convert-currency", to = "USD", rates = [{ currency = "JPY", from = 2026-01-01, rate = "0.0064" }] },
    { name = "rename-fields", amount = "value", credit = { last4 = "tail" }, drop = ["operator"] },
]

[[hops]]
from = "registers"
to = "platform"
trigger = "webhook"
sla = "2s"
checkpoint = true

[[hops]]
from = "platform"
to = "processor"
trigger = "webhook"
sla = "30s"
checkpoint = true
attempts = 3
backoff = "200ms"
backoff_max = "10s"
timeout = "2s"

[[hops]]
from = "processor"
to = "erp"
trigger = "batch"
schedule = "0 2 * * *"
sla = "26h"

[stores.006]
place = "US-CA"

[stores."Pier 39"]
place = "MX"

[burn]
order = ["bucket", "expiry"]
buckets = ["promo", "refund", "goodwill", "paid"]

[[limits]]
per = "operator"
verbs = ["load", "issue"]
amount = "250.00"
count = 20

[[limits]]
per = "customer"
verbs = ["redeem"]
buckets = ["promo", "goodwill"]
currency = "EUR"
amount = "75"

[approval]
above = "100.00"
buckets = ["promo"]
"""

ENVIRONMENT = {"PAY_SECRET": "signs-the-payments"}


def good() -> Stack:
    """The good map, read."""
    return parse(GOOD, "stack.toml", ENVIRONMENT)


def spoiled(old: str, new: str) -> str:
    """The good map with one place changed; the place must be there once."""
    assert GOOD.count(old) == 1, old
    return GOOD.replace(old, new)


def line_of(text: str, fragment: str) -> int:
    """The line at which a fragment begins; it must be there once."""
    assert text.count(fragment) == 1, fragment
    return text[: text.index(fragment)].count("\n") + 1


def fault_of(text: str) -> StackFault:
    """The fault that reading the text raises."""
    with pytest.raises(StackFault) as caught:
        parse(text, "stack.toml", ENVIRONMENT)
    return caught.value
