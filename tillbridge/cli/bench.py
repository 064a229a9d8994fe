"""`tillbridge bench`: what this machine can do, measured beside PostgreSQL's own benchmark in the same run."""

import json
import sys
from typing import Any

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from tillbridge.cli import bench_ledger
from tillbridge.cli.bench_checkpoint import Load, measure
from tillbridge.cli.bench_ledger import Plan
from tillbridge.cli.bench_table import table_of
from tillbridge.cli.rig import folder_for
from tillbridge.cli.running import run


@click.group("bench")
def bench_group() -> None:
    """Measure.

    Example: tillbridge bench checkpoint
    """


@bench_group.command("checkpoint")
@click.option("--clients", type=click.IntRange(1, 512), default=64, show_default=True, help="Registers at once.")
@click.option("--seconds", type=click.IntRange(1, 600), default=20, show_default=True, help="Length of each part.")
@click.option(
    "--rate", type=click.IntRange(1, 2000), default=100, show_default=True, help="Credits a second, part two."
)
@click.option("--rounds", type=click.IntRange(1, 20), default=3, show_default=True, help="How often part one is done.")
@click.option("--format", "form", type=click.Choice(["table", "json"]), default="table", help="How to report.")
def checkpoint_command(clients: int, seconds: int, rate: int, rounds: int, form: str) -> None:
    """Confirmed credits a second over HTTP, and the time from the register to the web store.

    Part one: CLIENTS registers ring as fast as they are answered. Part two: RATE credits a second, steadily. The hub is
    a process of its own on the embedded PostgreSQL with fsync on; payments, ERP and web store run beside it. At the
    end pgbench -N runs on the same server.

    Example: tillbridge bench checkpoint --clients 64 --seconds 20
    """
    with folder_for("bench") as folder:
        report = run(measure(folder, Load(clients, seconds, rate, rounds)))
    click.echo(json.dumps(report.as_json(), indent=2) if form == "json" else report.table())


@bench_group.command("ledger")
@click.option("--batches/--no-batches", default=True, help="Commands in batches of 500.")
@click.option("--http/--no-http", default=True, help="Single requests to a hub.")
@click.option("--pgbench/--no-pgbench", default=True, help="PostgreSQL's own benchmark, before and after.")
@click.option("--rounds", type=click.IntRange(1, 20), default=3, show_default=True, help="How often each load is run.")
@click.option(
    "--commands",
    type=click.IntRange(1, 1_000_000),
    default=40_000,
    show_default=True,
    help="Commands of a batch round.",
)
@click.option(
    "--seconds", type=click.IntRange(1, 120), default=10, show_default=True, help="Length of a round, at most."
)
@click.option("--clients", type=click.IntRange(2, 512), default=64, show_default=True, help="Registers at once.")
@click.option(
    "--entries",
    type=click.IntRange(0, 100_000_000),
    default=0,
    show_default=True,
    help="Fill the book up with so many.",
)
@click.option("--format", "form", type=click.Choice(["table", "json"]), default="table", help="How to report.")
def ledger_command(form: str, **options: Any) -> None:
    """What the ledger posts a second, each figure beside pgbench -N on the same server in the same run.

    Batches: issues, redemptions all over the credits, and redemptions that all hit one credit, through the desk in this
    process. HTTP: redemptions and issues one by one, CLIENTS at once and then one, against a hub in a process of its
    own. Every event is written for three hops; nothing is handed off. The embedded PostgreSQL runs with fsync on. With
    ENTRIES (20000000, say) the book is filled up, and the rate is read at the first million and at the end.

    Example: tillbridge bench ledger --no-http --rounds 5
    """
    plan = Plan(**options)
    progress = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        disable=not sys.stderr.isatty(),
    )
    with folder_for("bench") as folder, progress:
        task = progress.add_task("entries", total=plan.entries, visible=plan.entries > 0)
        report = run(bench_ledger.measure(folder, plan, lambda made: progress.update(task, completed=made)))
    click.echo(json.dumps(report.as_json(), indent=2) if form == "json" else table_of(report))
