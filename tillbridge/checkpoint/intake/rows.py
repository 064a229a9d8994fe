"""From a row by our columns to a sale or an account. What is wrong is told by the column. Pure."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final
from zoneinfo import ZoneInfo

from tillbridge.checkpoint.model import Sale
from tillbridge.credit.keys import plain_key
from tillbridge.credit.reading import check_calendar, read_amount, read_code
from tillbridge.identity.directory import profile_of
from tillbridge.identity.model import Given, Profile, Unusable
from tillbridge.kernel.clock import parse_time, time_text
from tillbridge.kernel.errors import BadInput
from tillbridge.ledger.model import Origin
from tillbridge.stack.exports import NEEDED
from tillbridge.stack.model import Source
from tillbridge.stack.terms import BUCKETS

KINDS: Final = ("store_credit", "gift_card")
_LONGEST: Final = 64
_LONGEST_TYPED: Final = 320
_CONTROL: Final = re.compile("[\x00-\x1f\x7f]")
_SPACED_OFFSET: Final = re.compile(r"(.*\d) ([+-]\d\d:?\d\d|Z)")


def sale_of(cells: Mapping[str, str], source: Source, actor: str, again: int = 0) -> Sale:
    """A register transaction as the checkpoint is asked for it, with the key that a register would send.

    `again` is how often the ledger has refused the row before: what was refused stays refused under its key, so that a
    mended row has a key of its own. Raises BadInput.
    """
    for name in NEEDED["sales"]:
        if not cells.get(name):
            raise BadInput(name, "it is blank", "Fill it in.")
    word = {name: _word(cells, name, _LONGEST) for name in ("transaction_id", "store", "register", "operator")}
    occurred_at, told = _moment(cells["occurred_at"], source)
    check_calendar(occurred_at)
    return Sale(
        key=_key(f"{word['store']}-{word['register']}-{told}", again),
        actor=actor,
        kind=_choice(cells, "kind", KINDS),
        bucket=_choice(cells, "bucket", tuple(BUCKETS)),
        amount=read_amount(cells["amount"], cells["currency"]),
        occurred_at=occurred_at,
        origin=Origin(word["store"], word["register"], word["operator"], word["transaction_id"]),
        given=_given(cells),
        code=read_code(_word(cells, "code", _LONGEST)) if cells.get("code") else "",
        expires_at=None,
    )


def profile(
    cells: Mapping[str, str], source: Source, system: str, country: str, *, proves: bool = True
) -> Profile:  # fmt: skip
    """An account of a directory. What the source says is verified counts where its system `proves` anything, as a
    storefront does. Raises BadInput."""
    if not cells.get("account_id"):
        raise BadInput("account_id", "it is blank", "Fill it in.")
    given = _given(cells)
    proved = proves and source.verified
    made = profile_of(
        system, given, country, email_verified=proved, phone_verified=proved, loyalty_verified=proves
    )  # fmt: skip
    if isinstance(made, Unusable):
        field = {"loyalty": "loyalty_id", "account": "account_id"}.get(made.kind.value, made.kind.value)
        raise BadInput(field, made.sentence.rstrip("."), "Mend it, or leave it blank.")
    return made


def _given(cells: Mapping[str, str]) -> Given:
    typed = {name: _word(cells, name, _LONGEST_TYPED) for name in ("email", "phone", "loyalty_id", "account_id")}
    return Given(**typed)


def _word(cells: Mapping[str, str], name: str, longest: int) -> str:
    text = cells.get(name, "")
    if len(text) > longest:
        raise BadInput(name, f"it is longer than {longest} characters", "Shorten it.")
    if _CONTROL.search(text):
        raise BadInput(name, "it holds control characters", "Leave out what cannot be printed.")
    return text


def _choice(cells: Mapping[str, str], name: str, known: tuple[str, ...]) -> str:
    if cells[name] not in known:
        mend = f"Write one of {', '.join(known)}, or say in the map's source what the word means."
        raise BadInput(name, f"{cells[name][:40]!r} is not known", mend)
    return cells[name]


def _key(text: str, again: int) -> str:
    try:
        return plain_key(text if not again else f"{plain_key(text)}.again-{again}")
    except ValueError as error:
        raise BadInput("row", f"store, register and occurred_at make no key: {error}", "Mend them.") from None


def _moment(text: str, source: Source) -> tuple[datetime, str]:
    """The moment in UTC, and the text of it that a register's key ends with. Raises BadInput."""
    try:
        return parse_time(text), text
    except (ValueError, OverflowError):
        pass
    spaced = _SPACED_OFFSET.fullmatch(text)
    try:
        if spaced:
            moment = parse_time(spaced[1] + spaced[2])
        elif source.time_zone:
            moment = _in_zone(datetime.fromisoformat(text), ZoneInfo(source.time_zone))
        else:
            raise ValueError("no zone")
    except (ValueError, OverflowError):
        mend = "Write ISO 8601 with an offset, such as 2026-11-21T14:02:11-05:00"
        mend += "." if source.time_zone else ", or say in the map's source which time_zone it is in."
        raise BadInput("occurred_at", f"{text[:40]!r} is no time with a zone", mend) from None
    return moment, time_text(moment)


def _in_zone(wall: datetime, zone: ZoneInfo) -> datetime:
    """What a clock on the wall shows, in UTC. An hour that it shows twice is taken as the first of the two. Raises
    ValueError for a reading that it never shows."""
    moment = wall.replace(tzinfo=zone).astimezone(UTC)
    if moment.astimezone(zone).replace(tzinfo=None) != wall.replace(fold=0):
        raise ValueError("the clock never shows this")
    return moment
