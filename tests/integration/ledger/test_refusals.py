"""Every refusal is reached, and of two that apply at once the earlier in the list is the answer."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from itertools import combinations
from typing import Any, Final
from uuid import UUID

import pytest

from tests.integration.ledger.postings import (
    IDS,
    OWNER,
    START,
    claim,
    code_of,
    commit_to,
    hold,
    issue,
    on,
    posted,
    redeem,
    reissue,
    said_by,
)
from tests.integration.ledger.wholeness import check_whole
from tillbridge.kernel.db import Db, Query
from tillbridge.kernel.money import AmountFault, parse
from tillbridge.ledger.model import REFUSALS, Posting, State, Use, Verb

ORDER: Final = [refusal.code for refusal in REFUSALS]
LATER: Final = START + timedelta(hours=1)
_REFUSED = Query("tests.refused", "SELECT refusal::text FROM ledger.request WHERE refusal IS NOT NULL")
Case = Callable[[Db], Awaitable[str]]


async def card(db: Db, key: str = "k1", minor: int = 1000, **more: Any) -> UUID:
    """A credit."""
    (answer,) = await commit_to(db)([issue(key, minor, **more)])
    return posted(answer).credit_id


async def held(db: Db, seconds: int = 600) -> tuple[UUID, UUID]:
    """A credit of which 400 are held; credit and hold."""
    credit_id, hold_id = await card(db), IDS.new()
    (answer,) = await commit_to(db)([hold("h1", credit_id, 400, hold_id, seconds)])
    assert said_by(answer) == "ok"
    return credit_id, hold_id


async def last(db: Db, *postings: Posting, later: bool = False) -> str:
    """Post one after the other; what the last was answered."""
    said = ""
    for posting in postings:
        (answer,) = await commit_to(db, LATER if later else START)([posting])
        said = said_by(answer)
    return said


async def amount_too_fine(_: Db) -> str:
    # Integers of minor units cannot be too fine: whoever reads the text refuses it.
    with pytest.raises(AmountFault) as fault:
        parse("10.005", "USD")
    return f"amount-{fault.value.code}"


async def unknown_hold(db: Db) -> str:
    _, hold_id = await held(db)
    # A hold of another credit is as unknown as none.
    return await last(db, on(Verb.CAPTURE, "c", await card(db, "k2"), 1, hold_id=hold_id))


async def cannot_merge(db: Db) -> str:
    return await last(
        db, on(Verb.TRANSFER, "t", await card(db), 1, other_id=await card(db, "k2", bucket="promo"))
    )  # fmt: skip


async def hold_over(db: Db) -> str:
    credit_id, hold_id = await held(db)
    release = on(Verb.RELEASE, "r", credit_id, hold_id=hold_id)
    return await last(db, release, on(Verb.CAPTURE, "c", credit_id, hold_id=hold_id))


async def more_than_redeemed(db: Db) -> str:
    return await last(db, on(Verb.REFUND, "b", await card(db), 1, cause="T-1"))


async def credit_held(db: Db) -> str:
    return await last(db, on(Verb.VOID, "v", (await held(db))[0]))


async def of_one(db: Db, verb: Verb, minor: int | None = None, currency: str = "USD", **more: Any) -> str:
    """What a verb on a plain credit of 10.00 USD is answered."""
    return await last(db, on(verb, "x", await card(db), minor, currency, **more))


CASES: Final[dict[str, Case]] = {
    "amount-not-positive": lambda db: of_one(db, Verb.LOAD, 0),
    "amount-too-fine": amount_too_fine,
    "unknown-credit": lambda db: last(db, redeem("r", IDS.new(), 1)),
    "unknown-hold": unknown_hold,
    "code-taken": lambda db: last(db, issue("a", code="A"), issue("b", code="A")),
    "other-currency": lambda db: of_one(db, Verb.HOLD, 1, "CAD", hold_id=IDS.new(), hold_ends=LATER),
    "credit-pending": lambda db: last(db, first := issue("a", state=State.UNCLAIMED), redeem("r", first.credit_id, 1)),
    "already-claimed": lambda db: of_one(db, Verb.CLAIM, owner=OWNER),
    "already-active": lambda db: of_one(db, Verb.ACTIVATE, 1),
    "not-frozen": lambda db: of_one(db, Verb.UNFREEZE),
    "credit-frozen": lambda db: last(
        db, a := issue("a"), on(Verb.FREEZE, "f", a.credit_id), redeem("r", a.credit_id, 1)
    ),
    "credit-void": lambda db: last(db, a := issue("a"), on(Verb.VOID, "v", a.credit_id), redeem("r", a.credit_id, 1)),
    "credit-expired": lambda db: last(db, a := issue("a", expires_at=START), redeem("r", a.credit_id, 1)),
    "cannot-merge": cannot_merge,
    "hold-over": hold_over,
    "over-limit": lambda db: of_one(db, Verb.LOAD, 1, ceiling=1000),
    "cash-out-not-due": lambda db: of_one(db, Verb.CASH_OUT, ceiling=999),
    "not-expired-yet": lambda db: of_one(db, Verb.EXPIRE),
    "more-than-redeemed": more_than_redeemed,
    "credit-held": credit_held,
    "not-as-expected": lambda db: of_one(db, Verb.VOID, expected=999),
    "not-enough-available": lambda db: of_one(db, Verb.REDEEM, 1001),
}
"""How each refusal is brought about."""


def test_every_refusal_has_a_case_that_reaches_it() -> None:
    assert list(CASES) == ORDER


@pytest.mark.parametrize("code", ORDER)
async def test_each_refusal_is_reached(db: Db, code: str) -> None:
    assert await CASES[code](db) == code
    # What was refused wrote nothing but the refusal itself, and the book is whole.
    refused = [row["refusal"] for row in await db.fetch(_REFUSED)]
    assert refused == ([] if code == "amount-too-fine" else [code])
    await check_whole(db)


# One command with several things wrong at once. Each of these sets one thing wrong with the credit, its counterpart or
# the command; two that set the same thing cannot both be wrong.

FAULTS: Final[dict[Verb, dict[str, dict[str, Any]]]] = {
    Verb.REDEEM: {
        "amount-not-positive": {"minor": -1},
        "unknown-credit": {"unknown": True},
        "other-currency": {"currency": "CAD"},
        "credit-pending": {"state": State.UNCLAIMED},
        "credit-frozen": {"state": State.FROZEN},
        "credit-void": {"state": State.VOID},
        "credit-expired": {"ended": True},
        "over-limit": {"uses": (Use("a", START.date(), count_max=0),)},
        "not-enough-available": {"minor": 10**6},
    },
    Verb.LOAD: {
        "amount-not-positive": {"minor": 0},
        "unknown-credit": {"unknown": True},
        "other-currency": {"currency": "CAD"},
        "credit-pending": {"state": State.UNCLAIMED},
        "credit-frozen": {"state": State.FROZEN},
        "credit-void": {"state": State.VOID},
        "credit-expired": {"ended": True},
        "over-limit": {"ceiling": 10},
    },
    Verb.TRANSFER: {
        "amount-not-positive": {"minor": 0},
        "unknown-credit": {"unknown": True},
        "other-currency": {"currency": "CAD"},
        "credit-pending": {"other_state": State.UNCLAIMED},
        "credit-frozen": {"state": State.FROZEN},
        "credit-void": {"state": State.VOID},
        "credit-expired": {"ended": True},
        "cannot-merge": {"other_bucket": "promo"},
        "over-limit": {"ceiling": 10},
        "not-enough-available": {"minor": 10**6},
    },
    Verb.REFUND: {
        "amount-not-positive": {"minor": 0},
        "unknown-credit": {"unknown": True},
        "other-currency": {"currency": "CAD"},
        "credit-pending": {"state": State.UNCLAIMED},
        "credit-void": {"state": State.VOID},
        "credit-expired": {"ended": True},
        "over-limit": {"uses": (Use("a", START.date(), count_max=0),)},
        "more-than-redeemed": {"cause": "T-none"},
    },
    Verb.CASH_OUT: {
        "unknown-credit": {"unknown": True},
        "credit-pending": {"state": State.UNCLAIMED},
        "credit-frozen": {"state": State.FROZEN},
        "credit-void": {"state": State.VOID},
        "credit-expired": {"ended": True},
        "cash-out-not-due": {"ceiling": 1},
        "credit-held": {"held": True},
        "not-as-expected": {"expected": 1},
    },
    Verb.REISSUE: {
        "unknown-credit": {"unknown": True},
        "code-taken": {"code": "k1"},
        "credit-void": {"state": State.VOID},
        "credit-expired": {"ended": True},
        "credit-held": {"held": True},
        "not-as-expected": {"expected": 1},
    },
    Verb.CAPTURE: {
        "amount-not-positive": {"minor": 0},
        "unknown-hold": {"stranger": True},
        "other-currency": {"currency": "CAD"},
        "credit-frozen": {"state": State.FROZEN},
        "hold-over": {"hold_seconds": 60},
        "not-enough-available": {"minor": 10**6},
    },
    Verb.ADJUST: {
        "amount-not-positive": {"minor": 0},
        "unknown-credit": {"unknown": True},
        "other-currency": {"currency": "CAD"},
        "credit-void": {"state": State.VOID},
        "credit-expired": {"ended": True},
        "over-limit": {"uses": (Use("a", START.date(), count_max=0),)},
        "not-as-expected": {"expected": 1},
        "not-enough-available": {"minor": 10**6},
    },
    Verb.VOID: {
        "unknown-credit": {"unknown": True},
        "credit-void": {"state": State.VOID},
        "credit-expired": {"ended": True},
        "credit-held": {"held": True},
        "not-as-expected": {"expected": 1},
    },
}
RIGHT: Final[dict[Verb, dict[str, Any]]] = {
    Verb.REDEEM: {"minor": 100},
    Verb.LOAD: {"minor": 100},
    Verb.TRANSFER: {"minor": 100},
    Verb.REFUND: {"minor": 100, "cause": "T-k1"},
    Verb.CASH_OUT: {"ceiling": 10**6},
    Verb.REISSUE: {},
    Verb.CAPTURE: {"minor": 100, "held": True, "hold_seconds": 36000},
    Verb.ADJUST: {"minor": 100, "down": True},
    Verb.VOID: {},
}
"""What a command that is not refused says."""


def pairs() -> list[tuple[Verb, str, str]]:
    """Two faults of one command that can be there at once."""
    return [
        (verb, first, second)
        for verb, faults in FAULTS.items()
        for first, second in combinations(faults, 2)
        if not faults[first].keys() & faults[second].keys() and not _excluded(faults[first] | faults[second])
    ]


def _excluded(wrong: dict[str, Any]) -> bool:
    """An unclaimed or void credit cannot have an open hold."""
    return bool(wrong.get("held")) and wrong.get("state") in (State.UNCLAIMED, State.VOID)


@pytest.mark.parametrize("verb", list(FAULTS))
async def test_with_nothing_wrong_it_is_not_refused(db: Db, verb: Verb) -> None:
    assert await answer_to(db, verb, RIGHT[verb]) == "ok"


@pytest.mark.parametrize("verb", list(FAULTS))
async def test_each_fault_alone(db: Db, verb: Verb) -> None:
    for number, (code, wrong) in enumerate(FAULTS[verb].items()):
        assert await answer_to(db, verb, RIGHT[verb] | wrong, f"-{number}") == code


@pytest.mark.parametrize("verb", list(FAULTS))
async def test_the_earlier_of_two_is_the_answer(db: Db, verb: Verb) -> None:
    assert list(FAULTS[verb]) == sorted(FAULTS[verb], key=ORDER.index)
    for number, (_, first, second) in enumerate(pair for pair in pairs() if pair[0] is verb):
        wrong = RIGHT[verb] | FAULTS[verb][second] | FAULTS[verb][first]
        assert await answer_to(db, verb, wrong, f"-{number}") == first, (first, second)


async def answer_to(db: Db, verb: Verb, facts: dict[str, Any], name: str = "") -> str:
    """Bring a credit to where the facts say, and say what a command of the verb is answered an hour later."""
    facts = dict(facts)
    name = f"{name}-{verb.value}"
    state = facts.pop("state", State.ACTIVE)
    ends = START + timedelta(minutes=30) if facts.pop("ended", False) else None
    born = state if state is State.UNCLAIMED else State.ACTIVE
    first = issue(f"k1{name}", 1000, state=born, expires_at=ends)
    before = [first]
    if verb is Verb.REFUND and born is State.ACTIVE:
        before.append(on(Verb.REDEEM, f"r{name}", first.credit_id, 100, origin=first.origin))
    seconds, hold_id = facts.pop("hold_seconds", 36000), IDS.new()
    if facts.pop("held", False):
        before.append(hold(f"h{name}", first.credit_id, 400, hold_id, seconds))
    leads = {State.FROZEN: Verb.FREEZE, State.VOID: Verb.VOID}
    if state in leads:
        before.append(on(leads[state], f"s{name}", first.credit_id))
    credit_id = IDS.new() if facts.pop("unknown", False) else first.credit_id
    if verb is Verb.CAPTURE:
        facts["hold_id"] = IDS.new() if facts.pop("stranger", False) else hold_id
    if verb is Verb.TRANSFER:
        other = issue(
            f"k2{name}", 1000, state=facts.pop("other_state", State.ACTIVE), bucket=facts.pop("other_bucket", "refund")
        )
        before.append(other)
        facts["other_id"] = other.credit_id
    if verb is Verb.REFUND:
        facts["cause"] = first.origin.transaction_id if facts["cause"] == "T-k1" else facts["cause"]
    for posting in before:
        (answer,) = await commit_to(db)([posting])
        assert said_by(answer) == "ok", posting
    minor, currency = facts.pop("minor", None), facts.pop("currency", "USD")
    if verb is Verb.REISSUE:
        code = f"k1{name}" if facts.pop("code", "") else f"new{name}"
        return await last(db, reissue(f"x{name}", credit_id, code, **facts), later=True)
    return await last(db, on(verb, f"x{name}", credit_id, minor, currency, **facts), later=True)


async def test_a_transfer_names_the_earlier_reason_of_two_credits(db: Db) -> None:
    gone, waiting = await card(db), await card(db, "k2", state=State.UNCLAIMED)
    assert (
        await last(db, on(Verb.VOID, "v", gone), on(Verb.TRANSFER, "t", gone, 1, other_id=waiting)) == "credit-pending"
    )


async def test_a_claim_and_a_void_of_what_is_gone(db: Db) -> None:
    credit_id = await card(db)
    (voided, again) = await commit_to(db)([on(Verb.VOID, "v1", credit_id), on(Verb.VOID, "v2", credit_id)])
    assert posted(voided).state is State.VOID
    assert code_of(again) == "credit-void"
    assert await last(db, claim("c", credit_id)) == "credit-void"
