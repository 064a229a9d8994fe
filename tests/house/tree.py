"""The files of this repository, and how a house rule is held against them.

A rule is a plain function of a file's path (from the root) and its text. It returns what it found, one sentence each,
so that every rule can be shown a bad snippet as well as the tree.
"""

import subprocess
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path, PurePosixPath

ROOT = Path(__file__).resolve().parents[2]
Rule = Callable[[PurePosixPath, str], list[str]]

_LEFT_BEHIND = {"__pycache__", "build", "dist", "data", "out", "tillbridge-data"}
_DOTTED = {".ci", ".gitignore", ".importlinter"}


def files(pattern: str = "**/*", *more: str) -> list[PurePosixPath]:
    """Files of ours that match any of the patterns: what git tracks and what it would take in."""
    listed = _listed_by_git() or _walked()
    wanted = {path for glob in (pattern, *more) for path in listed if _matches(path, glob)}
    return sorted(path for path in wanted if (ROOT / path).is_file())


def found(rule: Rule, paths: Iterable[PurePosixPath]) -> list[str]:
    """What the rule finds in these files; each line begins with the file. Files that are no text are left out."""
    lines: list[str] = []
    for path in paths:
        try:
            text = (ROOT / path).read_text("utf-8")
        except UnicodeDecodeError:
            continue
        lines.extend(f"{path}{sentence}" for sentence in rule(path, text))
    return lines


def package_of(path: PurePosixPath) -> str | None:
    """The package a file of tillbridge/ lies in: `ledger` for tillbridge/ledger/store.py, None outside."""
    return path.parts[1] if len(path.parts) > 2 and path.parts[0] == "tillbridge" else None


def _matches(path: PurePosixPath, glob: str) -> bool:
    folder, _, name = glob.rpartition("**/")
    inside = path.as_posix().startswith(folder)
    return inside and PurePosixPath(path.name).match(name)


def _listed_by_git() -> list[PurePosixPath]:
    """Empty where there is no git, or no repository that it may read."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    try:
        listing = subprocess.run(command, cwd=ROOT, capture_output=True, check=True, encoding="utf-8").stdout
    except (OSError, subprocess.CalledProcessError):
        return []
    return [PurePosixPath(name) for name in listing.split("\0") if name]


def _walked() -> list[PurePosixPath]:
    return [PurePosixPath(path.relative_to(ROOT).as_posix()) for path in _below(ROOT)]


def _below(folder: Path) -> Iterator[Path]:
    for path in folder.iterdir():
        if path.name in _LEFT_BEHIND or (path.name.startswith(".") and path.name not in _DOTTED):
            continue
        if path.is_dir():
            yield from _below(path)
        else:
            yield path
