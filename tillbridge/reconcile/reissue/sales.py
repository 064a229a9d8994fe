"""Which sales of a reconciliation are to be brought onto the hub: those of credits that are lost, and no others.

What a web store shows already must not be handed to it once more; so only what the findings name as an orphan, or as
missing on the platform, is taken out of an export. What is on its way arrives by itself.
"""

import csv
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from uuid import UUID

from tillbridge.credit.codes import plain_code
from tillbridge.diagnose.model import Cause, Class
from tillbridge.kernel.errors import BadInput
from tillbridge.reconcile.reissue.reading import read_findings

LOST: Final = frozenset({Class.ORPHAN, Class.MISSING_ON_PLATFORM})
"""The classes of credits whose sale is to be brought onto the hub."""

_NEEDED: Final = ("class", "cause", "code", "transaction_id")
_MEND: Final = "Name the findings.json or findings.csv of 'tillbridge reconcile --out DIR'."
_SAFE: Final = re.compile("'[=+\\-@\uff1d\uff0b\uff0d\uff20]")
"""How a cell begins that would have been a formula: with an apostrophe that is not its own."""


@dataclass(frozen=True, slots=True)
class Named:
    """The sales that are named: the codes of their credits by transaction id; a blank code is any."""

    codes: Mapping[str, frozenset[str]]

    def has(self, transaction_id: str, code: str) -> bool:
        """Whether a sale with this code, blank where its row has none, is one of them."""
        codes = self.codes.get(transaction_id)
        mine = _code(code)
        return codes is not None and (not mine or "" in codes or mine in codes)


def read_named(file: Path) -> Named:
    """The sales that a file of findings, JSON or CSV, names as lost. Raises BadInput for a file that is something else,
    for the findings of a run that could not read every row, and where nothing is lost."""
    rows = _of_csv(file) if file.suffix.lower() == ".csv" else _of_json(file)
    codes: dict[str, set[str]] = {}
    for transaction_id, code in rows:
        if transaction_id:
            codes.setdefault(transaction_id, set()).add(_code(code))
    if not codes:
        problem = "it names no sale whose credit is an orphan or missing on the platform"
        raise BadInput(str(file), problem, "There is nothing to bring onto the hub, or these are other findings.")
    return Named({name: frozenset(some) for name, some in codes.items()})


def _of_json(file: Path) -> list[tuple[str, str]]:
    found = read_findings(file).found
    return [(one.transaction_id.strip(), one.code) for one in found if _is_lost(one.kind.value, one.cause or "")]


def _of_csv(file: Path) -> list[tuple[str, str]]:
    _check_complete(file)
    try:
        with file.open(encoding="utf-8-sig", newline="") as opened:
            reader = csv.DictReader(opened, strict=True)
            missing = [name for name in _NEEDED if name not in (reader.fieldnames or ())]
            if missing:
                raise BadInput(str(file), f"there is no column {', '.join(missing)}", _MEND)
            rows = []
            for row in reader:
                cells = {name: _plain(file, reader.line_num, row[name]) for name in _NEEDED}
                if _is_lost(cells["class"], cells["cause"]):
                    rows.append((cells["transaction_id"], cells["code"]))
            return rows
    except OSError as error:
        raise BadInput(str(file), f"it cannot be read ({error.strerror})", _MEND) from error
    except (csv.Error, UnicodeDecodeError) as error:
        raise BadInput(str(file), f"it is no CSV in UTF-8, or was cut off ({error})", _MEND) from error


def _check_complete(file: Path) -> None:
    """A CSV does not say whether its run could read every row; the list of those that it could not lies beside it."""
    unreadable = file.with_name("unreadable.csv")
    if unreadable.is_file() and unreadable.stat().st_size:
        problem = "its run could not read every row, so what looks lost may stand in one of those"
        raise BadInput(str(file), problem, f"Mend the rows of {unreadable.name} and reconcile again.")


def _code(text: str) -> str:
    """A code in one spelling; blank for what is none, and for an id, by which a live hub names a credit."""
    try:
        UUID(text)
    except ValueError:
        try:
            return plain_code(text)
        except ValueError:
            return ""
    return ""


def _is_lost(kind: str, cause: str) -> bool:
    return kind in LOST and cause != Cause.POLLING_LAG


def _plain(file: Path, line: int, text: str | None) -> str:
    """A cell as it was before it was made safe for spreadsheets."""
    if text is None:
        raise BadInput(f"{file}, line {line}", "it has fewer cells than the header; was the file cut off?", _MEND)
    stripped = text.strip()
    return stripped[1:] if _SAFE.match(stripped) else stripped
