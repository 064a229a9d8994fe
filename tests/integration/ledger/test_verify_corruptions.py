"""One row of a copy is corrupted, behind the back of every trigger: verify names that row."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from urllib.parse import urlsplit
from uuid import UUID

import asyncpg
import pytest

from tests.conftest import on_database
from tests.integration.ledger.verify_book import Bookkeeper, every_verb
from tillbridge.kernel import db as kernel_db
from tillbridge.ledger.states import Verb
from tillbridge.ledger.verify.checks import CHECKS, Verdict
from tillbridge.ledger.verify.walk import verify

_NUMBERS = count(1)


@dataclass(frozen=True)
class Book:
    """A database with a book in it, to be copied: its server, its name, and its credits by what became of them."""

    server: str
    name: str
    credits: dict[str, UUID]


async def _administer(server: str, statement: str) -> None:
    connection = await asyncpg.connect(server)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


async def _write(url: str) -> dict[str, UUID]:
    async with kernel_db.open_db(url) as db:
        keeper = Bookkeeper(db)
        await every_verb(keeper)
        assert keeper.verbs == set(Verb)
        return keeper.credits


@pytest.fixture(scope="module")
def book(server: str, template: str) -> Iterator[Book]:
    """A book with every verb in it."""
    name = f"{template}_book"
    asyncio.run(_administer(server, f'CREATE DATABASE "{name}" TEMPLATE "{template}"'))
    yield Book(server, name, asyncio.run(_write(on_database(server, name))))
    asyncio.run(_administer(server, f'DROP DATABASE "{name}" WITH (FORCE)'))


@pytest.fixture
def copy(book: Book) -> Iterator[str]:
    """The address of a copy of the book."""
    name = f"{book.name}_{next(_NUMBERS)}"
    asyncio.run(_administer(book.server, f'CREATE DATABASE "{name}" TEMPLATE "{book.name}"'))
    yield on_database(book.server, name)
    asyncio.run(_administer(book.server, f'DROP DATABASE "{name}" WITH (FORCE)'))


def test_a_copy_has_an_address_of_its_own(copy: str, book: Book) -> None:
    assert urlsplit(copy).path == f"/{book.name}_1"


async def verdict_on(url: str, most: int = 1, page_rows: int = 4) -> Verdict:
    """What verify says of a database, in small ranges."""
    async with kernel_db.open_db(url) as db:
        return await verify(db, most=most, page_rows=page_rows)


async def corrupted(url: str, script: str) -> None:
    """Run a script with all triggers off. It must change something."""
    connection = await asyncpg.connect(url)
    try:
        await connection.execute("SET session_replication_role = replica")
        done = [await connection.execute(statement) for statement in script.split(";") if statement.strip()]
        assert all(not status.endswith(" 0") for status in done), (script, done)
    finally:
        await connection.close()


_SEALED_ANEW = """
UPDATE ledger.event SET operator = 'op08' WHERE credit_id = '{spent}' AND version = 5;
UPDATE ledger.event AS e SET seal = ledger.event_seal(e.credit_id, e.version, e.event_id, e.verb, e.state, e.amount,
    e.change, e.balance, e.held, e.owner, e.expires_at, e.hold_id, e.hold_left, e.key, e.store, e.register,
    e.operator, e.transaction_id, e.cause, e.reason, e.actor, e.approver, e.occurred_at, e.recorded_at, e.batch_id,
    coalesce((SELECT x.account FROM ledger.entry AS x
        WHERE x.credit_id = e.credit_id AND x.version = e.version AND x.leg = 2), ''),
    (SELECT r.request::text FROM ledger.request AS r WHERE r.key = e.key), '')
