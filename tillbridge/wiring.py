"""The composition root: settings and a stack map become a running hub. Nothing below it knows the parts by name."""

import asyncio
import logging
import os
import random
import socket
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Final

from tillbridge.checkpoint.approvals import Approvals
from tillbridge.checkpoint.claim import Claims
from tillbridge.checkpoint.decisions import Decisions
from tillbridge.checkpoint.intake.loop import Intake
from tillbridge.checkpoint.intake.mending import Mending
from tillbridge.checkpoint.intake.model import Feed, Shelf
from tillbridge.checkpoint.intake.take import Taking
from tillbridge.checkpoint.persons import Persons
from tillbridge.checkpoint.ports import Notifier, NotSent
from tillbridge.checkpoint.register import Checkpoint
from tillbridge.checkpoint.store import finish_review
from tillbridge.checkpoint.wait import Settlements
from tillbridge.connectors.feed import HttpFeed
from tillbridge.connectors.folder import Folder
from tillbridge.connectors.http import HttpConnector
from tillbridge.connectors.inbox import Inbox
from tillbridge.connectors.otlp import open_otlp
from tillbridge.connectors.sftp import Sftp
from tillbridge.connectors.smtp import SmtpNotifier, mail_server
from tillbridge.credit import store as credit_store
from tillbridge.credit.codes import Codes
from tillbridge.credit.desk import Desk
from tillbridge.credit.law import Law, warnings
from tillbridge.credit.lawbook import load_law
from tillbridge.credit.lookup import Lookup, Throttle, find_in
from tillbridge.credit.sweep import Sweeper
from tillbridge.credit.terms import Rules
from tillbridge.handoff.deliver import Deliverer
from tillbridge.handoff.ports import Connector
from tillbridge.handoff.trace import Record
from tillbridge.handoff.traced import traced
from tillbridge.kernel.clock import Clock, SystemClock
from tillbridge.kernel.db import Db, embedded, migrate, open_db, revive_embedded
from tillbridge.kernel.errors import DatabaseError, SettingFault, StackFault
from tillbridge.kernel.ids import Ids, secret_token, secure_chance
from tillbridge.kernel.settings import SECRET_MIN, Settings
from tillbridge.reconcile.reissue.channels import HubChannels
from tillbridge.reconcile.reissue.ours import OurBook
from tillbridge.reconcile.reissue.run import Repair
from tillbridge.reconcile.reissue.store import Kept
from tillbridge.stack import store as editions
from tillbridge.stack.edition import Edition
from tillbridge.stack.model import Source, SourceKind, Stack

_LOG: Final = logging.getLogger("tillbridge.wiring")

SECRET_FILE: Final = "secret"  # noqa: S105 - the name of a file
INBOX: Final = "inbox:"
"""What TILLBRIDGE_SMTP_URL says in a demo."""

STATEMENT_SECONDS: Final = 8.0
"""After so long a statement is given up: a cashier is waiting."""

LOOK: Final = timedelta(seconds=1)
"""How often a hub looks whether its embedded database is alive, and what has ended by itself."""

MAKE_UP: Final = timedelta(seconds=30)
"""How often a hub looks for vouchers that one which died had no time to open."""


RefusedMap = Callable[[], StackFault | None]
"""Says what is wrong with the map that a running hub was asked to take up, until it is mended."""


@dataclass(frozen=True, slots=True)
class Hub:
    """A running hub: everything the doors (api, console, cli) may use."""

    settings: Settings
    stack: Stack
    db: Db
    clock: Clock
    ids: Ids
    chance: random.Random
    codes: Codes
    desk: Desk
    lookup: Lookup
    checkpoint: Checkpoint
    approvals: Approvals
    claims: Claims
    decisions: Decisions
    persons: Persons
    deliverer: Deliverer
    intake: Intake
    mending: Mending
    settlements: Settlements
    inbox: Inbox | None
    public_url: str
    edition: Edition
    refused_map: RefusedMap
    record: Record | None = None


