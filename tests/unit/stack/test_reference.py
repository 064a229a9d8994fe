"""The reference page of the map says what the code knows, in the same words."""

from collections.abc import Mapping

import pytest

from tests.unit.stack.maps import ROOT
from tillbridge.stack.load import parse
from tillbridge.stack.model import Role, Trigger
from tillbridge.stack.terms import BUCKETS, CAPABILITIES, CONNECTORS, KEYS, ROLES, TRANSFORMS, TRIGGERS, Key

PAGE = (ROOT / "docs" / "reference" / "stack.md").read_text("utf-8")


@pytest.mark.parametrize("key", KEYS, ids=lambda key: f"{key.table}.{key.name}")
def test_every_key_has_its_row(key: Key) -> None:
    assert f"| `{key.name}` | {'yes' if key.required else 'no'} | {key.sentence} |" in PAGE


@pytest.mark.parametrize(
    "words", [ROLES, TRIGGERS, CONNECTORS, CAPABILITIES, BUCKETS, TRANSFORMS], ids=lambda words: next(iter(words))
)
def test_every_word_has_its_row(words: Mapping[str, str]) -> None:
    for word, meaning in words.items():
        assert f"| `{word}` | {meaning} |" in PAGE


def test_no_row_is_left_of_what_is_gone() -> None:
    rows = [line for line in PAGE.splitlines() if line.startswith("| `")]
    known = len(KEYS) + sum(len(words) for words in (ROLES, TRIGGERS, CONNECTORS, CAPABILITIES, BUCKETS, TRANSFORMS))
    assert len(rows) == known


def test_the_words_are_those_of_the_model() -> None:
    assert list(ROLES) == [role.value for role in Role]
    assert list(TRIGGERS) == [trigger.value for trigger in Trigger]


def test_the_example_of_the_page_loads() -> None:
    example = PAGE.split("```toml\n")[1].split("```")[0]
    assert [hop.name for hop in parse(example, "stack.toml", {}).hops] == ["registers-platform", "platform-web"]
