"""The rules of an inquiry: which fact decides, in which order, and what is at risk."""

from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID

import pytest

from tests.acceptance.conftest import QUIET_MAP
from tests.unit.diagnose.test_trail import after, attempt, handoff, line
from tillbridge.diagnose.inquiry import (
    COMPLAINTS,
    OTHERWISE,
    RULES,
    Complaint,
    Doubt,
    Explanation,
    Known,
    Seen,
    explain,
)
from tillbridge.diagnose.model import CAUSES, Cause, Nearest
from tillbridge.handoff.model import HandoffView, State
from tillbridge.ledger.model import REFUSAL_BY_CODE, CreditNow, Origin, RefusedRequest, Verb
from tillbridge.ledger.model import State as CreditState
from tillbridge.stack.load import parse

POLLED = QUIET_MAP.replace(
    'to = "web"\ntrigger = "webhook"\nsla = "60s"', 'to = "web"\ntrigger = "poll"\ninterval = "12h"\nsla = "13h"'
)
STACK = parse(QUIET_MAP, "stack.toml", {})
WEB, ERP = "platform-web", "platform-erp"
NEAR = Nearest("web:A1", 96, ("The e-mail differs by one letter.",))


def credit(**changes: object) -> CreditNow:
    plain = {
        "credit_id": UUID(int=1),
        "kind": "store_credit",
        "bucket": "refund",
        "currency": "USD",
        "code_last4": "4471",
        "cohort_date": after(0).date(),
        "priority": 100,
        "issuer": "006",
        "replaces": None,
        "expires_at": None,
        "version": 1,
        "balance": 8800,
        "held": 0,
        "issued": 8800,
        "state": CreditState.ACTIVE,
        "owner": UUID(int=3),
        "issue_event_id": UUID(int=2),
        "issue_key": "k1",
        "origin": Origin("006", "3", "op07", "T0063-118"),
        "occurred_at": after(-1),
        "recorded_at": after(0),
    }
    return CreditNow(**{**plain, **changes})  # type: ignore[arg-type]


KNOWN = Known(STACK, credit(), [line()], [], [], None, after(10))
UNCLAIMED = credit(state=CreditState.UNCLAIMED, owner=None)
WAITS = handoff(State.WAITING, WEB, waits_for="claim", deadline=None, ready_at=None)
DEAD = handoff(State.DEAD, WEB, reason_code="refused", reason="No.")


def asked(*handoffs: HandoffView, **changes: object) -> Explanation:
    return explain(replace(KNOWN, handoffs=handoffs, **changes))  # type: ignore[arg-type]


def doubt(cause: Cause) -> Doubt:
    return Doubt(cause, "No usable identifier.", after(0), (NEAR,))


def test_every_cause_and_every_complaint_has_its_rule_in_order() -> None:
    assert [cause for cause, _ in RULES] == list(CAUSES)
    assert [complaint for complaint, _ in OTHERWISE] == list(COMPLAINTS)


@pytest.mark.parametrize("cause", [Cause.NO_CUSTOMER, Cause.IDENTIFIER_MISMATCH])
def test_nobody_owns_it(cause: Cause) -> None:
    found = asked(WAITS, credit=UNCLAIMED, doubt=doubt(cause))
    assert (found.cause, found.risk) == (cause, "customer")
    assert found.candidates == ((NEAR,) if cause is Cause.IDENTIFIER_MISMATCH else ())
    claimed = asked(handoff(State.CONFIRMED, WEB), doubt=doubt(cause))
    assert claimed.complaint is Complaint.BALANCE_INQUIRY


def test_an_unclaimed_credit_without_a_review_has_no_customer_either() -> None:
    found = asked(WAITS, credit=UNCLAIMED)
    assert (found.cause, found.evidence[0].fact) == (Cause.NO_CUSTOMER, "nobody owns it, and no review says why")


def test_a_bearers_card_waits_for_nobody() -> None:
    assert asked(handoff(State.CONFIRMED, ERP), credit=credit(owner=None)).cause is None
    assert asked(credit=credit(owner=None, state=CreditState.FROZEN)).complaint is Complaint.REDEMPTION


def test_the_first_cause_that_holds_decides() -> None:
    everything = (DEAD, handoff(State.DEAD, ERP, reason_code="lock", reason="locked"))
    assert asked(*everything, credit=UNCLAIMED, doubt=doubt(Cause.NO_CUSTOMER)).cause is Cause.NO_CUSTOMER
    assert asked(*everything).cause is Cause.WRITE_BACK_FAILED
    assert asked(*everything, handoff(State.DEAD, WEB, version=2, reason_code="currency")).cause is (
        Cause.MAPPING_REJECTED
    )
    assert asked(DEAD).cause is Cause.LOST_IN_HOP


