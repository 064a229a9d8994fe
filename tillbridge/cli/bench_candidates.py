"""The benchmark of a backlog's owners: whose credits are they exactly, and is the right one among the candidates.

A crowd is written as a web store's export (Parquet), and orphans are made of its people, each with a slip of a known
kind. Both questions are asked RUNS times, and beside them, in the same run, what cannot be done without: the engine's
bare join of e-mails as they stand, its bare meeting of keys, and `rapidfuzz` on its own, comparing with everybody.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from random import Random
from typing import Any, Final

import ibis
import ibis.expr.types as ir
import pyarrow as pa
import pyarrow.parquet as pq
from rapidfuzz import fuzz, process

from tillbridge.cli.bench_asks import slipped, slipped_digit
from tillbridge.diagnose.model import Nearest, Side
from tillbridge.identity import normalise
from tillbridge.identity.model import Given
from tillbridge.reconcile.blocking import met, people
from tillbridge.reconcile.candidates import nearest
from tillbridge.reconcile.columns import SCHEMAS
from tillbridge.reconcile.directory import ask
from tillbridge.reconcile.meant import meant
from tillbridge.simulate.crowd import Crowd, Person
from tillbridge.simulate.spelling import mistyped, spelled_email, spelled_phone

COUNTRY: Final = "US"
RUNS: Final = 3
HOUSEHOLD: Final = 1.98
"""People in a household of the crowd, about."""

BATCH: Final = 50_000
"""Accounts that are made and written at once."""

MEMORY: Final = "1500MB"
"""What the engine may hold; the rest of the process comes on top."""

COMPARED: Final = 20
"""Orphans that are compared with everybody, to tell how long all would take."""

OTHER_HOSTS: Final = ("gmail.example", "example.org", "web.example.net", "mail.example.com")
BOTH: Final = 0.3
"""The share of orphans with a second identifier, which is somebody else's: a partner's phone, a friend's e-mail."""


@dataclass(frozen=True, slots=True)
class Orphan:
    """What a register was given for a credit, how it was spoiled, and whose it is."""

    given: Given
    slip: str
    account_id: str


@dataclass(frozen=True, slots=True)
class Slip:
    """One kind of slip: orphans made with it, how many have the right one among the first five, and first."""

    name: str
    made: int
    found: int
    first: int


@dataclass(frozen=True, slots=True)
class Report:
    """What was measured; seconds of each run. `bare_seconds` is the engine's join of e-mails as they stand, beside
    `ask_seconds`; `keys_seconds` its meeting of keys, within `nearest_seconds`; `everybody_seconds` what `rapidfuzz`
    would take to compare every orphan's e-mail with everybody's, reckoned from COMPARED of them."""

    profiles: int
    orphans: int
    ask_seconds: tuple[float, ...]
    bare_seconds: tuple[float, ...]
    nearest_seconds: tuple[float, ...]
    keys_seconds: tuple[float, ...]
    everybody_seconds: float
    pairs: int
    slips: tuple[Slip, ...]

    @property
    def found_share(self) -> float:
        """The share of all orphans whose right one is among the first five."""
        made = sum(slip.made for slip in self.slips)
        return sum(slip.found for slip in self.slips) / made if made else 1.0

    def as_json(self) -> dict[str, Any]:
        """The report for machines."""
        return {**asdict(self), "found_share": self.found_share}

    def lines(self) -> Iterator[tuple[str, str, str]]:
        """The report for people: what, how much, and a remark."""
        yield "accounts and orphans", f"{self.profiles:,}", f"{self.orphans:,} orphans"
        yield "whose they are, exactly", _spread(self.ask_seconds), f"bare join: {_spread(self.bare_seconds)}"
        yield "the nearest candidates", _spread(self.nearest_seconds), f"of it the keys: {_spread(self.keys_seconds)}"
        yield "compared with everybody instead", f"{self.everybody_seconds:,.0f} s", "reckoned, e-mails only"
        yield "pairs that share a key", f"{self.pairs:,}", f"{self.pairs / self.orphans:,.1f} for each orphan"
        yield "the right one among the first five", f"{self.found_share:.4f}", ""
        for slip in self.slips:
            yield f"  {slip.name}", f"{slip.found / slip.made:.4f}", f"{slip.made:,} made, {slip.first:,} first"


