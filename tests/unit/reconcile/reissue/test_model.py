"""States and reasons are the same in the code, in the database and in the docs; what was approved is what is done."""

import re
from dataclasses import replace
from importlib import resources
from pathlib import Path

import pytest

from tests.unit.reconcile.reissue.values import item, plan
from tillbridge.reconcile.reissue.model import (
    FOR_A_PERSON,
    NEXT,
    REASONS,
    STATES,
    Reason,
    State,
    home_of,
    needs_second_person,
    unapproved,
)

SCHEMA = resources.files("tillbridge").joinpath("reconcile", "schema.sql").read_text("utf-8")
PAGE = (Path(__file__).parents[4] / "docs" / "howto" / "reissue.md").read_text("utf-8")
RUN, WHY = PAGE.split("## Why something is left")


def test_states_are_the_same_in_code_schema_and_docs() -> None:
    found = re.search(r"state text NOT NULL CHECK \(state IN \(([^)]*)\)\)", SCHEMA)
    assert found
    assert re.findall(r"'([a-z]+)'", found[1]) == [state.value for state in State] == [one.value for one in STATES]
    rows = re.findall(r"^\| `([a-z]+)` \| ([^|]+?) \| [^|]* \|$", RUN, re.MULTILINE)
    assert rows == [(state.value, sentence) for state, sentence in STATES.items()]


def test_the_docs_say_where_each_state_leads() -> None:
    rows = re.findall(r"^\| `([a-z]+)` \| [^|]+ \| ([^|]*) \|$", RUN, re.MULTILINE)
    assert {name: re.findall(r"`([a-z]+)`", leads) for name, leads in rows} == {
        state.value: [one.value for one in NEXT[state]] for state in State
    }


def test_reasons_are_the_same_in_code_and_docs() -> None:
    assert list(REASONS) == list(Reason)
    rows = re.findall(r"^\| `([a-z-]+)` \| (left|person) \| ([^|]+?) \|$", WHY, re.MULTILINE)
    assert rows == [(reason.value, home_of(reason).value, sentence) for reason, sentence in REASONS.items()]
    assert frozenset(Reason) >= FOR_A_PERSON


@pytest.mark.parametrize(
    "change",
    [{"amount": 2600}, {"account_id": "A2"}, {"credit": "other"}, {"tries": 1}, {"decided_by": "carl"}],
    ids=str,
)
def test_an_approval_is_for_what_was_shown(change: dict[str, object]) -> None:
    shown = item()
    approved = replace(shown, approved_by="ben", approved_print=shown.print)
    assert approved.approved
    assert not replace(approved, **change).approved  # type: ignore[arg-type]


def test_what_an_item_goes_through_does_not_undo_its_approval() -> None:
    shown = item()
    approved = replace(shown, approved_by="ben", approved_print=shown.print)
    assert replace(approved, state=State.FROZEN, frozen_version=2, sentence="Frozen.").approved


@pytest.mark.parametrize(
    ("amounts", "above", "needs"),
    [([2500], 2500, False), ([2501], 2500, True), ([1500, 1500], 2500, True), ([1], 0, True), ([], 0, False)],
)
def test_one_credit_or_all_together_need_a_second_person(amounts: list[int], above: int, needs: bool) -> None:
    items = [item(number=number, amount=amount) for number, amount in enumerate(amounts, start=1)]
    assert needs_second_person(plan(above), items) is needs
    assert len(unapproved(plan(above), items)) == (len(items) if needs else 0)


def test_what_is_left_counts_for_no_limit_and_another_currency_always_does() -> None:
    left = item(number=2, amount=99_999, state=State.LEFT, reason="spent")
    assert not needs_second_person(plan(2500), [item(), left])
    assert needs_second_person(plan(10**12), [item(currency="KWD")])


def test_what_is_done_goes_on_counting() -> None:
    done = item(number=2, state=State.CONFIRMED, new_credit="new")
    assert needs_second_person(plan(2500), [item(), done])
    assert [one.number for one in unapproved(plan(2500), [item(), done])] == [1]
