"""`tillbridge simulate`: a retailer's systems on this machine, or its exports, each with faults."""

import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from tillbridge.cli.running import run, say, until_told
from tillbridge.kernel.clock import parse_time
from tillbridge.kernel.errors import SettingFault
from tillbridge.simulate.exports.hours import moment_of, text_of
from tillbridge.simulate.exports.make import CREDITS_MAX, DAYS_MAX, Order
from tillbridge.simulate.exports.write import FILES, TRUTH, Written, write_exports
from tillbridge.simulate.servers import NAMES, Key, Shape, open_retailer

AS_OF: Final = "2026-11-21T11:00:00-05:00"
"""The moment of the exports when none is named: fixed, so that the same seed gives the same bytes on any day."""

_SERVING: Final = ("hub_url", "keys_file", "ports", "confirm")
_WRITING: Final = ("days", "number", "as_of", "faults", "force")
_NAMES: Final = {"hub_url": "--hub", "keys_file": "--keys", "ports": "--port", "number": "--credits"}


@click.command("simulate")
@click.option("--serve", is_flag=True, help="Run the four systems as HTTP servers until stopped.")
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), help="Write exports into this folder instead.")
@click.option("--seed", type=int, default=7, show_default=True, help="The same seed gives the same run.")
@click.option("--hub", "hub_url", help="Serving: the hub's address.")
@click.option("--keys", "keys_file", type=click.Path(path_type=Path, exists=True), help="Serving: keys as JSON.")
@click.option("--port", "ports", multiple=True, metavar="NAME=PORT", help="Serving: where a system listens; else free.")
@click.option(
    "--confirm", type=click.Choice(["answer", "webhook"]), default="webhook", help="Serving: how the ERP confirms."
)
@click.option("--days", type=int, default=30, show_default=True, help="Exports: how many days back they reach.")
@click.option("--credits", "number", type=int, default=2000, show_default=True, help="Exports: credits in these days.")
@click.option("--as-of", default=AS_OF, show_default=True, metavar="TIME", help="Exports: their moment, with offset.")
@click.option("--faults", type=float, default=0.2, show_default=True, help="Exports: share of credits that go wrong.")
@click.option("--force", is_flag=True, help="Exports: write into a folder that holds something already.")
@click.pass_context
def simulate_command(context: click.Context, /, serve: bool, out: Path | None, seed: int, **options: Any) -> None:
    """Run a seeded retailer, or write its exports.

    With --serve: registers, processor, erp and web store, each an HTTP server with switches for faults. The file of
    keys has for each system the bearer key it calls the hub with, and the secret that deliveries to it are signed with.

    With --out: pos.csv, platform.csv, storefront.csv, erp.csv and stack.toml of a retailer with faults of every class
    and cause, and truth.csv, which says what a reconciliation must find.

    Example: tillbridge simulate --serve --hub http://127.0.0.1:8080 --keys keys.json --port web=9004

    Example: tillbridge simulate --out exports --seed 3 --credits 2000
    """
    if serve == (out is not None):
        raise SettingFault(
            "--serve, --out", "exactly one of them is needed", "Say --serve to run it, or --out DIR for its exports."
        )
    _only(context, _SERVING if out else _WRITING, "--serve" if out else "--out")
    if out is not None:
        _write(out, _order(seed, options), options["force"])
        return
    for name in ("hub_url", "keys_file"):
        if options[name] is None:
            raise SettingFault(_option(name), "it is missing", "--serve needs it; see tillbridge simulate --help.")
    keys = _keys(options["keys_file"])
    run(_serve(options["hub_url"], keys, Shape(ports=_ports(options["ports"])), seed, options["confirm"]))


def _option(name: str) -> str:
    """The option of a parameter, as it is typed."""
    return _NAMES.get(name, f"--{name.replace('_', '-')}")


def _only(context: click.Context, foreign: tuple[str, ...], owner: str) -> None:
    """Refuse options that would be passed over in silence."""
    for name in foreign:
        if context.get_parameter_source(name) is click.core.ParameterSource.COMMANDLINE:
            raise SettingFault(_option(name), f"it belongs to {owner}", f"Leave it out, or say {owner}.")