def measure(folder: Path, profiles: int, orphans: int, seed: int) -> Report:
    """Measure both questions on a crowd of about so many accounts, in files below `folder`."""
    crowd, households = Crowd(seed), max(2, round(profiles / HOUSEHOLD))
    path = folder / "storefront.parquet"
    written = write_storefront(path, crowd.people(households), Random(seed))
    made = list(orphans_of(crowd, Random(seed + 1), households, orphans))
    asked = [one.given for one in made]
    con = ibis.duckdb.connect(":memory:", memory_limit=MEMORY, temp_directory=str(folder / "spill"))
    try:
        directory = con.read_parquet(path)
        heard = [meant(normalise.given(one, COUNTRY), COUNTRY) for one in asked]
        meeting = met(people(directory, COUNTRY), heard).count()
        emails = ibis.memtable(pa.table({"email": pa.array(sorted({one.email.strip().lower() for one in asked}))}))
        as_they_stand = directory.semi_join(emails, "email").count()
        # In turn, so that a busy minute of the machine falls on all of them.
        runs = [
            (
                _timed(lambda: con.to_pyarrow(as_they_stand)),
                _timed(lambda: ask(directory, asked, COUNTRY, con)),
                _timed(lambda: con.to_pyarrow(meeting).as_py()),
                _timed(lambda: nearest(directory, asked, COUNTRY, con)),
            )
            for _ in range(RUNS)
        ]
        everybody = _everybody(directory, asked, con)
    finally:
        con.disconnect()
    bare, exact, keys, near = (tuple(seconds for seconds, _ in column) for column in zip(*runs, strict=True))
    (_, pairs), (_, found) = runs[-1][2], runs[-1][3]
    return Report(written, len(made), exact, bare, near, keys, everybody, int(pairs), tuple(_slips(made, found)))


def write_storefront(path: Path, everybody: Iterator[Person], chance: Random) -> int:
    """The people's accounts as the storefront's typed side, phones in any form; how many."""
    count = 0
    schema = SCHEMAS[Side.STOREFRONT]
    with pq.ParquetWriter(path, schema) as writer:
        while some := list(islice(everybody, BATCH)):
            told = {
                "row": range(count + 2, count + 2 + len(some)),
                "account_id": [one.account_id for one in some],
                "email": [one.email for one in some],
                "phone": [spelled_phone(chance, one.phone).strip() for one in some],
                "loyalty_id": [one.loyalty_id for one in some],
                "code": [""] * len(some),
                "available": [0] * len(some),
                "currency": [""] * len(some),
                "updated_at": [None] * len(some),
            }
            columns = [pa.array(told[name], schema.field(name).type) for name in schema.names]
            writer.write_table(pa.table(columns, schema=schema))
            count += len(some)
    return count


def orphans_of(crowd: Crowd, chance: Random, households: int, count: int) -> Iterator[Orphan]:
    """Credits of the crowd's people, each with one slip in one identifier."""
    for _ in range(count):
        one = chance.choice(crowd.household(chance.randrange(households)))
        slip, given = _spoiled(chance, one)
        if chance.random() < BOTH:
            other = crowd.household(chance.randrange(households))[0]
            given = Given(given.email or other.email, given.phone or other.phone, given.loyalty_id)
        yield Orphan(given, slip, one.account_id)


def _spoiled(chance: Random, one: Person) -> tuple[str, Given]:
    """The person's e-mail, phone or loyalty id with a slip, and the slip's name."""
    local, _, host = one.email.partition("@")
    digits = one.phone.removeprefix("+1")
    slips: dict[str, Callable[[], Given]] = {
        "a letter left out, doubled, or two swapped": lambda: Given(
            spelled_email(chance, mistyped(chance, one.email, ()))
        ),
        "any letter wrong in the e-mail": lambda: Given(f"{_other(lambda: slipped(chance, local), local)}@{host}"),
        "another domain": lambda: Given(f"{local}@{chance.choice([name for name in OTHER_HOSTS if name != host])}"),
        "a digit wrong in the phone": lambda: Given(
            phone=spelled_phone(chance, f"+1{_other(lambda: slipped_digit(chance, digits), digits)}")
        ),
    }
    if one.loyalty_id:
        card = one.loyalty_id
        slips["a digit wrong in the loyalty id"] = lambda: Given(
            loyalty_id=_other(lambda: slipped_digit(chance, card), card)
        )
    name = chance.choice(list(slips))
    return name, slips[name]()


def _other(made: Callable[[], str], than: str) -> str:
    """Another text: a slip may hit the same digit again."""
    text = made()
    while text == than:
        text = made()
    return text


def _slips(made: Sequence[Orphan], found: Sequence[tuple[Nearest, ...]]) -> Iterator[Slip]:
    count, among, first = Counter[str](), Counter[str](), Counter[str]()
    for orphan, candidates in zip(made, found, strict=True):
        names = [one.account_id for one in candidates]
        count[orphan.slip] += 1
        among[orphan.slip] += orphan.account_id in names
        first[orphan.slip] += names[:1] == [orphan.account_id]
    return (Slip(name, count[name], among[name], first[name]) for name in sorted(count))


def _everybody(directory: ir.Table, asked: Sequence[Given], con: ibis.BaseBackend) -> float:
    """Seconds that comparing all e-mails with all would take."""
    theirs = con.to_pyarrow(directory.select("email"))["email"].to_pylist()
    some = [one.email for one in asked if one.email][:COMPARED]
    seconds, _ = _timed(lambda: [process.extract(one, theirs, scorer=fuzz.ratio, limit=5) for one in some])
    return seconds / max(1, len(some)) * len(asked)


def _timed(work: Callable[[], Any]) -> tuple[float, Any]:
    began = time.perf_counter()
    result = work()
    return time.perf_counter() - began, result


def _spread(seconds: Sequence[float]) -> str:
    """The middle one, with the least and the most."""
    ordered = sorted(seconds)
    return f"{ordered[len(ordered) // 2]:,.1f} s ({ordered[0]:,.1f} to {ordered[-1]:,.1f})"
