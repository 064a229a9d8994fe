"""What holds for files as such: their names, their length, and nothing of one machine in them."""

import re
from pathlib import PurePosixPath

import pytest

from tests.house.tree import files, found

LINES_MAX = 500
DRAWERS = {"util", "utils", "common", "helper", "helpers", "base", "misc"}

# Put together here, so that this file does not hold what it looks for.
_HOSTS = "|".join(
    re.escape(".".join(parts))
    for parts in (
        ("pypi", "org"),
        ("pythonhosted", "org"),
        ("npmjs", "org"),
        ("anaconda", "org"),
        ("crates", "io"),
        ("proxy", "golang", "org"),
        ("ghcr", "io"),
        ("docker", "io"),
    )
)
_ROOTS = "|".join(("work/", "root/", "home/", "Users/", "mnt/", "private/var/"))
_OF_ONE_MACHINE = (
    (re.compile(rf"(?<![\w.:)])/(?:{_ROOTS})[\w.{{<]"), "an absolute path of one machine; write it from the root here"),
    (re.compile(r"\b[A-Z]:\\Users\\"), "an absolute path of one machine; write it from the root here"),
    (re.compile(rf"\b(?:[\w-]+\.)*(?:{_HOSTS})\b"), "a registry's address; name the package and leave the rest to pip"),
    (
        re.compile(r"--(?:find-links|index-url|extra-index-url|trusted-host)\b"),
        "where packages come from is pip's matter",
    ),
)
_CANNOT_FAIL = re.compile(r"\|\|\s*(?:true|:)(?:\s|$)|^\t-(?!-)|\bset \+e\b", re.MULTILINE)


def drawer(path: PurePosixPath, _text: str = "") -> list[str]:
    """A file or folder that everything would fall into."""
    names = [PurePosixPath(part).stem for part in path.parts]
    return [f": {name} is a drawer; name it for the one thing it holds" for name in names if name.lower() in DRAWERS]


def too_long(_path: PurePosixPath, text: str) -> list[str]:
    """A module that nobody split in time."""
    lines = text.count("\n")
    return [f": {lines} lines, {LINES_MAX} at most; split it by what it does"] if lines > LINES_MAX else []


def of_one_machine(_path: PurePosixPath, text: str) -> list[str]:
    """Addresses of package registries and absolute paths."""
    return [
        f":{number}: {match.group()!r}: {mend}"
        for number, line in enumerate(text.splitlines(), start=1)
        for pattern, mend in _OF_ONE_MACHINE
        if (match := pattern.search(line))
    ]


def cannot_fail(_path: PurePosixPath, text: str) -> list[str]:
    """A step whose failure is swallowed."""
    return [f": {match.group().strip()!r} swallows a failure; let it fail" for match in _CANNOT_FAIL.finditer(text)]


def test_no_drawers() -> None:
    lines = found(drawer, files("**/*.py", "**/*.sql"))
    assert not lines, "\n".join(lines)


def test_no_long_modules() -> None:
    # A migration is a record of what was run, never read in one sitting; it is as long as what it did.
    kept = [path for path in files("**/*.py", "**/*.sql") if "migrations" not in path.parts]
    lines = found(too_long, kept)
    assert not lines, "\n".join(lines)


def test_nothing_of_one_machine() -> None:
    lines = found(of_one_machine, files())
    assert not lines, "\n".join(lines)


def test_checks_can_fail() -> None:
    lines = found(cannot_fail, [path for path in files() if str(path) in {"Makefile", ".ci/run"}])
    assert not lines, "\n".join(lines)


@pytest.mark.parametrize("name", ["ledger/utils.py", "credit/helpers.py", "api/common/pages.py", "stack/base.sql"])
def test_the_rule_on_names_can_fail(name: str) -> None:
    assert drawer(PurePosixPath("tillbridge", name))
    assert not drawer(PurePosixPath("tillbridge/ledger/database.py"))


def test_the_rule_on_length_can_fail() -> None:
    assert too_long(PurePosixPath("x.py"), "\n" * 501)
    assert not too_long(PurePosixPath("x.py"), "\n" * 500)


@pytest.mark.parametrize(
    "line",
    [
        "see " + "/" + "work/main/README.md",
        "'" + "/" + "root/.cache'",
        "cd " + "/" + "home/anna/tillbridge",
        "C:" + "\\Users\\anna",
        "https://" + "pypi" + ".org/simple",
        "https://files." + "pythonhosted" + ".org/packages",
        "--find" + "-links wheels",
        "--extra-index" + "-url x",
    ],
)
def test_the_rule_on_machines_can_fail(line: str) -> None:
    assert of_one_machine(PurePosixPath("docs/start.md"), f"first\n{line}\n")


@pytest.mark.parametrize(
    "line", ["GET /work", "http://127.0.0.1:8080/home/today", "docs/home/x", '"/v1/credits"', "a / work"]
)
def test_other_paths_are_allowed(line: str) -> None:
    assert not of_one_machine(PurePosixPath("docs/start.md"), line)


@pytest.mark.parametrize("line", ["mypy . || true", "mypy || :", "\t-mypy", "set +e"])
def test_the_rule_on_failing_can_fail(line: str) -> None:
    assert cannot_fail(PurePosixPath("Makefile"), f"check:\n{line}\n")
    assert not cannot_fail(PurePosixPath("Makefile"), "check:\n\ttest -d x || exit 1\n")
