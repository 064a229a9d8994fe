"""The reference page of the map says what the code knows, in the same words."""

from collections.abc import Mapping

import pytest

from tests.unit.stack.maps import ROOT
from tillbridge.stack.load import parse
from tillbridge.stack.model import Per, Role, Trigger
from tillbridge.stack.terms import (
    BUCKETS,
    BURN_BUCKETS,
    CAPABILITIES,
    CONNECTORS,
    CRITERIA,
    KEYS,
    LIMITED_VERBS,
    PERS,
    ROLES,
    TRANSFORMS,
    TRIGGERS,
    Key,
)

PAGE = (ROOT / "docs" / "reference" / "stack.md").read_text("utf-8")
WORDS = [ROLES, TRIGGERS, CONNECTORS, CAPABILITIES, BUCKETS, TRANSFORMS, CRITERIA, PERS, LIMITED_VERBS]


@pytest.mark.parametrize("key", KEYS, ids=lambda key: f"{key.table}.{key.name}")
def test_every_key_has_its_row(key: Key) -> None:
    assert f"| `{key.name}` | {'yes' if key.required else 'no'} | {key.sentence} |" in PAGE


@pytest.mark.parametrize("words", WORDS, ids=lambda words: next(iter(words)))
def test_every_word_has_its_row(words: Mapping[str, str]) -> None:
    for word, meaning in words.items():
        assert f"| `{word}` | {meaning} |" in PAGE


def test_no_row_is_left_of_what_is_gone() -> None:
    rows = [line for line in PAGE.splitlines() if line.startswith("| `")]
    assert len(rows) == len(KEYS) + sum(len(words) for words in WORDS)


def test_the_words_are_those_of_the_model() -> None:
    assert list(ROLES) == [role.value for role in Role]
    assert list(TRIGGERS) == [trigger.value for trigger in Trigger]
    assert list(PERS) == [per.value for per in Per]
    assert set(BURN_BUCKETS) == set(BUCKETS)


def test_the_examples_of_the_page_load() -> None:
    smallest, rules = (part.split("```")[0] for part in PAGE.split("```toml\n")[1:])
    assert [hop.name for hop in parse(smallest, "stack.toml", {}).hops] == ["registers-platform", "platform-web"]
    stack = parse(smallest + rules, "stack.toml", {})
    assert stack.place_of("006") == "US-CA"
    assert len(stack.limits) == 2
    assert stack.approval
    assert stack.burn.order[0] == "expiry"
