"""Every class: what holds, what nearly does and does not, and which goes before which."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from tests.unit.diagnose.worth import (
    AS_OF,
    BORN,
    CODE,
    GOOD,
    HELD,
    NOON,
    SALE,
    SHOWN,
    SINCE,
    SPENT,
    STAR,
    case,
    found,
    kind,
    moved,
    scope,
)
from tillbridge.diagnose import classes
from tillbridge.diagnose.findings import class_of
from tillbridge.diagnose.mends import BY_CAUSE, mend_for
from tillbridge.diagnose.model import CAUSES, CLASSES, RISKS, Case, Cause, Class, Finding
from tillbridge.diagnose.view import View

SECOND = timedelta(seconds=1)
FIRST = replace(HELD, credit_id="C0", code="6000000000000001")
OLD = {"issued_at": SINCE - timedelta(days=90), "last_activity_at": SINCE - timedelta(days=90)}
ORDER = {"origin": "online_order", "transaction_id": "WEB1"}
HAND = {"origin": "erp_manual", "transaction_id": ""}
PART = {"balance": 2000, "last_activity_at": SPENT}
LATER = {"updated_at": SPENT + timedelta(days=1)}

HOLDS: list[tuple[Class, str, Case]] = [
    (
        Class.DOUBLE_REDEMPTION,
        "the web store sold after the register did",
        case(held=PART, shown={"available": 2500, **LATER}),
    ),
    (
        Class.DOUBLE_REDEMPTION,
        "both credits of a sale paid",
        case(held={"balance": 1000}, first=replace(FIRST, balance=0)),
    ),
    (Class.VOID_NOT_PROPAGATED, "void", case(held={"state": "void", "balance": 0})),
    (Class.VOID_NOT_PROPAGATED, "expired", case(held={"state": "expired", "balance": 0})),
    (
        Class.VOID_NOT_PROPAGATED,
        "changed in the window",
        case(sale=None, held={**OLD, "state": "void", "last_activity_at": SPENT}),
    ),
    (Class.DUPLICATE_ISSUE, "second of a sale", case(shown=None, booked=None, first=FIRST)),
    (Class.DUPLICATE_ISSUE, "second, and spent in part", case(held=PART, shown=None, first=FIRST)),
    (Class.DUPLICATE_ISSUE, "one code twice", case(held=[{}, {"credit_id": "C2"}])),
    (Class.STALE_AFTER_REDEEM, "all is shown", case(held=PART)),
    (Class.STALE_AFTER_REDEEM, "all is gone", case(held={**PART, "balance": 0, "state": "redeemed"})),
    (Class.STALE_AFTER_REDEEM, "the second of two", case(held={**PART, "balance": 500}, shown={"available": 2000})),
    (Class.STALE_AFTER_REDEEM, "all is shown, and said again", case(held=PART, shown=LATER)),
    (Class.UNBACKED, "by hand on the platform", case(sale=None, held=HAND)),
    (Class.UNBACKED, "no such receipt", case(sale=None)),
    (Class.UNBACKED, "an order without a number", case(sale=None, held={**ORDER, "transaction_id": ""})),
    (Class.UNBACKED, "the books alone", case(sale=None, held=None, shown=None, booked={"transaction_id": ""})),
    (Class.UNBACKED, "the web store alone", case(sale=None, held=None, booked=None)),
    (
        Class.UNBACKED,
        "the web store alone, undated",
        case(sale=None, held=None, booked=None, shown={"updated_at": None}),
    ),
    (Class.MISSING_ON_PLATFORM, "the register alone", case(held=None, shown=None, booked=None)),
    (Class.MISSING_ON_PLATFORM, "all but the platform", case(held=None)),
    (Class.AMOUNT_MISMATCH, "sold for less", case(sale={"amount": 4000})),
    (Class.AMOUNT_MISMATCH, "in another currency", case(sale={"currency": "CAD"})),
    (Class.AMOUNT_MISMATCH, "booked for more", case(booked={"amount": 5001})),
    (Class.AMOUNT_MISMATCH, "booked twice", case(booked=[{}, {"document_id": "D2"}])),
    (Class.AMOUNT_MISMATCH, "less is shown", case(shown={"available": 1728})),
    (Class.AMOUNT_MISMATCH, "nothing is shown", case(shown={"available": 0})),
    (Class.AMOUNT_MISMATCH, "more is shown", case(shown={"available": 5500})),
    (Class.AMOUNT_MISMATCH, "two accounts show it", case(shown=[{}, {"account_id": "A2"}])),
    (
        Class.AMOUNT_MISMATCH,
        "two accounts show half of what was",
        case(
            held={**PART, "balance": 2500},
            shown=[{"available": 2500, **LATER}, {"available": 2500, "account_id": "A2", **LATER}],
        ),
    ),
    (Class.AMOUNT_MISMATCH, "shown in another currency", case(shown={"currency": "CAD"})),
    (Class.ORPHAN, "nobody shows it", case(shown=None)),
    (Class.ORPHAN, "unclaimed", case(shown=None, held={"state": "unclaimed"})),
    (Class.ORPHAN, "and not in the books", case(shown=None, booked=None)),
    (Class.ORPHAN, "by an order", case(sale=None, shown=None, held=ORDER)),
    (Class.MISSING_IN_ERP, "no document", case(booked=None)),
    (Class.MISSING_IN_ERP, "an error", case(booked={"status": "error", "error": "deadlock detected"})),
    (
        Class.MISSING_IN_ERP,
        "spent, and still none",
        case(booked=None, held={**PART, "balance": 0, "state": "redeemed"}, shown={"available": 0}),
    ),
]

QUIET: list[tuple[str, Case]] = [
    ("all agree", GOOD),
    ("spent, and said", case(held=PART, shown={"available": 2000, **LATER})),
    ("spent, and no longer shown", case(held={**PART, "balance": 0, "state": "redeemed"}, shown=None)),
    ("spent, and shown as nothing", case(held={**PART, "balance": 0, "state": "redeemed"}, shown={"available": 0})),
    ("void, and no longer shown", case(held={"state": "void", "balance": 0}, shown=None)),
    ("void, and shown as nothing", case(held={"state": "void", "balance": 0}, shown={"available": 0})),
    ("void, with the balance it had", case(held={"state": "void"}, shown=None)),
    ("void, and not in the books", case(held={"state": "void", "balance": 0}, shown=None, booked=None)),
    ("expired", case(held={"state": "expired"}, shown={"available": 0})),
    ("by an order", case(sale=None, held=ORDER)),
    ("the second was taken back", case(held={"state": "void", "balance": 0}, shown=None, booked=None, first=FIRST)),
    ("one code twice, one void", case(held=[{"balance": 9000, "state": "void"}, {"credit_id": "C0"}])),
    ("stands in for another", case(sale={"code": "6000000000000001", "amount": 7000}, booked={"amount": 7000})),
    ("frozen, and shown as nothing", case(held={"state": "frozen"}, shown={"available": 0})),
    ("frozen, and shown", case(held={"state": "frozen"})),
    ("frozen, and not shown", case(held={"state": "frozen"}, shown=None)),
    ("not active yet", case(held={"state": "pending"}, shown=None, booked=None)),
    (
        "loaded later, which the platform adds",
        case(
            sale=[{}, {"transaction_id": "T2", "amount": 2000}],
            held={"issued": 7000, "balance": 7000},
            shown={"available": 7000},
            booked=[{}, {"document_id": "D2", "amount": 2000}],
        ),
    ),
    (
        "loaded later, which the platform does not add",
        case(
            sale=[{}, {"transaction_id": "T2", "amount": 2000}],
            held={"balance": 7000},
            shown={"available": 7000},
            booked=[{}, {"document_id": "D2", "amount": 2000}],
        ),
    ),
    ("in two accounts by halves", case(shown=[{"available": 2500}, {"available": 2500, "account_id": "A2"}])),
    ("moved to another account", case(shown=[{"available": 0}, {"account_id": "A2"}])),
    ("an error, and then posted", case(booked=[{"status": "error", "document_id": "D0", "amount": None}, {}])),
    ("the web store has a code of no worth", case(sale=None, held=None, booked=None, shown={"available": 0})),
    ("an error alone", case(sale=None, held=None, shown=None, booked={"status": "error", "amount": None})),
    ("older than the window", case(sale=None, shown=None, booked=None, held=OLD)),
    (
        "older, and differs since then",
        case(sale=None, held=OLD, shown={"available": 1, "updated_at": OLD["issued_at"]}),
    ),
    ("older, in the books alone", case(sale=None, held=None, shown=None, booked={"posted_at": OLD["issued_at"]})),
    (
        "sold the evening before the window",
        case(sale=None, held=None, shown=None, booked={"posted_at": SINCE + timedelta(hours=15)}),
    ),
    ("issued a moment after the window began", case(sale=None, held={"issued_at": SINCE + SECOND})),
]


@pytest.mark.parametrize(("expected", "what", "one"), HOLDS, ids=[f"{row[0]}: {row[1]}" for row in HOLDS])
def test_what_holds(expected: Class, what: str, one: Case) -> None:
    assert kind(one) == expected, what


@pytest.mark.parametrize(("what", "one"), QUIET, ids=[row[0] for row in QUIET])
def test_what_is_no_difference(what: str, one: Case) -> None:
    assert found(one) is None, what


def test_every_class_has_a_case() -> None:
    assert {row[0] for row in HOLDS} == set(Class)
    assert tuple(kind for kind, _rule in classes.RULES) != tuple(Class), "their order is their own"
    assert {kind for kind, _rule in classes.RULES} == set(Class)
    assert len(classes.RULES) == len(Class)


# Where two rules hold, the one that stands first in RULES decides.
BOTH: list[tuple[Class, Class, Case]] = [
    (Class.DOUBLE_REDEMPTION, Class.DUPLICATE_ISSUE, case(held={"balance": 1000}, first=replace(FIRST, balance=0))),
    (Class.DOUBLE_REDEMPTION, Class.AMOUNT_MISMATCH, case(held=PART, shown={"available": 2500, **LATER})),
    (Class.DOUBLE_REDEMPTION, Class.MISSING_IN_ERP, case(held=PART, shown={"available": 2500, **LATER}, booked=None)),
    (Class.VOID_NOT_PROPAGATED, Class.AMOUNT_MISMATCH, case(held={"state": "void", "balance": 0})),
    (Class.DUPLICATE_ISSUE, Class.ORPHAN, case(shown=None, first=FIRST)),
    (Class.DUPLICATE_ISSUE, Class.MISSING_IN_ERP, case(booked=None, first=FIRST)),
    (Class.DUPLICATE_ISSUE, Class.STALE_AFTER_REDEEM, case(held=PART, first=FIRST)),
    (Class.DUPLICATE_ISSUE, Class.UNBACKED, case(sale=None, held=[HAND, {**HAND, "credit_id": "C2"}])),
    (Class.STALE_AFTER_REDEEM, Class.AMOUNT_MISMATCH, case(held=PART)),
    (Class.STALE_AFTER_REDEEM, Class.UNBACKED, case(sale=None, held={**HAND, **PART})),
    (Class.STALE_AFTER_REDEEM, Class.MISSING_IN_ERP, case(held=PART, booked=None)),
    (Class.UNBACKED, Class.AMOUNT_MISMATCH, case(sale=None, held=HAND, shown={"available": 1})),
    (Class.UNBACKED, Class.ORPHAN, case(sale=None, held=HAND, shown=None)),
    (Class.UNBACKED, Class.MISSING_IN_ERP, case(sale=None, held=HAND, booked=None)),
    (Class.AMOUNT_MISMATCH, Class.ORPHAN, case(sale={"amount": 1}, shown=None)),
    (Class.AMOUNT_MISMATCH, Class.MISSING_IN_ERP, case(sale={"amount": 1}, booked=None)),
    (Class.ORPHAN, Class.MISSING_IN_ERP, case(shown=None, booked=None)),
]


@pytest.mark.parametrize(("first", "second", "one"), BOTH, ids=[f"{row[0]} before {row[1]}" for row in BOTH])
def test_the_most_specific_class_wins(first: Class, second: Class, one: Case) -> None:
    rules = dict(classes.RULES)
    view = View(one, scope())
    assert rules[first](view)
    assert rules[second](view), "the pair says nothing unless both hold"
    found_class = class_of(view)
    assert found_class is not None
    assert found_class[0] == first


@pytest.mark.parametrize(
    ("at", "inside"),
    [
        (SINCE - SECOND, False),
        (SINCE, True),
        (AS_OF - timedelta(days=2), True),
        (AS_OF - timedelta(days=2) + SECOND, False),
    ],
    ids=["right before", "with since", "with until", "right after"],
)
def test_the_window_has_both_its_ends(at: datetime, inside: bool) -> None:
    window = scope(until=AS_OF - timedelta(days=2))
    by = at - BORN
    assert (kind(moved(case(shown=None), by), window) is Class.ORPHAN) is inside
    assert (kind(moved(case(sale={"amount": 1}), by), window) is Class.AMOUNT_MISMATCH) is inside
    assert (kind(moved(case(held=None, shown=None, booked=None), by), window) is Class.MISSING_ON_PLATFORM) is inside


def test_what_is_after_the_cut_is_none_of_it() -> None:
    assert found(moved(case(held=None, shown=None, booked=None), timedelta(days=12))) is None
    assert found(moved(case(shown=None), timedelta(days=12))) is None


def test_what_is_on_its_way_over_hops_of_seconds_is_no_difference_yet() -> None:
    now = scope(STAR)
    fresh = AS_OF - BORN - timedelta(seconds=10)
    assert kind(moved(case(shown=None), fresh), now) is None
    assert kind(moved(case(shown=None), fresh - timedelta(minutes=1)), now) is Class.ORPHAN
    spent = case(held={**PART, "last_activity_at": AS_OF - timedelta(seconds=10)})
    assert kind(spent, now) is None
    assert kind(spent) is Class.STALE_AFTER_REDEEM, "twelve hours are long enough to sell it again"
    gone = case(held={"state": "void", "balance": 0, "last_activity_at": AS_OF - timedelta(seconds=10)})
    assert (kind(gone, now), kind(gone)) == (None, Class.VOID_NOT_PROPAGATED)
    sold = moved(case(held=None, shown=None, booked=None), AS_OF - BORN - SECOND)
    assert kind(sold, now) is None


@pytest.mark.parametrize(
    ("read", "one", "expected"),
    [
        ("platform storefront", case(sale=None, booked=None), None),
        ("platform storefront", case(sale=None, booked=None, held={"origin": "", "transaction_id": ""}), None),
        ("platform storefront", case(sale=None, booked=None, shown=None), Class.ORPHAN),
        ("platform storefront", case(sale=None, booked=None, held=HAND), Class.UNBACKED),
        ("platform erp", case(sale=None, shown=None), None),
        ("platform erp", case(sale=None, shown=None, booked=None), Class.MISSING_IN_ERP),
        ("pos platform", case(shown=None, booked=None), None),
        ("pos platform", case(shown=None, booked=None, held=None), Class.MISSING_ON_PLATFORM),
        ("pos storefront", case(held=None, booked=None), None),
        ("pos storefront", case(held=None, booked=None, shown=None), Class.ORPHAN),
        ("pos storefront", case(held=None, booked=None, sale=None), None),
        ("pos erp", case(held=None, shown=None), None),
        ("pos erp", case(held=None, shown=None, booked=None), Class.MISSING_IN_ERP),
        ("pos erp", case(held=None, shown=None, booked={"amount": 4000}), Class.AMOUNT_MISMATCH),
        ("pos erp", case(held=None, shown=None, sale=None), None),
    ],
)
def test_a_side_that_was_not_read_says_nothing(read: str, one: Case, expected: Class | None) -> None:
    for stack in (scope(read=read), scope(None, read=read)):
        assert kind(one, stack) is expected


def finding(one: Case) -> Finding:
    answer = found(one)
    assert answer is not None
    return answer


@pytest.mark.parametrize(
    ("one", "amount"),
    [
        (case(shown=None, held=PART), 2000),
        (case(booked=None, held=PART, shown={"available": 2000, **LATER}), 5000),
        (case(held=None), 5000),
        (case(held=None, sale=[{"code": ""}, {"code": "", "amount": 1000}]), 6000),
        (case(held=PART), 3000),
        (case(held={"state": "void", "balance": 0}), 5000),
        (case(held=PART, shown={"available": 2500, **LATER}), 500),
        (case(held={"balance": 1000}, first=replace(FIRST, balance=0)), 4000),
        (case(sale={"amount": 4000}, shown={"available": 4700}), 1000),
        (case(booked=[{}, {"document_id": "D2"}]), 5000),
        (case(sale=None, held=None, shown=None), 5000),
        (case(sale=None, held=None, booked=None), 5000),
    ],
)
def test_what_is_at_stake(one: Case, amount: int) -> None:
    assert finding(one).amount == amount


def test_the_name_of_a_finding_stays_whatever_else_changes() -> None:
    known = finding(case(shown=None)).finding_id
    for other in (
        case(shown=None, booked=None),
        case(shown=None, answer=None),
        case(shown=None, held={"balance": 100}),
        case(shown=None, sale={"operator": "op99"}),
    ):
        assert finding(other).finding_id == known
    assert finding(case(booked=None)).finding_id != known
    assert finding(case(shown=None, sale={"transaction_id": "T9"})).finding_id != known
    cad = {"currency": "CAD"}
    assert finding(case(shown=None, sale=cad, held=cad, booked=cad)).finding_id != known


def test_evidence_is_in_order_and_names_source_and_time() -> None:
    one = finding(case(booked={"status": "error", "error": "deadlock detected"}, shown=None))
    assert [fact.source for fact in one.evidence] == ["pos", "platform", "erp", "storefront", "erp"]
    assert [fact.at for fact in one.evidence[:3]] == [BORN, BORN + SECOND, NOON - timedelta(hours=10)]
    assert one.evidence[0].fact == "issued 50.00 USD, paid, receipt T1, store 006, register 3, by op07"
    assert "deadlock detected" in one.evidence[2].fact
    twice = finding(case(shown=None, booked=None, first=FIRST))
    assert "first credit of the sale C0" in twice.evidence[1].fact
    assert twice.code == CODE


def test_the_gravest_risk_is_named() -> None:
    assert finding(case(held=PART)).risk == "double-redemption"
    assert finding(case(shown={"available": 100})).risk == "double-redemption", "it may have been sold online"
    assert finding(case(shown={"available": 9000})).risk == "overstated"
    assert finding(case(shown=None)).risk == "customer"
    assert finding(case(booked=None)).risk == "books"
    assert finding(moved(case(shown=None, booked=None), AS_OF - BORN - timedelta(hours=1))).risk == "none"
    assert next(iter(RISKS)) == "double-redemption"


def test_every_class_with_every_cause_has_a_mend() -> None:
    assert set(CLASSES) == set(Class)
    assert set(CAUSES) == set(Cause)
    for one in Class:
        for why in (None, *Cause):
            assert mend_for(one, why).endswith(".")
    assert all(cause in Cause for _kind, cause in BY_CAUSE)


def test_whose_it_is() -> None:
    assert finding(case(shown=None)).account_id == "A1"
    assert finding(case(shown=None, held={"customer_id": "A9"})).account_id == "A9"
    assert finding(case(shown=None, answer=None)).account_id == ""
    assert (SALE.store, SHOWN.account_id) == (finding(case(shown=None)).store, "A1")