@pytest.mark.parametrize(
    ("code", "reason", "cause"),
    [
        ("mapping-rejected", "web does not accept CAD.", Cause.MAPPING_REJECTED),
        ("unsupported-currency", "", Cause.MAPPING_REJECTED),
        ("http-422", "This bucket is not mapped.", Cause.MAPPING_REJECTED),
        ("refused", "Out of service.", Cause.LOST_IN_HOP),
        ("schema", "Column amount is missing.", Cause.LOST_IN_HOP),
    ],
)
def test_what_a_refusal_is_about(code: str, reason: str, cause: Cause) -> None:
    assert asked(handoff(State.DEAD, WEB, reason_code=code, reason=reason)).cause is cause


@pytest.mark.parametrize(
    ("one", "cause"),
    [
        (handoff(State.DEAD, ERP, reason_code="refused"), Cause.WRITE_BACK_FAILED),
        (handoff(State.DUE, ERP, deadline=after(5)), Cause.WRITE_BACK_FAILED),
        (handoff(State.DUE, ERP, history=(attempt("refused", 1, reason_code="locked"),)), Cause.WRITE_BACK_FAILED),
        (handoff(State.DUE, ERP, history=(attempt("refused", 1, reason_code="unavailable"),)), None),
        (handoff(State.PARKED, ERP), Cause.LOST_IN_HOP),
        (handoff(State.PARKED, ERP, deadline=after(5)), Cause.WRITE_BACK_FAILED),
        (handoff(State.WAITING, ERP, waits_for="platform-processor", deadline=None), None),
        (handoff(State.CONFIRMED, ERP), None),
    ],
)
def test_the_books(one: HandoffView, cause: Cause | None) -> None:
    found = asked(one)
    assert found.cause is cause
    assert found.evidence
    assert found.risk == ("books" if cause else "none")


def test_behind_the_books_the_customer_waits() -> None:
    stuck = handoff(State.DEAD, ERP, reason_code="lock")
    waits = handoff(State.WAITING, WEB, waits_for=ERP, deadline=None)
    assert asked(stuck, waits).risk == "customer"


def test_a_run_that_is_to_come_says_when() -> None:
    stack = parse(POLLED, "stack.toml", {})
    due = after(3600)
    coming = handoff(State.DUE, WEB, due_at=due, deadline=due, attempts=0)
    found = asked(coming, stack=stack)
    assert (found.cause, found.due, found.risk, found.hop) == (Cause.POLLING_LAG, due, "none", WEB)
    assert found.evidence[0].fact == "Platform has it, and the next run to Web store is at 2026-11-21 15:00"
    missed = asked(coming, stack=stack, at=due + timedelta(seconds=1))
    assert missed.cause is Cause.LOST_IN_HOP


@pytest.mark.parametrize(
    ("one", "moment", "words"),
    [
        (DEAD, after(0), "given up on Web store, refused: No; Platform is the last that has it"),
        (handoff(State.PARKED, WEB), after(0), "Web store's answer was lost, and it cannot be asked"),
        (handoff(State.DUE, WEB, deadline=after(5)), after(5), "late on the way to Web store, 1 tried"),
    ],
)
def test_lost_names_the_hop_and_the_last_that_has_it(one: HandoffView, moment: datetime, words: str) -> None:
    found = asked(one)
    assert (found.cause, found.hop, found.evidence[0].source) == (Cause.LOST_IN_HOP, WEB, WEB)
    assert found.evidence[0].at == moment
    assert words in found.evidence[0].fact
    assert found.evidence[0].fact.endswith("Platform is the last that has it")


def test_a_hop_that_the_map_no_longer_has_can_be_lost_too() -> None:
    found = asked(handoff(State.DEAD, "platform-gone", reason="no"))
    assert (found.cause, found.hop) == (Cause.LOST_IN_HOP, "platform-gone")


def test_money_that_is_gone_and_still_shown_is_the_gravest() -> None:
    lines = [line(), replace(line(Verb.REDEEM), version=2)]
    assert asked(replace(DEAD, version=2), lines=lines).risk == "double-redemption"
    assert asked(DEAD, lines=lines).risk == "customer"


@pytest.mark.parametrize(
    ("changes", "by_hand"),
    [
        ({}, False),
        ({"origin": Origin("006", "3", "op07", "")}, True),
        ({"origin": Origin("", "", "op07", "T1")}, True),
        ({"origin": Origin("web", "", "", "T1")}, False),
        ({"origin": Origin("", "", "", "T1"), "actor": "web"}, False),
    ],
)
def test_what_stands_behind_it(changes: dict[str, object], by_hand: bool) -> None:
    found = asked(lines=[replace(line(), **changes)])  # type: ignore[arg-type]
    assert (found.cause is Cause.MANUAL_BYPASS) == by_hand
    assert (found.risk == "overstated") == by_hand


