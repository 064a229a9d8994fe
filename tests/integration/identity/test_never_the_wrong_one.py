"""Random directories and random requests against a real PostgreSQL: whoever is linked is the one, and nobody else."""

import asyncio
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tillbridge.identity import ruling, store
from tillbridge.identity.directory import profile_of
from tillbridge.identity.model import Given, Kind, Linked, Profile
from tillbridge.identity.recognise import recognise
from tillbridge.identity.resolve import QUARANTINE
from tillbridge.identity.ruling import Ruling
from tillbridge.kernel.clock import SetClock
from tillbridge.kernel.db import Db, Query, open_db
from tillbridge.kernel.ids import Ids

AT = datetime(2026, 11, 21, 16, 0, tzinfo=UTC)
EMAILS = ("ada@example.org", "ben@example.org")
PHONES = ("+16172000068", "+16172000069")
CARDS = ("77000014405", "77000014413")
NAMES = ("", "Ada Young", "Ben Young", "Eve Novak")
ACCOUNTS = ("A1", "A2", "A3", "A4")

PROFILES = st.fixed_dictionaries(
    {
        "email": st.sampled_from(("", *EMAILS)),
        "phone": st.sampled_from(("", *PHONES)),
        "loyalty_id": st.sampled_from(("", "", *CARDS)),
        "name": st.sampled_from(NAMES),
    }
)
PROOFS = st.tuples(st.booleans(), st.booleans())
TOLD = st.tuples(st.just("told"), st.sampled_from(ACCOUNTS), PROFILES, PROOFS)
MERGED = st.tuples(st.just("merged"), st.sampled_from(ACCOUNTS), st.sampled_from(ACCOUNTS))
WAITED = st.tuples(st.just("waited"), st.sampled_from((1, 30, 100, 400)))
STEPS = st.lists(st.one_of(TOLD, TOLD, TOLD, MERGED, WAITED), min_size=1, max_size=10)


@dataclass
class Book:
    """The same people in a model that is as plain as can be: who states what, who proved it, and what ended when."""

    states: dict[str, dict[str, tuple[str, bool]]] = field(default_factory=dict)
    ended: set[tuple[str, str, str]] = field(default_factory=set)
    moved: dict[tuple[str, str, str], datetime] = field(default_factory=dict)
    left: list[tuple[str, str, str, datetime]] = field(default_factory=list)
    names: dict[str, str] = field(default_factory=dict)
    person: dict[str, str] = field(default_factory=lambda: {name: name for name in ACCOUNTS})

    def told(self, at: datetime, account: str, said: dict[str, str], proofs: tuple[bool, bool]) -> None:
        """An account says what it has now, all of it."""
        before = self.states.get(account, {})
        proved = {"email": proofs[0], "phone": proofs[1], "loyalty_id": True}
        now: dict[str, tuple[str, bool]] = {}
        for kind, (value, held) in before.items():
            if held and said[kind] != value:
                self._give_up(at, account, kind, value)
        for kind, verified in proved.items():
            value = said[kind]
            if not value:
                continue
            same = kind in before and before[kind][0] == value
            mark = (account, kind, value)
            if not same:
                self.ended.discard(mark)
                self.moved.pop(mark, None)
            holds = verified and mark not in self.ended
            now[kind] = (value, holds)
            if holds and not (same and before[kind][1]):
                self.states[account] = {**before, **now}
                self._meet(at, account, kind, value)
        self.states[account] = now
        self.names[account] = said["name"]

    def _give_up(self, at: datetime, account: str, kind: str, value: str) -> None:
        """Whoever else has proved it waits as if it had come from there, and so does who proves it next."""
        self.left.append((account, kind, value, at))
        for other, states in self.states.items():
            if self.person[other] != self.person[account] and states.get(kind) == (value, True):
                self.moved[other, kind, value] = at

    def _meet(self, at: datetime, account: str, kind: str, value: str) -> None:
        for other, what, which, since in self.left:
            if (what, which) == (kind, value) and self.person[other] != self.person[account]:
                self.moved[account, kind, value] = since
        for other, states in self.states.items():
            apart = self.person[other] != self.person[account]
            if apart and kind == "phone" and states.get(kind) == (value, True):
                states[kind] = (value, False)
                self.ended.add((other, kind, value))
                self.moved.pop((other, kind, value), None)
                self.moved[account, kind, value] = at

    def may_link(self, at: datetime, asked: dict[str, str], person: str) -> bool:
        """Whether a request may be linked to somebody: every given value that anybody has is theirs, and one of them
        was proved by them alone, not lately somebody else's, and is on nobody else's profile where it is a phone."""
        proof = False
        for kind, value in asked.items():
            holders = {self.person[name] for name, states in self.states.items() if states.get(kind, ("",))[0] == value}
            proved = {
                self.person[name] for name, states in self.states.items() if states.get(kind) == (value, True)
            }  # fmt: skip
            if holders and person not in holders:
                return False
            lately = any(
                self.person[name] == person and at < since + QUARANTINE_OF[kind]
                for (name, what, which), since in self.moved.items()
                if (what, which) == (kind, value)
            )
            shared = kind == "phone" and len(holders) > 1
            proof = proof or (proved == {person} and not lately and not shared)
        return proof