def database_url(settings: Settings) -> str:
    """The address of the database: the server that was named, or the embedded one, started if need be.

    Raises DatabaseAway when the embedded one does not start.
    """
    if settings.database_url:
        return settings.database_url
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    return embedded(settings.data_dir)


@asynccontextmanager
async def open_database(
    settings: Settings, *, size: int = 8, statement_seconds: float = STATEMENT_SECONDS
) -> AsyncIterator[Db]:
    """The database with all its migrations, as a pool of `size` connections. Raises DatabaseError."""
    url = await asyncio.to_thread(database_url, settings)
    await migrate(url)
    async with open_db(url, size=size, statement_seconds=statement_seconds) as db:
        yield db


def read_law(settings: Settings) -> Law:
    """The law that cash-outs go by: ours, and the retailer's file before it. The log says how much of it is to be
    verified, and in full at the level of information. Raises LawFault."""
    law = load_law(settings.law)
    open_questions = warnings(law)
    if open_questions:
        _LOG.warning("%s rules of law are to be verified by your counsel; they are marked.", len(open_questions))
    for sentence in open_questions:
        _LOG.info("%s", sentence)
    return law


def read_secret(settings: Settings) -> bytes:
    """The secret that codes are hashed with: the one that was set, or a file made at the first start."""
    if settings.secret:
        return settings.secret.encode()
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    file = settings.data_dir / SECRET_FILE
    _make_secret(file)
    secret = file.read_text("utf-8").strip()
    if len(secret) < SECRET_MIN:
        mend = "Put back the file as it was. Only if this database is new: remove it, and another is made."
        raise SettingFault("TILLBRIDGE_SECRET", f"the file {file.name!r} in the data folder is too short", mend)
    return secret.encode()


