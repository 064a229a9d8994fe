"""A storefront's directory: who its accounts belong to, from its canonical CSV or from one update at a time.

Columns: `account_id, email, phone, loyalty_id, code, available, currency, updated_at`, a header first, one row a
line. An account stands in it once per credit, and once without a credit. The first four columns are about people; the
last one is of when they are so, and what is older than what is known of an account changes nothing. A file may have
`name, street, city, postcode, birth_date` as well: they rank candidates and never link. What a directory states
counts as verified: the storefront had it confirmed.

A file that is the whole directory also says who is gone, of those that were not heard of since it was cut. One that
was cut off would say so of many, so nobody is marked gone when too many would be, or when a row could not be told
whose it is.
"""

import asyncio
import csv
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Final

from tillbridge.identity import normalise, store
from tillbridge.identity.model import Given, Identifier, Kind, Normal, Profile, Reference, Unusable
from tillbridge.kernel.clock import Clock, parse_time
from tillbridge.kernel.db import Db
from tillbridge.kernel.errors import BadInput
from tillbridge.kernel.ids import Ids

COLUMNS: Final = ("account_id", "email", "phone", "loyalty_id", "code", "available", "currency", "updated_at")
"""The columns of the canonical file, in their order; a file may have more, in any order."""

PEOPLE: Final = COLUMNS[:4]
"""The columns that are needed here."""

TRAITS: Final = ("name", "street", "city", "postcode", "birth_date")
"""The columns that a file may have for candidates."""

MOMENT: Final = "updated_at"
"""The column with the moment of which a row is, ISO 8601 with its offset; a row without one is of now."""

BATCH: Final = 2_000
"""How many accounts go to the database in one call."""

GONE_AT_ONCE_MAX: Final = 10
"""The most accounts, in a hundred of those known, that may be gone from a full export. A storefront loses a few from
one export to the next; a file that lacks more was cut off, or is another one."""

