"""The mapping file: how exports that are written in another way are read. TOML, one table for each side."""

import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from tillbridge.diagnose.model import Side
from tillbridge.kernel.errors import StackFault
from tillbridge.reconcile.columns import COLUMNS
from tillbridge.reconcile.sources.layout import DATES, DELIMITERS, ENCODINGS, THOUSANDS, Columns, Layout, unread
from tillbridge.reconcile.sources.presets import CANONICAL, PRESETS
from tillbridge.stack.lines import index_lines
from tillbridge.stack.table import Table, choices, nearest, quoted
from tillbridge.stack.terms import time_zones

KEYS: Final[Mapping[str, str]] = {
    "preset": "One of the side's presets, to begin with. Left out: `canonical`.",
    "columns": "Our column and theirs; several are joined with a blank; `[]`: they have none.",
    "fixed": "Our column and what it holds in every row, such as the currency.",
    "values": "By our column, words of theirs and what they mean here; capitals do not matter.",
    "delimiter": "What stands between two cells: `,` `;` `|` or `tab`. Left out: found out.",
    "encoding": "Left out: UTF-8, or UTF-16 where the file begins with its mark.",
    "decimal": "What stands before the decimals of an amount: `.` or `,`. Left out: `.`.",
    "thousands": "What stands between thousands: `,` `.` `'` or a blank. Left out: nothing.",
    "time_zone": "The zone of times without an offset, such as `Europe/Berlin`. Left out: they are refused.",
    "dates": "The order of a date: `ymd`, `dmy` or `mdy`. Left out: `ymd`.",
    "sheet": "The sheet of a workbook. Left out: the first.",
}
"""The keys of a side's table, each with a sentence. The reference page is held equal to this."""

_LARGEST: Final = 1_000_000
_PLACE: Final = re.compile(r" \(at line (\d+), column \d+\)$")


def read_mapping(path: Path) -> Mapping[Side, Layout]:
    """How each side is read that the file names; the others are canonical. Raises StackFault with line and mend."""
    file = str(path)
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise StackFault(file, 0, "there is no such file", "Look at how its name is written.") from None
    except OSError as error:
        problem = f"the file cannot be read ({error.strerror or type(error).__name__})"
        raise StackFault(file, 0, problem, "Name a file that you may read.") from None
    if len(data) > _LARGEST:
        raise StackFault(file, 0, "the file is larger than a megabyte", "A mapping file is a page long.")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise StackFault(file, line, "the file is not in UTF-8", "Save it as UTF-8.") from None
    return parse_mapping(text, file)


def parse_mapping(text: str, file: str) -> Mapping[Side, Layout]:
    """The same from its text; `file` is what it is called in faults. Raises StackFault."""
    try:
        values = tomllib.loads(text)
        lines = index_lines(text)
    except RecursionError:
        raise StackFault(file, 1, "lists or tables are nested too deep", "A mapping needs three levels.") from None
    except ValueError as error:
        raise _syntax_fault(text, file, str(error)) from None
    top = Table(values, "mapping", (), lines, file)
    sides = [str(side) for side in Side]
    for name in values:
        if name not in sides:
            mend = nearest(name, sides, f"Use {choices(sides)}.")
            raise top.fault(name, f"{quoted(name)} is no side of a reconciliation", mend)
    return {Side(name): _layout(top.table(name, "mapping.SIDE"), Side(name)) for name in values}


def _syntax_fault(text: str, file: str, message: str) -> StackFault:
    place = _PLACE.search(message)
    line = int(place[1]) if place else text.rstrip("\n").count("\n") + 1
    mend = "Mend the line: text in quotes, one key a line, every bracket closed."
    return StackFault(file, line, f"this is not TOML ({_PLACE.sub('', message)})", mend)