def _keys(keys_file: Path) -> dict[str, Key]:
    keys = {name: Key(**one) for name, one in json.loads(keys_file.read_text("utf-8")).items()}
    missing = [name for name in NAMES if name not in keys]
    if missing:
        raise SettingFault("--keys", f"{keys_file} has no key for {', '.join(missing)}", "Add it.")
    return keys


def _ports(texts: tuple[str, ...]) -> dict[str, int]:
    ports = {}
    for text in texts:
        name, _, port = text.partition("=")
        if name not in NAMES or not port.isdecimal() or int(port) > 65535:
            raise SettingFault("--port", f"{text!r} is not NAME=PORT", f"Names are {', '.join(NAMES)}.")
        ports[name] = int(port)
    return ports


async def _serve(hub_url: str, keys: dict[str, Key], shape: Shape, seed: int, confirm: str) -> None:
    async with open_retailer(hub_url, keys, seed=seed, shape=shape) as retailer:
        retailer.erp.confirm = confirm
        lines = ", ".join(f"{name} on {url}" for name, url in retailer.urls.items())
        await until_told(lambda: say(f"The retailer listens: {lines}. Stop with Ctrl-C."))


def _order(seed: int, options: dict[str, Any]) -> Order:
    """What to make, or a SettingFault that names the option."""
    number, days, faults = options["number"], options["days"], options["faults"]
    if not 1 <= number <= CREDITS_MAX:
        raise SettingFault("--credits", f"{number} credits cannot be made", f"Name 1 to {CREDITS_MAX}.")
    if not 1 <= days <= DAYS_MAX:
        raise SettingFault("--days", f"{days} days cannot be looked back", f"Name 1 to {DAYS_MAX}.")
    if not 0 <= faults <= 1:
        raise SettingFault("--faults", f"{faults} is no share", "Name 0 to 1: 0.2 is every fifth credit.")
    return Order(seed, number, days, faults, moment_of(_time(options["as_of"])))


def _time(text: str) -> datetime:
    mend = f"Write it as {AS_OF}, from 2000 to 2100."
    try:
        moment = parse_time(text)
    except (ValueError, OverflowError) as error:
        raise SettingFault("--as-of", f"{text!r} is no time with an offset", mend) from error
    if not datetime(2000, 1, 1, tzinfo=UTC) <= moment < datetime(2100, 1, 1, tzinfo=UTC):
        raise SettingFault("--as-of", f"{text} is out of range", mend)
    return moment


def _write(folder: Path, order: Order, force: bool) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if not force and any(folder.iterdir()):
            mend = f"Name another folder, or say --force to replace {', '.join(FILES)} in it."
            raise SettingFault("--out", f"{folder} is not empty", mend)
        written = _watched(folder, order)
    except OSError as error:
        mend = "Name a folder that can be written, on a disk with room."
        raise SettingFault("--out", f"cannot write {error.filename or folder} ({error.strerror})", mend) from error
    _tell(folder, order, written)


def _watched(folder: Path, order: Order) -> Written:
    columns = (TextColumn("credits"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), disable=not sys.stderr.isatty()) as bar:
        task = bar.add_task("credits", total=order.credits + order.older)
        return write_exports(order, folder, lambda made: bar.advance(task, made))


def _tell(folder: Path, order: Order, written: Written) -> None:
    as_of = text_of(order.as_of)
    rows = ", ".join(f"{side}.csv {number}" for side, number in written.rows.items())
    click.echo(f"Written into {folder} as of {as_of}, rows: {rows}.")
    number = sum(written.truth.values())
    click.echo(f"{TRUTH} has {number} {'difference' if number == 1 else 'differences'}:")
    for truth, number in sorted(written.truth.items(), key=lambda item: (item[0].kind, item[0].cause or "")):
        click.echo(f"{number:>9} {truth.kind}{f' {truth.cause}' if truth.cause else ''}")
