"""Real parts for the tests: a PostgreSQL, a fresh database per test, a browser for those of pages, Java for Spark.

With TILLBRIDGE_TEST_DATABASE_URL the tests run on that server (its user must be allowed to create databases);
otherwise each test process starts the embedded one in a folder of its own.
"""

import asyncio
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest

from tillbridge.kernel import db as kernel_db
from tillbridge.kernel.db import Db

_NUMBERS = count(1)


def on_database(server: str, name: str) -> str:
    """The address of another database of the same server."""
    return urlunsplit(urlsplit(server)._replace(path=f"/{name}"))


async def _administer(server: str, statement: str) -> None:
    connection = await asyncpg.connect(server)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


@pytest.fixture(scope="session")
def server() -> Iterator[str]:
    """The address of a real PostgreSQL."""
    given = os.environ.get("TILLBRIDGE_TEST_DATABASE_URL")
    if given:
        yield given
        return
    with own_folder() as folder:
        url = kernel_db.embedded(folder)
        # Nothing here is meant to outlive its test; what a kill leaves behind is tested on servers of their own.
        for setting in ("fsync", "synchronous_commit", "full_page_writes"):
            asyncio.run(_administer(url, f"ALTER SYSTEM SET {setting} = off"))
        asyncio.run(_administer(url, "SELECT pg_reload_conf()"))
        yield url


@contextmanager
def own_folder() -> Iterator[Path]:
    """A folder for a PostgreSQL. Not pytest's: it shuts other users out of those, and run by root the server is one."""
    folder = Path(tempfile.mkdtemp(prefix="tillbridge-test-"))
    try:
        yield folder
    finally:
        kernel_db.stop_embedded(folder)
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def data_dir() -> Iterator[Path]:
    """A folder for a hub with an embedded PostgreSQL of its own."""
    with own_folder() as folder:
        yield folder


@pytest.fixture(scope="session")
def template(server: str) -> Iterator[str]:
    """The name of a database that has had all migrations, to be cloned."""
    name = f"tillbridge_template_{os.getpid()}"
    asyncio.run(_administer(server, f'CREATE DATABASE "{name}"'))
    asyncio.run(kernel_db.migrate(on_database(server, name)))
    yield name
    asyncio.run(_administer(server, f'DROP DATABASE "{name}" WITH (FORCE)'))


@pytest.fixture
def db_url(server: str, template: str) -> Iterator[str]:
    """A fresh database with all tables, gone after the test."""
    name = f"tillbridge_test_{os.getpid()}_{next(_NUMBERS)}"
    asyncio.run(_administer(server, f'CREATE DATABASE "{name}" TEMPLATE "{template}"'))
    yield on_database(server, name)
    asyncio.run(_administer(server, f'DROP DATABASE "{name}" WITH (FORCE)'))


@pytest.fixture
async def db(db_url: str) -> AsyncIterator[Db]:
    """A pool on a fresh database."""
    async with kernel_db.open_db(db_url) as opened:
        yield opened


@pytest.fixture(scope="session")
def chromium() -> str:
    """The path of Chromium. Without one, the tests of pages in a browser are left out, and say so; CI has one."""
    found = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if found is None and not os.environ.get("CI"):
        pytest.skip("no Chromium on this machine: pages were tested over HTTP only")
    assert found, "CI needs Chromium: the CI script installs it"
    return found


@pytest.fixture(scope="session")
def java() -> str:
    """The path of Java, which Spark runs on. Without one, the tests on Spark are left out, and say so; CI has one."""
    found = shutil.which("java")
    if found is None and not os.environ.get("CI"):
        pytest.skip("no Java on this machine: reconciling was tested on DuckDB only")
    assert found, "CI needs Java: the CI script installs it"
    return found


@pytest.fixture(scope="session")
def sample() -> Path:
    """The folder with the exports of a retailer with known faults."""
    return Path(__file__).parent / "data" / "sample"
