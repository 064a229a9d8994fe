"""What the `map` commands share: the file they read, the database that knows more, and the file they write."""

import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final, TypeVar

import click

from tillbridge.cli.running import read_stack, settings_with
from tillbridge.kernel.db import Db
from tillbridge.kernel.errors import BadInput, DatabaseAway, StackFault
from tillbridge.kernel.ids import secret_token
from tillbridge.kernel.settings import Settings
from tillbridge.stack.model import Stack
from tillbridge.wiring import open_database

Command = TypeVar("Command", bound=Callable[..., Any])

FILE: Final = click.argument("file", type=click.Path(path_type=Path), envvar="TILLBRIDGE_STACK", default="stack.toml")
OFFLINE: Final = click.option("--offline", is_flag=True, help="By the map alone, without asking the hub's database.")
DATA_DIR: Final = click.option("--data-dir", type=click.Path(path_type=Path), help="Folder of the hub's database.")


def fault_line(fault: StackFault) -> str:
    """`file:line: problem. mend`; without the line when the file as a whole cannot be read."""
    place = f"{fault.file}:{fault.line}" if fault.line else fault.file
    return f"{place}: {fault.problem}. {fault.mend}"


def read_map(file: Path, data_dir: Path | None) -> tuple[Settings, Stack]:
    """The settings and the map of FILE. Secrets may be missing: nothing is sent. A fault ends with exit status 2."""
    settings = settings_with(data_dir, file)
    try:
        return settings, read_stack(settings, secrets=False)
    except StackFault as fault:
        click.echo(fault_line(fault), err=True)
        sys.exit(2)


@asynccontextmanager
async def books(settings: Settings, *, offline: bool) -> AsyncIterator[Db | None]:
    """The hub's database, None where there is none yet, none is wanted, or none answers; the last is said."""
    if offline or not (settings.database_url or (settings.data_dir / "postgres").exists()):
        yield None
        return
    try:
        opening = open_database(settings)
        db = await opening.__aenter__()
    except DatabaseAway as error:
        click.echo(f"Without live figures: {error}", err=True)
        yield None
        return
    try:
        yield db
    finally:
        await opening.__aexit__(None, None, None)


def write_whole(file: Path, data: bytes) -> None:
    """Write a file whole or not at all. Raises BadInput where that cannot be."""
    draft = file.with_name(f".{file.name}.{secret_token(6)}")
    try:
        draft.write_bytes(data)
        draft.replace(file)
    except OSError as error:
        draft.unlink(missing_ok=True)
        mend = "Name a file in a folder that is there and that you may write to."
        raise BadInput("--out", f"{file} cannot be written ({error.strerror})", mend) from error
