"""The ledger's promises 1 to 6, on a real PostgreSQL."""

import asyncio
from datetime import timedelta
from itertools import combinations

import pytest

from tests.integration.ledger.postings import (
    IDS,
    OWNER,
    START,
    claim,
    code_of,
    commit_to,
    issue,
    on,
    posted,
    redeem,
    void,
)
from tillbridge.kernel.db import Db, Query
from tillbridge.kernel.errors import DatabaseFault
from tillbridge.kernel.money import Money
from tillbridge.ledger import store
from tillbridge.ledger.gather import Gather
from tillbridge.ledger.model import Answer, Posted, Posting, State, Verb


async def test_issue_redeem_void_is_double_entry(db: Db) -> None:
    commit = commit_to(db)
    (issued,) = await commit([issue("k1", 1000)])
    credit = issued.credit_id
    (spent,) = await commit([redeem("k2", credit, 300)])
    (gone,) = await commit([void("k3", credit)])
    assert [posted(one).version for one in (issued, spent, gone)] == [1, 2, 3]
    assert [posted(one).balance for one in (issued, spent, gone)] == [1000, 700, 0]
    assert (posted(gone).amount, posted(gone).state) == (700, State.VOID)
    totals = {total.account: total.amount for total in await store.totals(db)}
    assert totals == {"owed:refund": 0, "returns": -1000, "sales": 300, "voided": 700}
    lines = await store.statement(db, credit)
    assert [(line.verb, line.amount, line.balance, line.house) for line in lines] == [
        (Verb.ISSUE, 1000, 1000, "returns"),
        (Verb.REDEEM, 300, 700, "sales"),
        (Verb.VOID, 700, 0, "voided"),
    ]


async def test_a_repeat_is_the_first_answer(db: Db) -> None:
    commit = commit_to(db)
    first = issue("k1", 500)
    (one,) = await commit([first])
    later = commit_to(db, START + timedelta(hours=1))
    (again,) = await later([issue("k1", 500)])
    assert again.replay
    assert not one.replay
    assert again.result == one.result
    # Only a replay says what was first asked: whoever asks it the first time knows.
    assert again.request == first.request


async def test_a_conflict_answers_with_the_request_it_was_first_given(db: Db) -> None:
    commit = commit_to(db)
    await commit([issue("k1", 500)])
    (other,) = await commit([issue("k1", 501)])
    assert other.replay
    assert other.request == {"amount": "500", "currency": "USD"}
    assert posted(other).amount == 500


async def test_declined_stays_declined(db: Db) -> None:
    commit = commit_to(db)
    (issued,) = await commit([issue("k1", 500)])
    (poor,) = await commit([redeem("r1", issued.credit_id, 600)])
    assert code_of(poor) == "not-enough-available"
    # A claim would make it spendable, more credit might come: the key was answered, and stays answered.
    (again,) = await commit([redeem("r1", issued.credit_id, 600)])
    assert again.replay
    assert code_of(again) == "not-enough-available"
    refused = await store.refused_request(db, "r1")
    assert refused is not None
    assert refused.refusal.code == "not-enough-available"
    now = await store.credit_now(db, issued.credit_id)
    assert now is not None
    assert (now.balance, now.version) == (500, 1)


async def test_a_refusal_in_a_batch_spoils_nothing_else(db: Db) -> None:
    commit = commit_to(db)
    (issued,) = await commit([issue("k1", 1000)])
    credit = issued.credit_id
    batch = [
        redeem("r1", credit, 400),
        redeem("r2", credit, 700),
        redeem("r3", credit, 600, "CAD"),
        issue("k2", 0),
        issue("k3", 100),
        redeem("r4", credit, 600),
        redeem("r5", IDS.new(), 1),
    ]
    answers = await commit(batch)
    got = [one.result.balance if isinstance(one.result, Posted) else one.result.code for one in answers]
    assert got == [600, "not-enough-available", "other-currency", "amount-not-positive", 100, 0, "unknown-credit"]