GONE_FREE: Final = 5
"""So many may be gone whatever the share: a directory of a few accounts may lose two of them."""


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row that was left out whole. `row` is its line in the file (the header is 1); `reason` has no full stop."""

    row: int
    account_id: str
    reason: str


@dataclass(frozen=True, slots=True)
class Loaded:
    """What became of a directory: accounts taken in, how many of their customers were new, and the rows left out.

    Of a full export also how many accounts are `gone`, or why nobody was marked so (`kept`, a sentence). `stale` rows
    were older than what was known of their accounts, and changed nothing.
    """

    accounts: int
    new: int
    bad: tuple[BadRow, ...]
    gone: int = 0
    kept: str = ""
    stale: int = 0


@dataclass(frozen=True, slots=True)
class Seen:
    """An account that stands in a file: the line, the hash of what it states there, and the moment of which that is."""

    line: int
    look: int
    stated_at: datetime | None


def profile_of(
    system: str,
    given: Given,
    country: str,
    *,
    email_verified: bool = True,
    phone_verified: bool = True,
    loyalty_verified: bool = True,
    stated_at: datetime | None = None,
) -> Profile | Unusable:
    """One account as its system describes it. The first identifier that cannot be right, or a blank account id, makes
    the whole profile unusable; blank e-mails, phones and loyalty ids are merely not there."""
    heard = normalise.given(given, country)
    wrong = [one for one in heard.unusable if not one.blank or one.kind is Kind.ACCOUNT]
    if wrong:
        return wrong[0]
    usable = {normal.kind: normal for normal in heard.usable}
    verified = {Kind.EMAIL: email_verified, Kind.PHONE: phone_verified, Kind.LOYALTY: loyalty_verified}
    stated = [_identifier(usable[kind], proven) for kind, proven in verified.items() if kind in usable]
    return Profile(Reference(system, usable[Kind.ACCOUNT].value), tuple(stated), heard.particulars, stated_at)


def read(
    lines: Iterable[str], system: str, country: str, seen: dict[str, Seen] | None = None
) -> Iterator[Profile | BadRow]:
    """The profiles of a directory, each once but where a further row is newer, and its bad rows, as they come. `system`
    names the storefront; `seen` is filled with the accounts that stand in it.

    Raises BadInput when the header lacks a column: then nothing can be read.
    """
    numbered = enumerate(lines, start=1)
    places = _places(next(numbered, (1, ""))[1])
    seen = {} if seen is None else seen
    for number, line in numbered:
        if not line.strip():
            continue
        row = _cells(line, places)
        if isinstance(row, str):
            yield BadRow(number, "", row)
            continue
        cells, stated_at = row
        profile = profile_of(system, cells, country, stated_at=stated_at)
        if isinstance(profile, Unusable):
            yield BadRow(number, cells.account_id, profile.sentence)
            continue
        # A hash stands for what the account stated, so that the identifiers of millions are not kept.
        look = hash((tuple(identifier.key for identifier in profile.identifiers), profile.particulars))
        mine = Seen(number, look, stated_at)
        before = seen.setdefault(profile.reference.account_id, mine)
        if before is mine or _newer(mine, before):
            seen[profile.reference.account_id] = mine
            yield profile
        elif before.look != look and not _newer(before, mine):
            yield BadRow(number, cells.account_id, f"the same account had other identifiers in line {before.line}")


def _newer(one: Seen, other: Seen) -> bool:
    """Whether one row is of a later moment than the other; of two of which one has no moment nobody can tell."""
    return one.stated_at is not None and other.stated_at is not None and one.stated_at > other.stated_at


async def load(  # noqa: PLR0913 - a file, and all that one may say of it
    db: Db,
    path: Path,
    system: str,
    country: str,
    *,
    clock: Clock,
    ids: Ids,
    full: bool = False,
    as_of: datetime | None = None,
    progress: Callable[[int], None] | None = None,
) -> Loaded:
    """Take in a directory file, BATCH accounts at a time. Safe to run again: the same file changes nothing.

    With `full` it is the whole directory of the system as of `as_of` (when that is None, as of its newest row), and
    accounts that it does not have are marked gone, but for those that were heard of since. Rows that do not say when
    are of `as_of`, else of now. `progress` is told how many rows were dealt with since it was last told. Raises
    BadInput for a file without the columns, OSError when it cannot be opened, DatabaseError.
    """
    file = await asyncio.to_thread(path.open, encoding="utf-8-sig", errors="surrogateescape", newline="")
    new = stale = 0
    bad: list[BadRow] = []
    seen: dict[str, Seen] = {}
    with file:
        rows = read(file, system, country, seen)
        # One batch is read while the one before is written: two cores have something to do.
        ahead = asyncio.create_task(_batch(rows))
        while batch := await ahead:
            ahead = asyncio.create_task(_batch(rows))
            profiles = [_dated(one, as_of) for one in batch if isinstance(one, Profile)]
            bad += [one for one in batch if isinstance(one, BadRow)]
            try:
                taken = await store.take_in(db, profiles, clock.now(), ids, dated=False)
            except BaseException:
                await asyncio.wait([ahead])
                raise
            new += sum(one.new for one in taken)
            stale += sum(one.stale for one in taken)
            if progress:
                progress(len(batch))
    cut_at = as_of or max((one.stated_at for one in seen.values() if one.stated_at), default=clock.now())
    gone, kept = await _mark_gone(db, system, seen, bad, clock, cut_at) if full else (0, "")
    await store.analyse(db)
    return Loaded(len(seen), new, tuple(bad), gone, kept, stale)


def _dated(profile: Profile, as_of: datetime | None) -> Profile:
    """The profile with a moment, where one is known."""
    return profile if profile.stated_at else replace(profile, stated_at=as_of)


async def _batch(rows: Iterator[Profile | BadRow]) -> list[Profile | BadRow]:
    return await asyncio.to_thread(lambda: list(islice(rows, BATCH)))


async def _mark_gone(
    db: Db, system: str, seen: Mapping[str, object], bad: Sequence[BadRow], clock: Clock, as_of: datetime
) -> tuple[int, str]:  # fmt: skip
    """Mark the accounts that a full export lacks; how many, or why none."""
    if not seen:
        return 0, "The file has no accounts, so nobody is marked gone."
    nameless = next((row for row in bad if not row.account_id.strip()), None)
    if nameless is not None:
        return 0, f"Nobody is marked gone: nobody knows whose line {nameless.row} is. Mend it and load the file again."
    # A row that could not be read is there all the same: nobody is gone for that.
    there = {row.account_id.strip() for row in bad}
    lacking: list[str] = []
    known, after = 0, ""
    while page := await store.accounts_after(db, system, after, 10 * BATCH, as_of):
        after, known = page[-1][0], known + len(page)
        lacking += [one for one, later in page if not (later or one in seen or one in there)]
    if len(lacking) > GONE_FREE and 100 * len(lacking) > GONE_AT_ONCE_MAX * known:
        return 0, (
            f"Nobody is marked gone: the file lacks {len(lacking):,} of {known:,} accounts, more than "
            f"{GONE_AT_ONCE_MAX} in a hundred. It may have been cut off. If so many are gone, send them in parts."
        )
    gone = 0
    for start in range(0, len(lacking), BATCH):
        gone += await store.mark_gone(db, system, lacking[start : start + BATCH], clock.now(), as_of)
    return gone, ""


def _identifier(normal: Normal, verified: bool) -> Identifier:
    return Identifier(normal.kind, normal.value, normal.raw, verified)


def _places(header: str) -> tuple[int, ...]:
    """How many columns there are, then where each of PEOPLE, of TRAITS and MOMENT stands, -1 for one of those two kinds
    that is not there."""
    names = [name.strip().lower() for name in next(csv.reader([header]), [])]
    wanted = (*PEOPLE, *TRAITS, MOMENT)
    for column in wanted:
        if names.count(column) > 1 or (column in PEOPLE and column not in names):
            problem = "the column is missing" if column not in names else "the column stands there twice"
            raise BadInput(column, problem, f"Send a file whose first line is {','.join(COLUMNS)}.")
    return len(names), *(names.index(column) if column in names else -1 for column in wanted)


def _cells(line: str, places: tuple[int, ...]) -> tuple[Given, datetime | None] | str:
    """The people's cells of one line and the moment of which they are, or why it cannot be read. Read by itself, so
    that a quote which nobody closed spoils this row and not the rest of the file."""
    try:
        cells = next(csv.reader([line], strict=True))
        line.encode()
    except csv.Error as error:
        return f"the row cannot be read: {error}"
    except UnicodeEncodeError:
        return "the row is not UTF-8"
    width, *wanted = places
    if len(cells) != width:
        return f"the row has {len(cells)} cells where the header has {width}"
    account_id, email, phone, loyalty_id, name, street, city, postcode, born, moment = (
        cells[place] if place >= 0 else "" for place in wanted
    )
    try:
        stated_at = parse_time(moment.strip()) if moment.strip() else None
    except (ValueError, OverflowError):
        return f"{moment.strip()[:40]!r} in {MOMENT} is no moment with its offset"
    return Given(email, phone, loyalty_id, account_id, name, street, city, postcode, born), stated_at
