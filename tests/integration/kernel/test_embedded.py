"""The embedded PostgreSQL runs with our settings, in a new folder and in an old one, and a person's own go before."""

from collections.abc import Iterable, Mapping
from pathlib import Path

import asyncpg
import pytest

from tillbridge.kernel.db import embedded, open_db, server_settings, stop_embedded

ASKED = ("shared_buffers", "max_wal_size", "checkpoint_timeout", "checkpoint_completion_target", "wal_compression")


async def shown(url: str, names: Iterable[str]) -> Mapping[str, str]:
    """What a running server says of settings."""
    connection = await asyncpg.connect(url)
    try:
        return {name: await connection.fetchval("SELECT current_setting($1)", name) for name in names}
    finally:
        await connection.close()


async def test_a_fresh_one_keeps_what_it_has_answered_and_has_our_settings(data_dir: Path) -> None:
    url = embedded(data_dir)
    safe = ("fsync", "synchronous_commit", "full_page_writes")
    assert await shown(url, safe) == dict.fromkeys(safe, "on")
    # Any machine that can run this has the memory for the most of shared_buffers.
    wanted = server_settings(16384)
    assert await shown(url, ASKED) == {name: wanted[name] for name in ASKED}


async def test_an_old_folder_gets_them_at_the_next_start_and_a_persons_own_go_before(data_dir: Path) -> None:
    url = embedded(data_dir)
    connection = await asyncpg.connect(url)
    await connection.execute("ALTER SYSTEM SET checkpoint_timeout = '7min'")
    await connection.close()
    stop_embedded(data_dir)
    conf = data_dir / "postgres" / "postgresql.conf"
    said = conf.read_text("utf-8")
    assert said.count("tillbridge.conf") == 1
    conf.write_text("\n".join(line for line in said.splitlines() if "tillbridge.conf" not in line), "utf-8")
    (data_dir / "postgres" / "tillbridge.conf").unlink()

    found = await shown(embedded(data_dir), ("max_wal_size", "checkpoint_timeout", "fsync"))
    assert found == {"max_wal_size": "2GB", "checkpoint_timeout": "7min", "fsync": "on"}
    stop_embedded(data_dir)
    embedded(data_dir)
    assert conf.read_text("utf-8").count("tillbridge.conf") == 1


@pytest.mark.parametrize(("memory_mb", "buffers"), [(512, "128MB"), (1024, "128MB"), (1536, "192MB"), (65536, "256MB")])
def test_memory_is_shared_out_with_sense(memory_mb: int, buffers: str) -> None:
    assert server_settings(memory_mb)["shared_buffers"] == buffers


async def test_tables_are_listed_by_size(db_url: str) -> None:
    async with open_db(db_url) as db:
        sizes = await db.table_sizes()
    assert {"ledger.event", "ledger.entry", "handoff.handoff"} <= set(sizes)
    assert list(sizes.values()) == sorted(sizes.values(), reverse=True)
