"""`rename-fields` read from its table: our fields by their dotted names, and what the target calls them."""

import re
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from tillbridge.stack.fields import FIELDS, NEEDED, is_field, leaves, maker_of, overlap, within
from tillbridge.stack.settings import RenameFields
from tillbridge.stack.table import Table, called, nearest, quoted

_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,63}(\.[A-Za-z_][A-Za-z0-9_-]{0,63}){0,4}")
_KIND: Final = "hops.transform.rename-fields"
_NO_FIELDS: Final = ("name", "drop")


class _Rename(NamedTuple):
    """A field and its new name, with the table and the key at which it was written."""

    ours: str
    theirs: str
    table: Table
    key: str


def read_renames(table: Table, before: Sequence[str]) -> RenameFields:
    """The renames of a hop; `before` are the transformations that stand before them. Raises StackFault."""
    renames = list(_written(table, ""))
    drop = table.texts("drop")
    for position, ours in enumerate(drop):
        _must_be_ours(table, "drop", ours, before, position)
        if any(overlap(ours, other) for other in drop[:position]):
            raise table.fault("drop", f"{quoted(ours)} is dropped twice", "Name each once.", position)
    for number, rename in enumerate(renames):
        _check(rename, renames[:number], drop, before)
    gone = [rename.ours for rename in renames] + list(drop)
    for rename in renames:
        _must_cover_nothing(rename, gone, before)
    return RenameFields(tuple((rename.ours, rename.theirs) for rename in renames), drop)


def _written(table: Table, prefix: str) -> Iterator[_Rename]:
    """All renames, those of dotted keys and of tables within the table included."""
    for key, value in table.values.items():
        if not prefix and key in _NO_FIELDS:
            continue
        ours = f"{prefix}{key}"
        if isinstance(value, dict):
            yield from _written(table.table(key, _KIND), f"{ours}.")
        elif isinstance(value, str):
            yield _Rename(ours, value, table, key)
        else:
            problem = f"the new name of {quoted(ours)} is {called(value)}"
            raise table.fault(key, problem, "Write a name in quotes.")


def _check(rename: _Rename, others: Sequence[_Rename], drop: Sequence[str], before: Sequence[str]) -> None:
    ours, theirs, table, key = rename
    _must_be_ours(table, key, ours, before)
    if not _NAME.fullmatch(theirs):
        mend = "Use letters, digits, _ and -; a point goes into an object: card.number."
        raise table.fault(key, f"{quoted(theirs)} cannot be the name of a field", mend)
    if any(overlap(ours, dropped) for dropped in drop):
        raise table.fault(key, f"{quoted(ours)} is renamed and dropped", "Do one of the two.")
    for other in others:
        if overlap(ours, other.ours):
            problem = f"{quoted(ours)} is renamed twice, here and with {quoted(other.ours)}"
            raise table.fault(key, problem, "Rename it once.")
        if overlap(theirs, other.theirs):
            problem = f"{quoted(other.ours)} and {quoted(ours)} are given one name, {quoted(theirs)}"
            raise table.fault(key, problem, "Give each its own.")


def _must_be_ours(table: Table, key: str, name: str, before: Sequence[str], item: int | None = None) -> None:
    if name in NEEDED:
        problem = f"{quoted(name)} is always sent, under this name"
        raise table.fault(key, problem, f"Leave {', '.join(NEEDED)} as they are.", item)
    if not is_field(name):
        mend = nearest(name, FIELDS, "See the fields on the reference page of the map.")
        raise table.fault(key, f"{quoted(name)} is no field of what is sent", mend, item)
    maker = maker_of(name)
    if maker and maker not in before:
        problem = f"{quoted(name)} is made by {maker}, which does not stand before on this hop"
        raise table.fault(key, problem, f'Put "{maker}" before it.', item)
    if overlap(name, "customer.accounts") and name != "customer" and "resolve-customer" in before:
        problem = f"{quoted(name)} is not there any more behind resolve-customer"
        raise table.fault(key, problem, "Use customer.account_id.", item)


def _must_cover_nothing(rename: _Rename, gone: Sequence[str], before: Sequence[str]) -> None:
    """A new name stands where nothing else does. A customer's fields may change names within the customer."""
    for leaf in leaves(before):
        if any(leaf == name or within(leaf, name) for name in gone) or not overlap(rename.theirs, leaf):
            continue
        if leaf == "customer" and within(rename.theirs, leaf) and within(rename.ours, leaf):
            continue
        problem = f"{quoted(rename.theirs)} as a name for {quoted(rename.ours)} would cover {quoted(leaf)}"
        raise rename.table.fault(rename.key, problem, f"Take another name, or rename {leaf} too.")