async def test_order_within_a_credit_is_kept_in_a_batch(db: Db) -> None:
    commit = commit_to(db)
    first = issue("k1", 1000)
    answers = await commit([first, *(redeem(f"r{n}", first.credit_id, 100) for n in range(12))])
    balances = [one.result.balance if isinstance(one.result, Posted) else -1 for one in answers]
    assert balances == [1000, 900, 800, 700, 600, 500, 400, 300, 200, 100, 0, -1, -1]


REACH: dict[str, dict[str, object]] = {
    "amount-not-positive": {"minor": 0},
    "unknown-credit": {"unknown": True},
    "other-currency": {"currency": "EUR"},
    "credit-pending": {"state": State.UNCLAIMED},
    "credit-frozen": {"state": State.FROZEN},
    "credit-void": {"state": State.VOID},
    "credit-expired": {"expired": True},
    "not-enough-available": {"minor": 10**6},
}
"""How a redemption is brought to each refusal. Each entry sets one thing wrong, so that two can be wrong at once."""


@pytest.mark.parametrize("code", REACH)
async def test_each_refusal_of_a_redemption(db: Db, code: str) -> None:
    assert await _refusal(db, REACH[code]) == code


@pytest.mark.parametrize(("first", "second"), list(combinations(REACH, 2)))
async def test_the_first_refusal_in_order_is_the_answer(db: Db, first: str, second: str) -> None:
    wrong = {**REACH[second], **REACH[first]}
    if REACH[first].keys() == REACH[second].keys():
        # One credit has one state, one redemption one amount: these two cannot both be wrong.
        assert {"state", "minor"} & REACH[first].keys()
        return
    assert await _refusal(db, wrong) == first


async def _refusal(db: Db, wrong: dict[str, object]) -> str:
    commit = commit_to(db)
    state = wrong.get("state", State.ACTIVE)
    assert isinstance(state, State)
    expires = START + timedelta(minutes=1) if wrong.get("expired") else None
    born = state if state is State.UNCLAIMED else State.ACTIVE
    (issued,) = await commit([issue("k1", 1000, state=born, expires_at=expires)])
    # Nothing is born frozen or void: a verb leads there.
    leads = {State.FROZEN: Verb.FREEZE, State.VOID: Verb.VOID}
    await commit([on(leads[state], "s1", issued.credit_id)] if state in leads else [])
    credit = IDS.new() if wrong.get("unknown") else issued.credit_id
    minor, currency = int(str(wrong.get("minor", 100))), str(wrong.get("currency", "USD"))
    (answer,) = await commit_to(db, START + timedelta(hours=1))([redeem("r1", credit, minor, currency)])
    return code_of(answer)


async def test_refusals_of_the_other_verbs(db: Db) -> None:
    commit = commit_to(db)
    (one,) = await commit([issue("k1", 100, code="A")])
    (taken,) = await commit([issue("k2", 100, code="A")])
    (twice,) = await commit([issue("k3", 101, ceiling=100)])
    (claimed,) = await commit([claim("c1", one.credit_id)])
    (voided, again) = await commit([void("v1", one.credit_id), void("v2", one.credit_id)])
    assert [code_of(answer) for answer in (taken, twice, claimed, again)] == [
        "code-taken",
        "over-limit",
        "already-claimed",
        "credit-void",
    ]
    assert posted(voided).state is State.VOID


async def test_a_claim_links_once_and_activates(db: Db) -> None:
    commit = commit_to(db)
    (issued,) = await commit([issue("k1", 100, state=State.UNCLAIMED)])
    assert posted(issued).owner is None
    (first, second) = await commit([claim("c1", issued.credit_id), claim("c2", issued.credit_id, IDS.new())])
    assert (posted(first).state, posted(first).owner, posted(first).balance) == (State.ACTIVE, OWNER, 100)
    assert code_of(second) == "already-claimed"
    assert [one.credit_id for one in await store.credits_of_owner(db, OWNER)] == [issued.credit_id]


