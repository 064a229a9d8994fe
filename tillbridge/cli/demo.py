"""`tillbridge demo`: the hub and a whole retailer on this machine, with live traffic and now and then a fault."""

import asyncio
import json
import sys
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from tillbridge.cli.evidence import gather_evidence, until_still
from tillbridge.cli.rig import Rig, RigFault, folder_for, hub_process, ports_of, set_up
from tillbridge.cli.running import run, say, until_told
from tillbridge.simulate import traffic
from tillbridge.simulate.faults import DEMO, Faults
from tillbridge.simulate.reckoning import reckon
from tillbridge.simulate.servers import Retailer, Shape, open_retailer
from tillbridge.simulate.traffic import Pace
from tillbridge.wiring import open_database

SETTLE_SECONDS: Final = 120.0


@dataclass(frozen=True, slots=True)
class Plan:
    """What the demo is to do: `credits` None means until it is stopped; `rate` is per second."""

    credits: int | None
    rate: float
    seed: int
    faults: bool


@click.command("demo")
@click.option("--headless", is_flag=True, help="Run a number of credits through, print a summary, and end.")
@click.option("--credits", "count", type=click.IntRange(1, 1_000_000), default=200, show_default=True, help="How many.")
@click.option(
    "--seed", type=int, default=7, show_default=True, help="The same seed gives the same customers and sales."
)
@click.option("--rate", type=click.FloatRange(0.1, 2000), help="Sales a second; 100 headless, 2 otherwise.")
@click.option("--no-faults", is_flag=True, help="Nothing goes wrong.")
@click.option("--data-dir", type=click.Path(path_type=Path), help="Keep everything in this new folder.")
def demo_command(
    headless: bool, count: int, seed: int, rate: float | None, no_faults: bool, data_dir: Path | None
) -> None:
    """Start the hub, a simulated retailer and its customers, and print the addresses.

    Headless, it prints a summary as JSON. Exit status 0: every issued credit is accounted for; 1: it is not.

    Example: tillbridge demo --headless --credits 2000 --seed 7
    """
    plan = Plan(count if headless else None, rate or (100.0 if headless else 2.0), seed, not no_faults)
    with folder_for("demo", data_dir) as folder:
        status = run(_headless(folder, plan) if headless else _live(folder, plan))
    sys.exit(status)


async def _headless(folder: Path, plan: Plan) -> int:
    rig = await set_up(folder)
    async with AsyncExitStack() as closing:
        db = await closing.enter_async_context(open_database(rig.settings, size=2))
        retailer = await closing.enter_async_context(_retailer(rig, plan))
        await closing.enter_async_context(hub_process(rig))
        await _customers(retailer)
        await _ring(rig, retailer, plan)
        await until_still(db, SETTLE_SECONDS)
        summary = reckon(await gather_evidence(db, rig, retailer))
    click.echo(json.dumps(summary.as_json(), indent=2))
    return 0 if summary.accounted else 1


async def _live(folder: Path, plan: Plan) -> int:
    rig = await set_up(folder)
    async with AsyncExitStack() as closing:
        retailer = await closing.enter_async_context(_retailer(rig, plan))
        await closing.enter_async_context(hub_process(rig))
        await _customers(retailer)
        ringing = asyncio.create_task(_ring(rig, retailer, plan))
        try:
            await until_told(lambda: _announce(rig))
        finally:
            ringing.cancel()
            await asyncio.gather(ringing, return_exceptions=True)
    return 0


def _retailer(rig: Rig, plan: Plan) -> AbstractAsyncContextManager[Retailer]:
    hub_url = f"http://127.0.0.1:{rig.settings.port}"
    return open_retailer(hub_url, rig.keys, seed=plan.seed, shape=Shape(ports=ports_of(rig)))


async def _customers(retailer: Retailer) -> None:
    """The web store tells the hub of its customers."""
    told = await retailer.web.push_customers()
    if not told:
        raise RigFault("The hub took none of the web store's customers.")


async def _ring(rig: Rig, retailer: Retailer, plan: Plan) -> None:
    """Ring the sales, with faults from now on."""
    if plan.faults:
        retailer.set_faults(DEMO)
    columns = (TextColumn("Ringing sales"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    looked_on = plan.credits is not None and sys.stderr.isatty()
    with Progress(*columns, console=Console(stderr=True), disable=not looked_on) as bar:
        task = bar.add_task("", total=plan.credits)
        await traffic.run(
            retailer,
            credits=plan.credits,
            seed=plan.seed,
            pace=Pace(clients=32, rate=plan.rate),
            operations_bearer=rig.operations,
            report=lambda progress: bar.update(task, completed=progress.rung),
        )
    retailer.set_faults(dict.fromkeys(DEMO, Faults()))


def _announce(rig: Rig) -> None:
    hub = f"http://127.0.0.1:{rig.settings.port}"
    say(
        "\n".join(
            (
                "Tillbridge is running, with a retailer around it. Stop with Ctrl-C.",
                "",
                f"  The hub          {hub}/           (sign in with the key below)",
                f"  Its inbox        {hub}/inbox      (one-time codes of claims)",
                f"  Its interface    {hub}/docs",
                f"  Registers        {rig.urls['registers']}/",
                f"  Web store        {rig.urls['web']}/",
                f"  Books, faults    {rig.urls['erp']}/book, /faults; the same on {rig.urls['processor']}",
                "",
                f"  Key              {rig.operations}",
                f"  Data             {rig.settings.data_dir}",
                "",
                "Ask for any receipt you see at the registers:",
                f"  tillbridge trail RECEIPT --data-dir {rig.settings.data_dir} --stack {rig.settings.stack}",
            )
        )
    )
