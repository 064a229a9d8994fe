"""Every key and word that `stack.toml` may hold, each with a sentence. The reference page is held equal to this."""

import re
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
    Key("", "stores", False, "Where the stores are, one table `[stores.NAME]` each."),
    Key("", "burn", False, "In which order a customer's credits are spent."),
    Key("", "limits", False, "How much may be done in a day, one `[[limits]]` each."),
    Key("", "approval", False, "Which credits wait for a second person."),
    Key("retailer", "name", True, "The name that customers know, as it is printed on vouchers."),
    Key(
        "retailer", "country", True, "Two letters of ISO 3166, such as `US`; phone numbers without a prefix are of it."
    ),
    Key("retailer", "currency", True, "Three letters of ISO 4217, such as `USD`: the currency of the books."),
    Key("retailer", "time_zone", True, "A name of the IANA list, such as `America/New_York`; timetables go by it."),
    Key("retailer", "place", False, "Where a store is that `stores` does not name. Left out: the country."),
    Key(
        "authority", "system", True, "The name of one system of role `platform`. Every other is read-only for balances."
    ),
    Key("systems.NAME", "role", True, "What the system is: one of the roles below."),
    Key("systems.NAME", "connector", True, "How the hub speaks to it: one of the connectors below."),
    Key("systems.NAME", "url", False, "Where it is reached, `https://…`; the connector `http` needs it."),
    Key("systems.NAME", "secret", False, "Signs what the hub sends and what it is sent: plain text, or `env:NAME`."),
    Key("systems.NAME", "secret_before", False, "The secret before: still taken in signatures while one is changed."),
    Key(
        "systems.NAME", "capabilities", False, "What it can do: words such as those below. Left out: nothing is known."
    ),
    Key("systems.NAME", "currencies", False, "The currencies it accepts. Left out: all."),
    Key("systems.NAME", "buckets", False, "The buckets it accepts. Left out: all."),
    Key("systems.NAME", "amount", False, "The smallest and largest credit it accepts, in the retailer's currency."),
    Key(
        "systems.NAME",
        "denominations",
        False,
        'The amounts it accepts and no others: `["25.00", "50.00"]`. Left out: any.',
    ),
    Key("systems.NAME", "batch", False, "How many events it takes in one request, 1 to 1000; only for `http`. Else 1."),
    Key(
        "systems.NAME", "rate", False, 'How much it may be sent, by all hubs together: `"50/s"` or `"600/min"` events.'
    ),
    Key("systems.NAME", "owner", False, "The person or team that answers for it."),
    Key("systems.NAME", "contact", False, "How to reach them."),
    Key("systems.NAME", "source", False, "Where the hub fetches what the system does not send by itself."),
    Key("systems.NAME.amount", "min", False, 'The smallest amount, in quotes: `"0.01"`.'),
    Key("systems.NAME.amount", "max", False, 'The largest amount, in quotes: `"500.00"`.'),
    Key("systems.NAME.source", "kind", True, "Where it is fetched from: one of those below."),
    Key("systems.NAME.source", "what", True, "What it brings: one of those below."),
    Key("systems.NAME.source", "interval", False, 'How often a directory is fetched, such as `"1h"`. Sales: the hop.'),
    Key("systems.NAME.source", "schedule", False, "When a directory is fetched: five fields of cron. Sales: the hop."),
    Key(
        "systems.NAME.source",
        "path",
        False,
        "The folder; one of this machine is named from that of the map.",
    ),
    Key("systems.NAME.source", "url", False, "Its address: `https://…` for `http`, `sftp://user@host:22` for `sftp`."),
    Key("systems.NAME.source", "pattern", False, 'Which files are taken. Left out: `"*.csv"`.'),
    Key("systems.NAME.source", "preset", False, "How the columns are named: one of the presets below."),
    Key(
        "systems.NAME.source",
        "columns",
        False,
        "Our column and theirs, before the preset's; `[]`: they have none.",
    ),
    Key("systems.NAME.source", "fixed", False, "Our column and what it holds in every row, such as the currency."),
    Key("systems.NAME.source", "values", False, "By our column, words of theirs and what they mean here."),
    Key("systems.NAME.source", "delimiter", False, 'What stands between two cells. Left out: `","`.'),
    Key("systems.NAME.source", "time_zone", False, "The zone of times without an offset. Left out: they are refused."),
    Key("systems.NAME.source", "settle", False, 'How long a file must stand still to be whole. Left out: `"5s"`.'),
    Key("systems.NAME.source", "marker", False, 'Wait for a file of the same name and this behind it: `".done"`.'),
    Key("systems.NAME.source", "overlap", False, 'How far a feed is read again behind its cursor. Left out: `"10m"`.'),
    Key("systems.NAME.source", "page", False, "How many rows of a feed are asked for at once. Left out: 500."),
    Key("systems.NAME.source", "timeout", False, 'How long an answer is waited for. Left out: `"30s"`.'),
    Key("systems.NAME.source", "token", False, "The bearer token for a feed: `env:NAME`, or plain text."),
    Key("systems.NAME.source", "password", False, "The password for SFTP: `env:NAME`, or plain text."),
    Key("systems.NAME.source", "private_key", False, "The private key for SFTP: a file, or `env:NAME`."),
    Key("systems.NAME.source", "host_key", False, "The SFTP server's public key, `ssh-ed25519 AAAA…`."),
    Key("systems.NAME.source", "verified", False, "`false`: taken as typed. Left out: `true` for a storefront."),
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
    Key("hops", "timeout", False, 'How long one attempt waits for its answer, at most `"10m"`. Left out: `"5s"`.'),
    Key("hops.transform", "name", True, "The transformation. All other keys of the table are its settings."),
    Key("hops.transform.resolve-customer", "system", False, "Whose account is named. Left out: that of the target."),
    Key(
        "hops.transform.resolve-customer",
        "otherwise",
        False,
        'A customer without an account there: `"send"` it with `customer` null, or `"reject"` it. Left out: `"send"`.',
    ),
    Key(
        "hops.transform.convert-currency",
        "to",
        False,
        "The currency to write. Left out: the target's if it accepts one alone, else the retailer's.",
    ),
    Key("hops.transform.convert-currency", "rates", False, "Dated rates: a list of tables as below."),
    Key(
        "hops.transform.convert-currency",
        "file",
        False,
        "A CSV file of dated rates, from the folder of the map, with the columns `currency,from,rate`.",
    ),
    Key(
        "hops.transform.convert-currency",
        "rounding",
        False,
        'What becomes of a part of the smallest unit: `"down"`, `"half-even"` or `"half-up"`. Left out: `"down"`.',
    ),
    Key("hops.transform.convert-currency.rates", "currency", True, "The currency that is converted."),
    Key("hops.transform.convert-currency.rates", "from", True, "The first day of the rate: `2026-11-21`."),
    Key("hops.transform.convert-currency.rates", "rate", True, 'What one unit of it is worth, in quotes: `"1.0825"`.'),
    Key("hops.transform.route-bucket", "paid", False, "The target's word for `paid`."),
    Key("hops.transform.route-bucket", "refund", False, "The target's word for `refund`."),
    Key("hops.transform.route-bucket", "goodwill", False, "The target's word for `goodwill`."),
    Key("hops.transform.route-bucket", "promo", False, "The target's word for `promo`."),
    Key(
        "hops.transform.route-bucket",
        "otherwise",
        False,
        'A bucket without a word here: `"keep"` it as it is, or `"reject"` the credit. Left out: `"keep"`.',
    ),
    Key("hops.transform.classify-balance", "paid", False, 'The class of `paid`. Left out: `"deferred-revenue"`.'),
    Key("hops.transform.classify-balance", "refund", False, 'The class of `refund`. Left out: `"refund-liability"`.'),
    Key(
        "hops.transform.classify-balance",
        "goodwill",
        False,
        'The class of `goodwill`. Left out: `"goodwill-liability"`.',
    ),
    Key("hops.transform.classify-balance", "promo", False, 'The class of `promo`. Left out: `"promo-memo"`.'),
    Key("hops.transform.rename-fields", "drop", False, "Fields that are not sent."),
    Key("stores.NAME", "place", True, "A country or a part of one as in ISO 3166-2, such as `US-CA`; law goes by it."),
    Key("burn", "order", False, "What decides, the first first: criteria of those below. Left out: all, as below."),
    Key("burn", "buckets", False, "All four buckets, the one to spend first first. Left out: the order below."),
    Key("limits", "per", True, "Whose doings are counted together: one of those below."),
    Key("limits", "verbs", True, "What is counted together: verbs of those below."),
    Key("limits", "buckets", False, "The buckets in which it is counted. Left out: all."),
    Key("limits", "currency", False, "The currency in which it is counted. Left out: the retailer's."),
    Key("limits", "amount", False, 'The most in a day, in quotes: `"500.00"`. This or `count` is needed.'),
    Key("limits", "count", False, "How often in a day, at most. This or `amount` is needed."),
    Key("approval", "above", True, 'A manual credit of more than this waits for a second person: `"100.00"`.'),
    Key(
        "approval",
        "buckets",
        False,
        'The buckets in which an issue, a load or an activation is manual. Left out: `["goodwill"]`.',
    ),
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

