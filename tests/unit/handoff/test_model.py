"""States written once, keys, and texts that others sent."""

import re
from importlib import resources
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.handoff.maps import CREDIT
from tillbridge.handoff.breaker import Gate
from tillbridge.handoff.model import SENTENCES, State, delivery_key, plain_text, read_key

SCHEMA = resources.files("tillbridge").joinpath("handoff", "schema.sql").read_text("utf-8")
PAGE = Path(__file__).parents[3] / "docs" / "reference" / "handoff-states.md"


def checked(table: str, column: str) -> set[str]:
    """The words that a CHECK of the schema allows."""
    body = SCHEMA[SCHEMA.index(f"CREATE TABLE handoff.{table} (") :]
    listed = re.search(rf"CHECK \({column} IN \(([^)]*)\)\)", body)
    assert listed
    return set(re.findall(r"'([^']+)'", listed[1]))


def test_states_are_the_same_in_code_schema_and_docs() -> None:
    assert set(SENTENCES) == set(State)
    assert checked("handoff", "state") == {state.value for state in State}
    rows = re.findall(r"^\| `([a-z]+)` \| ([^|]+) \|", PAGE.read_text("utf-8"), re.MULTILINE)
    assert [(name, sentence.strip()) for name, sentence in rows] == [(state.value, SENTENCES[state]) for state in State]


def test_a_breakers_positions_are_the_same_in_code_and_schema() -> None:
    assert checked("breaker", "state") == {gate.value for gate in Gate}


def test_a_key_reads_as_it_was_written() -> None:
    assert read_key(delivery_key(CREDIT, "platform-web")) == (CREDIT, "platform-web")


@pytest.mark.parametrize("key", ["", "x", "x:y", f"{CREDIT}", f"{CREDIT}:", ":platform-web"])
def test_what_is_no_key_is_refused(key: str) -> None:
    with pytest.raises(ValueError):
        read_key(key)


@given(st.text())
def test_a_text_of_others_is_made_fit_to_keep(text: str) -> None:
    kept = plain_text(text, 50)
    assert len(kept) <= 50
    assert kept.isprintable()
    assert plain_text(kept, 50).strip() == kept.strip()
    kept.encode()


def test_control_characters_become_one_space() -> None:
    assert plain_text("  The record\x00\r\n\tis locked.\ud800 ") == "The record is locked.?"
