"""The credit's page names the cause of a failure, and what mends it."""

from dataclasses import replace

from tests.unit.diagnose.test_inquiry import DEAD, KNOWN, asked
from tests.unit.diagnose.test_trail import STACK, after, line
from tillbridge.console.standing import explanation
from tillbridge.diagnose.inquiry import explain
from tillbridge.diagnose.trail import trail
from tillbridge.ledger.model import State


def test_a_failure_has_its_cause_and_its_mend() -> None:
    lost = trail(STACK, State.ACTIVE, [line()], [DEAD], [], after(10))
    said = explanation(replace(lost, explanation=asked(DEAD))).sentences
    assert said[1] == "Cause, lost-in-hop: A hop that should have delivered it by now lost it."
    assert said[2] == "Mend what Web store refused, then replay the handoff."


def test_where_nothing_failed_the_verdict_stands() -> None:
    fine = trail(STACK, State.ACTIVE, [line()], [], [], after(10))
    assert explanation(replace(fine, explanation=explain(KNOWN))).sentences == (
        fine.verdict.sentence,
        fine.verdict.mend,
    )
