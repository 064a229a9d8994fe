"""Money is never a float: none is made or announced near it, in Python or in SQL."""

import ast
import re
from pathlib import PurePosixPath

import pytest

from tests.house.code import bare_sql, line_of
from tests.house.tree import files, found

NEAR_MONEY = ("tillbridge/ledger/", "tillbridge/credit/", "tillbridge/accounting/", "tillbridge/kernel/money.")
_SQL_FLOAT = re.compile(r"\b(?:real|double\s+precision|float[48]?)\b", re.IGNORECASE)


def floats(path: PurePosixPath, text: str) -> list[str]:
    """Every mention of `float`, but for the refusal of one: `isinstance(value, float)`."""
    if path.suffix == ".sql":
        sql = bare_sql(text)
        return [
            f":{line_of(sql, match.start())}: {match.group()} in SQL; money is BIGINT minor units, a share is NUMERIC"
            for match in _SQL_FLOAT.finditer(sql)
        ]
    tree = ast.parse(text, str(path))
    refusals = {id(name) for call in ast.walk(tree) if _asks_for_type(call) for name in ast.walk(call)}
    return [
        f":{node.lineno}: float near money; use int minor units, decimal.Decimal or datetime.timedelta"
        for node in ast.walk(tree)
        if isinstance(node, ast.Name) and node.id == "float" and id(node) not in refusals
    ]


def _asks_for_type(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "isinstance"


def test_no_float_near_money() -> None:
    near = [path for path in files("tillbridge/**/*.py", "tillbridge/**/*.sql") if str(path).startswith(NEAR_MONEY)]
    assert PurePosixPath("tillbridge/kernel/money.py") in near
    lines = found(floats, near)
    assert not lines, "\n".join(lines)


@pytest.mark.parametrize(
    "snippet",
    [
        "minor = float(text)",
        "def charge(amount: float) -> None: ...",
        "rates: dict[str, float] = {}",
        "def share() -> float | None: ...",
        "parse = map(float, texts)",
    ],
)
def test_the_rule_can_fail(snippet: str) -> None:
    assert floats(PurePosixPath("tillbridge/ledger/gather.py"), snippet)


@pytest.mark.parametrize("kind", ["real", "double precision", "FLOAT8", "float"])
def test_the_rule_on_sql_can_fail(kind: str) -> None:
    assert floats(PurePosixPath("tillbridge/ledger/schema.sql"), f"CREATE TABLE ledger.entry (minor {kind})")


def test_refusing_a_float_is_allowed() -> None:
    assert not floats(
        PurePosixPath("tillbridge/kernel/money.py"), "if isinstance(value, float): raise TypeError(value)"
    )
    assert not floats(PurePosixPath("tillbridge/ledger/schema.sql"), "CREATE TABLE ledger.entry (minor bigint) -- real")