def _layout(table: Table, side: Side) -> Layout:
    for name in table.values:
        if name not in KEYS:
            mend = nearest(name, KEYS, f"Use {choices(KEYS)}.")
            raise table.fault(name, f"{quoted(name)} is no key of {table.title}", mend)
    preset = PRESETS[side][table.choice("preset", PRESETS[side]) if "preset" in table.values else CANONICAL].layout
    fixed = {**preset.fixed, **_fixed(table, side)}
    decimal, thousands = _numbers(table)
    layout = Layout(
        columns=_columns(table, side, preset.columns, fixed),
        fixed=fixed,
        values={**preset.values, **_values(table, side)},
        delimiter=_delimiter(table),
        encoding=_one_of(table, "encoding", ENCODINGS),
        decimal=decimal,
        thousands=thousands,
        time_zone=table.choice("time_zone", time_zones()) if "time_zone" in table.values else "",
        dates=_one_of(table, "dates", DATES) or preset.dates,
        sheet=table.text("sheet"),
    )
    for name in unread(side, layout):
        mend = "Name their column under columns, or write it into fixed."
        raise table.fault("columns", f'every row needs "{name}", and nothing says where it is', mend)
    return layout


def _one_of(table: Table, key: str, known: tuple[str, ...] | Mapping[str, str]) -> str:
    return table.choice(key, known) if key in table.values else ""


def _delimiter(table: Table) -> str:
    """Told as it stands, or as `tab`: a tab within quotes is seen by nobody."""
    key, given = "delimiter", table.values.get("delimiter", "")
    if given in ("tab", "\t"):
        return "\t"
    return _one_of(table, key, tuple("tab" if one == "\t" else one for one in DELIMITERS))


def _numbers(table: Table) -> tuple[str, str]:
    decimal = _one_of(table, "decimal", (".", ",")) or "."
    # A blank is a separator here, so that this one text is not stripped.
    thousands = table.values.get("thousands", "")
    if thousands not in THOUSANDS or not isinstance(thousands, str):
        raise table.fault("thousands", '"thousands" is none that is known', f"Use {choices(THOUSANDS)}.")
    if thousands == decimal:
        problem = f'"thousands" and the decimals are both separated by {quoted(decimal)}'
        raise table.fault("thousands", problem, 'Say which of the two it is: decimal = "," or decimal = ".".')
    return decimal, thousands


def _must_be_ours(table: Table, name: str, side: Side) -> None:
    if name not in COLUMNS[side]:
        mend = nearest(name, COLUMNS[side], f"Use {choices(COLUMNS[side])}.")
        raise table.fault(name, f"{quoted(name)} is no column of {side}", mend)


def _columns(table: Table, side: Side, preset: Columns, fixed: Mapping[str, str]) -> Columns:
    """The preset's columns under the file's own. What is fixed is not read."""
    own: dict[str, tuple[str, ...]] = {}
    if "columns" in table.values:
        inner = table.table("columns", "mapping.SIDE.columns")
        for name, value in inner.values.items():
            _must_be_ours(inner, name, side)
            if name in fixed:
                raise inner.fault(name, f'"{name}" is fixed, and has a column as well', "Leave one of them out.")
            own[name] = (inner.text(name),) if isinstance(value, str) else inner.texts(name)
            if not all(one.strip() for one in own[name]):
                raise inner.fault(name, f'a column for "{name}" is blank', "Name it, or write [] if there is none.")
    return {name: theirs for name, theirs in {**preset, **own}.items() if theirs and name not in fixed}


def _fixed(table: Table, side: Side) -> Mapping[str, str]:
    if "fixed" not in table.values:
        return {}
    inner = table.table("fixed", "mapping.SIDE.fixed")
    for name in inner.values:
        _must_be_ours(inner, name, side)
    return {name: inner.text(name) for name in inner.values}


def _values(table: Table, side: Side) -> Mapping[str, Mapping[str, str]]:
    own: dict[str, Mapping[str, str]] = {}
    if "values" in table.values:
        inner = table.table("values", "mapping.SIDE.values")
        for name in inner.values:
            _must_be_ours(inner, name, side)
            words = inner.table(name, "mapping.SIDE.values.NAME")
            own[name] = {theirs.strip().casefold(): words.text(theirs) for theirs in words.values}
    return own
