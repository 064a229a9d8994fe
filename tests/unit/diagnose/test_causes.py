"""Every cause: what proves it, what nearly does, which goes first; and the legs on which something went missing."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from tests.unit.diagnose.worth import (
    AS_OF,
    BORN,
    CHAIN,
    CLEAR,
    NIGHT,
    NOBODY,
    SEVERAL,
    STAR,
    UNKNOWN,
    case,
    cause,
    found,
    kind,
    moved,
    scope,
)
from tillbridge.diagnose import causes
from tillbridge.diagnose.causes import Question
from tillbridge.diagnose.findings import needs_the_directory
from tillbridge.diagnose.model import Case, Cause, Class, Side
from tillbridge.diagnose.view import Scope, View
from tillbridge.diagnose.way import ASSUMED, way_of
from tillbridge.stack.model import Trigger

HAND = {"origin": "erp_manual", "transaction_id": ""}
PROMO = {"bucket": "promo"}
ORPHAN = case(shown=None)
ON_ITS_WAY = moved(case(shown=None, booked=None), AS_OF - BORN - timedelta(hours=20))
LOCKED = {"status": "error", "amount": None, "error": "period locked"}
REJECTED = {"status": "error", "amount": None, "error": "currency CAD not mapped"}

HOLDS: list[tuple[Class, Cause | None, Case]] = [
    (Class.UNBACKED, Cause.MANUAL_BYPASS, case(sale=None, held=HAND)),
    (Class.UNBACKED, Cause.MANUAL_BYPASS, case(sale=None, held=None, shown=None)),
    (Class.UNBACKED, Cause.MANUAL_BYPASS, case(sale=None, held=None, booked=None)),
    (Class.ORPHAN, Cause.NO_CUSTOMER, replace(ORPHAN, answer=NOBODY)),
    (Class.MISSING_ON_PLATFORM, Cause.NO_CUSTOMER, case(held=None, answer=NOBODY)),
    (Class.ORPHAN, Cause.IDENTIFIER_MISMATCH, replace(ORPHAN, answer=UNKNOWN)),
    (Class.ORPHAN, Cause.IDENTIFIER_MISMATCH, replace(ORPHAN, answer=SEVERAL)),
    (Class.ORPHAN, Cause.MAPPING_REJECTED, case(shown=None, held=PROMO)),
    (
        Class.ORPHAN,
        Cause.MAPPING_REJECTED,
        case(shown=None, sale={"amount": 50001}, held={"issued": 50001, "balance": 50001}, booked={"amount": 50001}),
    ),
    (Class.ORPHAN, Cause.MAPPING_REJECTED, case(shown=None, booked=REJECTED)),
    (Class.MISSING_IN_ERP, Cause.MAPPING_REJECTED, case(booked=REJECTED)),
    (Class.ORPHAN, Cause.WRITE_BACK_FAILED, case(shown=None, booked=LOCKED)),
    (Class.ORPHAN, Cause.WRITE_BACK_FAILED, case(shown=None, booked=None)),
    (
        Class.ORPHAN,
        Cause.WRITE_BACK_FAILED,
        case(shown=None, booked={**LOCKED, "error": "schema: field currency unknown"}),
    ),
    (Class.MISSING_IN_ERP, Cause.WRITE_BACK_FAILED, case(booked=None)),
    (Class.MISSING_IN_ERP, Cause.WRITE_BACK_FAILED, case(booked=LOCKED)),
    (Class.ORPHAN, Cause.POLLING_LAG, ON_ITS_WAY),
    (Class.MISSING_IN_ERP, Cause.POLLING_LAG, moved(case(booked=None), AS_OF - BORN - timedelta(hours=20))),
    (Class.ORPHAN, Cause.LOST_IN_HOP, ORPHAN),
    (Class.MISSING_ON_PLATFORM, Cause.LOST_IN_HOP, case(held=None, shown=None, booked=None)),
    (Class.AMOUNT_MISMATCH, None, case(sale={"amount": 1})),
    (Class.DUPLICATE_ISSUE, None, case(held=[{}, {"credit_id": "C2"}], answer=NOBODY)),
    (Class.STALE_AFTER_REDEEM, None, case(held={"balance": 1, "last_activity_at": AS_OF})),
    (Class.VOID_NOT_PROPAGATED, None, case(held={"state": "void"})),
]


@pytest.mark.parametrize(("of", "why", "one"), HOLDS, ids=[f"{row[0]} {row[1]} {n}" for n, row in enumerate(HOLDS)])
def test_what_holds(of: Class, why: Cause | None, one: Case) -> None:
    assert (kind(one), cause(one)) == (of, why)


def test_every_cause_has_a_case_and_a_rule_in_the_order_of_the_list() -> None:
    assert {row[1] for row in HOLDS} == {None, *Cause}
    assert tuple(cause for cause, _rule in causes.RULES) == tuple(Cause)


# The first of two that hold is the cause.
BOTH: list[tuple[Cause, Cause, Case]] = [
    (Cause.NO_CUSTOMER, Cause.MAPPING_REJECTED, case(shown=None, held=PROMO, answer=NOBODY)),
    (Cause.NO_CUSTOMER, Cause.WRITE_BACK_FAILED, case(shown=None, booked=LOCKED, answer=NOBODY)),
    (Cause.NO_CUSTOMER, Cause.POLLING_LAG, replace(ON_ITS_WAY, answer=NOBODY)),
    (Cause.NO_CUSTOMER, Cause.LOST_IN_HOP, replace(ORPHAN, answer=NOBODY)),
    (Cause.IDENTIFIER_MISMATCH, Cause.MAPPING_REJECTED, case(shown=None, held=PROMO, answer=UNKNOWN)),
    (Cause.IDENTIFIER_MISMATCH, Cause.WRITE_BACK_FAILED, case(shown=None, booked=None, answer=SEVERAL)),
    (Cause.IDENTIFIER_MISMATCH, Cause.POLLING_LAG, replace(ON_ITS_WAY, answer=UNKNOWN)),
    (Cause.IDENTIFIER_MISMATCH, Cause.LOST_IN_HOP, replace(ORPHAN, answer=SEVERAL)),
    (Cause.MAPPING_REJECTED, Cause.WRITE_BACK_FAILED, case(shown=None, booked=REJECTED)),
    (
        Cause.MAPPING_REJECTED,
        Cause.POLLING_LAG,
        replace(ON_ITS_WAY, held=(replace(ON_ITS_WAY.held[0], bucket="promo"),)),
    ),
    (Cause.MAPPING_REJECTED, Cause.LOST_IN_HOP, case(shown=None, held=PROMO)),
    (
        Cause.WRITE_BACK_FAILED,
        Cause.POLLING_LAG,
        moved(case(shown=None, booked=LOCKED), AS_OF - BORN - timedelta(hours=20)),
    ),
    (Cause.WRITE_BACK_FAILED, Cause.LOST_IN_HOP, case(shown=None, booked=None)),
    (Cause.POLLING_LAG, Cause.LOST_IN_HOP, ON_ITS_WAY),
]


@pytest.mark.parametrize(("first", "second", "one"), BOTH, ids=[f"{row[0]} before {row[1]}" for row in BOTH])
def test_the_first_cause_that_holds_is_it(first: Cause, second: Cause, one: Case) -> None:
    rules = dict(causes.RULES)
    asked = Question(View(one, scope()), Class.ORPHAN)
    assert rules[first](asked)
    assert rules[second](asked), "the pair says nothing unless both hold"
    assert cause(one) is first


@pytest.mark.parametrize(
    ("one", "not_it"),
    [
        (replace(ORPHAN, answer=CLEAR), Cause.NO_CUSTOMER),
        (replace(ORPHAN, answer=CLEAR), Cause.IDENTIFIER_MISMATCH),
        (replace(ORPHAN, answer=None), Cause.NO_CUSTOMER),
        (case(shown=None, held={"customer_id": "A1"}, answer=NOBODY), Cause.NO_CUSTOMER),
        (case(shown=None, held={"customer_id": "A1"}, answer=SEVERAL), Cause.IDENTIFIER_MISMATCH),
        (case(booked=None, answer=NOBODY), Cause.NO_CUSTOMER),
        (case(booked={**LOCKED, "error": "lock on amount table"}), Cause.MAPPING_REJECTED),
        (case(shown=None, booked={**LOCKED, "error": ""}), Cause.MAPPING_REJECTED),
        (case(shown=None, held={"bucket": "goodwill"}), Cause.MAPPING_REJECTED),
    ],
)
def test_what_nearly_is_the_cause(one: Case, not_it: Cause) -> None:
    assert found(one) is not None
    assert cause(one) is not not_it


def test_the_directory_is_asked_only_where_whose_it_is_decides() -> None:
    assert needs_the_directory(ORPHAN, scope())
    assert needs_the_directory(case(held=None), scope())
    for one in (case(), case(booked=None), case(sale=None), case(shown=None, held={"customer_id": "A1"})):
        assert not needs_the_directory(one, scope())


def at(hour: int, minute: int = 0, day: int = 21) -> datetime:
    """In Harbor & Pine's own zone, which is five hours behind."""
    return datetime(2026, 11, day, hour + 5, minute, tzinfo=UTC)