def test_a_reissue_is_backed_by_the_credit_that_it_replaces() -> None:
    reissue = replace(line(), verb=Verb.REISSUE, origin=Origin())
    assert asked(lines=[reissue], credit=credit(replaces=UUID(int=9))).cause is None


def test_a_correction_is_by_hand_only_where_it_is_what_is_missing() -> None:
    up = replace(line(), verb=Verb.ADJUST, version=2, amount=500, change=500, origin=Origin())
    assert asked(lines=[line(), up]).cause is None
    assert asked(replace(DEAD, version=2), lines=[line(), up]).cause is Cause.MANUAL_BYPASS
    assert asked(DEAD, replace(DEAD, version=2), lines=[line(), up]).cause is Cause.LOST_IN_HOP
    down = replace(up, change=-500)
    assert asked(replace(DEAD, version=2), lines=[line(), down]).cause is Cause.LOST_IN_HOP


def test_what_is_on_its_way_within_its_time_is_no_failure() -> None:
    found = asked(handoff(State.DUE, WEB))
    assert (found.cause, found.complaint, found.due) == (None, Complaint.BALANCE_INQUIRY, after(60))
    assert found.sentence.startswith("It is no handoff failure: what is on its way is within its time.")


def test_a_refusal_at_the_checkout_is_named_and_others_are_not() -> None:
    short = RefusedRequest("k2", Verb.REDEEM, REFUSAL_BY_CODE["not-enough-available"], after(3))
    other = RefusedRequest("k3", Verb.LOAD, REFUSAL_BY_CODE["over-limit"], after(4))
    found = asked(refusals=[short, other])
    assert (found.complaint, found.evidence[0].at) == (Complaint.REDEMPTION, after(3))
    assert "refused to redeem, not-enough-available" in found.evidence[0].fact
    assert asked(refusals=[other]).complaint is Complaint.BALANCE_INQUIRY


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"state": CreditState.PENDING, "owner": None}, Complaint.ACTIVATION),
        ({"state": CreditState.FROZEN}, Complaint.REDEMPTION),
        ({"state": CreditState.VOID}, Complaint.REDEMPTION),
        ({"expires_at": after(5)}, Complaint.REDEMPTION),
        ({"expires_at": after(50)}, Complaint.BALANCE_INQUIRY),
    ],
)
def test_how_it_stands_decides_what_a_complaint_is_about(changes: dict[str, object], complaint: Complaint) -> None:
    assert asked(credit=credit(**changes)).complaint is complaint


def test_what_came_late_is_said() -> None:
    late = handoff(State.CONFIRMED, WEB, confirmed_at=after(90), deadline=after(60))
    found = asked(late, at=after(100))
    assert found.evidence[-1].fact == "Web store had it after 90 s: late"


THERE = handoff(State.CONFIRMED, WEB, reference="WEB-7")


def test_a_store_that_confirmed_it_and_has_it_no_more_has_lost_it() -> None:
    gone = Seen("web", False, None, "it says that it does not have it")
    found = asked(THERE, seen=(gone,))
    assert (found.cause, found.hop, found.risk) == (Cause.LOST_IN_HOP, WEB, "customer")
    assert [one.fact for one in found.evidence] == [
        "Web store confirmed it as WEB-7",
        "Web store was asked: it says that it does not have it",
    ]
    assert asked(seen=(gone,)).cause is None
    assert asked(THERE, seen=(gone,), credit=credit(balance=0)).cause is None
    assert asked(THERE, seen=(gone,), credit=credit(state=CreditState.VOID)).cause is None


@pytest.mark.parametrize(
    ("shown", "changes", "risk"),
    [
        (8800, {}, "none"),
        (None, {}, "none"),
        (9900, {}, "double-redemption"),
        (500, {}, "customer"),
        (8800, {"state": CreditState.FROZEN}, "none"),
    ],
)
def test_what_a_store_shows_is_held_against_what_is_left(
    shown: int | None, changes: dict[str, object], risk: str
) -> None:  # fmt: skip
    found = asked(THERE, seen=(Seen("web", True, shown, "it shows something"),), credit=credit(**changes))
    assert found.cause is None
    assert found.risk == risk
    if not changes:
        assert found.complaint is Complaint.BALANCE_INQUIRY
        assert found.evidence[-1].fact == "Web store was asked: it shows something"
        assert ("every system agree" in found.sentence) == (risk == "none")
