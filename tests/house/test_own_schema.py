"""A package's .sql writes its own schema; another's it reads by views and writes by the owner's functions."""

import re
from collections.abc import Mapping, Set
from functools import partial
from pathlib import PurePosixPath

import pytest

from tests.house.code import bare_sql, line_of
from tests.house.tree import ROOT, files, found, package_of

_NAME = r"(?P<name>(?!SET\b)\"?\w+\"?(?:\.\"?\w+\"?)?)"
_OBJECT = r"(?:TABLE|VIEW|FUNCTION|PROCEDURE|AGGREGATE|TYPE|DOMAIN|SEQUENCE|SCHEMA)\s+"
_KIND = r"(?:(?:OR\s+REPLACE|UNLOGGED|FOREIGN|MATERIALIZED|RECURSIVE)\s+)*"
_IF = r"(?:IF\s+(?:NOT\s+)?EXISTS\s+)?"
_WRITES = tuple(
    re.compile(pattern, re.IGNORECASE | re.DOTALL)
    for pattern in (
        rf"\bINSERT\s+INTO\s+{_NAME}",
        rf"\bUPDATE\s+(?:ONLY\s+)?{_NAME}(?:\s+(?:AS\s+)?(?!SET\b)\w+)?\s+SET\b",
        rf"\bDELETE\s+FROM\s+(?:ONLY\s+)?{_NAME}",
        rf"\bMERGE\s+INTO\s+(?:ONLY\s+)?{_NAME}",
        rf"\bTRUNCATE\s+(?:TABLE\s+)?(?:ONLY\s+)?(?!ON\b|OR\b){_NAME}",
        rf"\b(?:CREATE|ALTER|DROP)\s+{_KIND}{_OBJECT}{_IF}(?:ONLY\s+)?{_NAME}",
        rf"\b(?:ALTER|DROP)\s+INDEX\s+(?:CONCURRENTLY\s+)?{_IF}{_NAME}",
        rf"\bCREATE\s+(?:UNIQUE\s+)?INDEX\s+(?:CONCURRENTLY\s+)?{_IF}(?:\w+\s+)?ON\s+(?:ONLY\s+)?{_NAME}",
        rf"\bCREATE\s+(?:OR\s+REPLACE\s+)?(?:CONSTRAINT\s+)?TRIGGER\s+\w+\s[^;]*?\sON\s+{_NAME}",
        rf"\b(?:GRANT|REVOKE)\s[^;]*?\sON\s+(?:ALL\s+\w+\s+IN\s+)?(?:SCHEMA|TABLE|FUNCTION|SEQUENCE)?\s*{_NAME}",
    )
)
_TEMPORARY = re.compile(rf"\bCREATE\s+TEMP(?:ORARY)?\s+TABLE\s+{_IF}(?P<name>\w+)", re.IGNORECASE)
_TABLE = re.compile(rf"\bCREATE\s+(?:UNLOGGED\s+)?TABLE\s+{_IF}(?P<name>\w+\.\w+)", re.IGNORECASE)
_SPELLED = re.compile(r"\bEXECUTE\s+(?:format\s*\(|'|\$|\w+\s*;|\w+\s*\|\|)", re.IGNORECASE)


def tables_by_schema(schemas: Mapping[str, str]) -> dict[str, frozenset[str]]:
    """The tables that each package's .sql files create: `{"ledger": {"ledger.entry", ...}}`."""
    return {
        package: frozenset(match["name"].lower() for match in _TABLE.finditer(bare_sql(text)))
        for package, text in schemas.items()
    }


def foreign_writes(path: PurePosixPath, text: str) -> list[str]:
    """Statements that write outside the schema of the package that the file lies in."""
    owner = package_of(path)
    sql = bare_sql(text)
    temporary = {match["name"].lower() for match in _TEMPORARY.finditer(sql)}
    lines = [
        f":{line_of(sql, match.start())}: a statement put together at run time; write it out, so that it can be read"
        for match in _SPELLED.finditer(sql)
    ]
    for pattern in _WRITES:
        for match in pattern.finditer(sql):
            name = match["name"].replace('"', "").lower()
            if name in temporary or name.partition(".")[0] == owner:
                continue
            whose = "a name without its schema" if "." not in name else f"{name}, which is not {owner}'s"
            lines.append(f":{line_of(sql, match.start())}: writes {whose}; call a function of the owner's instead")
    return lines


def foreign_reads(tables: Mapping[str, Set[str]], path: PurePosixPath, text: str) -> list[str]:
    """Tables of other packages that are named other than as the target of a foreign key."""
    owner = package_of(path)
    sql = bare_sql(text).lower()
    return [
        f":{line_of(sql, match.start())}: reads the table {table}; read a view of {package}'s instead"
        for package, names in tables.items()
        if package != owner
        for table in sorted(names)
        for match in re.finditer(rf"(?<![\w.]){re.escape(table)}(?![\w.(])", sql)
        if not re.search(r"\breferences\s+\Z", sql[: match.start()])
    ]


