"""`tillbridge init`: write a stack map to begin with."""

import sys
from importlib import resources
from pathlib import Path
from typing import Final

import click

PRESETS: Final = ("simple", "chain")
FILE_NAME: Final = "stack.toml"


@click.command(name="init")
@click.argument("folder", metavar="[DIR]", type=click.Path(path_type=Path), default=".")
@click.option(
    "--preset",
    type=click.Choice(PRESETS),
    default="simple",
    show_default=True,
    help="simple: the hub tells every system at once. chain: each system hands on to the next.",
)
@click.option("--force", is_flag=True, help="Write over a map that is there.")
def init_command(folder: Path, preset: str, force: bool) -> None:
    """Write a stack map to begin with, stack.toml, into DIR (here, when left out).

    Exit status 2 when there is one already, or the folder cannot be written.

    Example: tillbridge init shop --preset chain
    """
    file = folder / FILE_NAME
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with file.open("w" if force else "x", encoding="utf-8", newline="\n") as out:
            out.write(preset_text(preset))
    except FileExistsError:
        _refuse(file, "is there already", "Add --force to write over it, or name another folder.")
    except OSError as error:
        _refuse(
            file, f"cannot be written ({error.strerror or type(error).__name__})", "Name a folder that you may write."
        )
    click.echo(_next_steps(file, preset))


def preset_text(preset: str) -> str:
    """The map of a preset, as it is written."""
    return resources.files("tillbridge.stack").joinpath("presets", f"{preset}.toml").read_text("utf-8")


def _refuse(file: Path, problem: str, mend: str) -> None:
    click.echo(f"{file} {problem}. {mend}", err=True)
    sys.exit(2)


def _next_steps(file: Path, preset: str) -> str:
    return f"""Wrote {file}, the {preset} map: registers, platform, processor, erp and web.

Next:
  1. Open it and put in your own systems: names, addresses, what they accept, who answers for them.
  2. tillbridge map check {file}
     says what the map means, or what is wrong with it and where.
  3. tillbridge serve --stack {file}
     starts the hub on it."""