QUARANTINE_OF = {"phone": QUARANTINE[Kind.PHONE], "email": QUARANTINE[Kind.EMAIL], "loyalty_id": timedelta()}


@pytest.fixture(scope="module")
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    made = asyncio.new_event_loop()
    yield made
    made.close()


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    steps=STEPS,
    asked=st.fixed_dictionaries(
        {
            "email": st.sampled_from(("", *EMAILS)),
            "phone": st.sampled_from(("", *PHONES)),
            "loyalty_id": st.sampled_from(("", *CARDS)),
        }
    ),
)
def test_whoever_is_linked_is_the_one(
    db_url: str, loop: asyncio.AbstractEventLoop, steps: list[tuple[object, ...]], asked: dict[str, str]
) -> None:
    loop.run_until_complete(_live(db_url, steps, {kind: value for kind, value in asked.items() if value}))


async def _live(db_url: str, steps: list[tuple[object, ...]], asked: dict[str, str]) -> None:
    async with open_db(db_url, size=1) as db:
        await _empty(db)
        book, at, known = Book(), AT, dict[str, UUID]()
        ids = Ids(SetClock(AT), random.Random(5))
        for number, step in enumerate(steps):
            at += timedelta(hours=1)
            if step[0] == "waited":
                at += timedelta(days=_number(step[1]))
            elif step[0] == "merged":
                await _merge(db, book, known, str(step[1]), str(step[2]), Ruling(UUID(int=number + 1), at, "o", "seen"))
            else:
                _, account, said, proofs = step
                assert isinstance(said, dict)
                assert isinstance(proofs, tuple)
                made = profile_of(
                    "web",
                    Given(account_id=str(account), **said),
                    "US",
                    email_verified=proofs[0],
                    phone_verified=proofs[1],
                )
                assert isinstance(made, Profile)
                known[str(account)] = (await store.take_in(db, [made], at, ids))[0].customer_id
                book.told(at, str(account), said, (proofs[0], proofs[1]))
        (answer,) = await recognise(db, "US", [Given(**asked)], at)
        if isinstance(answer, Linked):
            (person,) = {book.person[name] for name, one in known.items() if one == answer.customer_id}
            assert book.may_link(at, asked, person), (answer, book)


def _number(value: object) -> int:
    assert isinstance(value, int)
    return value


async def _merge(db: Db, book: Book, known: dict[str, UUID], one: str, into: str, said: Ruling) -> None:
    if one not in known or into not in known:
        return
    async with db.transaction() as tx:
        word = await ruling.merge(tx, known[one], known[into], said)
    if not word:
        book.person = {name: into if whose == one else whose for name, whose in book.person.items()}


async def _empty(db: Db) -> None:
    statement = (
        "TRUNCATE identity.customer, identity.reference, identity.identifier, identity.portrait, identity.conflict"
    )
    await db.execute(Query("test", statement))
