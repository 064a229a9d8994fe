"""`tillbridge replay sales`: the register transactions of an export, through the checkpoint. Safe to run twice."""

import asyncio
import json
import sys
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import aiohttp
import click
import msgspec
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from tillbridge.cli.options import DATA_DIR, STACK
from tillbridge.cli.running import read_stack, run, settings_with
from tillbridge.cli.serving import serving
from tillbridge.connectors import pos_csv
from tillbridge.connectors.pos_csv import BadPosRow, PosRow
from tillbridge.identity import directory
from tillbridge.kernel.actor import Actor, Right
from tillbridge.kernel.errors import BadInput, DatabaseAway, SettingFault
from tillbridge.kernel.ids import secret_token
from tillbridge.kernel.settings import Settings
from tillbridge.reconcile.reissue.sales import Named, read_named
from tillbridge.stack.model import Role, Stack

AT_ONCE: Final = 32
TRY_SECONDS: Final = 0.5
FAULT: Final = 500
FAULTS_MAX: Final = 3
"""After so many faults over one row, the hub is left alone with it, and the rest goes on."""

REASONS_SHOWN: Final = 20


@dataclass(slots=True)
class Tally:
    """How a replay goes: rows confirmed now, confirmed before, with a voucher; those that failed; and the named sales
    that the file does not have."""

    confirmed: int = 0
    before: int = 0
    vouchers: int = 0
    failed: list[tuple[int, str, str]] = field(default_factory=list)
    codes: Counter[str] = field(default_factory=Counter)
    absent: list[str] = field(default_factory=list)

    def fail(self, row: int, transaction_id: str, reason: str, code: str) -> None:
        """Note a row that was not confirmed, with why."""
        self.failed.append((row, transaction_id, reason))
        self.codes[code] += 1


@dataclass(frozen=True, slots=True)
class To:
    """The hub that is sent to: its address, blank for one in this process; a key for it; how long to wait for it."""

    hub_url: str
    key: str
    patience: int


@click.command("sales")
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--customers", type=click.Path(path_type=Path, exists=True, dir_okay=False), help="A storefront export.")
@click.option(
    "--only", type=click.Path(path_type=Path), metavar="FINDINGS", help="Only sales that a reconciliation found lost."
)
@click.option("--hub", "hub_url", default="", help="A running hub's address; without one, a hub runs in this process.")
@click.option("--key", default="", envvar="TILLBRIDGE_KEY", help="The key for that hub.")
@click.option("--patience", type=click.IntRange(0, 3600), default=60, help="Seconds to wait for a hub that is away.")
@click.option("--format", "form", type=click.Choice(["table", "json"]), default="table", help="How to report.")
@DATA_DIR
@STACK
def sales_command(
    file: Path,
    customers: Path | None,
    only: Path | None,
    form: str,
    data_dir: Path | None,
    stack: Path | None,
    **hub: Any,
) -> None:
    """Send the register transactions of FILE through the checkpoint, as a register would.

    Stopped in the middle, it is run again: each row has a key, and what was confirmed before is answered again and
    changes nothing. With --only, the findings.json or findings.csv of 'tillbridge reconcile', only those rows are sent
    whose credit is an orphan or missing on the platform, and not on its way: nothing else is handed to a web store that
    has it already. Exit status 0: every row is confirmed; 1: some rows are not, or are not in FILE, and are listed; 2:
    the file or the hub cannot be used.

    Example: tillbridge replay sales pos.csv --customers storefront.csv --stack stack.toml
    """
    settings = settings_with(data_dir, stack, port=0)
    to = To(**hub)
    if to.hub_url and not to.key:
        raise SettingFault("--key", "a running hub wants a key", "Make one with 'tillbridge key add'.")
    if to.hub_url and customers:
        raise SettingFault("--customers", "a running hub is told of customers by its storefront", "Leave it out.")
    named = read_named(only) if only else None
    tally = run(_replay(settings, file, customers, named, to))
    _report(tally, form)
    sys.exit(1 if tally.failed or tally.absent else 0)