def test_what_is_on_its_way_says_when_it_will_be_there() -> None:
    posted = moved(ORPHAN, AS_OF - BORN - timedelta(hours=20))
    one = found(posted)
    assert one is not None
    booked_at = posted.booked[0].posted_at
    assert booked_at is not None
    assert (one.cause, one.due) == (Cause.POLLING_LAG, at(12))
    assert one.evidence[-1].at == at(12)
    assert one.risk == "none"
    assert "Do not reissue" in one.action
    lost = found(ORPHAN)
    assert lost is not None
    assert lost.due is None
    # The books take it at 02:00; what was promised for it is over at its deadline, and no second before.
    books = way_of(CHAIN, frozenset(Side)).online[0]
    deadline = way_of(CHAIN, frozenset(Side)).deadline(books, ON_ITS_WAY.held[0].issued_at)
    assert cause(ON_ITS_WAY, scope(as_of=deadline)) is Cause.POLLING_LAG
    assert cause(ON_ITS_WAY, scope(as_of=deadline + timedelta(seconds=1))) is Cause.WRITE_BACK_FAILED


def test_the_hop_that_lost_it_and_the_last_that_has_it_are_named() -> None:
    def proof(one: Case, within: Scope) -> tuple[str, str]:
        finding = found(one, within)
        assert finding is not None
        assert finding.cause is Cause.LOST_IN_HOP
        return finding.evidence[-1].source, finding.evidence[-1].fact

    assert proof(ORPHAN, scope())[0] == "erp-web"
    assert proof(case(held=None, shown=None, booked=None), scope())[0] == "registers-platform"
    assert proof(ORPHAN, scope(STAR))[0] == "platform-web"
    assert proof(ORPHAN, scope(None))[0] == "the platform to the web store"
    assert proof(case(shown=None, booked=None), scope(read="pos platform storefront"))[0] == "platform-…-web"
    assert "should have delivered it by now" in proof(ORPHAN, scope())[1]


