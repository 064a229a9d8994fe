"""Many at once: on one credit, with one key, on one limit, and on a credit whose holds come and go."""

import asyncio
from collections import Counter
from datetime import timedelta
from itertools import count

from tests.integration.ledger.postings import IDS, START, commit_to, hold, issue, on, posted, redeem, said_by, standing
from tests.integration.ledger.wholeness import check_whole
from tillbridge.kernel.db import Db
from tillbridge.ledger import store
from tillbridge.ledger.gather import Gather
from tillbridge.ledger.model import Answer, Posted, Posting, Use, Verb

Hub = Gather[Posting, Answer]


def hubs(db: Db, number: int = 2) -> list[Hub]:
    """Hubs on one database."""
    return [Gather(commit_to(db)) for _ in range(number)]


async def test_thirty_two_clients_spend_exactly_what_one_credit_holds(db: Db) -> None:
    two = hubs(db)
    (issued,) = await commit_to(db)([issue("k", 10_007)])
    spent: Counter[str] = Counter()

    async def spend(client: int) -> None:
        # Each spends until it is refused, and then tries less: in the end nothing is left.
        for number, minor in enumerate([*([70] * 12), 7, 3, 1, 1]):
            key = f"c{client}-{number}"
            answer = await two[client % 2].submit(redeem(key, issued.credit_id, minor))
            spent[said_by(answer)] += minor
            if isinstance(answer.result, Posted):
                assert answer.result.balance >= 0

    await asyncio.gather(*(spend(client) for client in range(32)))
    now = await standing(db, issued.credit_id)
    assert (spent["ok"], now.balance) == (10_007, 0)
    assert set(spent) == {"ok", "not-enough-available"}
    sales = [total.amount for total in await store.totals(db) if total.account == "sales"]
    assert sales == [10_007]
    await check_whole(db)


async def test_one_key_fifty_times_at_two_hubs_is_one_event(db: Db) -> None:
    two = hubs(db)
    (issued,) = await commit_to(db)([issue("k", 1000)])
    asked = redeem("same", issued.credit_id, 30)
    answers = await asyncio.gather(*(two[n % 2].submit(asked) for n in range(50)))
    assert sum(answer.replay for answer in answers) == 49
    assert len({posted(answer) for answer in answers}) == 1
    assert (await standing(db, issued.credit_id)).balance == 970
    await check_whole(db)


async def test_holds_come_and_go_on_a_credit_that_many_spend(db: Db) -> None:
    minutes = count(1)

    async def commit(postings: list[Posting]) -> list[Answer]:
        return await commit_to(db, START + timedelta(minutes=next(minutes)))(postings)

    two: list[Hub] = [Gather(commit) for _ in range(2)]  # type: ignore[arg-type]
    (issued,) = await commit_to(db)([issue("k", 5000)])
    credit_id, taken = issued.credit_id, Counter[str]()

    async def buy(client: int) -> None:
        hub, hold_id = two[client % 2], IDS.new()
        placed = await hub.submit(hold(f"h{client}", credit_id, 200, hold_id, 60 * (6 if client % 3 else 600)))
        if not isinstance(placed.result, Posted):
            return
        await hub.submit(redeem(f"r{client}", credit_id, 10))
        some = await hub.submit(on(Verb.CAPTURE, f"c{client}", credit_id, 50, hold_id=hold_id, whole=False))
        taken[said_by(some)] += 50
        ending = Verb.RELEASE if client % 2 else Verb.CAPTURE
        last = await hub.submit(on(ending, f"e{client}", credit_id, hold_id=hold_id, whole=True))
        taken[said_by(last)] += 0 if ending is Verb.RELEASE else 150

    await asyncio.gather(*(buy(client) for client in range(48)))
    assert set(taken) <= {"ok", "hold-over"}
    lines = await store.statement(db, credit_id, limit=2000)
    redeemed = sum(-line.change for line in lines if line.verb is Verb.REDEEM)
    now = await standing(db, credit_id)
    assert now.balance == 5000 - redeemed - taken["ok"] >= 0
    assert now.held == sum(one.remaining for one in await store.holds_of_credit(db, credit_id))
    await check_whole(db)


async def test_the_first_of_a_day_do_not_pass_a_limit_together(db: Db) -> None:
    ids = [(await commit_to(db)([issue(f"k{n}")]))[0].credit_id for n in range(2)]
    limit = (Use("operator:op07:redeem:any:USD:2026-11-21", START.date(), amount_max=150),)
    async with db.transaction() as tx:
        (first,) = await store.post(tx, START, [redeem("r0", ids[0], 100, uses=limit)])
        # The other hub comes while the first has not committed: there is no counter yet that it could see.
        other = asyncio.create_task(commit_to(db)([redeem("r1", ids[1], 100, uses=limit)]))
        await asyncio.sleep(0.3)
    (second,) = await other
    assert (said_by(first), said_by(second)) == ("ok", "over-limit")


async def test_a_limit_counts_the_whole_of_a_redemption_over_several(db: Db) -> None:
    ids = [(await commit_to(db)([issue(f"k{n}", 100)]))[0].credit_id for n in range(3)]
    limit = (Use("customer", START.date(), amount_max=250, count_max=2),)
    several = on(Verb.REDEEM, "x", ids[0], 200, others=tuple(ids[1:]), other_events=(IDS.new(), IDS.new()), uses=limit)
    (first,) = await commit_to(db)([several])
    (above,) = await commit_to(db)([redeem("y", ids[2], 51, uses=limit)])
    (within,) = await commit_to(db)([redeem("z", ids[2], 50, uses=limit)])
    assert [said_by(one) for one in (first, above, within)] == ["ok", "over-limit", "ok"]


async def test_transfers_in_a_circle_do_not_wait_for_each_other(db: Db) -> None:
    ids = [(await commit_to(db)([issue(f"k{n}", 500)]))[0].credit_id for n in range(4)]
    many = hubs(db, 4)
    moves = [
        many[n % 4].submit(on(Verb.TRANSFER, f"t{n}", ids[n % 4], 10, other_id=ids[(n + 1 + n // 4 % 3) % 4]))
        for n in range(60)
    ]
    answers = await asyncio.wait_for(asyncio.gather(*moves), 20)
    assert Counter(map(said_by, answers)) == {"ok": 60}
    assert sum([(await standing(db, one)).balance for one in ids]) == 2000
    await check_whole(db)
