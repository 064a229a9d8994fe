"""`tillbridge reissue`: the safe repair of orphans. Plan, decide, approve, run, report."""

import asyncio
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Final

import click
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from tillbridge.api import store as keys
from tillbridge.api.keys import require
from tillbridge.cli.listing import print_rows
from tillbridge.cli.options import DATA_DIR, STACK
from tillbridge.cli.reissue_listing import View, next_step, show_plan, with_view
from tillbridge.cli.running import read_stack, run, settings_with
from tillbridge.diagnose.model import Cause
from tillbridge.kernel.actor import Right
from tillbridge.kernel.clock import SystemClock
from tillbridge.kernel.db import Db
from tillbridge.kernel.errors import BadInput
from tillbridge.kernel.money import AmountFault, Money, parse
from tillbridge.kernel.settings import Settings
from tillbridge.reconcile.reissue import report as told
from tillbridge.reconcile.reissue import store
from tillbridge.reconcile.reissue.model import WORKING, Item, Plan, State, Step
from tillbridge.reconcile.reissue.page import page
from tillbridge.reconcile.reissue.plan import Planner, Ruling, check_approved, named
from tillbridge.reconcile.reissue.reading import Findings, read_findings
from tillbridge.reconcile.reissue.run import Repair
from tillbridge.reconcile.reissue.way import check_ours
from tillbridge.stack.model import Stack
from tillbridge.wiring import open_codes, open_database, open_repair

BY: Final = click.option("--by", required=True, metavar="NAME", help="Who you are.")
PLAN: Final = click.argument("plan", type=click.IntRange(1))
CAUSES: Final = click.Choice([cause.value for cause in Cause])
LOOK_SECONDS: Final = 0.5


@click.group("reissue")
def reissue_group() -> None:
    """Make good what no online account can reach: void the credit, and issue a new one to the validated account.

    Example: tillbridge reissue plan out/findings.json --by ann
    """


@reissue_group.command("plan")
@click.argument("findings", type=click.Path(path_type=Path))
@BY
@click.option("--limit", default="", metavar="AMOUNT", help="Above this a second person approves: one credit, or all.")
@click.option("--cause", "causes", type=CAUSES, multiple=True, help="Only what has this cause.")
@click.option("--incomplete", is_flag=True, help="Take the findings of a run that could not read every row.")
@DATA_DIR
@STACK
@with_view
def plan_command(
    findings: Path,
    by: str,
    limit: str,
    causes: tuple[str, ...],
    *,
    incomplete: bool,
    data_dir: Path | None,
    stack: Path | None,
    view: View,
) -> None:
    """Who would get what from FINDINGS, on which evidence, and what needs a person. Changes no credit.

    Name a --cause, or several, once it is mended: what is reissued before that is lost again. The lower one of --limit
    and the map's [approval] counts; without either, every plan needs a second person. Exit status 0: all of it can be
    run; 1: something is left alone, or waits for a person; 2: the findings cannot be used.

    Example: tillbridge reissue plan out/findings.json --by ann --limit 200.00
    """
    settings = settings_with(data_dir, stack)
    the_map = read_stack(settings, secrets=False)
    check_ours(the_map)
    chosen = _with_causes(read_findings(findings, incomplete=incomplete), causes)
    plan, items = run(_plan(settings, the_map, chosen, by, _limit(limit, the_map)))
    show_plan(plan, items, (), view)
    if view.form == "table":
        click.echo(next_step(plan, items))
    sys.exit(0 if all(item.state is State.PLANNED for item in items) else 1)


@reissue_group.command("decide")
@PLAN
@click.argument("item", type=click.IntRange(1))
@BY
@click.option("--account", default="", metavar="ID", help="The account that gets it.")
@click.option("--leave", is_flag=True, help="Leave it alone.")
@click.option("--evidence", required=True, metavar="TEXT", help="What you saw that proves it. It is kept.")
@DATA_DIR
@STACK
def decide_command(
    plan: int, item: int, by: str, account: str, leave: bool, evidence: str, data_dir: Path | None, stack: Path | None
) -> None:
    """Decide about an ITEM of a PLAN that waits for a person, or leave one that is not begun. What was approved of it
    before is void.

    Example: tillbridge reissue decide 1 4 --account A0000012 --evidence "showed the receipt and the app" --by ann
    """
    if leave == bool(account):
        raise BadInput("--account", "an item goes to one account, or is left", "Give either --account or --leave.")
    settings = settings_with(data_dir, stack)
    ruling = Ruling(by, evidence, None if leave else account)
    decided = run(_decide(settings, read_stack(settings, secrets=False), plan, item, ruling))
    click.echo(f"Item {decided.number} of plan {plan} is {decided.state.value}. {decided.sentence}")


