"""What the name of a file says: whether it is meant, and what it is called where it is put away. Pure."""

from collections.abc import Iterator
from fnmatch import fnmatchcase
from itertools import count
from typing import Final

UNFINISHED: Final = (".tmp", ".temp", ".part", ".partial", ".filepart", ".crdownload", ".uploading", ".swp")
"""What the names of files end with that are still being written; those that begin with a dot or `~` are as well."""

REASON: Final = ".reason.txt"
"""What is added to the name of a file for the text that says why it was set aside."""

ASIDE: Final = ".put-away-"
"""How the hidden folders begin that a file waits in while it is put away: what is found in one was left by a crash, and
is brought back."""


def is_meant(name: str, pattern: str, marker: str) -> bool:
    """Whether a file is meant by its name, is no marker, and nothing in its name says that it is being written."""
    unfinished = name.startswith((".", "~")) or name.lower().endswith(UNFINISHED)
    inside = "/" not in name and "\\" not in name
    return inside and not unfinished and fnmatchcase(name, pattern) and not (marker and name.endswith(marker))


def other_names(name: str) -> Iterator[str]:
    """The name itself, then `name-2.csv`, `name-3.csv`: what is put away under one name stays."""
    yield name
    stem, dot, ending = name.rpartition(".")
    stem, ending = (stem, dot + ending) if stem else (name, "")
    yield from (f"{stem}-{number}{ending}" for number in count(2))
