"""The migrations and the schema files build the same database."""

import asyncio
import os
from collections.abc import Mapping

import asyncpg
import pytest

from tests.conftest import _administer, on_database
from tillbridge.kernel import db as kernel_db
from tillbridge.kernel.errors import SettingFault

CATALOGS: Mapping[str, str] = {
    "columns": """
        SELECT table_schema, table_name, column_name, data_type, udt_name, is_nullable, column_default
        FROM information_schema.columns WHERE table_schema = ANY ($1) ORDER BY 1, 2, 3""",
    "constraints": """
        SELECT n.nspname, r.relname, c.conname, pg_get_constraintdef(c.oid) FROM pg_constraint c
        JOIN pg_namespace n ON n.oid = c.connamespace LEFT JOIN pg_class r ON r.oid = c.conrelid
        WHERE n.nspname = ANY ($1) ORDER BY 1, 2, 3, 4""",
    "indexes": """
        SELECT schemaname, tablename, indexname, indexdef FROM pg_indexes
        WHERE schemaname = ANY ($1) ORDER BY 1, 2, 3""",
    "functions": """
        SELECT n.nspname, p.proname, pg_get_functiondef(p.oid) FROM pg_proc p
        JOIN pg_namespace n ON n.oid = p.pronamespace WHERE n.nspname = ANY ($1) ORDER BY 1, 2, 3""",
    "triggers": """
        SELECT n.nspname, r.relname, t.tgname, pg_get_triggerdef(t.oid) FROM pg_trigger t
        JOIN pg_class r ON r.oid = t.tgrelid JOIN pg_namespace n ON n.oid = r.relnamespace
        WHERE n.nspname = ANY ($1) AND NOT t.tgisinternal ORDER BY 1, 2, 3""",
    "views": "SELECT schemaname, viewname, definition FROM pg_views WHERE schemaname = ANY ($1) ORDER BY 1, 2",
    "enums": """
        SELECT n.nspname, t.typname, e.enumlabel, e.enumsortorder FROM pg_enum e JOIN pg_type t ON t.oid = e.enumtypid
        JOIN pg_namespace n ON n.oid = t.typnamespace WHERE n.nspname = ANY ($1) ORDER BY 1, 2, 4""",
    "composites": """
        SELECT n.nspname, r.relname, a.attname, a.attnum, format_type(a.atttypid, a.atttypmod) FROM pg_class r
        JOIN pg_namespace n ON n.oid = r.relnamespace JOIN pg_attribute a ON a.attrelid = r.oid
        WHERE r.relkind = 'c' AND n.nspname = ANY ($1) ORDER BY 1, 2, 4""",
    "sequences": "SELECT schemaname, sequencename FROM pg_sequences WHERE schemaname = ANY ($1) ORDER BY 1, 2",
    "options": """
        SELECT n.nspname, r.relname, r.reloptions::text, r.relacl::text FROM pg_class r
        JOIN pg_namespace n ON n.oid = r.relnamespace WHERE n.nspname = ANY ($1) ORDER BY 1, 2""",
}


async def catalog(url: str) -> dict[str, list[tuple[object, ...]]]:
    """Everything that the two ways of building must agree on."""
    connection = await asyncpg.connect(url)
    try:
        schemas = list(kernel_db.SCHEMA_FLOORS)
        return {name: [tuple(row) for row in await connection.fetch(sql, schemas)] for name, sql in CATALOGS.items()}
    finally:
        await connection.close()


@pytest.mark.parametrize("part", CATALOGS)
def test_schema_files_and_migrations_agree(server: str, db_url: str, part: str) -> None:
    name = f"tillbridge_schema_{os.getpid()}_{part}"
    asyncio.run(_administer(server, f'CREATE DATABASE "{name}"'))
    try:
        asyncio.run(kernel_db.run_script(on_database(server, name), "\n".join(kernel_db.schema_files())))
        meant = asyncio.run(catalog(on_database(server, name)))[part]
    finally:
        asyncio.run(_administer(server, f'DROP DATABASE "{name}" WITH (FORCE)'))
    migrated = asyncio.run(catalog(db_url))[part]
    assert migrated == meant
    assert meant, f"no {part} were compared"


async def test_migrating_twice_and_at_once_changes_nothing(db_url: str) -> None:
    before = await catalog(db_url)
    ran = await asyncio.gather(kernel_db.migrate(db_url), kernel_db.migrate(db_url))
    assert not any(ran)
    assert await catalog(db_url) == before


async def test_two_hubs_that_start_at_once_migrate_once(server: str) -> None:
    name = f"tillbridge_race_{os.getpid()}"
    await _administer(server, f'CREATE DATABASE "{name}"')
    try:
        url = on_database(server, name)
        ran = await asyncio.gather(*(kernel_db.migrate(url) for _ in range(4)))
        # One hub may run a migration and another the next one; each is run once, in order.
        assert sorted(name for names in ran for name in names) == list(kernel_db.migration_files())
        assert all(list(names) == sorted(names) for names in ran)
    finally:
        await _administer(server, f'DROP DATABASE "{name}" WITH (FORCE)')


async def test_a_database_of_an_earlier_form_is_told_and_left_alone(db_url: str) -> None:
    connection = await asyncpg.connect(db_url)
    try:
        # As one that was made before prints were kept.
        await connection.execute("UPDATE public.tillbridge_migration SET print = ''")
        before = await catalog(db_url)
        with pytest.raises(SettingFault, match="made by another 0001_first"):
            await kernel_db.migrate(db_url)
        assert await catalog(db_url) == before
    finally:
        await connection.close()
