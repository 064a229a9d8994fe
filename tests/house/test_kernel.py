"""The kernel is a closed list of files: an eighth needs a reason, and this list changed with it."""

from collections.abc import Iterable
from pathlib import PurePosixPath

from tests.house.tree import files

KERNEL = {"money", "ids", "clock", "actor", "errors", "settings", "db"}


def strangers(paths: Iterable[PurePosixPath]) -> list[str]:
    """What the kernel has beyond its list, and what it lacks of it."""
    inside = {path.relative_to("tillbridge/kernel").with_suffix("").as_posix() for path in paths} - {"__init__"}
    return [f"kernel has {name}" for name in sorted(inside - KERNEL)] + [
        f"kernel lacks {name}" for name in sorted(KERNEL - inside)
    ]


def test_the_kernel_is_its_seven_files() -> None:
    assert not strangers(files("tillbridge/kernel/**/*.py"))


def test_the_rule_can_fail() -> None:
    listed = [PurePosixPath(f"tillbridge/kernel/{name}.py") for name in KERNEL]
    assert not strangers(listed)
    assert strangers([*listed, PurePosixPath("tillbridge/kernel/retry.py")]) == ["kernel has retry"]
    assert strangers([*listed, PurePosixPath("tillbridge/kernel/db/pool.py")]) == ["kernel has db/pool"]
    assert strangers(listed[1:]) == [f"kernel lacks {listed[0].stem}"]
