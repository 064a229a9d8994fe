"""A live side, staged: the hub's ledger or a system of the map, as a Parquet file with a side's typed columns.

The ledger is read in pages of one snapshot, as it stood at the cut; a system is walked page by page. Neither is ever in
memory as a whole.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from uuid import UUID

import ibis
import pyarrow.parquet as pq
from ibis import _

from tillbridge.diagnose.model import Side
from tillbridge.kernel.db import Db
from tillbridge.kernel.errors import BadInput
from tillbridge.reconcile.columns import SCHEMAS
from tillbridge.reconcile.engine import open_engine
from tillbridge.reconcile.live import store
from tillbridge.reconcile.live.book import platform_row, register_row
from tillbridge.reconcile.live.codes import renamed
from tillbridge.reconcile.live.ports import NOT_A_ROW, Lister, ListingFault, Page
from tillbridge.reconcile.live.sheet import Sheet
from tillbridge.reconcile.live.told import ROW_OF, name_of
from tillbridge.reconcile.live.walk import Pause, pages
from tillbridge.reconcile.model import Cut, SideRead
from tillbridge.stack.model import Role, Stack

HUB: Final = "hub"
"""What the ledger of this hub is called where a file or a system could be named."""

PAGE: Final = 5_000
"""Credits read from the ledger at once."""

_BY_HUB: Final = frozenset({Side.POS, Side.PLATFORM})
_ROLE_OF: Final[Mapping[Side, Role]] = {Side.STOREFRONT: Role.STOREFRONT, Side.ERP: Role.ERP}
_KEY_OF: Final[Mapping[Side, tuple[str, ...]]] = {
    Side.STOREFRONT: ("account_id", "code"),
    Side.ERP: ("document_id",),
}
"""What tells a row of a listing from every other: one that is told twice has moved during the walk."""

_REMARK: Final = (
    "What a register sent about a customer is kept only until the credit has found its owner; after that the owner's "
    "own identifiers stand for it."
)


@dataclass(frozen=True, slots=True)
class Live:
    """What live sides are read from: the ledger, the map, and the systems of it that can list, by name."""

    db: Db
    stack: Stack
    listers: Mapping[str, Lister]


async def stage(
    side: Side,
    name: str,
    live: Live,
    cut: Cut,
    staging: Path,
    learnt: Path | None = None,
    pause: Pause = asyncio.sleep,
) -> tuple[SideRead, Path]:
    """Read a side from `hub` or from a system of the map; what was read, and the file of its rows.

    `learnt` are the names that files have for credits (`learn_codes`). A walk that breaks off midway leaves a bad row
    0, so that the run is incomplete. Raises BadInput for a name that cannot be this side and for a system of which
    nothing could be read, DatabaseError.
    """
    raw, path = staging / f"{side.value}-told.parquet", staging / f"{side.value}-live.parquet"
    if name == HUB:
        read = await _book(side, live, cut, raw)
    else:
        read = await _told(side, name, live, raw, pause)
    again = await asyncio.to_thread(_finish, side, raw, path, learnt, staging)
    raw.unlink(missing_ok=True)
    if again:
        remark = f"{again} rows were told a second time during the walk; what was told last counts."
        read = SideRead(side, name, read.rows - again, read.bad_rows, read.bad, (*read.remarks, remark))
    return read, path


async def _book(side: Side, live: Live, cut: Cut, raw: Path) -> SideRead:
    """The ledger's credits as a side."""
    if side not in _BY_HUB:
        which = "a system of role storefront" if side is Side.STOREFRONT else "a system of role erp"
        raise BadInput(f"--{side.value}", "the hub is the platform and the registers", f"Name {which}, or a file.")
    storefronts = [one.name for one in live.stack.systems.values() if one.role is Role.STOREFRONT]
    after = UUID(int=0)
    with Sheet(side, HUB, raw) as sheet:
        async with live.db.snapshot() as tx:
            await store.by_key(tx)
            while page := await store.page(tx, after, cut.as_of, storefronts, PAGE):
                roots = await store.roots(tx, [one.credit_id for one in page if one.replaces is not None])
                for credit in page:
                    if side is Side.PLATFORM:
                        sheet.add(platform_row(credit, roots.get(credit.credit_id), storefronts, cut.as_of))
                    elif (row := register_row(credit, storefronts, cut)) is not None:
                        sheet.add(row)
                after = page[-1].credit_id
    return sheet.read((_REMARK,) if side is Side.POS else ())


async def _told(side: Side, name: str, live: Live, raw: Path, pause: Pause) -> SideRead:
    """A system's listing as a side."""
    lister = _lister(side, name, live)
    with Sheet(side, name, raw) as sheet:
        try:
            async for page in pages(lister, pause):
                _take(sheet, page)
        except ListingFault as fault:
            if not sheet.place:
                raise BadInput(f"--{side.value}", f"{name} did not list: {fault.problem}", fault.mend) from fault
            sheet.broke_off(f"the listing broke off after {sheet.place} rows: {fault.problem}", fault.mend)
    return sheet.read()


def _take(sheet: Sheet, page: Page) -> None:
    for said in page.rows:
        if NOT_A_ROW in said:
            sheet.refuse("", "", "it is no JSON object", "Tell every row as an object.")
            continue
        try:
            sheet.add(ROW_OF[sheet.side](said))
        except BadInput as bad:
            sheet.refuse(name_of(sheet.side, said), bad.field, bad.problem, bad.mend)


def _lister(side: Side, name: str, live: Live) -> Lister:
    """The way to the system. Raises BadInput for one that is not there, is something else, or cannot list."""
    field, file = f"--{side.value}", "Give its export as a file instead."
    role = _ROLE_OF.get(side)
    if role is None:
        raise BadInput(field, f"{name!r} is no file, and only the hub tells this side live", f"Give a file, or {HUB}.")
    system = live.stack.systems.get(name)
    if system is None or system.role is not role:
        fit = [one.name for one in live.stack.systems.values() if one.role is role]
        mend = f"Name one of them ({', '.join(fit)}), or give a file." if fit else "Give a file."
        raise BadInput(field, f"{name!r} is no file, and no system of role {role.value} in the map", mend)
    if name not in live.listers:
        raise BadInput(field, f"{name} cannot be asked for its credits: its connector is {system.connector}", file)
    return live.listers[name]


def _finish(side: Side, raw: Path, path: Path, learnt: Path | None, staging: Path) -> int:
    """Put the codes of files for ids, and keep the last of what was told twice; how many were told again."""
    keys = _KEY_OF.get(side)
    if keys is None and learnt is None:
        raw.replace(path)
        return 0
    with open_engine("duckdb", staging) as con:
        table = renamed(con, raw, learnt)
        if keys is not None:
            newest = ibis.row_number().over(group_by=keys, order_by=ibis.desc("row"))
            table = table.mutate(told_again=newest).filter(_.told_again == 0)
        con.to_parquet(table.select(*SCHEMAS[side].names), path)
    return int(pq.read_metadata(raw).num_rows - pq.read_metadata(path).num_rows)
