"""Time and chance are handed in, so that a run is a seed; only the kernel takes them from the machine."""

import ast
import re
from pathlib import PurePosixPath
from typing import Final

import pytest

from tests.house.code import bare_sql, line_of, mentions
from tests.house.tree import files, found, package_of

_CLOCK: Final = "ask the Clock that is handed in (kernel/clock.py)"
_MEASURE: Final = f"{_CLOCK}, or measure with time.monotonic or time.perf_counter"
_CHANCE: Final = "draw from the random.Random that is handed in"
_IDS: Final = "make ids with the Ids that are handed in (kernel/ids.py)"
_SECRET: Final = "use secure_chance or secret_token of kernel/ids.py"

BANNED: Final = {
    "datetime.datetime.now": _CLOCK,
    "datetime.datetime.utcnow": _CLOCK,
    "datetime.datetime.today": _CLOCK,
    "datetime.date.today": _CLOCK,
    "time.time": _MEASURE,
    "time.time_ns": _MEASURE,
    "time.localtime": _CLOCK,
    "time.gmtime": _CLOCK,
    "time.ctime": _CLOCK,
    "uuid.uuid1": _IDS,
    "uuid.uuid4": _IDS,
    "uuid.uuid6": _IDS,
    "uuid.uuid7": _IDS,
    "os.urandom": _SECRET,
}
BANNED_MODULES: Final = {"random": _CHANCE, "secrets": _SECRET}
# A seeded source that is handed on, and a comparison that draws nothing.
ALLOWED: Final = {"random.Random", "secrets.compare_digest"}

_SQL_BANNED = re.compile(
    r"\b(?:(?:now|clock_timestamp|statement_timestamp|transaction_timestamp|timeofday|random|random_normal"
    r"|gen_random_uuid|gen_random_bytes|uuidv4|uuidv7|uuid_generate_v[14]\w*)\s*\("
    r"|current_timestamp\b|current_date\b|current_time\b|localtimestamp\b|localtime\b)",
    re.IGNORECASE,
)
_SQL_BANNED_TEXT = re.compile(r"'(?:now|today|tomorrow|yesterday)'\s*(?:::|\))", re.IGNORECASE)


def own_clock_or_chance(path: PurePosixPath, text: str) -> list[str]:
    """Uses of the machine's clock or chance outside the kernel, each with what to use instead."""
    if package_of(path) == "kernel":
        return []
    tree = ast.parse(text, str(path))
    unseeded = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and not node.args and not node.keywords]
    lines = [f":{node.lineno}: {full}; {instead}" for node, full in mentions(tree) if (instead := _instead_of(full))]
    called = {id(call.func) for call in unseeded}
    lines += [
        f":{node.lineno}: random.Random without a seed; {_CHANCE}"
        for node, full in mentions(tree)
        if full == "random.Random" and id(node) in called
    ]
    return lines


def _instead_of(full: str) -> str | None:
    if full in ALLOWED:
        return None
    module, dot, _ = full.partition(".")
    return BANNED.get(full) or (BANNED_MODULES.get(module) if dot else None)


def own_clock_or_chance_in_sql(_path: PurePosixPath, text: str) -> list[str]:
    """Calls of the database's clock or chance; a time, an id or a draw is a parameter of the query."""
    sql = bare_sql(text)
    quoted = re.sub(r"--[^\n]*", "", text)
    lines = [f":{line_of(sql, match.start())}: {match.group()}" for match in _SQL_BANNED.finditer(sql)]
    lines += [f":{line_of(quoted, match.start())}: {match.group()}" for match in _SQL_BANNED_TEXT.finditer(quoted)]
    return [
        f"{line} in SQL; make it a parameter and hand it in from the Clock, the Ids or the chance" for line in lines
    ]


def test_the_product_takes_time_and_chance_from_its_caller() -> None:
    lines = found(own_clock_or_chance, files("tillbridge/**/*.py"))
    lines += found(own_clock_or_chance_in_sql, files("tillbridge/**/*.sql"))
    assert not lines, "\n".join(lines)


CREDIT = PurePosixPath("tillbridge/credit/redeem.py")


@pytest.mark.parametrize(
    "snippet",
    [
        "from datetime import datetime, UTC\nat = datetime.now(UTC)",
        "import datetime as dt\nat = dt.datetime.utcnow()",
        "from datetime import date\nday = date.today()",
        "import time\nat = time.time()",
        "from time import time_ns\nat = time_ns()",
        "import random\nif random.random() < 0.5: pass",
        "from random import choice\none = choice([1, 2])",
        "import random\nchance = random.Random()",
        "import random\nchance = random.SystemRandom()",
        "import uuid\nfield(default_factory=uuid.uuid4)",
        "from uuid import uuid1 as make\nnew = make()",
        "import secrets\ncode = secrets.token_hex()",
        "import os\nraw = os.urandom(8)",
    ],
)
def test_the_rule_can_fail(snippet: str) -> None:
    lines = own_clock_or_chance(CREDIT, snippet)
    assert lines
    assert "kernel/" in lines[0] or "handed in" in lines[0]
    assert not own_clock_or_chance(PurePosixPath("tillbridge/kernel/ids.py"), snippet)


@pytest.mark.parametrize(
    "snippet",
    [
        "import time\nstarted = time.monotonic()",
        "import random\ndef pick(chance: random.Random) -> int:\n    return chance.randrange(3)",
        "import random\nchance = random.Random(7)",
        "from uuid import UUID\nzero = UUID(int=0)",
        "def at(clock: Clock) -> datetime:\n    return clock.now()",
    ],
)
def test_what_is_handed_in_is_allowed(snippet: str) -> None:
    assert not own_clock_or_chance(CREDIT, snippet)


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT now()",
        "INSERT INTO credit.note (at) VALUES (clock_timestamp())",
        "CREATE TABLE credit.note (at timestamptz DEFAULT CURRENT_TIMESTAMP)",
        "CREATE TABLE credit.note (id uuid DEFAULT gen_random_uuid())",
        "SELECT id FROM credit.note ORDER BY random()",
        "SELECT 'now'::timestamptz",
    ],
)
def test_the_rule_on_sql_can_fail(statement: str) -> None:
    assert own_clock_or_chance_in_sql(PurePosixPath("tillbridge/credit/queries.sql"), statement)


def test_a_word_in_a_comment_is_no_clock() -> None:
    text = "-- now() is not called here\nSELECT recorded_at AS known_now, 'now()' AS word FROM credit.note"
    assert not own_clock_or_chance_in_sql(PurePosixPath("tillbridge/credit/queries.sql"), text)
