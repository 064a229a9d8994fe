"""The whole retailer in one process: four servers on four ports of loopback, each with its own book."""

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from random import Random
from typing import Final
from zoneinfo import ZoneInfo

from aiohttp import web

from tillbridge.kernel.clock import Clock, SystemClock
from tillbridge.simulate.chance import Chance
from tillbridge.simulate.directory import Directory, make_accounts
from tillbridge.simulate.erp import Erp
from tillbridge.simulate.faults import Faults
from tillbridge.simulate.hub import Hub, open_hub
from tillbridge.simulate.pages import Pages
from tillbridge.simulate.processor import Processor
from tillbridge.simulate.registers import Registers
from tillbridge.simulate.storefront import Storefront
from tillbridge.simulate.till import Till
from tillbridge.simulate.web import WebStore

NAMES: Final = ("registers", "processor", "erp", "web")
"""The systems, by the names that the stack map gives them."""

_STOP_SECONDS: Final = 2.0


@dataclass(frozen=True, slots=True)
class Key:
    """What one system and the hub know each other by: `bearer` for its calls, `secret` for the hub's deliveries."""

    bearer: str
    secret: str = ""


@dataclass(frozen=True, slots=True)
class Shape:
    """How the retailer is made: who it is, how many customers it has, where its servers listen (0: a free port)."""

    name: str = "Harbor & Pine"
    time_zone: str = "America/New_York"
    accounts: int = 600
    host: str = "127.0.0.1"
    ports: Mapping[str, int] | None = None


@dataclass(frozen=True, slots=True)
class Retailer:
    """The four systems as they run, and the addresses of their servers."""

    hub: Hub
    registers: Registers
    processor: Processor
    erp: Erp
    web: Storefront
    urls: Mapping[str, str]

    def set_faults(self, faults: Mapping[str, Faults]) -> None:
        """Set the switches of each system that is named; the others are left as they are."""
        intakes = {"processor": self.processor.intake, "erp": self.erp.intake, "web": self.web.intake}
        for name, switches in faults.items():
            if name == "registers":
                self.registers.faults = switches
            else:
                intakes[name].set_faults(switches)


@asynccontextmanager
async def open_retailer(
    hub_url: str, keys: Mapping[str, Key], *, seed: int, shape: Shape | None = None, clock: Clock | None = None
) -> AsyncIterator[Retailer]:
    """Start the four servers; they stop at the end of the block. `keys` has one per name in NAMES.

    Nothing is sent to the hub yet, so it may start later, and `retailer.hub.url` may be set then.
    Raises OSError when a port is taken.
    """
    shape, clock = shape or Shape(), clock or SystemClock()
    zone = ZoneInfo(shape.time_zone)
    pages = Pages(shape.name, zone)
    chance = {name: Chance(seed, name) for name in NAMES}
    directory = Directory(make_accounts(Random(f"{seed}:directory"), shape.accounts))
    async with AsyncExitStack() as stack:
        hub = await stack.enter_async_context(open_hub(hub_url))
        registers = Registers(keys["registers"].bearer, hub, clock, zone, chance["registers"])
        processor = Processor("processor", keys["processor"].secret, clock, chance["processor"])
        erp = Erp("erp", keys["erp"].secret, keys["erp"].bearer, hub, clock, chance["erp"])
        web_key = keys["web"]
        storefront = Storefront("web", web_key.secret, web_key.bearer, hub, directory, clock, chance["web"])
        apps = {
            "registers": Till(registers, pages).app(),
            "processor": processor.app(),
            "erp": erp.app(),
            "web": WebStore(storefront, pages, clock).app(),
        }
        await stack.enter_async_context(erp.calling())
        ports = shape.ports or {}
        urls = {
            name: await stack.enter_async_context(_listening(app, shape.host, ports.get(name, 0)))
            for name, app in apps.items()
        }
        yield Retailer(hub, registers, processor, erp, storefront, urls)


@asynccontextmanager
async def _listening(app: web.Application, host: str, port: int) -> AsyncIterator[str]:
    """Run one server; its address."""
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=_STOP_SECONDS)
    await runner.setup()
    try:
        site = web.TCPSite(runner, host, port)
        await site.start()
        bound = runner.addresses[0][1]
        yield f"http://{host}:{bound}"
    finally:
        await runner.cleanup()
