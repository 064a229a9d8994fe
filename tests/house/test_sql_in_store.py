"""SQL stands in named .sql files, and only a package's store.py runs it."""

import ast
import re
from pathlib import PurePosixPath

import pytest

from tests.house.code import mentions, texts
from tests.house.tree import files, found

DOOR = PurePosixPath("tillbridge/kernel/db.py")

_VERBS = (
    r"SELECT\s.*\sFROM\s|SELECT\s+[\w.]+\s*\(|INSERT\s+INTO\s|UPDATE\s+[\w.?\"]+(?:\s+(?:AS\s+)?\w+)?\s+SET\s"
    r"|DELETE\s+FROM\s|TRUNCATE\s+\w|MERGE\s+INTO\s|(?:CREATE|ALTER|DROP)\s+(?:OR\s+REPLACE\s+)?"
    r"(?:TABLE|VIEW|SCHEMA|FUNCTION|INDEX|TYPE|TRIGGER|DATABASE|ROLE)\s"
)
# In capitals it is SQL wherever it stands; in small letters only where the text begins with it: the rest is English.
_STATEMENT = re.compile(rf"\b(?:{_VERBS})|\A\s*(?:{_VERBS.lower()})", re.DOTALL)


def sql_outside_store(path: PurePosixPath, text: str) -> list[str]:
    """Statements written in Python, and named queries taken up by a file that is no store."""
    if path == DOOR:
        return []
    tree = ast.parse(text, str(path))
    lines = [
        f":{line}: SQL in a Python text; name it in the package's queries.sql and run it from its store.py"
        for line, value in texts(tree)
        if _STATEMENT.search(value)
    ]
    if path.name != "store.py":
        lines += [
            f":{node.lineno}: {full.rpartition('.')[2]} outside store.py; give the package's store.py a function"
            for node, full in mentions(tree)
            if full in {"tillbridge.kernel.db.load_queries", "tillbridge.kernel.db.Query"}
        ]
    return lines


def test_only_stores_run_sql() -> None:
    lines = found(sql_outside_store, files("tillbridge/**/*.py"))
    assert not lines, "\n".join(lines)


@pytest.mark.parametrize(
    "snippet",
    [
        'rows = tx.fetch("SELECT id FROM ledger.entry")',
        'query = "select id\\nfrom ledger.entry"',
        'query = f"INSERT INTO {table} VALUES (1)"',
        'query = f"UPDATE {table} SET minor = 1"',
        'query = "WITH gone AS (DELETE FROM ledger.entry RETURNING *) TABLE gone"',
        'query = "CREATE TABLE x (y int)"',
        'query = "SELECT ledger.post($1)"',
        "from tillbridge.kernel.db import load_queries\nqueries = load_queries('ledger')",
        "from tillbridge.kernel import db\nqueries = db.load_queries('ledger')",
        "import tillbridge.kernel.db as d\nquery = d.Query('one', text)",
    ],
)
def test_the_rule_can_fail(snippet: str) -> None:
    assert sql_outside_store(PurePosixPath("tillbridge/credit/redeem.py"), snippet)


@pytest.mark.parametrize(
    "snippet",
    [
        '"""SELECT one FROM the list: this is prose."""',
        'sentence = "Select one of the stores from the list."',
        'sentence = "Update the stack map, then set it live."',
        "from tillbridge.kernel.db import Db, Tx",
    ],
)
def test_english_is_no_sql(snippet: str) -> None:
    assert not sql_outside_store(PurePosixPath("tillbridge/credit/redeem.py"), snippet)


def test_a_store_runs_queries_and_still_writes_none() -> None:
    store = PurePosixPath("tillbridge/credit/store.py")
    assert not sql_outside_store(store, "from tillbridge.kernel.db import load_queries\nQ = load_queries('credit')")
    assert sql_outside_store(store, 'query = "DELETE FROM ledger.entry"')