@reissue_group.command("approve")
@PLAN
@BY
@DATA_DIR
@STACK
def approve_command(plan: int, by: str, data_dir: Path | None, stack: Path | None) -> None:
    """Be the second person for a PLAN: all that it is to reissue, as it is now. Not for whoever planned or decided it.

    Example: tillbridge reissue approve 1 --by ben
    """
    settings = settings_with(data_dir, stack)
    items = run(_approve(settings, read_stack(settings, secrets=False), plan, by))
    approved = [item for item in items if item.state is State.PLANNED and item.approved]
    for sentence in told.sums(approved):
        click.echo(sentence)
    click.echo(f"Approved by {named(by)}. Run it with 'tillbridge reissue run {plan} --by NAME'.")


@reissue_group.command("run")
@PLAN
@BY
@click.option(
    "--wait", type=click.IntRange(0, 86_400), default=0, metavar="SECONDS", help="For the web store to confirm."
)
@DATA_DIR
@STACK
@with_view
def run_command(plan: int, by: str, wait: int, data_dir: Path | None, stack: Path | None, view: View) -> None:
    """Carry a PLAN out, credit by credit: freeze, prove unspent, void, reissue, hand off, confirm.

    Stopped anywhere, it is run again and goes on from there; each credit is reissued at most once. A credit that was
    spent meanwhile is left alone. New credits go out with a running hub. Exit status 0: all are reissued and confirmed;
    1: something is left alone, waits for a person, or is on its way; 2: it could not be run.

    Example: tillbridge reissue run 1 --by ann --wait 60
    """
    settings = settings_with(data_dir, stack)
    the_map = read_stack(settings)
    check_ours(the_map)
    kept, items = run(_run(settings, the_map, plan, named(by), wait))
    show_plan(kept, items, (), view)
    if view.form == "table" and any(item.state in (State.HANDED, State.REISSUED) for item in items):
        click.echo("What is on its way goes out when a hub runs ('tillbridge serve' or 'tillbridge work').")
    sys.exit(0 if told.all_done(items) else 1)


@reissue_group.command("report")
@click.argument("plan", type=click.IntRange(1), required=False)
@click.option("--html", "file", type=click.Path(path_type=Path, dir_okay=False), help="Write a page to print, as well.")
@DATA_DIR
@STACK
@with_view
def report_command(plan: int | None, file: Path | None, data_dir: Path | None, stack: Path | None, view: View) -> None:
    """What was reissued, left alone and why, and what waits for a person; without a PLAN, all plans.

    As JSON with all evidence and every step. Exit status as of run.

    Example: tillbridge reissue report 1 --format json
    """
    settings = settings_with(data_dir, stack)
    if plan is None:
        print_rows(run(_plans(settings)), view.form, ("plan", "items"))
        return
    kept, items, steps = run(_report(settings, plan))
    if file is not None:
        _write(file, page(kept, items, steps, SystemClock().now()))
    show_plan(kept, items, steps, view)
    sys.exit(0 if told.all_done(items) else 1)


async def _check_may(db: Db, name: str, right: Right) -> None:
    """Names are people's own; where one is that of a key in force, it may no more here than the key may elsewhere.
    Raises NotAllowed."""
    actor = await keys.actor_named(db, named(name))
    if actor is not None:
        require(actor, right)


async def _plan(
    settings: Settings, stack: Stack, findings: Findings, by: str, limit: Money | None
) -> tuple[Plan, list[Item]]:
    async with open_database(settings) as db:
        await _check_may(db, by, Right.REISSUE)
        planner = Planner(db, stack, await open_codes(settings, db), SystemClock())
        return await planner.make(findings, by, limit)


