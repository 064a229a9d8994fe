"""`tillbridge map draw`: the path of a credit, with what is true of it right now."""

import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import click

from tillbridge.cli.map_file import DATA_DIR, FILE, OFFLINE, books, read_map, write_whole
from tillbridge.cli.running import run
from tillbridge.handoff.traffic import live_traffic
from tillbridge.kernel.clock import SystemClock
from tillbridge.kernel.settings import Settings
from tillbridge.stack.draw import STYLE, Mark, Traffic, live_views, path_svg, place_of_loss, still_views
from tillbridge.stack.model import Stack
from tillbridge.stack.terminal import NARROWEST, Line, in_ascii, path_lines

_WIDEST: Final = 120
_COLOURS: Final = {Mark.CONFIRMED: "green", Mark.PENDING: "yellow", Mark.LATE: "red", Mark.DEAD: "red"}


@click.command("draw")
@FILE
@click.option("--out", type=click.Path(path_type=Path), help="Write the drawing to this file.")
@click.option("--format", "form", type=click.Choice(("terminal", "svg")), help="How to draw; FILE.svg means svg.")
@click.option("--width", type=click.IntRange(NARROWEST, 1000), help="Columns of the terminal.")
@OFFLINE
@DATA_DIR
def draw_command(
    file: Path, out: Path | None, form: str | None, width: int | None, offline: bool, data_dir: Path | None
) -> None:
    """Draw the path of a credit: each hop's promise, and what is in flight, late and dead on it right now.

    The hop at which things get lost says so. Without a database of a hub, the promises alone are drawn.

    Example: tillbridge map draw stack.toml --out path.svg
    """
    settings, stack = read_map(file, data_dir)
    form = form or ("svg" if out is not None and out.suffix.lower() == ".svg" else "terminal")
    traffic, said = run(_traffic(settings, stack, offline=offline))
    hops = still_views(stack) if traffic is None else live_views(stack, traffic)
    if form == "svg":
        drawing = path_svg(hops, STYLE) + "\n"
        click.echo(said, err=True)
    else:
        wide = width or min(_WIDEST, shutil.get_terminal_size((80, 24)).columns)
        lines = [*path_lines(hops, wide, place_of_loss(traffic or {})), Line(""), Line(said)]
        if out is None:
            _show(lines)
            return
        drawing = "".join(f"{line.text}\n" for line in lines)
    if out is None:
        click.echo(drawing, nl=False)
    else:
        write_whole(out, drawing.encode())


async def _traffic(settings: Settings, stack: Stack, *, offline: bool) -> tuple[Mapping[str, Traffic] | None, str]:
    async with books(settings, offline=offline) as db:
        if db is None:
            return None, "Without live figures: no database of a hub was asked."
        at = SystemClock().now()
        traffic = await live_traffic(db, stack, at)
        lost = place_of_loss(traffic)
        where = f"Things get lost at {lost}." if lost else "Nothing is late or dead."
        return traffic, f"{where} As of {at:%Y-%m-%d %H:%M:%S} UTC; p95 of the last 24 h."


def _show(lines: Sequence[Line]) -> None:
    """In colours where somebody looks on; in plain letters where the terminal has no others."""
    plain = not (sys.stdout.encoding or "").lower().startswith("utf")
    for line in lines:
        shown = in_ascii(line) if plain else line
        colour = _COLOURS.get(line.mark)
        click.echo(click.style(shown.text, fg=colour, bold=line.mark is Mark.DEAD) if colour else shown.text)
