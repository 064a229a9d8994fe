"""`tillbridge key audit`: who was turned away, and what was changed about keys and roles."""

from datetime import datetime
from pathlib import Path
from typing import Final
from uuid import UUID

import click

from tillbridge.api import store
from tillbridge.api.model import Line
from tillbridge.cli.listing import FORMAT, print_rows
from tillbridge.cli.options import DATA_DIR
from tillbridge.cli.running import run, settings_with
from tillbridge.kernel.clock import parse_time
from tillbridge.kernel.errors import BadInput
from tillbridge.kernel.settings import Settings
from tillbridge.wiring import open_database

_NEWEST: Final = UUID(int=(1 << 128) - 1)
_OLDEST: Final = UUID(int=0)


@click.command("audit")
@click.option("--since", default="", metavar="TIME", help="Lines written since then: ISO 8601 with an offset.")
@click.option("--before", default="", metavar="LINE", help="Lines older than this one; the last of the page before.")
@click.option("--limit", type=click.IntRange(1, 1000), default=50, show_default=True, help="How many lines.")
@DATA_DIR
@FORMAT
def audit_command(since: str, before: str, limit: int, data_dir: Path | None, form: str) -> None:
    """Who was turned away (401, 403, 429), and what was changed about keys and roles, newest first.

    Repeats of one refusal within a minute are one line with their number.

    Example: tillbridge key audit --since 2026-11-21T00:00:00-05:00
    """
    span = (_line_id(before), _OLDEST if not since else _first_of(since))
    found = run(_lines(settings_with(data_dir), span, limit))
    print_rows([_row(line, whole=form != "table") for line in found], form, numbers=("times",))
    if len(found) == limit:
        click.echo(f"There may be more: --before {found[-1].line_id}", err=True)


async def _lines(settings: Settings, span: tuple[UUID, UUID], limit: int) -> list[Line]:
    async with open_database(settings) as db:
        return await store.lines(db, *span, limit)


def _line_id(text: str) -> UUID:
    try:
        return UUID(text) if text else _NEWEST
    except ValueError:
        raise BadInput("--before", f"{text!r} is no line", "Give the line that the page before ended with.") from None


def _first_of(text: str) -> UUID:
    """The smallest id that a line made at this moment can have: ids begin with milliseconds since 1970."""
    try:
        moment: datetime = parse_time(text)
        return UUID(int=int(moment.timestamp() * 1000) << 80)
    except (ValueError, OverflowError):
        mend = "Give ISO 8601 with an offset, such as 2026-11-21T14:02:11-05:00."
        raise BadInput("--since", f"{text!r} is no time with a zone", mend) from None


def _row(line: Line, *, whole: bool) -> dict[str, str]:
    shown = {
        "at": line.at.isoformat(timespec="seconds"),
        "what": line.what.value,
        "times": str(line.count),
        "who": line.who,
        "status": "" if line.status is None else str(line.status),
        "subject": f"{line.method} {line.subject}".strip(),
        "right": line.right,
        "reason": line.reason,
        "remote": line.remote,
    }
    return {**shown, "until": line.until.isoformat(), "line": str(line.line_id)} if whole else shown
