"""The pages of the docs as they lie there: their fenced blocks, their headings and their links."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]
DOCS: Final = ROOT / "docs"

_FENCE = re.compile(r"^```(?P<kind>[^\n`]*)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"!?\[[^\]]*\]\((?P<to>[^)\s]+)\)")
_IMAGE = re.compile(r"<(?:img|source)\b[^>]*\b(?:src|srcset)=\"(?P<to>[^\"]+)\"")
_HEADING = re.compile(r"^#{1,6} (?P<text>.+)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block: what the fence says it is (`console`, `python`), its text, and the page's line it begins on."""

    page: Path
    line: int
    kind: str
    text: str

    @property
    def place(self) -> str:
        """Where it is, for a person."""
        return f"{self.page.relative_to(ROOT)}:{self.line}"


def all_pages() -> list[Path]:
    """Every page that is written for people: the docs, the README and the changelog."""
    return [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted(DOCS.rglob("*.md"))]


def blocks(page: Path) -> list[Block]:
    """The fenced blocks of a page, in order."""
    text = page.read_text("utf-8")
    return [
        Block(page, text.count("\n", 0, match.start()) + 1, match["kind"].strip(), match["text"])
        for match in _FENCE.finditer(text)
    ]


def block(page: Path, kind: str, holding: str) -> Block:
    """The one block of a kind that holds a text. Raises ValueError when there is none, or more than one."""
    found = [one for one in blocks(page) if one.kind == kind and holding in one.text]
    if len(found) != 1:
        raise ValueError(f"{page.name} has {len(found)} blocks of {kind} with {holding!r}")
    return found[0]


def prose(page: Path) -> str:
    """A page without its fenced blocks."""
    return _FENCE.sub("", page.read_text("utf-8"))


def links(page: Path) -> Iterator[str]:
    """Where the links and images of a page lead to."""
    text = prose(page)
    for pattern in (_LINK, _IMAGE):
        yield from (match["to"] for match in pattern.finditer(text))


def anchors(page: Path) -> set[str]:
    """What may follow the `#` in a link to a page: its headings, the way GitHub spells them in addresses."""
    return {_slug(match["text"]) for match in _HEADING.finditer(prose(page))}


def _slug(heading: str) -> str:
    words = re.sub(r"[^\w\- ]", "", heading.replace("`", "").lower())
    return words.strip().replace(" ", "-")
