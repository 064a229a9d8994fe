"""Every key and word that `stack.toml` may hold, each with a sentence. The reference page is held equal to this."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Final
from zoneinfo import available_timezones


@dataclass(frozen=True, slots=True)
class Key:
    """One key of a table of the map."""

    table: str
    name: str
    required: bool
    sentence: str


KEYS: Final[tuple[Key, ...]] = (
    Key("", "retailer", True, "Whose stack this is."),
    Key("", "authority", True, "Which system holds the truth about balances."),
    Key("", "systems", True, "The systems, one table `[systems.NAME]` each."),
    Key("", "hops", True, "The hops between them, one `[[hops]]` each."),
    Key("retailer", "name", True, "The name that customers know, as it is printed on vouchers."),
    Key(
        "retailer", "country", True, "Two letters of ISO 3166, such as `US`; phone numbers without a prefix are of it."
    ),
    Key("retailer", "currency", True, "Three letters of ISO 4217, such as `USD`: the currency of the books."),
    Key("retailer", "time_zone", True, "A name of the IANA list, such as `America/New_York`; timetables go by it."),
    Key(
        "authority", "system", True, "The name of one system of role `platform`. Every other is read-only for balances."
    ),
    Key("systems.NAME", "role", True, "What the system is: one of the roles below."),
    Key("systems.NAME", "connector", True, "How the hub speaks to it: one of the connectors below."),
    Key("systems.NAME", "url", False, "Where it is reached, `https://…`; the connector `http` needs it."),
    Key("systems.NAME", "secret", False, "Signs what the hub sends: plain text, or `env:NAME` to read it from there."),
    Key(
        "systems.NAME", "capabilities", False, "What it can do: words such as those below. Left out: nothing is known."
    ),
    Key("systems.NAME", "currencies", False, "The currencies it accepts. Left out: all."),
    Key("systems.NAME", "buckets", False, "The buckets it accepts. Left out: all."),
    Key("systems.NAME", "amount", False, "The smallest and largest credit it accepts, in the retailer's currency."),
    Key("systems.NAME", "owner", False, "The person or team that answers for it."),
    Key("systems.NAME", "contact", False, "How to reach them."),
    Key("systems.NAME.amount", "min", False, 'The smallest amount, in quotes: `"0.01"`.'),
    Key("systems.NAME.amount", "max", False, 'The largest amount, in quotes: `"500.00"`.'),
    Key("hops", "from", True, "The system where the hop starts; it starts when the event is confirmed there."),
    Key("hops", "to", True, "The system where the hop ends."),
    Key("hops", "trigger", True, "What sets it in motion: one of the triggers below."),
    Key("hops", "interval", False, 'How often a `poll` runs, such as `"12h"`; only for `poll`, and needed there.'),
    Key("hops", "schedule", False, "When a `batch` runs: five fields of cron in the retailer's zone; needed there."),
    Key("hops", "sla", True, 'The promise: how long after `from` has it `to` has it, such as `"30s"`.'),
    Key("hops", "checkpoint", False, "`true` where the register waits for this hop before the customer leaves."),
    Key("hops", "transform", False, "What is changed on the way: names of those below, or tables with settings."),
    Key("hops", "attempts", False, "How often delivery is tried before it is given up. Left out: 12."),
    Key("hops", "backoff", False, 'The longest pause before the second attempt; it doubles. Left out: `"1s"`.'),
    Key("hops", "backoff_max", False, 'The longest pause between two attempts. Left out: `"5m"`.'),
    Key("hops", "timeout", False, 'How long one attempt waits for its answer. Left out: `"5s"`.'),
    Key("hops.transform", "name", True, "The transformation. All other keys of the table are its settings."),
)
"""All keys, in the order in which a map is written."""

ROLES: Final[Mapping[str, str]] = {
    "pos": "the registers",
    "platform": "the gift card platform: the truth about balances",
    "payments": "the payment processor",
    "erp": "the books",
    "storefront": "the web store, where the customer sees the credit",
}

TRIGGERS: Final[Mapping[str, str]] = {
    "webhook": "every event is sent at once",
    "poll": "events are taken over at a steady interval, counted from midnight in the retailer's zone",
    "batch": "events are taken over by a timetable",
}

CONNECTORS: Final[Mapping[str, str]] = {
    "built-in": "the hub's own ledger; for a system of role `platform`",
    "csv": "no live connection: the system is known by its exports",
    "http": "signed JSON over HTTP",
}

CAPABILITIES: Final[Mapping[str, str]] = {
    "api": "it can be asked and told over an API",
    "webhooks": "it reports by itself what happened",
    "idempotency": "it takes the same key twice and acts once",
    "flat_file": "it takes in or gives out files",
}
"""The capabilities known by name. Others may be written: a vendor's own word is a fact too."""

BUCKETS: Final[Mapping[str, str]] = {
    "paid": "bought with money",
    "refund": "given back for a return",
    "goodwill": "given for a complaint",
    "promo": "given to draw customers",
}

TRANSFORMS: Final[Mapping[str, str]] = {
    "resolve-customer": "find whose credit it is",
    "convert-currency": "write the amount in the target's currency",
    "route-bucket": "send each bucket where the target keeps it",
    "classify-balance": "say which kind of balance it is in the books",
    "rename-fields": "give fields the names that the target knows",
}


def keys_of(table: str) -> tuple[str, ...]:
    """The names of the keys that a table may hold."""
    return tuple(key.name for key in KEYS if key.table == table)


@cache
def time_zones() -> frozenset[str]:
    """The time zones that can be named."""
    return frozenset(available_timezones())


@cache
def countries() -> frozenset[str]:
    """The two-letter codes of ISO 3166, from the list that comes with the time zones."""
    text = resources.files("tzdata").joinpath("zoneinfo", "iso3166.tab").read_text("utf-8")
    return frozenset(line[:2] for line in text.splitlines() if line and not line.startswith("#"))
