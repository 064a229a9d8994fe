"""`tillbridge replay rows`: what was fetched and could not be taken in: shown, mended, tried again, dropped."""

import csv
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import click

from tillbridge.checkpoint.intake.mending import Mended
from tillbridge.checkpoint.intake.model import Wrong
from tillbridge.checkpoint.intake.table import LINE
from tillbridge.cli.listing import FORMAT, print_rows
from tillbridge.cli.options import DATA_DIR, STACK
from tillbridge.cli.running import own_address, read_stack, run, settings_with
from tillbridge.handoff.inbound import store
from tillbridge.handoff.inbound.model import Quarantined, RowState
from tillbridge.kernel.db import Db
from tillbridge.kernel.errors import BadInput
from tillbridge.kernel.settings import Settings
from tillbridge.wiring import open_hub

ABOUT: Final = ("id", "source", "place", "row", "field", "problem", "mend")
MARK: Final = "quarantine_"
"""What is said of a row, and what stands before it in an export, so that no column of theirs is called the same."""

PAGE: Final = 200


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which rows are meant, and what is to become of them. `instead` has by id the cells of mended rows."""

    source: str
    ids: tuple[UUID, ...]
    instead: Mapping[UUID, Mapping[str, str]]
    export: Path | None
    drop: bool
    dry_run: bool


@click.command("rows")
@click.option("--source", default="", help="Only rows of this system's source.")
@click.option("--id", "ids", multiple=True, type=click.UUID, help="Only this row; may be given more than once.")
@click.option("--with", "mended", type=click.Path(path_type=Path, exists=True, dir_okay=False), help="Mended rows.")
@click.option("--export", type=click.Path(path_type=Path, dir_okay=False), help="Write the rows to a file to mend.")
@click.option("--drop", is_flag=True, help="Give the rows up for ever and forget what they say.")
@click.option("--dry-run", is_flag=True, help="Say what would be tried and what is still wrong; change nothing.")
@FORMAT
@DATA_DIR
@STACK
def rows_command(form: str, data_dir: Path | None, stack: Path | None, **asked: Any) -> None:
    """Try the rows again that sources brought and that could not be taken in, after the map, the directory or the rows
    themselves were mended.

    Exit status 0: all that were meant are through; 1: some are still bad, and are listed; 2: it cannot be done.

    Example: tillbridge replay rows --source registers --export rows.csv
    """
    wanted = _wanted(**asked)
    listed, left = run(_rows(settings_with(data_dir, stack), wanted))
    print_rows(listed, form, ("row",))
    sys.exit(1 if left else 0)


def _wanted(
    source: str,
    ids: tuple[UUID, ...],
    mended: Path | None,
    export: Path | None,
    drop: bool,
    dry_run: bool,
) -> Wanted:
    if sum(map(bool, (mended, export, drop))) > 1:
        raise click.UsageError("--with, --export and --drop are three things: one at a time.")
    instead = _read(mended) if mended else {}
    return Wanted(source, ids or tuple(instead), instead, export, drop, dry_run)


async def _rows(settings: Settings, wanted: Wanted) -> tuple[list[dict[str, str]], bool]:
    """What became of each row, and whether some are left that were to be through."""
    stack = read_stack(settings)
    async with open_hub(settings, stack, public_url=own_address(settings), deliver=False) as hub:
        rows = await _meant(hub.db, wanted)
        if wanted.export is not None:
            _write(wanted.export, rows)
            return [_shown(row, "exported") for row in rows], False
        if wanted.drop:
            if not wanted.dry_run:
                await store.dropped(hub.db, [row.id for row in rows], hub.clock.now())
            return [_shown(row, "would be dropped" if wanted.dry_run else "dropped") for row in rows], False
        instead = {row.id: _changed(row, wanted.instead.get(row.id, {})) for row in rows}
        if wanted.dry_run:
            looked = [(row, hub.mending.look(row, instead[row.id])) for row in rows]
            return [_told(row, wrong, "would be sent") for row, wrong in looked], any(wrong for _, wrong in looked)
        came = await hub.mending.replay(rows, instead)
    return [_came(one) for one in came], any(isinstance(one.outcome, Wrong) for one in came)


async def _meant(db: Db, wanted: Wanted) -> list[Quarantined]:
    """The open rows that are meant. Raises BadInput for an id that is none of an open row."""
    if wanted.ids:
        found = [row for row in await store.rows_of(db, wanted.ids) if row.state is RowState.OPEN]
        missing = set(wanted.ids) - {row.id for row in found}
        if missing:
            mend = "List those that are with --dry-run; what was replayed or dropped is closed."
            raise BadInput("--id", f"no row that waits is known as {min(map(str, missing))}", mend)
        return [row for row in found if wanted.source in ("", row.source)]
    rows: list[Quarantined] = []
    while page := await store.open_rows(db, wanted.source, rows[-1].id if rows else store.NIL, PAGE):
        rows += page
    return rows


def _write(path: Path, rows: Sequence[Quarantined]) -> None:
    """The rows with what is wrong with them, each in its own columns, to be mended and given back with --with."""
    theirs = list(dict.fromkeys(name for row in rows for name in row.raw or {}))
    with path.open("w", newline="", encoding="utf-8") as opened:
        writer = csv.DictWriter(opened, [*(MARK + name for name in ABOUT), *theirs])
        writer.writeheader()
        for row in rows:
            about = {MARK + name: text for name, text in _about(row).items()}
            writer.writerow({**about, **{name: _text(value) for name, value in (row.raw or {}).items()}})


def _read(path: Path) -> dict[UUID, dict[str, str]]:
    """The cells of mended rows by id. Raises BadInput."""
    mend = f"Give back the file that --export wrote, with its column {MARK}id."
    with path.open(newline="", encoding="utf-8-sig") as opened:
        reader = csv.DictReader(opened)
        if MARK + "id" not in (reader.fieldnames or ()):
            raise BadInput("--with", f"the file has no column {MARK}id", mend)
        try:
            return {UUID(row[MARK + "id"]): _cells(row) for row in reader}
        except (ValueError, TypeError, AttributeError, csv.Error):
            raise BadInput("--with", f"line {reader.line_num} has no id of a row", mend) from None


def _cells(row: Mapping[str, Any]) -> dict[str, str]:
    return {name: str(cell or "") for name, cell in row.items() if name and name != LINE and not name.startswith(MARK)}


def _changed(row: Quarantined, cells: Mapping[str, str]) -> dict[str, str]:
    """The cells that were mended; what stands as it was exported stays what it is, be it a text or not."""
    raw = row.raw or {}
    return {name: cell for name, cell in cells.items() if cell != _text(raw.get(name))}


def _text(value: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value)


def _about(row: Quarantined) -> dict[str, str]:
    values = (str(row.id), row.source, row.place, str(row.row_number), row.field, row.problem, row.mend)
    return dict(zip(ABOUT, values, strict=True))


def _shown(row: Quarantined, outcome: str) -> dict[str, str]:
    return {"outcome": outcome, **_about(row)}


def _told(row: Quarantined, wrong: Wrong | None, otherwise: str) -> dict[str, str]:
    if wrong is None:
        return _shown(row, otherwise)
    return {**_shown(row, "still bad"), "field": wrong.field, "problem": wrong.problem, "mend": wrong.mend}


def _came(mended: Mended) -> dict[str, str]:
    if isinstance(mended.outcome, Wrong):
        return _told(mended.row, mended.outcome, "")
    return {**_shown(mended.row, mended.outcome.how), "field": "", "problem": "", "mend": ""}
