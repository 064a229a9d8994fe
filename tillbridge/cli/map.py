"""`tillbridge map`: read the stack map."""

import csv
import io
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

import click
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from tillbridge.cli.map_assess import assess_command
from tillbridge.cli.map_draw import draw_command
from tillbridge.cli.map_file import FILE, fault_line
from tillbridge.cli.map_history import history_command
from tillbridge.cli.map_spec import spec_command
from tillbridge.kernel.errors import StackFault
from tillbridge.stack.describe import accepted_words, checkpoint_words, longest_way, remarks, rule_words, trigger_words
from tillbridge.stack.draw import span_words
from tillbridge.stack.load import load
from tillbridge.stack.model import Hop, Stack

FORMATS: Final = ("table", "json", "csv")


@click.group(name="map")
def map_group() -> None:
    """The stack map: check it, draw it, print it, judge it.

    Example: tillbridge map check stack.toml
    """


for _command in (draw_command, spec_command, assess_command, history_command):
    map_group.add_command(_command)


@map_group.command(name="check")
@FILE
@click.option("--format", "form", type=click.Choice(FORMATS), default="table", show_default=True, help="How to list.")
def check_command(file: Path, form: str) -> None:
    """Read FILE and say what it means, or what is wrong with it and where.

    FILE is ./stack.toml when left out, or what TILLBRIDGE_STACK names. Exit status 0: the map can run; 2: it cannot,
    and the first fault is named with its line and its mend.

    Example: tillbridge map check stack.toml --format csv
    """
    try:
        stack = load(file)
    except StackFault as fault:
        click.echo(fault_line(fault), err=True)
        sys.exit(2)
    _PRINTERS[form](stack)


def _print_table(stack: Stack) -> None:
    """For people: plain words around two tables."""
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = 120
    retailer = stack.retailer
    console.print(f"{escape(retailer.name)} · {retailer.country} · {retailer.currency} · {retailer.time_zone}")
    console.print(f"The truth about balances is {stack.authority}; every other system is read-only for them.\n")
    console.print(_systems(stack))
    console.print("The way of a credit, in order:\n")
    console.print(_hops(stack))
    console.print(checkpoint_words(stack))
    way = longest_way(stack)
    if way is not None:
        console.print(f"From {stack.authority} to the web store it takes at most {span_words(way)} by these promises.")
    for rule in rule_words(stack):
        console.print(escape(rule))
    for remark in remarks(stack):
        console.print(f"Note: {remark}")
    console.print(
        f"\n{escape(stack.file)} can run: {len(stack.systems)} systems, {len(stack.hops)} hops.", soft_wrap=True
    )


def _systems(stack: Stack) -> Table:
    table = Table("system", "role", "connector", "accepts", "owner", box=SIMPLE_HEAD, pad_edge=False)
    for system in stack.systems.values():
        accepts = accepted_words(system, stack.retailer.currency)
        owner = " · ".join(part for part in (system.owner, system.contact) if part)
        cells = (system.name, system.role.value, system.connector, accepts, owner or "–")
        table.add_row(*(escape(cell) for cell in cells))
    return table


def _hops(stack: Stack) -> Table:
    table = Table("from", "to", "when", "promise", "register", "on the way", box=SIMPLE_HEAD, pad_edge=False)
    for hop in stack.hops:
        changes = ", ".join(transform.name for transform in hop.transform)
        waits = "waits" if hop.checkpoint else "–"
        cells = (hop.source, hop.target, trigger_words(hop), f"within {span_words(hop.sla)}", waits, changes or "–")
        table.add_row(*(escape(cell) for cell in cells))
    return table


def _row(hop: Hop) -> Mapping[str, object]:
    """A hop for machines: durations in seconds, None where a key does not apply."""
    return {
        "hop": hop.name,
        "from": hop.source,
        "to": hop.target,
        "trigger": hop.trigger.value,
        "interval_seconds": None if hop.interval is None else hop.interval.total_seconds(),
        "schedule": hop.schedule or None,
        "sla_seconds": hop.sla.total_seconds(),
        "checkpoint": hop.checkpoint,
        "transform": [transform.name for transform in hop.transform],
    }


def _rows(stack: Stack) -> Sequence[Mapping[str, object]]:
    return [_row(hop) for hop in stack.hops]


def _print_json(stack: Stack) -> None:
    click.echo(json.dumps(_rows(stack), indent=2, ensure_ascii=False))


def _print_csv(stack: Stack) -> None:
    text = io.StringIO()
    rows = _rows(stack)
    writer = csv.DictWriter(text, fieldnames=list(rows[0]), lineterminator="\n")
    writer.writeheader()
    for row, hop in zip(rows, stack.hops, strict=True):
        names = " ".join(transform.name for transform in hop.transform)
        writer.writerow({**row, "checkpoint": str(hop.checkpoint).lower(), "transform": names})
    click.echo(text.getvalue(), nl=False)


_PRINTERS: Final[Mapping[str, Callable[[Stack], None]]] = {
    "table": _print_table,
    "json": _print_json,
    "csv": _print_csv,
}
