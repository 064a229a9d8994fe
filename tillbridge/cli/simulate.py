"""`tillbridge simulate`: a retailer's systems on this machine, each with its own books and faults."""

import json
from pathlib import Path

import click

from tillbridge.cli.running import run, say, until_told
from tillbridge.kernel.errors import SettingFault
from tillbridge.simulate.servers import NAMES, Key, Shape, open_retailer


@click.command("simulate")
@click.option("--serve", is_flag=True, required=True, help="Run the four systems as HTTP servers until stopped.")
@click.option("--hub", "hub_url", required=True, help="The hub's address.")
@click.option("--keys", "keys_file", type=click.Path(path_type=Path, exists=True), required=True, help="Keys as JSON.")
@click.option("--port", "ports", multiple=True, metavar="NAME=PORT", help="Where a system listens; else a free port.")
@click.option("--seed", type=int, default=7, show_default=True, help="The same seed gives the same run.")
@click.option("--confirm", type=click.Choice(["answer", "webhook"]), default="webhook", help="How the ERP confirms.")
def simulate_command(
    serve: bool, hub_url: str, keys_file: Path, ports: tuple[str, ...], seed: int, confirm: str
) -> None:
    """Run a seeded retailer: registers, processor, erp and web store, each an HTTP server with switches for faults.

    The file of keys has for each system the bearer key it calls the hub with, and the secret that deliveries to it
    are signed with.

    Example: tillbridge simulate --serve --hub http://127.0.0.1:8080 --keys keys.json --port web=9004
    """
    del serve  # the one thing it does so far
    keys = {name: Key(**one) for name, one in json.loads(keys_file.read_text("utf-8")).items()}
    missing = [name for name in NAMES if name not in keys]
    if missing:
        raise SettingFault("--keys", f"{keys_file} has no key for {', '.join(missing)}", "Add it.")
    run(_serve(hub_url, keys, Shape(ports=_ports(ports)), seed, confirm))


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
