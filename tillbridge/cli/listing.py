"""How commands list: a table for people, JSON and CSV for programs."""

import csv
import json
import sys
from collections.abc import Mapping, Sequence
from typing import Final

import click
from rich.console import Console
from rich.markup import escape
from rich.table import Table

FORMATS: Final = ("table", "json", "csv")
FORMAT: Final = click.option("--format", "form", type=click.Choice(FORMATS), default="table", help="How to list.")


def print_rows(rows: Sequence[Mapping[str, str]], form: str, numbers: Sequence[str] = ()) -> None:
    """Print rows that have the same columns; `numbers` names the columns that line up on the right."""
    if form == "json":
        click.echo(json.dumps(rows, indent=2))
        return
    if form == "csv":
        if rows:
            writer = csv.DictWriter(sys.stdout, rows[0].keys(), lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows)
        return
    if not rows:
        click.echo("Nothing to list.")
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in rows[0]:
        table.add_column(name.replace("_", " "), justify="right" if name in numbers else "left", overflow="fold")
    for row in rows:
        table.add_row(*(escape(value) for value in row.values()))
    Console().print(table)
