"""What each verb does: to the balance, what is held, the state, the owner, the end, the entries and the lists."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

import pytest

from tests.integration.ledger.postings import (
    IDS,
    OWNER,
    START,
    commit_to,
    hold,
    issue,
    on,
    posted,
    reissue,
    said_by,
    standing,
)
from tests.integration.ledger.wholeness import check_whole
from tillbridge.kernel.db import Db
from tillbridge.ledger import store
from tillbridge.ledger.model import Posting, State, Verb, first_difference

ENDS: Final = START + timedelta(days=30)
FURTHER: Final = ENDS + timedelta(days=30)
LATE: Final = ENDS + timedelta(seconds=1)


@dataclass(frozen=True)
class Effect:
    """What a verb does to a credit of 10.00 USD, of which a hold has 4.00 where `held` says so.

    `house` is the account of the other leg; blank when no money moved. `said` is what the command says.
    """

    verb: Verb
    change: int
    house: str = ""
    minor: int | None = None
    said: dict[str, Any] = field(default_factory=dict)
    born: State = State.ACTIVE
    first: tuple[Verb, ...] = ()
    with_hold: bool = False
    held: int = 0
    state: State = State.ACTIVE
    owner: UUID | None = OWNER
    ends: datetime | None = ENDS
    at: datetime = START
    left: int | None = None

    def __str__(self) -> str:
        return f"{self.verb.value}{'-' if self.said else ''}{'-'.join(self.said)}"


EFFECTS: Final = (
    Effect(Verb.ACTIVATE, 700, "returns", 700, {"owner": OWNER}, born=State.PENDING),
    Effect(Verb.ACTIVATE, 700, "returns", 700, {"expires_at": FURTHER}, ends=FURTHER, born=State.PENDING, owner=None),
    Effect(Verb.LOAD, 500, "returns", 500),
    Effect(Verb.LOAD, 500, "returns", 500, {"expires_at": FURTHER}, ends=FURTHER),
    Effect(Verb.LOAD, 500, "returns", 500, {"expires_at": START}),
    Effect(Verb.REDEEM, -600, "sales", 600, with_hold=True, held=400),
    Effect(Verb.HOLD, 0, "", 300, {"hold_id": IDS.new(), "hold_ends": ENDS}, held=300, left=300),
    Effect(Verb.CAPTURE, -400, "sales", None, {"whole": True}, with_hold=True, left=0),
    Effect(Verb.CAPTURE, -100, "sales", 100, {"whole": True}, with_hold=True, left=0),
    Effect(Verb.CAPTURE, -100, "sales", 100, {"whole": False}, with_hold=True, held=300, left=300),
    Effect(Verb.RELEASE, 0, with_hold=True, left=0),
    Effect(Verb.RELEASE, 0, with_hold=True, first=(Verb.FREEZE,), state=State.FROZEN, left=0),
    Effect(Verb.LAPSE, 0, with_hold=True, at=START + timedelta(minutes=11), left=0),
    Effect(Verb.REFUND, 250, "refunded", 250, {"cause": "T-sale"}, first=(Verb.REDEEM,)),
    Effect(Verb.VOID, -1000, "voided", state=State.VOID),
    Effect(Verb.VOID, -1000, "voided", first=(Verb.FREEZE,), state=State.VOID),
    Effect(Verb.VOID, -1000, "voided", state=State.VOID, owner=None, born=State.UNCLAIMED),
    Effect(Verb.CLAIM, 0, "", None, {"owner": OWNER}, born=State.UNCLAIMED),
    Effect(Verb.EXPIRE, -1000, "expired", state=State.EXPIRED, at=LATE),
    Effect(Verb.CASH_OUT, -1000, "cash", None, {"ceiling": 1000}),
    Effect(Verb.ADJUST, 50, "adjustments", 50),
    Effect(Verb.ADJUST, -50, "adjustments", 50, {"down": True}),
    Effect(
        Verb.ADJUST, -50, "adjustments", 50, {"down": True}, state=State.UNCLAIMED, owner=None, born=State.UNCLAIMED
    ),
    Effect(Verb.FREEZE, 0, state=State.FROZEN),
    Effect(Verb.FREEZE, 0, with_hold=True, held=400, state=State.FROZEN),
    Effect(Verb.UNFREEZE, 0, first=(Verb.FREEZE,)),
    Effect(Verb.UNFREEZE, 0, first=(Verb.FREEZE,), state=State.UNCLAIMED, owner=None, born=State.UNCLAIMED),
    Effect(Verb.UNFREEZE, 0, first=(Verb.FREEZE,), state=State.PENDING, born=State.PENDING, owner=None),
    Effect(Verb.CHARGEBACK, -1000, "chargeback", with_hold=True, state=State.VOID),
)


@pytest.mark.parametrize("effect", EFFECTS, ids=str)
async def test_what_a_verb_does(db: Db, effect: Effect) -> None:
    commit = commit_to(db)
    imported = effect.born is State.PENDING
    birth = Verb.IMPORT if imported else Verb.ISSUE
    (born,) = await commit([issue("k", 0 if imported else 1000, state=effect.born, expires_at=ENDS, verb=birth)])
    credit_id, hold_id = born.credit_id, IDS.new()
    if effect.with_hold:
        await commit([hold("h", credit_id, 400, hold_id)])
    for number, verb in enumerate(effect.first):
        sale = issue("sale").origin
        minor = 300 if verb is Verb.REDEEM else None
        (answer,) = await commit([on(verb, f"first-{number}", credit_id, minor, origin=sale)])
        posted(answer)
    before = await standing(db, credit_id)

    of_hold = effect.verb in (Verb.CAPTURE, Verb.RELEASE, Verb.LAPSE)
    said = effect.said | ({"hold_id": hold_id} if of_hold else {})
    asked = on(effect.verb, "x", credit_id, effect.minor, **said)
    (answer,) = await commit_to(db, effect.at)([asked])
    done = posted(answer)

    assert (done.change, done.balance) == (effect.change, before.balance + effect.change)
    assert done.amount == (abs(effect.change) or effect.minor or (400 if of_hold else 0))
    assert (done.held, done.hold_left) == (effect.held, effect.left)
    assert (done.owner, done.expires_at) == (effect.owner, effect.ends)
    assert done.version == before.version + 1
    state = State.VOID if effect.verb is Verb.VOID else effect.state
    assert done.state is state
    now = await standing(db, credit_id)
    assert (now.balance, now.held, now.state, now.owner, now.expires_at) == (
        done.balance, done.held, state, effect.owner, effect.ends,
    )  # fmt: skip
    line = (await store.statement(db, credit_id))[-1]
    assert (line.verb, line.change, line.house) == (effect.verb, effect.change, effect.house)
    await check_repeat(db, effect.at, asked, credit_id)
    await check_whole(db)


async def check_repeat(db: Db, at: datetime, asked: Posting, credit_id: UUID) -> None:
    """The same key again is the first answer, marked, and tells a conflict; nothing more is written."""
    before = await standing(db, credit_id)
    other = on(asked.verb, asked.key, IDS.new())
    for posting in (asked, other):
        (again,) = await commit_to(db, at + timedelta(minutes=1))([posting])
        assert again.replay
        assert posted(again).version == before.version
        assert posted(again).balance == before.balance
        assert first_difference(again.request, posting.request) == (None if posting is asked else "credit")
    assert await standing(db, credit_id) == before


def test_every_verb_on_one_credit_has_its_effect() -> None:
    elsewhere = {Verb.ISSUE, Verb.IMPORT, Verb.REISSUE, Verb.TRANSFER}
    assert {effect.verb for effect in EFFECTS} | elsewhere == set(Verb)


async def test_a_card_is_imported_worth_nothing(db: Db) -> None:
    (answer,) = await commit_to(db)([issue("k", 0, state=State.PENDING, verb=Verb.IMPORT)])
    done = posted(answer)
    assert (done.balance, done.state, done.owner, done.version) == (0, State.PENDING, None, 1)
    assert [(total.account, total.credits) for total in await store.totals(db)] == [("owed:refund", 1)]
    await check_whole(db)


@pytest.mark.parametrize("state", [State.ACTIVE, State.UNCLAIMED])
async def test_a_reissue_is_one_event_on_two_credits(db: Db, state: State) -> None:
    commit = commit_to(db)
    (old,) = await commit([issue("k", 1000, state=state, expires_at=ENDS)])
    await commit([on(Verb.ADJUST, "a", old.credit_id, 10)])
    asked = reissue("x", old.credit_id, "new")
    (answer,) = await commit([asked])
    done = posted(answer)
    (new,) = done.parts
    assert (done.credit_id, done.change, done.balance, done.state) == (old.credit_id, -1010, 0, State.VOID)
    assert (new.credit_id, new.change, new.balance, new.state) == (asked.other_id, 1010, 1010, State.ACTIVE)
    assert (new.owner, new.expires_at, new.version) == (OWNER, ENDS, 1)
    now, before = await standing(db, new.credit_id), await standing(db, old.credit_id)
    assert now.replaces == old.credit_id
    assert (now.cohort_date, now.priority, now.issuer) == (before.cohort_date, before.priority, before.issuer)
    totals = {total.account: total.amount for total in await store.totals(db)}
    assert totals == {"owed:refund": 1010, "returns": -1000, "adjustments": -10, "reissue": 0}
    (again,) = await commit([asked])
    assert posted(await store.whole(db, again)).parts == done.parts
    await check_whole(db)


@pytest.mark.parametrize(("minor", "moved"), [(300, 300), (None, 600)])
async def test_a_transfer_moves_what_is_available(db: Db, minor: int | None, moved: int) -> None:
    commit = commit_to(db)
    (source,), (target,) = await commit([issue("k1")]), await commit([issue("k2", 50)])
    await commit([hold("h", source.credit_id, 400, IDS.new())])
    (answer,) = await commit([on(Verb.TRANSFER, "x", source.credit_id, minor, other_id=target.credit_id)])
    done = posted(answer)
    (into,) = done.parts
    assert (done.change, done.balance, done.held) == (-moved, 1000 - moved, 400)
    assert (into.credit_id, into.change, into.balance) == (target.credit_id, moved, 50 + moved)
    assert [total.amount for total in await store.totals(db) if total.account == "transfer"] == [0]
    await check_whole(db)


async def test_a_redemption_over_several_takes_from_each_in_order_and_all_or_nothing(db: Db) -> None:
    commit = commit_to(db)
    ids = [(await commit([issue(f"k{n}", 100, state=state)]))[0].credit_id for n, state in enumerate(
        (State.UNCLAIMED, State.ACTIVE, State.ACTIVE, State.ACTIVE)
    )]  # fmt: skip
    events = tuple(IDS.new() for _ in ids[1:])
    asked = on(Verb.REDEEM, "x", ids[0], 150, others=tuple(ids[1:]), other_events=events)
    (answer,) = await commit([asked])
    done = posted(answer)
    assert [(one.credit_id, one.change) for one in (done, *done.parts)] == [(ids[1], -100), (ids[2], -50)]
    (poor,) = await commit([on(Verb.REDEEM, "y", ids[0], 151, others=tuple(ids[1:]), other_events=events)])
    assert not isinstance(poor.result, type(done))
    assert [(await standing(db, one)).balance for one in ids] == [100, 0, 50, 100]
    (again,) = await commit([asked])
    assert posted(await store.whole(db, again)) == done
    await check_whole(db)


async def test_a_lapse_that_came_too_early_keeps_no_hold_open(db: Db) -> None:
    # A sweep whose clock was ahead is refused, for ever under that key; the hold still ends.
    commit = commit_to(db)
    (issued,) = await commit([issue("k")])
    hold_id = IDS.new()
    await commit([hold("h", issued.credit_id, 1000, hold_id, 60)])
    (early,) = await commit([on(Verb.LAPSE, f"expiry:hold:{hold_id}", issued.credit_id, hold_id=hold_id)])
    assert said_by(early) == "not-expired-yet"
    (redeemed,) = await commit_to(db, START + timedelta(seconds=60))([on(Verb.REDEEM, "r", issued.credit_id, 700)])
    assert (posted(redeemed).balance, posted(redeemed).held) == (300, 0)
    await check_whole(db)


async def test_a_hold_whose_time_is_up_is_let_go_by_whoever_comes_next(db: Db) -> None:
    commit = commit_to(db)
    (issued,) = await commit([issue("k")])
    hold_id = IDS.new()
    await commit([hold("h", issued.credit_id, 1000, hold_id, 60)])
    (redeemed,) = await commit_to(db, START + timedelta(seconds=60))([on(Verb.REDEEM, "r", issued.credit_id, 700)])
    assert posted(redeemed).version == 4
    lines = await store.statement(db, issued.credit_id)
    assert [line.verb for line in lines] == [Verb.ISSUE, Verb.HOLD, Verb.LAPSE, Verb.REDEEM]
    assert lines[2].cause == f"hold:{hold_id}"
    # Nobody else came: the sweep lets it go, with the key that the ledger itself would have used.
    assert not await store.ended_holds(db, START + timedelta(days=1), 10)
    await check_whole(db)
