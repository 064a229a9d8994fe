"""The parts of a map, each read from its table: the retailer, a system, a hop."""

import base64
import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Final
from urllib.parse import urlsplit

from tillbridge.kernel.money import Money, exponents
from tillbridge.stack.model import Hop, Retailer, Role, System, Transform, Trigger
from tillbridge.stack.schedule import check_cron
from tillbridge.stack.table import Table, called, nearest, quoted
from tillbridge.stack.terms import BUCKETS, CAPABILITIES, CONNECTORS, ROLES, TRANSFORMS, TRIGGERS, countries, time_zones

SYSTEM_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,39}")
"""A system's name stands in addresses, keys and file names."""

_WORD: Final = re.compile(r"[a-z][a-z0-9_-]{0,39}")
_MOST_ATTEMPTS: Final = 1000


def read_retailer(table: Table) -> Retailer:
    """`[retailer]`. Raises StackFault."""
    country = table.choice("country", countries())
    return Retailer(
        name=table.text("name"),
        country=country,
        currency=table.choice("currency", exponents()),
        time_zone=table.choice("time_zone", time_zones()),
        place=table.place("place", country),
    )


def read_system(name: str, table: Table, currency: str, environment: Mapping[str, str]) -> System:
    """`[systems.NAME]`; `currency` is the retailer's. Raises StackFault."""
    role = Role(table.choice("role", ROLES))
    currencies = table.chosen("currencies", exponents())
    least, most = _amounts(table, currency, currencies)
    return System(
        name=name,
        role=role,
        connector=_connector(table, role),
        url=_url(table),
        secret=_secret(table, environment),
        capabilities=_capabilities(table),
        currencies=currencies,
        buckets=table.chosen("buckets", BUCKETS),
        amount_min=least,
        amount_max=most,
        owner=table.text("owner"),
        contact=table.text("contact"),
    )


def read_hop(table: Table) -> Hop:
    """`[[hops]]`. Whether its ends exist is seen when the whole map is put in order. Raises StackFault."""
    trigger = Trigger(table.choice("trigger", TRIGGERS))
    checkpoint = table.flag("checkpoint")
    if checkpoint and trigger is not Trigger.WEBHOOK:
        problem = f"the register cannot wait for a {trigger} hop: it may run hours later"
        raise table.fault("checkpoint", problem, 'Use trigger = "webhook", or leave out checkpoint.')
    backoff, backoff_max = table.duration("backoff", "1s"), table.duration("backoff_max", "5m")
    if backoff > backoff_max:
        key = "backoff" if "backoff" in table.values else "backoff_max"
        raise table.fault(key, '"backoff" is longer than "backoff_max"', "Make it the shorter of the two.")
    return Hop(
        source=table.text("from"),
        target=table.text("to"),
        trigger=trigger,
        interval=_interval(table, trigger),
        schedule=_schedule(table, trigger),
        sla=table.duration("sla"),
        checkpoint=checkpoint,
        transform=_transform(table),
        attempts=table.whole("attempts", 12, 1, _MOST_ATTEMPTS),
        backoff=backoff,
        backoff_max=backoff_max,
        timeout=table.duration("timeout", "5s"),
    )


def _connector(table: Table, role: Role) -> str:
    connector = table.choice("connector", CONNECTORS)
    if connector == "built-in" and role is not Role.PLATFORM:
        problem = f'{table.title} has the role {role}, and "built-in" is the hub\'s own ledger, a platform'
        raise table.fault("connector", problem, 'Use "http" or "csv".')
    # A register calls the hub; of all the others the hub has to know where they are.
    if connector == "http" and role is not Role.POS and "url" not in table.values:
        problem = f'{table.title} has the connector "http" and no "url"'
        raise table.fault("connector", problem, 'Add the address it is reached at: url = "https://…".')
    return connector


def _url(table: Table) -> str:
    url = table.text("url")
    try:
        parts = urlsplit(url)
        whole = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0 and " " not in url
    except ValueError:
        whole = False
    if url and not whole:
        raise table.fault("url", f'"url" of {table.title} is no web address', 'Write it whole: "https://host/path".')
    return url.rstrip("/")


def _secret(table: Table, environment: Mapping[str, str]) -> str:
    """The secret itself; the text of a fault never holds it."""
    secret = table.text("secret")
    if secret.startswith("env:"):
        name = secret.removeprefix("env:").strip()
        secret = environment.get(name, "").strip()
        if not secret:
            problem = f'"secret" of {table.title} is to be read from the environment, where {quoted(name)} is not set'
            raise table.fault("secret", problem, "Set it before the hub starts, or name another variable.")
    if secret.startswith("whsec_") and not _is_base64(secret.removeprefix("whsec_")):
        problem = f'"secret" of {table.title} begins with whsec_ and goes on with no base64'
        raise table.fault("secret", problem, "Copy it again, whole, from where it was made.")
    return secret


