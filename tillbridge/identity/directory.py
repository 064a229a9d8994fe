"""A storefront's directory: who its accounts belong to, from its canonical CSV or from one update at a time.

Columns: `account_id, email, phone, loyalty_id, code, available, currency, updated_at`, a header first, one row a line.
An account stands in it once per credit, and once without a credit. Only the first four columns are about people; the
others are the audit's. What a directory states counts as verified: the storefront had it confirmed.
"""

import asyncio
import csv
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Final

from tillbridge.identity import normalise, store
from tillbridge.identity.model import Given, Identifier, Kind, Normal, Profile, Reference, Unusable
from tillbridge.kernel.clock import Clock
from tillbridge.kernel.db import Db
from tillbridge.kernel.errors import BadInput
from tillbridge.kernel.ids import Ids

COLUMNS: Final = ("account_id", "email", "phone", "loyalty_id", "code", "available", "currency", "updated_at")
"""The columns of the canonical file, in their order; a file may have more, in any order."""

PEOPLE: Final = COLUMNS[:4]
"""The columns that are needed here."""

BATCH: Final = 2_000
"""How many accounts go to the database in one call."""


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row that was left out whole. `row` is its line in the file (the header is 1); `reason` has no full stop."""

    row: int
    account_id: str
    reason: str


@dataclass(frozen=True, slots=True)
class Loaded:
    """What became of a directory: accounts taken in, how many of their customers were new, and the rows left out."""

    accounts: int
    new: int
    bad: tuple[BadRow, ...]


def profile_of(
    system: str, given: Given, country: str, *, email_verified: bool = True, phone_verified: bool = True
) -> Profile | Unusable:
    """One account as its system describes it. The first identifier that cannot be right, or a blank account id, makes
    the whole profile unusable; blank e-mails, phones and loyalty ids are merely not there."""
    heard = normalise.given(given, country)
    wrong = [one for one in heard.unusable if not one.blank or one.kind is Kind.ACCOUNT]
    if wrong:
        return wrong[0]
    usable = {normal.kind: normal for normal in heard.usable}
    verified = {Kind.EMAIL: email_verified, Kind.PHONE: phone_verified, Kind.LOYALTY: True}
    stated = [_identifier(usable[kind], proven) for kind, proven in verified.items() if kind in usable]
    return Profile(Reference(system, usable[Kind.ACCOUNT].value), tuple(stated))


def read(lines: Iterable[str], system: str, country: str) -> Iterator[Profile | BadRow]:
    """The profiles of a directory, each once, and its bad rows, as they come. `system` names the storefront.

    Raises BadInput when the header lacks a column: then nothing can be read.
    """
    numbered = enumerate(lines, start=1)
    places = _places(next(numbered, (1, ""))[1])
    seen: dict[str, tuple[int, int]] = {}
    for number, line in numbered:
        if not line.strip():
            continue
        cells = _cells(line, places)
        if isinstance(cells, str):
            yield BadRow(number, "", cells)
            continue
        profile = profile_of(system, cells, country)
        if isinstance(profile, Unusable):
            yield BadRow(number, cells.account_id, profile.sentence)
            continue
        # A hash stands for what the account stated, so that the identifiers of millions are not kept.
        look = hash(tuple(identifier.key for identifier in profile.identifiers))
        first, first_look = seen.setdefault(profile.reference.account_id, (number, look))
        if first == number:
            yield profile
        elif first_look != look:
            yield BadRow(number, cells.account_id, f"the same account had other identifiers in line {first}")


async def load(
    db: Db,
    path: Path,
    system: str,
    country: str,
    *,
    clock: Clock,
    ids: Ids,
    progress: Callable[[int], None] | None = None,
) -> Loaded:
    """Take in a directory file, BATCH accounts at a time. Safe to run again: the same file changes nothing.

    `progress` is told how many rows were dealt with since it was last told. Raises BadInput for a file without the
    columns, OSError when it cannot be opened, DatabaseError.
    """
    file = await asyncio.to_thread(path.open, encoding="utf-8-sig", errors="surrogateescape", newline="")
    accounts = new = 0
    bad: list[BadRow] = []
    with file:
        rows = read(file, system, country)
        while batch := await asyncio.to_thread(lambda: list(islice(rows, BATCH))):
            profiles = [one for one in batch if isinstance(one, Profile)]
            bad += [one for one in batch if isinstance(one, BadRow)]
            taken = await store.take_in(db, profiles, clock.now(), ids)
            accounts += len(taken)
            new += sum(one.new for one in taken)
            if progress:
                progress(len(batch))
    await store.analyse(db)
    return Loaded(accounts, new, tuple(bad))


def _identifier(normal: Normal, verified: bool) -> Identifier:
    return Identifier(normal.kind, normal.value, normal.raw, verified)


def _places(header: str) -> tuple[int, ...]:
    """Where each of the PEOPLE columns stands, and last how many columns there are."""
    names = [name.strip().lower() for name in next(csv.reader([header]), [])]
    for column in PEOPLE:
        if names.count(column) != 1:
            problem = "the column is missing" if column not in names else "the column stands there twice"
            raise BadInput(column, problem, f"Send a file whose first line is {','.join(COLUMNS)}.")
    return *(names.index(column) for column in PEOPLE), len(names)


def _cells(line: str, places: tuple[int, ...]) -> Given | str:
    """The people's cells of one line, or why it cannot be read. Read by itself, so that a quote which nobody closed
    spoils this row and not the rest of the file."""
    try:
        cells = next(csv.reader([line], strict=True))
        line.encode()
    except csv.Error as error:
        return f"the row cannot be read: {error}"
    except UnicodeEncodeError:
        return "the row is not UTF-8"
    *wanted, width = places
    if len(cells) != width:
        return f"the row has {len(cells)} cells where the header has {width}"
    account_id, email, phone, loyalty_id = (cells[place] for place in wanted)
    return Given(email=email, phone=phone, loyalty_id=loyalty_id, account_id=account_id)
