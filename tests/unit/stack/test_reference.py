"""The reference page of the map says what the code knows, in the same words."""

from collections.abc import Mapping

import pytest

from tests.unit.stack.maps import ROOT
from tillbridge.stack.exports import PRESETS
from tillbridge.stack.fields import FIELDS
from tillbridge.stack.load import parse
from tillbridge.stack.model import Brings, Per, Role, SourceKind, Trigger
from tillbridge.stack.terms import (
    BRINGS,
    BUCKETS,
    BURN_BUCKETS,
    CAPABILITIES,
    CONNECTORS,
    CRITERIA,
    KEYS,
    LIMITED_VERBS,
    PERS,
    ROLES,
    SOURCES,
    TRANSFORMS,
    TRIGGERS,
    Key,
)

PAGE = (ROOT / "docs" / "reference" / "stack.md").read_text("utf-8")
PRESET_WORDS = {name: preset.sentence for name, preset in PRESETS.items()}
WORDS = [
    SOURCES,
    BRINGS,
    PRESET_WORDS,
    ROLES,
    TRIGGERS,
    CONNECTORS,
    CAPABILITIES,
    BUCKETS,
    TRANSFORMS,
    CRITERIA,
    PERS,
    LIMITED_VERBS,
    FIELDS,
]


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
    assert list(SOURCES) == [kind.value for kind in SourceKind]
    assert list(BRINGS) == [what.value for what in Brings]
    assert list(PERS) == [per.value for per in Per]
    assert set(BURN_BUCKETS) == set(BUCKETS)


def test_the_examples_of_the_page_load() -> None:
    smallest, transform, rules = (part.split("```")[0] for part in PAGE.split("```toml\n")[1:])
    assert [hop.name for hop in parse(smallest, "stack.toml", {}).hops] == ["registers-platform", "platform-web"]
    stack = parse(smallest + transform + rules, "stack.toml", {})
    assert [one.name for one in stack.hop("platform-web").transform] == [
        "resolve-customer",
        "convert-currency",
        "rename-fields",
    ]
    assert stack.place_of("006") == "US-CA"
    assert len(stack.limits) == 2
    assert stack.approval
    assert stack.burn.order[0] == "expiry"