def _is_base64(text: str) -> bool:
    try:
        return bool(base64.b64decode(text, validate=True))
    except ValueError:
        return False


def _capabilities(table: Table) -> frozenset[str]:
    """Words as they stand; one that only just misses a known one is a slip."""
    words = table.texts("capabilities")
    for position, word in enumerate(words):
        if word in CAPABILITIES:
            continue
        mend = nearest(word, CAPABILITIES, "")
        if mend or not _WORD.fullmatch(word):
            problem = f"{quoted(word)} is no capability"
            mend = mend or "Write one word in small letters, such as flat_file."
            raise table.fault("capabilities", problem, mend, position)
    return frozenset(words)


def _amounts(table: Table, currency: str, currencies: tuple[str, ...]) -> tuple[str, str]:
    """The smallest and largest amount as decimals of the retailer's currency; blank where not said."""
    if "amount" not in table.values:
        return "", ""
    amounts = table.table("amount", "systems.NAME.amount")
    if currencies and currency not in currencies:
        problem = f'"amount" of {table.title} is in {currency}, which its "currencies" leave out'
        raise table.fault("amount", problem, f'Add "{currency}" to the currencies, or leave out amount.')
    least, most = _amount(amounts, "min", currency), _amount(amounts, "max", currency)
    if least is not None and most is not None and least > most:
        raise amounts.fault("min", f"the smallest amount, {least}, is more than the largest, {most}", "Change one.")
    return least.text() if least is not None else "", most.text() if most is not None else ""


def _amount(table: Table, key: str, currency: str) -> Money | None:
    amount = table.amount(key, currency)
    if amount is not None and key == "max" and amount.minor == 0:
        raise table.fault(key, f'"{key}" of {table.title} lets no credit through', "Write an amount above zero.")
    return amount


def _interval(table: Table, trigger: Trigger) -> timedelta | None:
    if trigger is Trigger.POLL:
        if "interval" not in table.values:
            raise table.fault("trigger", 'a poll hop needs an "interval"', 'Add how often it runs: interval = "15m".')
        return table.duration("interval")
    if "interval" in table.values:
        mend = 'Use trigger = "poll", or leave out interval.'
        raise table.fault("interval", f'"interval" is for poll hops, and this is a {trigger} hop', mend)
    return None


def _schedule(table: Table, trigger: Trigger) -> str:
    if trigger is not Trigger.BATCH:
        if "schedule" in table.values:
            mend = 'Use trigger = "batch", or leave out schedule.'
            raise table.fault("schedule", f'"schedule" is for batch hops, and this is a {trigger} hop', mend)
        return ""
    if "schedule" not in table.values:
        raise table.fault("trigger", 'a batch hop needs a "schedule"', 'Add its timetable: schedule = "0 2 * * *".')
    schedule = table.text("schedule")
    try:
        check_cron(schedule)
    except ValueError as error:
        mend = 'Write minute, hour, day, month and weekday: "0 2 * * *" is every night at two.'
        raise table.fault("schedule", f"{quoted(schedule)} is no timetable: {error}", mend) from None
    return schedule


def _transform(table: Table) -> tuple[Transform, ...]:
    """Plain names or tables with a name and settings."""
    return tuple(
        _plain(item, table, position) if isinstance(item, str) else _with_settings(item)
        for position, item in enumerate(table.items("transform", "hops.transform", "a list of texts and tables"))
    )


def _plain(name: str, table: Table, position: int) -> Transform:
    if name not in TRANSFORMS:
        mend = nearest(name, TRANSFORMS, f"Use one of {', '.join(TRANSFORMS)}.")
        raise table.fault("transform", f"{quoted(name)} is no transformation", mend, position)
    return Transform(name, {})


def _with_settings(table: Table) -> Transform:
    settings = {key: value for key, value in table.values.items() if key != "name"}
    for key, value in settings.items():
        if _has_float(value):
            problem = f"{quoted(key)} of {table.title} is {called(value)}, which is not exact"
            raise table.fault(key, problem, 'Write numbers with a point in quotes: "1.25".')
    return Transform(table.choice("name", TRANSFORMS), settings)


def _has_float(value: object) -> bool:
    if isinstance(value, dict):
        return any(_has_float(inner) for inner in value.values())
    if isinstance(value, list):
        return any(_has_float(inner) for inner in value)
    return isinstance(value, float)