SOURCES: Final[Mapping[str, str]] = {
    "folder": "files that are put into a folder of this machine",
    "sftp": "files that are put into a folder of an SFTP server",
    "http": "a feed: rows since a cursor, page by page, over HTTP",
}

BRINGS: Final[Mapping[str, str]] = {
    "sales": "register transactions, each a credit to be issued by way of the checkpoint",
    "customers": "accounts of a customer directory",
}

CAPABILITIES: Final[Mapping[str, str]] = {
    "api": "it can be asked and told over an API",
    "webhooks": "it reports by itself what happened",
    "idempotency": "it takes the same key twice and acts once",
    "flat_file": "it takes in or gives out files",
    "lookup": "it can be asked by key whether it has applied an event",
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


CRITERIA: Final[Mapping[str, str]] = {
    "priority": "the lower number first",
    "expiry": "the one that expires soonest first, one that never expires last",
    "bucket": "by bucket: `promo`, `goodwill`, `refund`, `paid`, or as `buckets` says",
    "age": "the one issued first first",
}
"""What may decide which credit is spent first, in the default order."""

BURN_BUCKETS: Final = ("promo", "goodwill", "refund", "paid")
"""What the customer never paid for goes first, as it lapses first; what was bought goes last, as the law protects it
longest and it may be worth cash."""

PERS: Final[Mapping[str, str]] = {
    "credit": "one credit",
    "customer": "one customer; what is done to a credit without an owner is not counted",
    "operator": "one operator, in whichever store; what names no operator is not counted",
    "register": "one register of one store; what names no register is not counted",
    "store": "one store; what names no store is not counted",
}

LIMITED_VERBS: Final[Mapping[str, str]] = {
    "issue": "a new credit",
    "activate": "a card that was sold begins to be worth something",
    "load": "more money on a credit",
    "redeem": "a credit is spent, or what a hold set aside is captured",
    "refund": "what was spent is given back to the credit",
    "cash-out": "what is left is paid out in cash",
    "adjust": "a correction by hand, up or down",
}

_PLACE: Final = re.compile(r"[A-Z]{2}(-[A-Z0-9]{1,3})?")
# Where the law differs from state to state, a slip of one letter would quietly be another law or none.
_PARTS_OF_COUNTRIES: Final[Mapping[str, str]] = {
    "US": "AL AK AZ AR CA CO CT DE FL GA HI ID IL IN IA KS KY LA ME MD MA MI MN MS MO MT NE NV NH NJ NM NY NC ND OH OK"
    " OR PA RI SC SD TN TX UT VT VA WA WV WI WY DC AS GU MP PR UM VI",
    "CA": "AB BC MB NB NL NS NT NU ON PE QC SK YT",
    "AU": "ACT NSW NT QLD SA TAS VIC WA",
}


def is_place(text: str) -> bool:
    """Whether it is a country of ISO 3166-1 or has the form of a part of one (ISO 3166-2): `NZ`, `US-CA`.

    The parts of the US, Canada and Australia are known one by one.
    """
    country, dash, part = text.partition("-")
    if not _PLACE.fullmatch(text) or country not in countries():
        return False
    return not dash or country not in _PARTS_OF_COUNTRIES or part in _PARTS_OF_COUNTRIES[country].split()


def keys_of(table: str) -> tuple[str, ...]:
    """The names of the keys that a table may hold. That of a transformation holds its settings beside its name."""
    names = tuple(key.name for key in KEYS if key.table == table)
    return ("name", *names) if table.startswith("hops.transform.") and not table.endswith(".rates") else names


@cache
def time_zones() -> frozenset[str]:
    """The time zones that can be named."""
    return frozenset(available_timezones())


@cache
def countries() -> frozenset[str]:
    """The two-letter codes of ISO 3166, from the list that comes with the time zones."""
    text = resources.files("tzdata").joinpath("zoneinfo", "iso3166.tab").read_text("utf-8")
    return frozenset(line[:2] for line in text.splitlines() if line and not line.startswith("#"))
