"""The reference page of exports says what the code says."""

from pathlib import Path
from typing import Final

import pytest

from tillbridge.diagnose.model import Side
from tillbridge.reconcile.columns import COLUMNS, NEEDED
from tillbridge.reconcile.sources.layout import ENCODINGS
from tillbridge.reconcile.sources.mapping import KEYS, parse_mapping
from tillbridge.reconcile.sources.presets import PRESETS
from tillbridge.reconcile.sources.words import CLOSED, USUAL

PAGE: Final = Path("docs/reference/exports.md").read_text("utf-8")


def rows(*first: str) -> list[str]:
    """The lines of tables that begin with these cells."""
    return [line for line in PAGE.splitlines() if line.startswith("".join(f"| `{cell}` " for cell in first) + "|")]


@pytest.mark.parametrize("side", list(Side))
def test_columns(side: Side) -> None:
    named = ", ".join(f"**{name}**" if name in NEEDED[side] else name for name in COLUMNS[side])
    assert f"| `{side}` | {named} |" in PAGE


def test_presets() -> None:
    written = [line for side in Side for line in rows(side) if line.count("|") == 4]
    assert written == [
        f"| `{side}` | `{name}` | {preset.sentence} |" for side in Side for name, preset in PRESETS[side].items()
    ]


def test_keys() -> None:
    for key, sentence in KEYS.items():
        escaped = sentence.replace("|", r"\|")
        assert f"| `{key}` | {escaped} |" in PAGE


def test_words_and_encodings() -> None:
    for words in (*CLOSED.values(), *USUAL.values(), ENCODINGS):
        assert all(f"`{word}`" in PAGE for word in words)


def test_the_example_can_be_read() -> None:
    example = PAGE.partition("```toml\n")[2].partition("```")[0]
    assert set(parse_mapping(example, "exports.md")) == {Side.POS, Side.ERP}
