"""Times as exports write them, to moments in UTC; or what is wrong with one, and how to write it."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from typing import Final
from zoneinfo import ZoneInfo

from tillbridge.reconcile.sources.layout import Layout
from tillbridge.reconcile.sources.model import Complaint, shown

EARLIEST: Final = 1970
LATEST: Final = 2199
"""The years a time may be of. What lies outside is a placeholder (0001, 1899, 9999), not a time of the trade."""

_TIME: Final = (
    r"(?:[T ]+(?P<hour>[0-9]{1,2}):(?P<minute>[0-9]{2})(?::(?P<second>[0-9]{2})(?:[.,](?P<fraction>[0-9]{1,9}))?)?"
    r"(?: ?(?P<half>[AP])\.?M\.?)?)?"
    r"(?: ?(?P<zone>Z|UTC|[+-][0-9]{2}(?::?[0-9]{2})?))?"
)
_FORMS: Final = {
    "ymd": re.compile(rf"(?P<year>[0-9]{{4}})-(?P<month>[0-9]{{2}})-(?P<day>[0-9]{{2}}){_TIME}", re.IGNORECASE),
    "dmy": re.compile(
        rf"(?P<day>[0-9]{{1,2}})([./-])(?P<month>[0-9]{{1,2}})\2(?P<year>[0-9]{{4}}){_TIME}", re.IGNORECASE
    ),
    "mdy": re.compile(
        rf"(?P<month>[0-9]{{1,2}})([./-])(?P<day>[0-9]{{1,2}})\2(?P<year>[0-9]{{4}}){_TIME}", re.IGNORECASE
    ),
}
_ISO: Final = "Write it as 2026-11-05T10:27:10-05:00: date, time, and the offset of its zone from UTC."
_LOOKS_OTHER: Final = re.compile(r"[0-9]{1,2}[./-][0-9]{1,2}[./-][0-9]{4}.*")


@dataclass(frozen=True, slots=True)
class Moment:
    """A time in UTC. `twice` says that the clocks of its zone showed it twice, and that the first was taken."""

    at: datetime
    twice: bool = False


def moment(field: str, text: str, layout: Layout) -> Moment | Complaint:
    """The moment of a text that is not blank."""
    found = _FORMS["ymd"].fullmatch(text) or _FORMS[layout.dates].fullmatch(text)
    if not found:
        return Complaint(field, f'"{shown(text)}" is no time', _how(text))
    part = found.groupdict()
    if not part["zone"] and not layout.time_zone:
        mend = f'{_ISO} Or say time_zone = "America/New_York", or which it is, in a mapping file.'
        return Complaint(field, f"{shown(text)} has no zone", mend)
    if not part["hour"] and part["zone"]:
        return Complaint(field, f'"{shown(text)}" is no time', _ISO)
    local = _local(part)
    if local is None:
        return Complaint(field, f"{shown(text)} does not exist", "Look where it comes from, and correct it.")
    if not EARLIEST <= local.year <= LATEST:
        mend = "Leave the cell blank where there is no time." if field != "occurred_at" else "Export the true time."
        return Complaint(field, f"{shown(text)} is no time of this age", mend)
    return _offset(field, text, local, part["zone"]) if part["zone"] else _in_zone(field, text, local, layout.time_zone)


def _how(text: str) -> str:
    if _LOOKS_OTHER.fullmatch(text):
        return f'{_ISO} Or say dates = "dmy" or "mdy" in a mapping file, whether the day or the month comes first.'
    return _ISO


def _local(part: dict[str, str | None]) -> datetime | None:
    """What the clock on the wall showed; None where no clock does."""
    hour = int(part["hour"] or 0)
    if part["half"]:
        if not 1 <= hour <= 12:
            return None
        hour = hour % 12 + (12 if part["half"] in "Pp" else 0)
    try:
        return datetime(  # noqa: DTZ001 - its zone is looked at next
            int(part["year"] or 0),
            int(part["month"] or 0),
            int(part["day"] or 0),
            hour,
            int(part["minute"] or 0),
            int(part["second"] or 0),
            int((part["fraction"] or "0")[:6].ljust(6, "0")),
        )
    except ValueError:
        return None


def _offset(field: str, text: str, local: datetime, zone: str) -> Moment | Complaint:
    if zone.upper() in ("Z", "UTC"):
        return Moment(local.replace(tzinfo=UTC))
    digits = zone[1:].replace(":", "")
    hours, minutes = int(digits[:2]), int(digits[2:] or 0)
    if hours > 14 or minutes > 59:
        return Complaint(field, f"{shown(text)} is in no zone: {zone} is no offset from UTC", _ISO)
    ahead = timedelta(hours=hours, minutes=minutes) * (-1 if zone[0] == "-" else 1)
    return Moment(local.replace(tzinfo=timezone(ahead)).astimezone(UTC))


def _in_zone(field: str, text: str, local: datetime, name: str) -> Moment | Complaint:
    zone = ZoneInfo(name)
    first = local.replace(tzinfo=zone).astimezone(UTC)
    if first.astimezone(zone).replace(tzinfo=None) != local:
        problem = f"{shown(text)} does not exist in {name}: the clocks were put forward over it"
        return Complaint(field, problem, "Export times with their offset from UTC.")
    twice = local.replace(tzinfo=zone, fold=1).astimezone(UTC) != first
    return Moment(first, twice)
