"""Options that many commands have alike."""

from pathlib import Path

import click

DATA_DIR = click.option("--data-dir", type=click.Path(path_type=Path), help="Folder for database, secret and logs.")
STACK = click.option("--stack", type=click.Path(path_type=Path), help="The stack map to run on.")
