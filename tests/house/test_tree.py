"""The listing that all other rules stand on: were it empty, they would all pass on nothing."""

from pathlib import PurePosixPath

from tests.house.tree import _listed_by_git, _walked, files, found, package_of


def test_lists_files_of_every_kind() -> None:
    listed = set(map(str, files()))
    assert {"Makefile", ".ci/run", "tillbridge/kernel/money.py", "tests/house/test_tree.py"} <= listed
    assert not [name for name in listed if name.startswith(".venv/")]


def test_patterns_narrow_by_folder_and_name() -> None:
    assert PurePosixPath("tillbridge/kernel/money.py") in files("tillbridge/**/*.py")
    assert not [path for path in files("tillbridge/**/*.py") if path.parts[0] != "tillbridge" or path.suffix != ".py"]


def test_without_git_the_tree_is_walked() -> None:
    walked = set(_walked())
    assert {path for path in _listed_by_git() if path.suffix == ".py"} <= walked
    assert not [path for path in walked if path.parts[0] in {".venv", ".git"}]


def test_findings_name_their_file() -> None:
    sentences = found(lambda _path, text: [f":1: {len(text)} characters"], [PurePosixPath("Makefile")])
    assert sentences[0].startswith("Makefile:1: ")


def test_package_of_a_file() -> None:
    assert package_of(PurePosixPath("tillbridge/ledger/store.py")) == "ledger"
    assert package_of(PurePosixPath("tillbridge/wiring.py")) is None
    assert package_of(PurePosixPath("tests/unit/ledger/test_gather.py")) is None
