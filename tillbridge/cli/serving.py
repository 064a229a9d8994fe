"""A hub that serves: its doors open on a port of this machine. Commands that open none do without all of this."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from tillbridge.cli.doors import Doors
from tillbridge.cli.running import address_of, listen
from tillbridge.kernel.actor import Actor
from tillbridge.kernel.clock import Clock
from tillbridge.kernel.settings import Settings
from tillbridge.stack.model import Stack
from tillbridge.wiring import Hub, RefusedMap


@asynccontextmanager
async def serving(
    settings: Settings,
    stack: Stack,
    *,
    deliver: bool = True,
    take_in: bool = False,
    trusted: dict[str, Actor] | None = None,
    refused_map: RefusedMap = lambda: None,
    clock: Clock | None = None,
) -> AsyncIterator[tuple[Hub, str]]:
    """A hub with its doors open: the hub and its address. `trusted` keys live in this process only; `clock` is the
    system's unless one is handed in."""
    async with open_doors(
        settings, stack, deliver=deliver, take_in=take_in, trusted=trusted, refused_map=refused_map, clock=clock
    ) as (doors, address):
        yield doors.hub, address


@asynccontextmanager
async def open_doors(
    settings: Settings,
    stack: Stack,
    *,
    deliver: bool = True,
    take_in: bool = False,
    trusted: dict[str, Actor] | None = None,
    refused_map: RefusedMap = lambda: None,
    clock: Clock | None = None,
) -> AsyncIterator[tuple[Doors, str]]:
    """The doors, with a hub on this map behind them, and their address. Another map can be put in force later on."""
    listener = listen(settings.host, settings.port)
    address = address_of(listener)
    public_url = settings.public_url or address
    doors = Doors(
        settings,
        listener,
        public_url,
        deliver=deliver,
        take_in=take_in,
        trusted=trusted,
        refused_map=refused_map,
        clock=clock,
    )
    try:
        await doors.open(stack)
        yield doors, address
    finally:
        await doors.close()