WHERE e.credit_id = '{spent}' AND e.version = 5
"""


@dataclass(frozen=True)
class Corruption:
    """What is done to a copy (`{spent}` is the credit of that name) and which row verify must name."""

    script: str
    check: str
    table: str
    row: str


CORRUPTIONS = {
    "the amount of an entry is changed": Corruption(
        "UPDATE ledger.entry SET amount = amount - 1 WHERE credit_id = '{spent}' AND version = 2 AND leg = 2",
        "entry", "entry", "credit {spent} version 2 leg 2",
    ),
    "an entry is in another account": Corruption(
        "UPDATE ledger.entry SET account = 'owed:promo' WHERE credit_id = '{spent}' AND version = 3 AND leg = 1",
        "entry", "entry", "credit {spent} version 3 leg 1",
    ),
    "an entry is in another currency": Corruption(
        "UPDATE ledger.entry SET currency = 'EUR' WHERE credit_id = '{held}' AND version = 1 AND leg = 2",
        "entry", "entry", "credit {held} version 1 leg 2",
    ),
    "an entry says another balance": Corruption(
        "UPDATE ledger.entry SET balance = balance + 1 WHERE credit_id = '{gone}' AND version = 1 AND leg = 1",
        "entry", "entry", "credit {gone} version 1 leg 1",
    ),
    "an entry has no event": Corruption(
        "INSERT INTO ledger.entry VALUES ('{spent}', 99, 1, 'owed:refund', 5, 'USD', 5)",
        "entry", "entry", "credit {spent} version 99 leg 1",
    ),
    "an entry is of an unknown credit": Corruption(
        "INSERT INTO ledger.entry VALUES ('ffffffff-ffff-ffff-ffff-ffffffffffff', 1, 1, 'owed:refund', 5, 'USD', 5)",
        "entry", "entry", "credit ffffffff-ffff-ffff-ffff-ffffffffffff version 1 leg 1",
    ),
    "an event where no money moved has an entry": Corruption(
        "INSERT INTO ledger.entry SELECT credit_id, version, 1, 'owed:refund', 5, 'USD', balance FROM ledger.event "
        "WHERE credit_id = '{spent}' AND verb = 'freeze'",
        "entry", "entry", "credit {spent} version 6 leg 1",
    ),
    "one leg is missing": Corruption(
        "DELETE FROM ledger.entry WHERE credit_id = '{card}' AND version = 2 AND leg = 2",
        "event_entries", "entry", "credit {card} version 2",
    ),
    "the balance of an event is changed": Corruption(
        "UPDATE ledger.event SET balance = balance + 1 WHERE credit_id = '{spent}' AND version = 4",
        "event_balance", "event", "credit {spent} version 4",
    ),
    "an event is missing in the middle": Corruption(
        "DELETE FROM ledger.event WHERE credit_id = '{spent}' AND version = 3",
        "event_version", "event", "credit {spent} version 3",
    ),
    "the first event is missing": Corruption(
        "DELETE FROM ledger.event WHERE credit_id = '{card}' AND version = 1",
        "event_version", "event", "credit {card} version 1",
    ),
    "the last event is missing with its entries": Corruption(
        "DELETE FROM ledger.event WHERE credit_id = '{gone}' AND version = 2;"
        "DELETE FROM ledger.entry WHERE credit_id = '{gone}' AND version = 2",
        "request", "request", "key {key of gone 2}",
    ),
    "the last event is missing with its entries and its request": Corruption(
        "DELETE FROM ledger.request WHERE key = '{key of gone 2}';"
        "DELETE FROM ledger.event WHERE credit_id = '{gone}' AND version = 2;"
        "DELETE FROM ledger.entry WHERE credit_id = '{gone}' AND version = 2",
        "batch_seals", "batch", "batch {batch of gone 2}",
    ),
    "all that was written of a credit is gone": Corruption(
        "DELETE FROM ledger.credit WHERE credit_id = '{newest}';DELETE FROM ledger.code WHERE credit_id = '{newest}';"
        "DELETE FROM ledger.request WHERE credit_id = '{newest}';DELETE FROM ledger.event WHERE credit_id = '{newest}';"
        "DELETE FROM ledger.entry WHERE credit_id = '{newest}'",
        "batch_seals", "batch", "batch {batch of newest 1}",
    ),
    "a credit has no event": Corruption(
        "DELETE FROM ledger.event WHERE credit_id = '{newest}'", "credit_without_event", "credit", "credit {newest}",
    ),
    "a credit is gone": Corruption(
        "DELETE FROM ledger.credit WHERE credit_id = '{newest}'",
        "event_without_credit", "event", "credit {newest} version 1",
    ),
    "a credit begins with a redemption": Corruption(
        "UPDATE ledger.event SET verb = 'load' WHERE credit_id = '{gone}' AND version = 1",
        "event_birth", "event", "credit {gone} version 1",
    ),
    "a redemption added money": Corruption(
        "UPDATE ledger.event SET change = amount WHERE credit_id = '{late}' AND verb = 'redeem'",
        "event_change", "event", "credit {late} version 4",
    ),
    "a frozen credit is called active": Corruption(
        "UPDATE ledger.event SET state = 'active' WHERE credit_id = '{spent}' AND verb = 'freeze'",
        "event_state", "event", "credit {spent} version 6",
    ),
    "a frozen credit is let go to another state": Corruption(
        "UPDATE ledger.event SET state = 'unclaimed' WHERE credit_id = '{spent}' AND verb = 'unfreeze'",
        "event_state", "event", "credit {spent} version 8",
    ),
    "an event moved to another owner": Corruption(
        "UPDATE ledger.event SET owner = event_id WHERE credit_id = '{spent}' AND version = 5",
        "event_owner", "event", "credit {spent} version 5",
    ),
    "an event put the last moment off": Corruption(
        "UPDATE ledger.event SET expires_at = expires_at + interval '1 year' "
        "WHERE credit_id = '{staying}' AND version = 2",
        "event_owner", "event", "credit {staying} version 2",
    ),
    "an event says that more is held": Corruption(
        "UPDATE ledger.event SET held = held + 1 WHERE credit_id = '{held}' AND version = 7",
        "event_held", "event", "credit {held} version 7",
    ),
    "a capture left more of its hold": Corruption(
        "UPDATE ledger.event SET hold_left = hold_left + 5 WHERE credit_id = '{held}' AND version = 6",
        "event_held", "event", "credit {held} version 6",
    ),
    "a hold was forgotten": Corruption(
        "DELETE FROM ledger.hold WHERE hold_id = '{hold}'", "event_hold", "hold", "hold {hold}",
    ),
    "a hold was made up": Corruption(
        "INSERT INTO ledger.hold VALUES ('{other}', '{held}', '2027-01-01Z')",
        "hold_without_event", "hold", "hold {other}",
    ),
    "an open hold is not on the list": Corruption(
        "DELETE FROM ledger.holding WHERE hold_id = '{hold}'", "holding", "holding", "credit {held} hold {hold}",
    ),
    "a hold ends later than it was placed for": Corruption(
        "UPDATE ledger.hold SET expires_at = expires_at + interval '1 day' WHERE hold_id = '{hold}'; "
        "UPDATE ledger.holding SET expires_at = expires_at + interval '1 day' WHERE hold_id = '{hold}'",
        "event_seal", "event", "credit {held} version 2",
    ),
    "a hold on the list is for less": Corruption(
        "UPDATE ledger.holding SET remaining = remaining - 1 WHERE hold_id = '{hold}'",
        "holding", "holding", "credit {held} hold {hold}",
    ),
    "a credit that ends is not on the list": Corruption(
        "DELETE FROM ledger.expiring WHERE credit_id = '{staying}'", "expiring", "expiring", "credit {staying}",
    ),
    "a credit on the list has no end": Corruption(
        "INSERT INTO ledger.expiring VALUES ('{spent}', '2027-01-01Z')", "expiring", "expiring", "credit {spent}",
    ),
    "the bucket of a credit is changed": Corruption(
        "UPDATE ledger.credit SET bucket = 'paid' WHERE credit_id = '{spent}'",
        "credit_account", "credit", "credit {spent}",
    ),
    "the issuing store of a credit is changed": Corruption(
        "UPDATE ledger.credit SET store = '007' WHERE credit_id = '{held}'",
        "code_seal", "event", "credit {held} version 1",
    ),
    "the operator of an event is changed": Corruption(
        "UPDATE ledger.event SET operator = 'op08' WHERE credit_id = '{spent}' AND version = 5",
        "event_seal", "event", "credit {spent} version 5",
    ),
    "the operator of an event is changed and its seal made anew": Corruption(
        _SEALED_ANEW, "batch_seals", "batch", "batch {batch of spent 5}",
    ),
    "the request of an event is changed": Corruption(
        "UPDATE ledger.request SET request = '{{\"amount\": \"1\"}}' WHERE key = '{key of spent 2}'",
        "event_seal", "event", "credit {spent} version 2",
    ),
    "the request of an event is gone": Corruption(
        "DELETE FROM ledger.request WHERE key = '{key of spent 2}'", "event_seal", "request", "key {key of spent 2}",
    ),
    "a request points to another event": Corruption(
        "UPDATE ledger.request SET version = 3 WHERE key = '{key of spent 2}'",
        "request", "request", "key {key of spent 2}",
    ),
    "a request lists an event too many": Corruption(
        "UPDATE ledger.request SET others = ARRAY['{held}'::uuid], versions = ARRAY[2] WHERE key = '{key of spent 2}'",
        "request", "request", "key {key of spent 2}",
    ),
    "an event is told twice": Corruption(
        "INSERT INTO ledger.event SELECT credit_id, 2, event_id, 'adjust', state, 0, 0, balance, held, owner, "
        "expires_at, hold_id, hold_left, key, store, register, operator, transaction_id, cause, reason, actor, "
        "approver, occurred_at, recorded_at, batch_id, seal FROM ledger.event WHERE credit_id = '{newest}'",
        "event_seal", "event", "credit {newest} version 2",
    ),
    "a refusal is of another kind": Corruption(
        "UPDATE ledger.request SET refusal = 'credit-void' WHERE key = '{refused}'",
        "refusal_seal", "request", "key {refused}",
    ),
    "a refusal was flipped": Corruption(
        "UPDATE ledger.request SET refusal = NULL, seal = NULL, version = 2 WHERE key = '{refused}'",
        "request", "request", "key {refused}",
    ),
    "a refusal is gone": Corruption(
        "DELETE FROM ledger.request WHERE key = '{refused}'", "batch_seals", "batch", "batch {batch of refused}",
    ),
    "a code points to another credit": Corruption(
        "UPDATE ledger.code SET credit_id = '{spent}' WHERE credit_id = '{held}'",
        "code_seal", "code", "code {code of held}",
    ),
    "a code is gone": Corruption(
        "DELETE FROM ledger.code WHERE credit_id = '{held}'", "credit_without_code", "credit", "credit {held}",
    ),
    "a PIN is changed": Corruption(
        "UPDATE ledger.code SET pin_hash = 'x' WHERE credit_id = '{held}'",
        "code_seal", "event", "credit {held} version 1",
    ),
    "a batch is gone": Corruption(
        "DELETE FROM ledger.batch WHERE batch_id = {batch of spent 2}",
        "batch_seals", "batch", "batch {batch of spent 2}",
    ),
    "a batch is gone with all that was written in it": Corruption(
        "DELETE FROM ledger.batch WHERE batch_id = {batch of refused};"
        "DELETE FROM ledger.request WHERE key = '{refused}'",
        "batch_place", "batch", "place {place of refused}",
    ),
    "the hash of a batch is changed": Corruption(
        "UPDATE ledger.batch SET hash = sha256('x') WHERE batch_id = {batch of spent 2}",
        "batch_seals", "batch", "batch {batch of spent 2}",
    ),
    "a batch says another time": Corruption(
        "UPDATE ledger.batch SET recorded_at = recorded_at - interval '1 day' WHERE batch_id = {batch of spent 2}",
        "batch_seals", "batch", "batch {batch of spent 2}",
    ),
    "the end of the chain is set back": Corruption(
        "UPDATE ledger.chain SET place = place - 1", "chain_end", "chain", "end",
    ),
    "the end of the chain is gone": Corruption("DELETE FROM ledger.chain", "chain_end", "chain", "end"),
    "a total is off by one": Corruption(
        "UPDATE ledger.total SET amount = amount + 1 WHERE account = 'sales'", "total", "total", "sales refund USD 006",
    ),
    "a movement was not kept": Corruption("DELETE FROM ledger.movement WHERE account LIKE 'owed:%'", "total", "total",
        "owed:refund refund USD 006 active"),
}  # fmt: skip


async def names_of(url: str, book: Book) -> dict[str, object]:
    """What the scripts and rows of the corruptions may name."""
    names: dict[str, object] = dict(book.credits)
    connection = await asyncpg.connect(url)
    try:
        numbered = {str(credit): name for name, credit in book.credits.items()}
        for row in await connection.fetch("SELECT credit_id, version, key, batch_id FROM ledger.event"):
            place = f"{numbered.get(str(row['credit_id']))} {row['version']}"
            names |= {f"key of {place}": row["key"], f"batch of {place}": row["batch_id"]}
        for row in await connection.fetch("SELECT credit_id, code_hash FROM ledger.code"):
            names[f"code of {numbered.get(str(row['credit_id']))}"] = row["code_hash"].hex()
        refused = await connection.fetchrow(
            "SELECT r.key, b.batch_id, b.place FROM ledger.request AS r JOIN ledger.batch AS b USING (batch_id) "
            "WHERE r.refusal = 'credit-frozen'"
        )
        assert refused is not None
        names |= {"refused": refused["key"], "batch of refused": refused["batch_id"]}
        names["place of refused"] = refused["place"]
    finally:
        await connection.close()
    return names


@pytest.mark.parametrize("name", CORRUPTIONS)
async def test_the_row_is_named(book: Book, copy: str, name: str) -> None:
    corruption, names = CORRUPTIONS[name], await names_of(copy, book)
    await corrupted(copy, corruption.script.format_map(names))
    verdict = await verdict_on(copy)
    (found,) = verdict.findings
    row = corruption.row.format_map(names)
    assert (found.check, found.table, found.row) == (corruption.check, corruption.table, row), found
    words = row.replace("code ", "").split()
    assert all(word in found.sentence for word in words if len(word) > 20), "the sentence names it as well"
    # In one range or in many, the first one is the same.
    assert (await verdict_on(copy, page_rows=10_000)).findings[0].table == found.table
    assert found in (await verdict_on(copy, most=100)).findings


def test_every_check_finds_something() -> None:
    # A head that was noted elsewhere is a test of its own.
    assert {one.check for one in CORRUPTIONS.values()} | {"head"} == {check.name for check in CHECKS}


async def test_the_untouched_copy_is_whole(copy: str) -> None:
    for page_rows in (1, 3, 10_000):
        verdict = await verdict_on(copy, most=100, page_rows=page_rows)
        assert verdict.findings == ()
        read = verdict.read
        assert (read.credits, read.codes, read.batches) == (13, 13, 42)
        assert (read.events, read.entries) == (43, 62)


async def test_all_that_is_wrong_is_listed_up_to_a_number(copy: str) -> None:
    await corrupted(copy, "UPDATE ledger.entry SET balance = balance + 1")
    assert len((await verdict_on(copy)).findings) == 1
    assert len((await verdict_on(copy, most=7)).findings) == 7
    found = (await verdict_on(copy, most=100)).findings
    assert len(found) == 62
    assert {one.check for one in found} == {"entry"}