async def _replay(settings: Settings, file: Path, customers: Path | None, named: Named | None, to: To) -> Tally:
    tally = Tally()
    async with _a_hub(settings, customers, to, tally) as (address, bearer):
        with _progress(len(named.codes) if named else _rows_in(file)) as advance:
            rows = only_named(_rows(file), named, tally) if named else _rows(file)
            await Sender(address, bearer, to.patience, tally, advance).send_all(rows)
    return tally


def only_named(rows: Iterator[PosRow | BadPosRow], named: Named, tally: Tally) -> Iterator[PosRow | BadPosRow]:
    """The rows of named sales; what cannot be read and may be one of them is listed. Notes which are not there."""
    absent = dict.fromkeys(named.codes)
    for row in rows:
        if isinstance(row, BadPosRow):
            meant = not row.transaction_id or row.transaction_id in named.codes
        else:
            meant = named.has(row.transaction_id, str(row.body.get("code", "")))
        if meant:
            absent.pop(row.transaction_id, None)
            yield row
    tally.absent = sorted(absent)


@asynccontextmanager
async def _a_hub(settings: Settings, customers: Path | None, to: To, tally: Tally) -> AsyncIterator[tuple[str, str]]:
    """The hub that was named, or one of our own for as long as the replay takes."""
    if to.hub_url:
        yield to.hub_url.rstrip("/"), to.key
        return
    stack, own = read_stack(settings), secret_token()
    async with serving(settings, stack, trusted={own: Actor("replay", frozenset({Right.ISSUE}))}) as (hub, address):
        if customers:
            loaded = await directory.load(
                hub.db, customers, _storefront(stack), stack.retailer.country, clock=hub.clock, ids=hub.ids
            )
            for bad in loaded.bad:
                tally.fail(bad.row, bad.account_id, f"{customers.name}: {bad.reason}", "bad-row")
        yield address, own


def _storefront(stack: Stack) -> str:
    names = [system.name for system in stack.systems.values() if system.role is Role.STOREFRONT]
    if len(names) != 1:
        mend = "Use a map with one, or load the directory through POST /v1/events/{system}."
        raise SettingFault("--customers", f"the map has {len(names)} storefronts", mend)
    return names[0]


def _rows(file: Path) -> Iterator[PosRow | BadPosRow]:
    with file.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as lines:
        yield from pos_csv.read(lines)


def _rows_in(file: Path) -> int:
    with file.open("rb") as opened:
        return max(0, sum(chunk.count(b"\n") for chunk in iter(lambda: opened.read(1 << 20), b"")) - 1)


