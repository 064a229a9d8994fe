"""Durations as people write them: `500ms`, `2s`, `5m`, `26h`, `7d`."""

import re
from datetime import timedelta
from typing import Final

_FORM: Final = re.compile(r"([0-9]{1,9})(ms|s|m|h|d)")
_UNITS: Final = {
    "ms": timedelta(milliseconds=1),
    "s": timedelta(seconds=1),
    "m": timedelta(minutes=1),
    "h": timedelta(hours=1),
    "d": timedelta(days=1),
}
LONGEST: Final = timedelta(days=366)
"""No promise, pause or interval of a map is longer."""

TIMEOUT_LONGEST: Final = timedelta(minutes=10)
"""No attempt waits longer for its answer. So a lease that ends much later was written by a clock that has jumped."""


def parse_duration(text: str) -> timedelta:
    """A whole number and a unit. Raises ValueError: another form, zero, or longer than a year."""
    form = _FORM.fullmatch(text)
    if form is None:
        raise ValueError("it is no whole number followed by ms, s, m, h or d")
    number, unit = int(form[1]), _UNITS[form[2]]
    if number == 0:
        raise ValueError("it takes no time at all")
    if number > LONGEST // unit:
        raise ValueError("it is longer than a year")
    return number * unit