def test_a_package_writes_its_own_schema() -> None:
    lines = found(foreign_writes, _of_packages())
    assert not lines, "\n".join(lines)


def test_a_package_reads_others_through_their_views() -> None:
    schemas: dict[str, str] = {}
    for path in _of_packages():
        schemas[path.parts[1]] = schemas.get(path.parts[1], "") + (ROOT / path).read_text("utf-8")
    lines = found(partial(foreign_reads, tables_by_schema(schemas)), _of_packages())
    assert not lines, "\n".join(lines)


def _of_packages() -> list[PurePosixPath]:
    """Migrations are the past of all schemas together and belong to no package."""
    return [path for path in files("tillbridge/**/*.sql") if package_of(path) not in {None, "migrations"}]


CREDIT = PurePosixPath("tillbridge/credit/queries.sql")


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO ledger.entry (id) VALUES (1)",
        "INSERT INTO entry (id) VALUES (1)",
        "WITH gone AS (DELETE FROM ledger.entry RETURNING id) SELECT id FROM gone",
        "UPDATE ledger.entry AS e\n  SET minor = 1",
        "UPDATE ledger.entry SET minor = 1",
        "MERGE INTO ledger.entry USING x ON true WHEN MATCHED THEN DO NOTHING",
        "TRUNCATE ledger.entry",
        "TRUNCATE TABLE ledger.entry",
        "CREATE TABLE IF NOT EXISTS ledger.more (id uuid)",
        "CREATE OR REPLACE FUNCTION ledger.post() RETURNS void LANGUAGE sql AS $$ SELECT 1 $$",
        "CREATE OR REPLACE VIEW ledger.balance AS SELECT 1",
        "CREATE SCHEMA ledger",
        "ALTER TABLE ledger.entry ADD COLUMN x int",
        "DROP TABLE ledger.entry",
        "CREATE UNIQUE INDEX entry_key ON ledger.entry (key)",
        "CREATE TRIGGER guard BEFORE UPDATE OR DELETE ON ledger.entry EXECUTE FUNCTION credit.refuse()",
        "REVOKE UPDATE, DELETE, TRUNCATE ON ledger.entry FROM PUBLIC",
        "GRANT USAGE ON SCHEMA ledger TO clerk",
        "CREATE FUNCTION credit.f() RETURNS void LANGUAGE plpgsql AS $$ BEGIN DELETE FROM ledger.entry; END $$",
        "CREATE FUNCTION credit.f() RETURNS void LANGUAGE plpgsql AS $$ BEGIN EXECUTE 'DROP TABLE x'; END $$",
    ],
)
def test_the_rule_on_writing_can_fail(statement: str) -> None:
    assert foreign_writes(CREDIT, statement)


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO credit.note (id) VALUES (1) ON CONFLICT (id) DO UPDATE SET seen = true",
        "SELECT * FROM ledger.post($1) -- INSERT INTO ledger.entry is its business",
        "SELECT id FROM credit.note FOR UPDATE SKIP LOCKED",
        "UPDATE credit.note n SET sentence = 'DELETE FROM ledger.entry'",
        "CREATE TEMP TABLE picked (id uuid) ON COMMIT DROP; INSERT INTO picked SELECT id FROM credit.note",
        "CREATE INDEX note_time ON credit.note (at)",
        "CREATE TRIGGER guard BEFORE UPDATE OR DELETE OR TRUNCATE ON credit.note EXECUTE FUNCTION credit.refuse()",
        "REVOKE UPDATE, DELETE, TRUNCATE ON credit.note FROM PUBLIC",
        "REVOKE ALL ON SCHEMA credit FROM PUBLIC",
        "CREATE TABLE credit.note (id uuid REFERENCES ledger.credit ON DELETE RESTRICT ON UPDATE RESTRICT)",
        "CREATE FUNCTION credit.f(a int) RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$",
    ],
)
def test_writing_ones_own_is_allowed(statement: str) -> None:
    assert not foreign_writes(CREDIT, statement)


def test_the_rule_on_reading_can_fail() -> None:
    tables = tables_by_schema({"ledger": "CREATE TABLE ledger.entry (id uuid); CREATE VIEW ledger.entries AS TABLE x"})
    assert tables == {"ledger": {"ledger.entry"}}
    assert foreign_reads(tables, CREDIT, "SELECT id FROM ledger.entry")
    assert not foreign_reads(tables, CREDIT, "SELECT id FROM ledger.entries")
    assert not foreign_reads(tables, CREDIT, "CREATE TABLE credit.note (entry uuid REFERENCES ledger.entry)")
    assert not foreign_reads(tables, PurePosixPath("tillbridge/ledger/queries.sql"), "SELECT id FROM ledger.entry")
