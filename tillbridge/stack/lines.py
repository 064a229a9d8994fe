"""Where in a TOML text each key stands, so that a fault can name its line.

The standard reader gives values without places. This walks the same text once more, for places alone. It is only
asked about text the reader has accepted, so it does not judge: it skips over values and notes where each key began.
"""

import re
import tomllib
from bisect import bisect_right
from collections.abc import Mapping
from typing import Final

Path = tuple[str | int, ...]
"""The way to a value: names of tables and keys, and positions in arrays: `("hops", 2, "sla")`."""

_BLANK: Final = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_SPACE: Final = re.compile(r"[ \t]*")
_BARE: Final = re.compile(r"[A-Za-z0-9_-]+")
_SCALAR: Final = re.compile(r"[^,\]}#\r\n]*")
# The longer forms first: three quotes would otherwise be read as an empty string and a quote.
_STRING: Final = re.compile(
    r'"""(?:[^\\]|\\.)*?"{3,5}(?!")'
    r"|'''.*?'{3,5}(?!')"
    r'|"(?:[^"\\\n]|\\.)*"'
    r"|'[^'\n]*'",
    re.DOTALL,
)


class Lines:
    """The line of every table, key and array item of one text. Lines count from 1."""

    def __init__(self, places: Mapping[Path, int]) -> None:
        self._places = places

    def of(self, path: Path) -> int:
        """The line where `path` begins; of the nearest thing around it when it is not in the text; else 1."""
        for length in range(len(path), 0, -1):
            if path[:length] in self._places:
                return self._places[path[:length]]
        return 1


def index_lines(text: str) -> Lines:
    """The lines of a text that tomllib has accepted."""
    return Lines(_Walk(text.replace("\r\n", "\n")).places())


class _Walk:
    """One pass over the text, from statement to statement."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._ends = [match.end() for match in re.finditer("\n", text)]
        self._places: dict[Path, int] = {}
        self._counts: dict[Path, int] = {}

    def places(self) -> Mapping[Path, int]:
        """Walk to the end of the text."""
        table: Path = ()
        self._skip(_BLANK)
        while self._at < len(self._text):
            if self._text[self._at] == "[":
                table = self._header()
            else:
                self._pair(table)
            self._skip(_BLANK)
        return self._places

    def _skip(self, pattern: re.Pattern[str]) -> str:
        """Move behind what the pattern matches here; what it matched."""
        match = pattern.match(self._text, self._at)
        found = match.group() if match else ""
        self._at += len(found)
        return found

    def _note(self, path: Path, at: int) -> None:
        self._places.setdefault(path, bisect_right(self._ends, at) + 1)

    def _key(self) -> list[str]:
        """A key, dotted or not, with bare and quoted parts."""
        parts: list[str] = []
        while True:
            self._skip(_SPACE)
            quoted = self._skip(_STRING)
            parts.append(tomllib.loads(f"key = {quoted}")["key"] if quoted else self._skip(_BARE))
            self._skip(_SPACE)
            if self._text[self._at : self._at + 1] != ".":
                return parts
            self._at += 1

    def _header(self) -> Path:
        """`[table]` or `[[array of tables]]`; the path of what follows."""
        start = self._at
        many = self._text.startswith("[[", start)
        self._at += 2 if many else 1
        names = self._key()
        self._at += 2 if many else 1
        path: Path = ()
        for name in names[:-1]:
            path = self._last_of((*path, name))
            self._note(path, start)
        path = (*path, names[-1])
        if many:
            self._note(path, start)
            self._counts[path] = self._counts.get(path, 0) + 1
            path = self._last_of(path)
        else:
            # A header further down than a table within it still is the place to look at.
            self._places.pop(path, None)
        self._note(path, start)
        return path

    def _last_of(self, path: Path) -> Path:
        """A path into an array of tables means its last table."""
        return (*path, self._counts[path] - 1) if path in self._counts else path

    def _pair(self, table: Path) -> None:
        """`key = value`, at the top of a line or within an inline table."""
        start = self._at
        path = table
        for name in self._key():
            path = (*path, name)
            self._note(path, start)
        self._at += 1
        self._skip(_SPACE)
        self._value(path)

    def _value(self, path: Path) -> None:
        """Skip one value, noting the places within it."""
        opening = self._text[self._at : self._at + 1]
        if opening == "[":
            self._array(path)
        elif opening == "{":
            self._inline_table(path)
        elif not self._skip(_STRING):
            self._skip(_SCALAR)

    def _array(self, path: Path) -> None:
        position = 0
        while self._more("]"):
            self._note((*path, position), self._at)
            self._value((*path, position))
            position += 1

    def _inline_table(self, path: Path) -> None:
        while self._more("}"):
            self._pair(path)

    def _more(self, closing: str) -> bool:
        """Step over the opening or a comma to the next item; False, and behind the closing, when there is none."""
        self._skip(_BLANK)
        if self._text[self._at : self._at + 1] in ("[", "{", ","):
            self._at += 1
            self._skip(_BLANK)
        if self._text[self._at : self._at + 1] == closing:
            self._at += 1
            return False
        return self._at < len(self._text)
