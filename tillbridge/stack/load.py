"""`stack.toml` to a Stack, or a StackFault that names file, line and mend."""

import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Final

from tillbridge.kernel.errors import StackFault
from tillbridge.stack.lines import index_lines
from tillbridge.stack.model import Role, Stack, System
from tillbridge.stack.order import Drawn, check_checkpoints, put_in_order
from tillbridge.stack.parts import SYSTEM_NAME, read_hop, read_retailer, read_system
from tillbridge.stack.reading import Reader
from tillbridge.stack.rules import read_approval, read_burn, read_limits, read_places
from tillbridge.stack.secrets import check_apart
from tillbridge.stack.sources import with_rhythm
from tillbridge.stack.table import Table, called, choices, nearest, quoted

_LARGEST: Final = 1_000_000
_PLACE: Final = re.compile(r" \(at line (\d+), column \d+\)$")
_END: Final = re.compile(r" \(at end of document\)$")


def load(path: Path, environment: Mapping[str, str] | None = None) -> Stack:
    """Read a map from a file. `environment` is where `env:NAME` secrets are; left out, that of this process.

    Raises StackFault; its line is 0 when the file as a whole cannot be read.
    """
    file = str(path)
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise StackFault(file, 0, "there is no such file", "Write one with: tillbridge init") from None
    except OSError as error:
        problem = f"the file cannot be read ({error.strerror or type(error).__name__})"
        raise StackFault(file, 0, problem, "Name a file that you may read.") from None
    if len(data) > _LARGEST:
        raise StackFault(file, 0, "the file is larger than a megabyte", "A stack map is a few pages long.")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise StackFault(file, line, "the file is not in UTF-8", "Save it as UTF-8.") from None
    return parse(text, file, environment)


def parse(text: str, file: str, environment: Mapping[str, str] | None = None) -> Stack:
    """Read a map from its text; `file` is what it is called in faults. Raises StackFault."""
    given = os.environ if environment is None else environment
    try:
        values = tomllib.loads(text)
        lines = index_lines(text)
    except RecursionError:
        raise StackFault(file, 1, "lists or tables are nested too deep", "A map needs three levels.") from None
    except ValueError as error:
        raise _syntax_fault(text, file, str(error)) from None
    top = Table(values, "", (), lines, file)
    retailer = read_retailer(top.table("retailer", "retailer"))
    listed = top.table("systems", "systems")
    systems = _systems(listed, retailer.currency, given)
    check_apart(systems, listed)
    authority = _authority(top, systems)
    tables = list(top.tables("hops", "hops"))
    if not tables:
        raise top.fault("hops", "there are no hops", "Add [[hops]]: the way a credit takes from the registers.")
    hops = [read_hop(table) for table in tables]
    ordered = put_in_order(Drawn(authority, systems, hops, tables))
    systems = with_rhythm(systems, hops, authority, listed)
    by_name = {hop.name: table for hop, table in zip(hops, tables, strict=True)}
    reader = Reader(retailer, authority, systems, Path(file).parent)
    stack = Stack(
        retailer=retailer,
        authority=authority,
        systems=systems,
        hops=tuple(replace(hop, transform=reader.read(by_name[hop.name], hop)) for hop in ordered),
        file=file,
        places=read_places(top),
        burn=read_burn(top),
        limits=read_limits(top, retailer.currency),
        approval=read_approval(top, retailer.currency),
    )
    check_checkpoints(stack, by_name)
    return stack


def _syntax_fault(text: str, file: str, message: str) -> StackFault:
    """What the TOML reader says, with its place as our line."""
    last = text.rstrip("\n").count("\n") + 1
    place = _PLACE.search(message)
    line = min(int(place[1]), last) if place else last if _END.search(message) else 1
    said = _END.sub(" before the end of the file", _PLACE.sub("", message))
    if re.match(r"Cannot (declare|overwrite)", said):
        return StackFault(file, line, f"this is written twice ({said})", "Write each table and each key once.")
    mend = "Mend the line: text in quotes, one key a line, every bracket closed."
    return StackFault(file, line, f"this is not TOML ({said})", mend)


def _systems(table: Table, currency: str, environment: Mapping[str, str]) -> Mapping[str, System]:
    if not table.values:
        raise table.fault(None, "there are no systems", "Add one table [systems.NAME] for each.")
    for name in table.values:
        if not SYSTEM_NAME.fullmatch(name):
            mend = "Use letters, digits, _ and -, beginning with a letter, at most 40."
            raise table.fault(name, f"{quoted(name)} cannot be the name of a system", mend)
    return {name: read_system(name, table.table(name, "systems.NAME"), currency, environment) for name in table.values}


def _authority(top: Table, systems: Mapping[str, System]) -> str:
    """The one system that holds the truth: it exists, and it is a platform."""
    mend = 'There is one truth about balances: [authority] with system = "NAME", once.'
    if isinstance(top.values["authority"], list):
        raise top.fault("authority", "there are two authorities, or a list of them", mend)
    table = top.table("authority", "authority")
    if isinstance(table.values["system"], list):
        raise table.fault("system", f'"system" of {table.title} is {called(table.values["system"])}', mend)
    name = table.text("system")
    if name not in systems:
        platforms = [known for known, system in systems.items() if system.role is Role.PLATFORM]
        otherwise = f"Use {choices(platforms)}." if platforms else "Add a system of role platform."
        raise table.fault("system", f"there is no system {quoted(name)}", nearest(name, systems, otherwise))
    if systems[name].role is not Role.PLATFORM:
        problem = f'"{name}" has the role {systems[name].role}, and the authority must be a platform'
        raise table.fault("system", problem, "Name a system of role platform.")
    return name
