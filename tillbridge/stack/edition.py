"""The map as canonical data without secrets, its print, and what changed from one edition to the next. Pure."""

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from datetime import datetime, timedelta
from enum import Enum
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec

from tillbridge.stack.model import Stack

FIRST: Final = "first edition"
"""What is said of a map that has none before it."""

_SECRET: Final = re.compile(r"secret|password|passphrase|token|private_key")
_LEFT_OUT: Final = frozenset({"file"})
_UNITS: Final = (("d", 86_400_000), ("h", 3_600_000), ("min", 60_000), ("s", 1_000), ("ms", 1))
_WORDS: Final = {"sla": "SLA", "url": "address", "source": "from", "target": "to"}
_MOST_SHOWN: Final = 200


@dataclass(frozen=True, slots=True)
class Edition:
    """One map that hubs ran on. `number` counts from 1, `print` is the hash of `map`, `changes` are sentences."""

    number: int
    recorded_at: datetime
    recorded_by: str
    print: str
    map: Mapping[str, Any]
    changes: tuple[str, ...]


def canonical(stack: Stack) -> dict[str, Any]:
    """The map as plain data: what a hub runs on, without the file's name, its comments, and every secret.

    Of a secret it says whether there is one; of an address, who and what goes with it is left out.
    """
    data = plain(stack)
    data["hops"] = {hop.name: plain(hop) for hop in stack.hops}
    return {**data, "order": [hop.name for hop in stack.hops]}


def print_of(data: Mapping[str, Any]) -> str:
    """The hash of a canonical map, in hex."""
    return hashlib.sha256(msgspec.json.encode(data, order="deterministic")).hexdigest()


def changes(before: Mapping[str, Any] | None, after: Mapping[str, Any]) -> tuple[str, ...]:
    """What is other in a map than in the one before it, a plain sentence each, in the order of the map."""
    return (FIRST,) if before is None else tuple(_changes(before, after))


def plain(value: Any) -> Any:
    """Any part of a map as plain data, without its secrets."""
    if is_dataclass(value) and not isinstance(value, type):
        # What a part is called is part of it, also where the name is the class's and no field.
        name = {"name": value.name} if hasattr(value, "name") else {}
        return name | {
            one.name: _field(one.name, getattr(value, one.name)) for one in fields(value) if one.name not in _LEFT_OUT
        }
    if isinstance(value, timedelta):
        return _exact(value)
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Mapping):
        return {str(key): _field(str(key), inner) for key, inner in value.items()}
    if isinstance(value, frozenset | set):
        return sorted(map(plain, value))
    if isinstance(value, list | tuple):
        return [plain(inner) for inner in value]
    return value if value is None or isinstance(value, bool | int | str) else str(value)


def _field(name: str, value: Any) -> Any:
    if _SECRET.search(name) and isinstance(value, str | bytes | None):
        return "set" if value else "none"
    if isinstance(value, str) and "://" in value:
        return _bare_address(value)
    return plain(value)


def _bare_address(address: str) -> str:
    """An address without the user, password and query that may be a way in."""
    parts = urlsplit(address)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


def _exact(span: timedelta) -> str:
    """`13 h`, `500 ms`: in the largest unit that is whole."""
    milliseconds = span // timedelta(milliseconds=1)
    name, size = next(unit for unit in _UNITS if milliseconds % unit[1] == 0)
    return f"{milliseconds // size} {name}"


def _changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[str]:
    parts = (*after, *(key for key in before if key not in after))
    told = [sentence for one in parts if one != "order" for sentence in _of_part(one, before.get(one), after.get(one))]
    yield from told
    if not told:
        # A later version of the hub knows keys that an earlier one did not, with the meaning they had all along.
        other = before.get("order") != after.get("order")
        yield "hops: in another order" if other else "nothing: this version of the hub writes it down otherwise"


def _of_part(name: str, old: Any, new: Any) -> Iterator[str]:
    """Systems and hops one by one; of everything else, what is other in it."""
    if name not in ("systems", "hops"):
        if old != new:
            yield from _differences(name, old, new)
        return
    old, new, word = old or {}, new or {}, name.removesuffix("s")
    for key in dict.fromkeys((*new, *old)):
        if key not in old:
            yield f"{word} {key}: added"
        elif key not in new:
            yield f"{word} {key}: taken out"
        else:
            yield from _differences(f"{word} {key}", old[key], new[key])
            yield from _other_rates(f"{word} {key}", old[key], new[key])


def _other_rates(what: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[str]:
    """Rates that were other before: a credit that was told of at one rate is told of at another from now on."""
    before, after = _rates(old), _rates(new)
    for currency in sorted(before.keys() & after.keys()):
        was, now = before[currency], after[currency]
        for day in sorted(day for day in {*was, *now} if day <= max(was, default="")):
            old_rate, new_rate = _on(was, day), _on(now, day)
            if old_rate != new_rate:
                yield (
                    f"{what}: the rate from {currency} on {day} was {old_rate} and is {new_rate}: "
                    "amounts of credits told of at the old rate no longer add up at the target"
                )


def _rates(hop: Mapping[str, Any]) -> dict[str, dict[str, str]]:
    """By currency and first day, the rates that a hop converts at."""
    tables = [one.get("rates") or {} for one in hop.get("transform") or () if isinstance(one, Mapping)]
    return {
        currency: {one["since"]: one["rate"] for one in rates} for table in tables for currency, rates in table.items()
    }


def _on(rates: Mapping[str, str], day: str) -> str:
    return rates[max(since for since in rates if since <= day)] if min(rates, default="~") <= day else "none"


def _differences(what: str, old: Any, new: Any) -> Iterator[str]:
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        for key in dict.fromkeys((*new, *old)):
            was, now = _said(old.get(key)), _said(new.get(key))
            if was != now:
                yield f"{what}: {_WORDS.get(key, key.replace('_', ' '))} {was} -> {now}"
    elif _said(old) != _said(new):
        yield f"{what}: {_said(old)} -> {_said(new)}"


def _said(value: Any) -> str:
    """A value in a sentence: a text as it is, a list by commas, nothing as a word."""
    if value is None or value in ("", [], {}):
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Mapping):
        if set(value) == {"name", "settings"}:
            return f"{value['name']} ({_said(value['settings'])})" if value["settings"] else str(value["name"])
        # The database keeps the parts of a table in an order of its own.
        return _cut(", ".join(f"{key} {_said(inner)}" for key, inner in sorted(value.items())))
    if isinstance(value, Sequence) and not isinstance(value, str):
        return _cut(", ".join(map(_said, value)))
    return _cut(str(value))


def _cut(text: str) -> str:
    return text if len(text) <= _MOST_SHOWN else text[: _MOST_SHOWN - 1] + "…"
