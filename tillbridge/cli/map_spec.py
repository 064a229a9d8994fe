"""`tillbridge map spec`: the integration spec sheet."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

import click

from tillbridge.cli.map_file import DATA_DIR, FILE, OFFLINE, books, read_map, write_whole
from tillbridge.cli.running import run
from tillbridge.handoff.measure.sheet import spec_now
from tillbridge.kernel.clock import SystemClock
from tillbridge.kernel.errors import BadInput
from tillbridge.kernel.settings import Settings
from tillbridge.stack.model import Stack
from tillbridge.stack.sheet.html import spec_html
from tillbridge.stack.sheet.markdown import spec_markdown
from tillbridge.stack.sheet.pdf import spec_pdf
from tillbridge.stack.spec import Spec

_FORMS: Final[Mapping[str, Callable[[Spec], bytes]]] = {
    "html": lambda spec: spec_html(spec).encode(),
    "pdf": spec_pdf,
    "md": lambda spec: spec_markdown(spec).encode(),
}
_ENDINGS: Final = {".html": "html", ".htm": "html", ".pdf": "pdf", ".md": "md"}


@click.command("spec")
@FILE
@click.option("--format", "form", type=click.Choice(tuple(_FORMS)), help="As what to write it; else by --out.")
@click.option("--out", type=click.Path(path_type=Path), help="Write the sheet to this file.")
@OFFLINE
@DATA_DIR
def spec_command(file: Path, form: str | None, out: Path | None, offline: bool, data_dir: Path | None) -> None:
    """Print the integration spec sheet: the authority, every system and hop, payloads, failures, version and history.

    Payloads are of the newest event of each hop in the hub's database, with people and codes masked; where there is
    none, of a worked example that says so.

    Example: tillbridge map spec stack.toml --out spec.pdf
    """
    settings, stack = read_map(file, data_dir)
    form = form or (_ENDINGS.get(out.suffix.lower(), "md") if out else "md")
    if form == "pdf" and out is None:
        raise BadInput("--out", "a PDF is no text for a terminal", "Name a file: --out spec.pdf.")
    sheet = _FORMS[form](run(_spec(settings, stack, offline=offline)))
    if out is None:
        click.echo(sheet.decode(), nl=False)
    else:
        write_whole(out, sheet)


async def _spec(settings: Settings, stack: Stack, *, offline: bool) -> Spec:
    async with books(settings, offline=offline) as db:
        return await spec_now(db, stack, SystemClock().now())
