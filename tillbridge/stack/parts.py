"""The parts of a map, each read from its table: the retailer, a system, a hop."""

import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Final
from urllib.parse import urlsplit

from tillbridge.kernel.money import AmountFault, Money, exponents
from tillbridge.kernel.money import parse as parse_money
from tillbridge.stack.duration import TIMEOUT_LONGEST
from tillbridge.stack.model import Hop, Retailer, Role, System, Trigger
from tillbridge.stack.schedule import check_cron
from tillbridge.stack.sources import read_secret, read_source
from tillbridge.stack.table import Table, nearest, quoted
from tillbridge.stack.terms import BUCKETS, CAPABILITIES, CONNECTORS, ROLES, TRIGGERS, countries, time_zones

SYSTEM_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,39}")
"""A system's name stands in addresses, keys and file names."""

_WORD: Final = re.compile(r"[a-z][a-z0-9_-]{0,39}")
_MOST_ATTEMPTS: Final = 1000
_MOST_IN_A_BATCH: Final = 1000
_RATE: Final = re.compile(r"([1-9][0-9]{0,6})/(s|min)")


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
    denominations = _denominations(table, currency, currencies)
    return System(
        name=name,
        role=role,
        connector=_connector(table, role),
        url=_url(table),
        secret=read_secret(table, "secret", environment),
        capabilities=_capabilities(table),
        currencies=currencies,
        buckets=table.chosen("buckets", BUCKETS),
        amount_min=least,
        amount_max=most,
        denominations=denominations,
        owner=table.text("owner"),
        contact=table.text("contact"),
        secret_before=_secret_before(table, environment),
        source=read_source(table, role, environment),
        batch=_batch(table),
        rate=_rate(table),
    )


def read_hop(table: Table) -> Hop:
    """`[[hops]]`, without its transformations: they are read when it is known where it leads. Whether its ends exist is
    seen when the whole map is put in order. Raises StackFault."""
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
        transform=(),
        attempts=table.whole("attempts", 12, 1, _MOST_ATTEMPTS),
        backoff=backoff,
        backoff_max=backoff_max,
        timeout=_timeout(table),
    )


def _timeout(table: Table) -> timedelta:
    timeout = table.duration("timeout", "5s")
    if timeout > TIMEOUT_LONGEST:
        problem = f'"timeout" of {table.title} is longer than ten minutes'
        raise table.fault("timeout", problem, "Write a shorter one; how long to try again is for attempts and backoff.")
    return timeout


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


def _batch(table: Table) -> int:
    batch = table.whole("batch", 1, 1, _MOST_IN_A_BATCH)
    if batch > 1 and table.text("connector") != "http":
        problem = f'{table.title} has a "batch", and its connector sends no requests'
        raise table.fault("batch", problem, 'Leave it out, or use the connector "http".')
    return batch


def _rate(table: Table) -> float:
    """Events per second; 0 when the map does not say."""
    text = table.text("rate")
    if not text:
        return 0.0
    parts = _RATE.fullmatch(text.replace(" ", ""))
    if parts is None:
        problem = f'"rate" of {table.title} is no rate: {quoted(text)}'
        raise table.fault("rate", problem, 'Write events per second or minute: "50/s" or "600/min".')
    return int(parts[1]) / (60 if parts[2] == "min" else 1)


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


def _secret_before(table: Table, environment: Mapping[str, str]) -> str:
    before = read_secret(table, "secret_before", environment)
    if before and "secret" not in table.values:
        problem = f'{table.title} has a "secret_before" and no "secret"'
        raise table.fault("secret_before", problem, "Write the secret in force as secret.")
    return before


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


def _denominations(table: Table, currency: str, currencies: tuple[str, ...]) -> tuple[str, ...]:
    """The amounts that are accepted, as decimals of the retailer's currency, the smallest first; empty for any."""
    texts = table.texts("denominations")
    if texts and currencies and currency not in currencies:
        problem = f'"denominations" of {table.title} are in {currency}, which its "currencies" leave out'
        raise table.fault("denominations", problem, f'Add "{currency}" to the currencies, or leave out denominations.')
    amounts: list[Money] = []
    for position, text in enumerate(texts):
        amount = _denomination(table, text, currency, position)
        if amount in amounts:
            raise table.fault("denominations", f"{amount} is named twice", "Name each once.", position)
        amounts.append(amount)
    if "denominations" in table.values and not amounts:
        raise table.fault("denominations", f'"denominations" of {table.title} is empty', "Leave the key out for any.")
    return tuple(amount.text() for amount in sorted(amounts))


def _denomination(table: Table, text: str, currency: str, position: int) -> Money:
    try:
        amount = parse_money(text, currency)
    except AmountFault as error:
        mend = f'Write plain decimals of {currency} in quotes: ["25", "50"].'
        raise table.fault("denominations", f"{quoted(text)} is no amount: {error}", mend, position) from None
    if amount.minor <= 0:
        raise table.fault("denominations", f"{quoted(text)} is nothing to issue", "Write amounts above zero.", position)
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