def test_a_star_does_not_wait_for_the_books() -> None:
    lost = case(shown=None, booked=None)
    assert (cause(lost), cause(lost, scope(STAR))) == (Cause.WRITE_BACK_FAILED, Cause.LOST_IN_HOP)
    assert cause(case(booked=None), scope(STAR)) is Cause.WRITE_BACK_FAILED


def test_without_a_map_a_day_is_allowed() -> None:
    since = AS_OF - BORN - ASSUMED
    fresh = moved(case(shown=None), since + timedelta(minutes=1))
    old = moved(case(shown=None), since - timedelta(hours=20))
    assert (cause(fresh, scope(None)), cause(old, scope(None))) == (Cause.POLLING_LAG, Cause.LOST_IN_HOP)
    one = found(fresh, scope(None))
    assert one is not None
    assert "no map says when it is due" in one.evidence[-1].fact


def test_books_that_were_not_read_prove_nothing() -> None:
    read = scope(read="pos platform storefront")
    assert cause(case(shown=None, booked=None), read) is Cause.LOST_IN_HOP
    assert cause(case(held=None, shown=None, booked=None), scope(read="pos erp")) is Cause.WRITE_BACK_FAILED


def test_the_legs_of_a_map() -> None:
    everything = frozenset(Side)
    chain = way_of(CHAIN, everything)
    assert [leg.name for leg in chain.entry] == ["registers-platform"]
    assert [(leg.name, leg.side) for leg in chain.online] == [
        ("platform-…-erp", Side.ERP),
        ("erp-web", Side.STOREFRONT),
    ]
    assert [leg.name for leg in chain.books] == ["platform-…-erp"]
    assert [leg.waits for leg in (*chain.entry, *chain.online)] == [False, True, True]
    assert chain.books_first
    assert [leg.side for leg in way_of(CHAIN, everything - {Side.ERP}).online] == [Side.STOREFRONT]
    star = way_of(STAR, everything)
    assert [leg.name for leg in star.online] == ["platform-web"]
    assert (star.books_first, star.online[0].waits, star.books[0].waits) == (False, False, True)
    unmapped = way_of(None, everything)
    assert [len(legs) for legs in (unmapped.entry, unmapped.online, unmapped.books)] == [1, 1, 1]
    assert unmapped.next_run(unmapped.online[0], BORN) is None
    assert unmapped.deadline(unmapped.online[0], BORN) == BORN + ASSUMED


def test_deadlines_and_runs() -> None:
    way = way_of(CHAIN, frozenset(Side))
    books, web = way.online
    assert way.next_run(books, at(10, day=20)) == at(2)
    assert way.deadline(books, at(10, day=20)) == at(10, day=20) + timedelta(seconds=30, hours=26)
    assert way.next_run(web, at(2, 5)) == at(12)
    assert way.deadline(web, at(2, 5)) == at(2, 5) + timedelta(hours=13)
    assert way.next_run(way.entry[0], BORN) is None
    assert way.deadline(way.entry[0], BORN) == BORN + timedelta(seconds=2)
    assert {hop.trigger for hop in (*books.hops, *web.hops)} == {Trigger.WEBHOOK, Trigger.BATCH, Trigger.POLL}
    assert at(2, 5, day=11) == NIGHT
