"""Verifying a book that is whole: while it is written, in one snapshot, with heads that were noted before."""

import asyncio
import random
from datetime import timedelta

import pytest

from tests.integration.ledger.verify_book import Bookkeeper, every_verb, usd
from tillbridge.credit.model import Redeem
from tillbridge.kernel.db import Db, Query
from tillbridge.kernel.errors import DatabaseFault
from tillbridge.ledger import store
from tillbridge.ledger.verify.checks import Head, Walk, parse_head
from tillbridge.ledger.verify.walk import differences, verify


async def test_an_empty_book_is_whole(db: Db) -> None:
    verdict = await verify(db)
    assert (verdict.findings, verdict.read.credits, str(verdict.head)) == ((), 0, "0:")


async def test_a_book_is_whole_while_it_is_written(db: Db) -> None:
    keeper, chance, done = Bookkeeper(db), random.Random(4), asyncio.Event()
    await every_verb(keeper)

    async def write(number: int) -> int:
        clerk, posted = Bookkeeper(db, seed=100 + number), 0
        while not done.is_set():
            clerk.clock.move(timedelta(seconds=1))
            issued = await clerk.desk.submit([clerk.issue(5000) for _ in range(20)])
            ids = [answer.credit_id for answer in issued if not isinstance(answer, BaseException)]
            spends = [Redeem(credit_id=chance.choice(ids), amount=usd(40), **clerk.said("W")) for _ in range(20)]
            answers = await clerk.desk.submit(spends)
            assert not any(isinstance(answer, BaseException) for answer in [*issued, *answers])
            posted += 40
            if chance.random() < 0.3:
                await store.fold(db)
        return posted

    writers = [asyncio.create_task(write(number)) for number in range(3)]
    verdicts = []
    for page_rows in (10, 25, 1000):
        await asyncio.sleep(0.2)
        verdicts.append(await verify(db, most=100, page_rows=page_rows))
    done.set()
    posted = sum(await asyncio.gather(*writers))
    assert [verdict.findings for verdict in verdicts] == [(), (), ()]
    assert 43 < verdicts[0].read.events < verdicts[1].read.events <= verdicts[2].read.events <= posted + 43
    last = await verify(db, heads=[verdict.head for verdict in verdicts])
    assert last.findings == ()
    assert last.read.events == posted + 43


async def test_a_head_that_was_noted_is_still_in_the_chain(db: Db) -> None:
    await every_verb(Bookkeeper(db))
    head = (await verify(db)).head
    clerk = Bookkeeper(db, seed=9)
    await clerk.do(clerk.issue(100))
    assert (await verify(db, heads=[head, Head(None, head.hash)])).findings == ()
    for wrong in (Head(None, bytes(32)), Head(1, head.hash)):
        (found,) = (await verify(db, heads=[head, wrong])).findings
        assert (found.check, found.table, found.row) == ("head", "batch", f"hash {wrong}")
        assert str(wrong) in found.sentence


async def test_somebody_who_looks_on_is_told_how_far_it_is(db: Db) -> None:
    await every_verb(Bookkeeper(db))
    told: list[tuple[Walk, int, int]] = []
    await verify(db, page_rows=5, told=lambda *step: told.append(step))
    assert [step for step in told if step[0] is Walk.CREDITS] == [(Walk.CREDITS, n, 13) for n in (5, 10, 13)]
    for walk, of in ((Walk.CREDITS, 13), (Walk.CODES, 13), (Walk.BATCHES, 42)):
        steps = [done for each, done, _ in told if each is walk]
        assert steps == sorted(steps)
        assert steps[-1] == of


async def test_a_snapshot_sees_nothing_new_and_writes_nothing(db: Db) -> None:
    keeper = Bookkeeper(db)
    count = Query("test.count", "SELECT count(*) AS rows FROM ledger.credit")
    async with db.snapshot() as tx:
        assert [row["rows"] for row in await tx.fetch(count)] == [0]
        await keeper.do(keeper.issue(100))
        assert [row["rows"] for row in await tx.fetch(count)] == [0]
        with pytest.raises(DatabaseFault, match="read-only"):
            await tx.execute(Query("test.write", "DELETE FROM ledger.usage"))


@pytest.mark.parametrize("text", ["", "12", "zz" * 32, "x:" + "00" * 32, "00" * 31])
def test_what_is_no_head_is_not_read(text: str) -> None:
    with pytest.raises(ValueError, match=r"hexadecimal|invalid literal"):
        parse_head(text)


def test_a_head_is_read_as_it_is_printed() -> None:
    for head in (Head(7, bytes(range(32))), Head(None, bytes(32))):
        assert parse_head(f" {head}\n") == head


def test_totals_of_nothing_need_not_be_kept() -> None:
    sales, owed = ("sales", "refund", "USD", "006", ""), ("owed:refund", "refund", "USD", "006", "active")
    assert differences({sales: (0, 0, 0)}, {owed: (0, 0, 0)}) == []
    kept, made = {sales: (5, 0, 1), owed: (-5, 1, 1)}, {sales: (5, 0, 1), owed: (-6, 1, 1)}
    (found,) = differences(kept, made)
    assert (found.table, found.row) == ("total", "owed:refund refund USD 006 active")
    assert "-5" in found.sentence
    assert "-6" in found.sentence
