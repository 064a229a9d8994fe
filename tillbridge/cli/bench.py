"""`tillbridge bench`: what this machine can do, measured beside PostgreSQL's own benchmark in the same run."""

import json

import click

from tillbridge.cli.bench_checkpoint import Load, measure
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