class Sender:
    """Sends rows to a hub, AT_ONCE at a time, each until it has a final answer."""

    def __init__(self, address: str, bearer: str, patience: int, tally: Tally, advance: Callable[[], None]) -> None:
        self._address = address
        self._bearer = bearer
        self._patience = patience
        self._tally = tally
        self._advance = advance

    async def send_all(self, rows: Iterator[PosRow | BadPosRow]) -> None:
        """Send every row. Raises DatabaseAway when the hub stays away, BadInput for a file that cannot be read."""
        timeout = aiohttp.ClientTimeout(total=30)
        async with aiohttp.ClientSession(
            timeout=timeout, headers={"Authorization": f"Bearer {self._bearer}"}
        ) as session:
            try:
                async with asyncio.TaskGroup() as group:
                    for _ in range(AT_ONCE):
                        group.create_task(self._work(session, rows))
            except* (BadInput, DatabaseAway, SettingFault) as errors:
                raise errors.exceptions[0] from None

    async def _work(self, session: aiohttp.ClientSession, rows: Iterator[PosRow | BadPosRow]) -> None:
        for row in rows:
            if isinstance(row, BadPosRow):
                self._tally.fail(row.row, row.transaction_id, row.reason, "bad-row")
            else:
                await self._send(session, row)
            self._advance()

    async def _send(self, session: aiohttp.ClientSession, row: PosRow) -> None:
        """Send a row until it has an answer that stays: a yes, or a no that trying again will not change."""
        until, faults = asyncio.get_running_loop().time() + self._patience, 0
        while True:
            status, body, replayed = await self._try(session, row)
            if status in (200, 201):
                self._tally.before += replayed
                self._tally.confirmed += not replayed
                self._tally.vouchers += body.get("voucher") is not None and not replayed
                return
            if status in (401, 403):
                raise SettingFault("--key", str(body.get("detail", "the hub refuses the key")), "Use another key.")
            if status and body.get("retry") != "safe":
                self._tally.fail(row.row, row.transaction_id, str(body.get("detail", f"status {status}")), _code(body))
                return
            faults += status == FAULT
            if faults > FAULTS_MAX:
                self._tally.fail(row.row, row.transaction_id, "the hub met a fault of its own; see its log", "fault")
                return
            if asyncio.get_running_loop().time() > until:
                raise DatabaseAway("The hub does not answer. Run the same command again: it goes on where it stopped.")
            await asyncio.sleep(TRY_SECONDS)

    async def _try(self, session: aiohttp.ClientSession, row: PosRow) -> tuple[int, dict[str, object], bool]:
        """One attempt: status (0 for no answer), body, and whether it was answered before."""
        headers = {"Idempotency-Key": row.key, "Content-Type": "application/json"}
        data = msgspec.json.encode(row.body)
        try:
            async with session.post(f"{self._address}/v1/credits", data=data, headers=headers) as response:
                replayed = response.headers.get("Idempotent-Replay") == "true"
                return response.status, _object(await response.read()), replayed
        except (aiohttp.ClientError, TimeoutError, OSError):
            return 0, {}, False


def _object(raw: bytes) -> dict[str, object]:
    try:
        return msgspec.json.decode(raw, type=dict[str, object])
    except msgspec.MsgspecError:
        return {}


def _code(body: dict[str, object]) -> str:
    return str(body.get("code", "fault"))


class _progress:  # noqa: N801 - used as a function
    """A progress bar when a person looks on; nothing otherwise."""

    def __init__(self, total: int) -> None:
        self._total = total
        self._bar: Progress | None = None

    def __enter__(self) -> Callable[[], None]:
        if not sys.stderr.isatty():
            return lambda: None
        columns = (TextColumn("Replaying"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        self._bar = Progress(*columns, console=Console(stderr=True))
        self._bar.start()
        task = self._bar.add_task("", total=self._total)
        return lambda: self._bar.advance(task) if self._bar else None

    def __exit__(self, *_: object) -> None:
        if self._bar:
            self._bar.stop()


def _report(tally: Tally, form: str) -> None:
    if form == "json":
        shown = {
            "confirmed": tally.confirmed,
            "confirmed_before": tally.before,
            "vouchers": tally.vouchers,
            "failed": len(tally.failed),
            "failed_by_code": dict(tally.codes),
            "absent": tally.absent,
            "rows": [{"row": row, "transaction_id": name, "reason": why} for row, name, why in sorted(tally.failed)],
        }
        click.echo(json.dumps(shown, indent=2))
        return
    click.echo(
        f"{tally.confirmed:,} confirmed, {tally.vouchers:,} of them with a voucher; {tally.before:,} were confirmed "
        f"before; {len(tally.failed):,} failed."
    )
    for row, name, why in sorted(tally.failed)[:REASONS_SHOWN]:
        click.echo(f"  row {row}{f' ({name})' if name else ''}: {why}")
    if len(tally.failed) > REASONS_SHOWN:
        click.echo(f"  and {len(tally.failed) - REASONS_SHOWN:,} more; --format json lists them all.")
    if tally.absent:
        first = ", ".join(tally.absent[:REASONS_SHOWN])
        more = f" and {len(tally.absent) - REASONS_SHOWN:,} more" if len(tally.absent) > REASONS_SHOWN else ""
        click.echo(f"{len(tally.absent):,} that the findings name are not in the file: {first}{more}.")