def _make_secret(file: Path) -> None:
    """Make the file if there is none: whole or not at all, readable by its owner alone."""
    if file.exists():
        return
    draft = file.with_suffix(f".{secret_token(6)}")
    draft.touch(mode=0o600)
    with draft.open("w", encoding="utf-8") as opened:
        opened.write(secret_token(48))
        opened.flush()
        os.fsync(opened.fileno())
    try:
        file.hardlink_to(draft)
    except FileExistsError:
        return
    finally:
        draft.unlink()
    folder = os.open(file.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


async def open_codes(settings: Settings, db: Db) -> Codes:
    """The maker of codes. Raises SettingFault when the database's codes were hashed with another secret."""
    mend = "Set TILLBRIDGE_SECRET, or put back the file 'secret', as it was when this database was first used."
    kept = settings.secret or (settings.data_dir / SECRET_FILE).exists()
    if not kept and await credit_store.knows_a_secret(db):
        raise SettingFault("TILLBRIDGE_SECRET", "the secret that this database's codes were hashed with is gone", mend)
    codes = Codes(read_secret(settings))
    if not await credit_store.same_secret(db, codes.secret_print()):
        raise SettingFault("TILLBRIDGE_SECRET", "this database's codes were hashed with another secret", mend)
    return codes


class NoMailServer:
    """Stands where no mail server was set: a claim's code cannot go out, and the log says why."""

    phones = False

    async def send(self, to: str, subject: str, text: str) -> None:
        """Raises NotSent."""
        del to, subject, text
        raise NotSent("No mail server is set. Set TILLBRIDGE_SMTP_URL, so that one-time codes can go out.")


def notifier_for(settings: Settings, clock: Clock, ids: Ids) -> tuple[Notifier, Inbox | None]:
    """The mail server that was set; for demos an inbox in memory, whose page shows everybody what was sent.

    Raises SettingFault for an address that is no mail server's.
    """
    if settings.smtp_url == INBOX:
        inbox = Inbox(clock)
        return inbox, inbox
    if settings.smtp_url:
        return SmtpNotifier(mail_server(settings.smtp_url, settings.mail_from), clock, ids), None
    return NoMailServer(), None


@asynccontextmanager
async def open_hub(
    settings: Settings,
    stack: Stack,
    *,
    public_url: str,
    clock: Clock | None = None,
    chance: random.Random | None = None,
    deliver: bool = True,
    take_in: bool = False,
    refused_map: RefusedMap = lambda: None,
) -> AsyncIterator[Hub]:
    """A running hub, until the block ends: then what is under way is finished first.

    With `deliver` false it confirms but hands nothing off: `tillbridge work` does that in another process. With
    `take_in` it fetches what the sources of the map have to tell.
    Raises DatabaseError, LawFault, SettingFault.
    """
    clock = clock or SystemClock()
    chance = chance or secure_chance()
    async with AsyncExitStack() as closing:
        db = await closing.enter_async_context(open_database(settings))
        codes = await open_codes(settings, db)
        ids, settlements = Ids(clock, chance), Settlements()
        if not settings.database_url:
            await closing.enter_async_context(_kept_alive(settings, db))
        record = await closing.enter_async_context(open_traces(settings))
        connectors = await closing.enter_async_context(open_connectors(stack, clock, record))
        deliverer = Deliverer(db, stack, connectors, clock, chance, settlements.settled)
        wake = deliverer.wake if deliver else _nobody_listens
        desk = Desk(db, stack, clock, ids, codes, wake, Rules(stack, read_law(settings)))
        deliverer.give_way(desk.pressed)
        throttle = Throttle(settings.lookup_failures_per_key, settings.lookup_failures_per_code)
        lookup = Lookup(db, codes, clock, find_in(db), throttle)
        checkpoint = Checkpoint(db, desk, stack, clock, ids, codes, settlements, public_url)
        approvals = Approvals(db, stack, desk, checkpoint, codes, clock, ids)
        notifier, inbox = notifier_for(settings, clock, ids)
        taking = Taking(db, checkpoint, desk, approvals, stack, clock, ids)
        intake = Intake(db, stack, taking, partial(open_source, Path(stack.file).parent), clock, chance)
        claims = Claims(db, desk, stack, clock, ids, chance, codes, notifier)
        decisions = Decisions(db, desk, stack, codes, clock, ids)
        persons = Persons(db, decisions, ids)
        await closing.enter_async_context(_making_up(checkpoint, approvals))
        await closing.enter_async_context(_sweeping(Sweeper(db, desk, clock)))
        closing.push_async_callback(desk.drained)
        closing.push_async_callback(checkpoint.drained)
        if take_in:
            await closing.enter_async_context(_in_background(intake.run()))
        if deliver:
            closing.push_async_callback(_stop, deliverer, asyncio.create_task(deliverer.run()))
        # Last: the history has the maps that were in force, not those that something was missing for.
        edition = await record_map(db, stack, clock, "hub")
        yield Hub(
            settings,
            stack,
            db,
            clock,
            ids,
            chance,
            codes,
            desk,
            lookup,
            checkpoint,
            approvals,
            claims,
            decisions,
            persons,
            deliverer,
            intake,
            Mending(db, stack, taking, clock),
            settlements,
            inbox,
            public_url,
            edition,
            refused_map,
            record,
        )


async def record_map(db: Db, stack: Stack, clock: Clock, what: str) -> Edition:
    """Write the map into its history if it has changed; the edition that it is. `what` is a hub or a worker. Raises
    DatabaseError."""
    return await editions.record(db, stack, clock.now(), f"{what} on {socket.gethostname()}")


@asynccontextmanager
async def open_traces(settings: Settings) -> AsyncIterator[Record | None]:
    """What takes spans, where a collector of traces was named; None else. Raises SettingFault."""
    if not settings.otlp_url:
        yield None
        return
    async with open_otlp(settings.otlp_url) as record:
        yield record


@asynccontextmanager
async def open_connectors(
    stack: Stack, clock: Clock, record: Record | None = None
) -> AsyncIterator[Mapping[str, Connector]]:
    """A connector for each system that can be reached live, by the system's name. `record` takes their spans."""
    async with AsyncExitStack() as closing:
        connectors: dict[str, Connector] = {}
        for system in stack.systems.values():
            if system.connector == "http":
                connector = HttpConnector(system.url, system.secret, clock)
                connectors[system.name] = traced(await closing.enter_async_context(connector), clock, record)
        yield connectors


@asynccontextmanager
async def open_ways(stack: Stack, clock: Clock) -> AsyncIterator[Mapping[str, HttpConnector]]:
    """A way to ask each system that can be reached live for all its credits, and for what it shows of one, by the
    system's name."""
    async with AsyncExitStack() as closing:
        yield {
            system.name: await closing.enter_async_context(HttpConnector(system.url, system.secret, clock))
            for system in stack.systems.values()
            if system.connector == "http"
        }


@asynccontextmanager
async def open_repair(settings: Settings, stack: Stack, db: Db, clock: Clock) -> AsyncIterator[Repair]:
    """What voids and reissues on the built-in ledger. Hubs hand off what it posts. Raises LawFault, SettingFault."""
    codes, ids = await open_codes(settings, db), Ids(clock, secure_chance())
    desk = Desk(db, stack, clock, ids, codes, _nobody_listens, Rules(stack, read_law(settings)))
    async with open_ways(stack, clock) as ways:
        yield Repair(Kept(db, clock), OurBook(db, desk, stack, clock, finish_review), HubChannels(db, stack, ways))
        await desk.drained()


def open_source(beside: Path, source: Source) -> AbstractAsyncContextManager[Shelf | Feed]:
    """The way to what a system has to tell: a folder here or elsewhere, or a feed. Files of this machine are named from
    the folder of the map, `beside`."""
    match source.kind:
        case SourceKind.FOLDER:
            return Folder(beside / Path(source.path).expanduser(), source.pattern, source.marker)
        case SourceKind.SFTP:
            return Sftp(source, beside)
        case SourceKind.HTTP:
            return HttpFeed(source.url, source.token, source.page, source.timeout)


@asynccontextmanager
async def _making_up(checkpoint: Checkpoint, approvals: Approvals) -> AsyncIterator[None]:
    """Make up for what a hub that died left undone: at the start, and from time to time."""

    async def look() -> None:
        while True:
            async with _one_turn("The look for what was left undone"):
                await checkpoint.make_up()
                await approvals.make_up()
            await asyncio.sleep(MAKE_UP.total_seconds())

    async with _in_background(look()):
        yield


@asynccontextmanager
async def _sweeping(sweeper: Sweeper) -> AsyncIterator[None]:
    """End what has ended, and fold the totals. What the database had no answer for is done the next time."""

    async def look() -> None:
        while True:
            async with _one_turn("The look for what has ended"):
                await sweeper.sweep()
            await asyncio.sleep(LOOK.total_seconds())

    async with _in_background(look()):
        yield


@asynccontextmanager
async def _one_turn(what: str) -> AsyncIterator[None]:
    """One turn of what runs for ever: a database that is away, or a defect of ours, ends the turn and no more."""
    try:
        yield
    except DatabaseError:
        return
    except Exception:
        _LOG.exception("%s stumbled, and goes on.", what)


@asynccontextmanager
async def _in_background(work: Coroutine[object, object, None]) -> AsyncIterator[None]:
    """Run something beside the block, and end it with the block."""
    running = asyncio.create_task(work)
    try:
        yield
    finally:
        running.cancel()
        await asyncio.wait([running])


@asynccontextmanager
async def _kept_alive(settings: Settings, db: Db) -> AsyncIterator[None]:
    """Start the embedded PostgreSQL again when it dies: nobody else looks after it."""

    async def look() -> None:
        while True:
            await asyncio.sleep(LOOK.total_seconds())
            async with _one_turn("The look at the embedded PostgreSQL"):
                if not await db.answers():
                    _LOG.warning("the embedded PostgreSQL does not answer; starting it again")
                    await asyncio.to_thread(revive_embedded, settings.data_dir)

    async with _in_background(look()):
        yield


async def _stop(deliverer: Deliverer, running: "asyncio.Task[None]") -> None:
    await deliverer.stop()
    await running


def _nobody_listens(hops: Iterable[str]) -> None:
    """The hops are worked in another process, which looks for itself."""
