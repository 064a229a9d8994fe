"""The locks hold what pyproject.toml asks for, by hash, and the tests run on what the product runs on."""

import re
import tomllib
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.house.tree import ROOT

_PINNED = re.compile(r"^(?P<name>[\w.-]+)==(?P<version>[\w.]+)[^\\]*\\$", re.MULTILINE)


def pinned(lock: str) -> dict[str, str]:
    """Version by name. Raises ValueError for a line that pins nothing, or pins without a hash."""
    blocks = re.split(r"\n(?! )", "\n".join(line for line in lock.splitlines() if not line.startswith("#")))
    versions: dict[str, str] = {}
    for block in blocks:
        match = _PINNED.match(block)
        if not match or not re.fullmatch(r"(?: {4}--hash=sha256:[0-9a-f]{64}(?: \\)?\n?)+", block[match.end() + 1 :]):
            raise ValueError(f"no version with hashes: {block.splitlines()[0]}")
        versions[canonicalize_name(match["name"])] = match["version"]
    return versions


def _lock(name: str) -> dict[str, str]:
    return pinned((ROOT / name).read_text("utf-8"))


def _project() -> dict[str, Any]:
    project: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    return project


def _unmet(requirements: list[str], lock: dict[str, str]) -> list[str]:
    wanted = [Requirement(text) for text in requirements]
    return [str(each) for each in wanted if lock.get(canonicalize_name(each.name), "0") not in each.specifier]


def test_the_runtime_lock_holds_what_the_product_needs() -> None:
    project = _project()
    lock = _lock("requirements.lock")
    assert not _unmet([*project["dependencies"], *project["optional-dependencies"]["build"]], lock)


def test_the_development_lock_is_the_runtime_lock_and_more() -> None:
    runtime, development = _lock("requirements.lock"), _lock("requirements-dev.lock")
    assert runtime.items() <= development.items()
    assert not _unmet(_project()["optional-dependencies"]["dev"], development)


def test_the_reading_can_fail() -> None:
    line = f"click==8.1.0 \\\n    --hash=sha256:{'0' * 64}"
    assert pinned(line) == {"click": "8.1.0"}
    assert _unmet(["click>=8.2"], pinned(line)) == ["click>=8.2"]
    assert _unmet(["rich"], pinned(line)) == []
    with pytest.raises(ValueError, match="no version with hashes: click"):
        pinned("click==8.1.0")
    with pytest.raises(ValueError, match="no version with hashes: click"):
        pinned("click @ file:wheels/click.whl")
