"""No test is skipped or expected to fail; only tests/conftest.py may leave one out, and says why."""

import ast
from pathlib import PurePosixPath

import pytest

from tests.house.code import mentions
from tests.house.tree import files, found

THE_ONE_PLACE = PurePosixPath("tests/conftest.py")
_LEAVING_OUT = {"skip", "skipif", "xfail", "importorskip", "skipIf", "skipUnless", "skipTest", "expectedFailure"}


def left_out(path: PurePosixPath, text: str) -> list[str]:
    """Tests that are skipped, by mark, by call or by raising."""
    if path == THE_ONE_PLACE:
        return []
    return [
        f":{node.lineno}: {full}; make it pass, or take it away and say so"
        for node, full in mentions(ast.parse(text, str(path)))
        if full.partition(".")[0] in {"pytest", "unittest", "_pytest"} and full.rpartition(".")[2] in _LEAVING_OUT
    ]


def test_nothing_is_left_out() -> None:
    lines = found(left_out, files("tests/**/*.py"))
    assert not lines, "\n".join(lines)


@pytest.mark.parametrize(
    "snippet",
    [
        "import pytest\n@pytest.mark.{skip}(reason='later')\ndef test_x(): ...",
        "import pytest\n@pytest.mark.{skip}if(True, reason='later')\ndef test_x(): ...",
        "from pytest import mark\n@mark.{xfail}\ndef test_x(): ...",
        "import pytest\npytestmark = pytest.mark.{skip}",
        "import pytest\ndef test_x(): pytest.{skip}('later')",
        "from pytest import {skip}\ndef test_x(): {skip}('later')",
        "import unittest\n@unittest.{skip}('later')\ndef test_x(): ...",
        "import pytest\nduckdb = pytest.importor{skip}('duckdb')",
    ],
)
def test_the_rule_can_fail(snippet: str) -> None:
    text = snippet.format(skip="skip", xfail="xfail")
    assert left_out(PurePosixPath("tests/unit/test_x.py"), text)
    assert not left_out(THE_ONE_PLACE, text)