async def test_many_tasks_on_one_credit_never_pass_zero(db: Db) -> None:
    commit = commit_to(db)
    (issued,) = await commit([issue("k1", 1000)])
    gathers: list[Gather[Posting, Answer]] = [Gather(commit), Gather(commit)]
    tries = [gathers[n % 2].submit(redeem(f"r{n}", issued.credit_id, 30)) for n in range(64)]
    answers = await asyncio.gather(*tries)
    spent = [one for one in answers if isinstance(one.result, Posted)]
    assert len(spent) == 33
    now = await store.credit_now(db, issued.credit_id)
    assert now is not None
    assert (now.balance, now.version) == (10, 34)
    assert sorted(posted(one).version for one in spent) == list(range(2, 35))


async def test_one_key_fifty_times_at_once_is_one_event(db: Db) -> None:
    commit = commit_to(db)
    hubs: list[Gather[Posting, Answer]] = [Gather(commit) for _ in range(5)]
    answers = await asyncio.gather(*(hubs[n % 5].submit(issue("same", 700)) for n in range(50)))
    assert len({one.credit_id for one in answers}) == 1
    assert sum(not one.replay for one in answers) == 1
    assert len({one.result for one in answers}) == 1
    totals = {total.account: total.amount for total in await store.totals(db)}
    assert totals == {"owed:refund": 700, "returns": -700}


async def test_balance_at_a_moment_by_either_time(db: Db) -> None:
    # It happened at noon and was recorded an hour later; it was spent at 12:30 and recorded at two.
    at = [START + timedelta(minutes=minutes) for minutes in range(0, 180, 30)]
    (issued,) = await commit_to(db, at[2])([issue("k1", 1000, occurred_at=at[0])])
    await commit_to(db, at[4])([redeem("r1", issued.credit_id, 400, occurred_at=at[1])])
    by_recorded = [await store.balance_at(db, issued.credit_id, moment, occurred=False) for moment in at]
    by_occurred = [await store.balance_at(db, issued.credit_id, moment, occurred=True) for moment in at]
    assert by_recorded == [Money(minor, "USD") for minor in (0, 0, 1000, 1000, 600, 600)]
    assert by_occurred == [Money(minor, "USD") for minor in (1000, 600, 600, 600, 600, 600)]
    assert await store.balance_at(db, IDS.new(), START, occurred=True) is None


WRITE = "INSERT INTO ledger.entry (credit_id, version, leg, account, amount, currency, balance) VALUES "


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE ledger.entry SET amount = amount + 1",
        "DELETE FROM ledger.entry",
        "TRUNCATE ledger.entry",
        "UPDATE ledger.event SET balance = 1",
        "DELETE FROM ledger.request",
        "UPDATE ledger.credit SET currency = 'EUR'",
        "DELETE FROM ledger.code",
        WRITE + f"('{IDS.new()}', 1, 1, 'owed:paid', 5, 'USD', 5)",
        WRITE + "('{0}', 1, 1, 'owed:paid', 5, 'USD', 5), ('{0}', 1, 2, 'tender', -4, 'USD', 5)".format(IDS.new()),
        WRITE + "('{0}', 1, 1, 'owed:paid', 5, 'USD', 5), ('{0}', 1, 2, 'tender', -5, 'EUR', 5)".format(IDS.new()),
        WRITE + "('{0}', 1, 1, 'owed:paid', -5, 'USD', -5), ('{0}', 1, 2, 'tender', 5, 'USD', -5)".format(IDS.new()),
    ],
)
async def test_the_database_itself_refuses(db: Db, statement: str) -> None:
    await commit_to(db)([issue("k1", 1000)])
    before = await store.totals(db)
    with pytest.raises(DatabaseFault):
        await db.execute(Query("test", statement))
    assert await store.totals(db) == before