async def _decide(settings: Settings, stack: Stack, plan: int, number: int, ruling: Ruling) -> Item:
    async with open_database(settings) as db:
        await _check_may(db, ruling.by, Right.REISSUE)
        planner = Planner(db, stack, await open_codes(settings, db), SystemClock())
        return await planner.decide(plan, number, ruling)


async def _approve(settings: Settings, stack: Stack, plan: int, by: str) -> list[Item]:
    async with open_database(settings) as db:
        await _check_may(db, by, Right.APPROVE)
        planner = Planner(db, stack, await open_codes(settings, db), SystemClock())
        return await planner.approve(plan, by)


async def _run(settings: Settings, stack: Stack, plan_id: int, by: str, wait: int) -> tuple[Plan, list[Item]]:
    async with open_database(settings) as db:
        await _check_may(db, by, Right.REISSUE)
        plan, items = await store.plan(db, plan_id), await store.items(db, plan_id)
        check_approved(plan, items)
        async with open_repair(settings, stack, db, SystemClock()) as repair:
            going = [item for item in items if item.state in WORKING or item.state is State.HANDED]
            with _progress(len(going)) as advance:
                done = await repair.run(going, by, advance)
            await _until_confirmed(repair, done, by, wait)
        newest = {item.number: item for item in await store.items(db, plan_id)}
        said = {item.number: item.sentence for item in done if item.state is newest[item.number].state}
        return plan, [_with_sentence(item, said.get(item.number, "")) for item in newest.values()]


async def _until_confirmed(repair: Repair, items: Sequence[Item], by: str, wait: int) -> None:
    """Look again and again whether what was handed off has arrived, for `wait` seconds at most."""
    open_ = [item for item in items if item.state is State.HANDED]
    loop = asyncio.get_running_loop()
    until = loop.time() + wait
    while open_ and loop.time() < until:
        await asyncio.sleep(min(LOOK_SECONDS, until - loop.time()))
        settled = [await repair.settle(item, by) for item in open_]
        open_ = [item for item, arrival in settled if item.state is State.HANDED and not arrival.stuck]


async def _report(settings: Settings, plan_id: int) -> tuple[Plan, list[Item], list[Step]]:
    async with open_database(settings) as db:
        plan = await store.plan(db, plan_id)
        return plan, await store.items(db, plan_id), await store.steps(db, plan_id)


async def _plans(settings: Settings) -> list[dict[str, str]]:
    async with open_database(settings) as db:
        kept = await store.plans(db)
    return [
        {
            "plan": str(plan.plan_id),
            "made_by": plan.made_by,
            "made_at": plan.made_at.isoformat(timespec="seconds"),
            "source": plan.source,
            "items": str(sum(states.values())),
            **{state.value: str(states.get(state, 0)) for state in (State.CONFIRMED, State.PERSON, State.LEFT)},
        }
        for plan, states in kept
    ]


def _write(file: Path, text: str) -> None:
    try:
        file.write_text(text, "utf-8")
    except OSError as error:
        raise BadInput("--html", f"{file} cannot be written ({error.strerror})", "Name a file in a folder.") from error


def _with_causes(findings: Findings, causes: Sequence[str]) -> Findings:
    """The findings that have one of these causes; all, where none is named. Raises BadInput when nothing has them."""
    if not causes:
        return findings
    found = tuple(one for one in findings.found if one.cause in causes)
    if not found:
        raise BadInput("--cause", f"nothing in {findings.name} has it", "Name a cause that findings.csv shows.")
    return replace(findings, found=found)


def _limit(text: str, stack: Stack) -> Money | None:
    if not text:
        return None
    try:
        return parse(text, stack.retailer.currency)
    except AmountFault as fault:
        raise BadInput(
            "--limit", str(fault), f"Give a decimal in {stack.retailer.currency}, such as 200.00."
        ) from fault


@contextmanager
def _progress(total: int) -> Iterator[Callable[[Item], None]]:
    """A bar where a person looks on; on the side of the errors, so that a list stays a list."""
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    columns = (TextColumn("Reissuing"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, transient=True) as bar:
        task = bar.add_task("", total=total)
        yield lambda _: bar.advance(task)


def _with_sentence(item: Item, sentence: str) -> Item:
    return replace(item, sentence=sentence or item.sentence)
