"""The findings for programs and spreadsheets: one row, or one object, per difference, the worst first. Codes are whole,
because the repair needs them. Pure: the same findings give the same bytes, in whichever order they came."""

import csv
import io
import re
from collections.abc import Iterable
from datetime import datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

import msgspec

from tillbridge.diagnose.model import Evidence, Finding
from tillbridge.reconcile.model import BadRow, Cut, Run
from tillbridge.reconcile.report.tally import worst_first
from tillbridge.reconcile.report.words import decimal_text

FORMAT: Final = 1
"""The format of the JSON files; a change that a reader could trip over makes it 2."""

FINDING_COLUMNS: Final = tuple(
    "finding_id class cause code transaction_id store register operator amount currency evidence action risk "
    "at account_id due".split()
)
"""The columns of findings.csv, in this order."""

UNREADABLE_COLUMNS: Final = tuple("side file row name field problem mend".split())
"""The columns of unreadable.csv."""

_PLAIN: Final = re.compile("[^\\s=+\\-@\uff1d\uff0b\uff0d\uff20;\"'\x00-\x1f\x7f][^;\x00-\x1f\x7f]*")
_NUMBER: Final = re.compile(r"-?[0-9]+(?:\.[0-9]+)?")
_CONTROL: Final = re.compile("[\x00-\x1f\x7f]+")
_FORMULA: Final = re.compile("(?:^|;)[\\s\"']*(?=[=+\\-@\uff1d\uff0b\uff0d\uff20])")


def findings_csv(run: Run) -> str:
    """findings.csv. Safe to open in a spreadsheet: see `cell`."""
    zone = ZoneInfo(run.time_zone)
    return _csv(FINDING_COLUMNS, (_finding_row(one, zone) for one in worst_first(run.findings)))


def unreadable_csv(run: Run) -> str:
    """unreadable.csv: the rows that could not be read, as far as they were listed; blank where there are none."""
    if run.complete:
        return ""
    return _csv(UNREADABLE_COLUMNS, (_unreadable_row(bad) for side in run.sides for bad in side.bad))


def findings_json(run: Run) -> str:
    """findings.json: the same as findings.csv and the candidates, every text as it was. A finding a line, so that two
    runs can be compared line by line."""
    zone = ZoneInfo(run.time_zone)
    head = _json({"format": FORMAT, "retailer": run.retailer, "cut": cut_object(run.cut, zone), "status": run.status})
    lines = ",\n".join(_json(_object(one, zone)) for one in worst_first(run.findings))
    return f'{head[:-1]},"findings":[\n{lines}\n]}}\n' if lines else f'{head[:-1]},"findings":[]}}\n'


def cut_object(cut: Cut, zone: ZoneInfo) -> dict[str, str]:
    """What the run looked at, in the retailer's time."""
    return {name: moment_text(getattr(cut, name), zone) for name in ("since", "until", "as_of")}


def moment_text(moment: datetime | None, zone: ZoneInfo) -> str:
    """`2026-11-05T10:27:10-05:00`, blank for none: the retailer's time, whichever zone the source wrote in."""
    return moment.astimezone(zone).isoformat() if moment else ""


def cell(text: str) -> str:
    """A text from outside as a cell that no spreadsheet takes for a formula.

    What starts with `= + - @` gets an apostrophe before it, also behind a semicolon, where half the world's
    spreadsheets begin a new cell; line ends and other controls become a space. Numbers stay as they are, and so does
    every code and receipt made of letters and digits. findings.json has each text untouched.
    """
    if not text or _PLAIN.fullmatch(text) or _NUMBER.fullmatch(text):
        return text
    return _FORMULA.sub(lambda lead: f"{lead.group()}'", _CONTROL.sub(" ", text))


def _csv(columns: Iterable[str], rows: Iterable[tuple[str, ...]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(rows)
    return text.getvalue()


def _finding_row(one: Finding, zone: ZoneInfo) -> tuple[str, ...]:
    return (
        one.finding_id,
        one.kind.value,
        one.cause.value if one.cause else "",
        cell(one.code),
        cell(one.transaction_id),
        cell(one.store),
        cell(one.register),
        cell(one.operator),
        decimal_text(one.amount, one.currency),
        one.currency,
        cell(" | ".join(_fact(fact, zone) for fact in one.evidence)),
        cell(one.action),
        one.risk,
        moment_text(one.at, zone),
        cell(one.account_id),
        moment_text(one.due, zone),
    )


def _fact(fact: Evidence, zone: ZoneInfo) -> str:
    return f"{moment_text(fact.at, zone)} {fact.source}: {fact.fact}".lstrip()


def _unreadable_row(bad: BadRow) -> tuple[str, ...]:
    texts = (bad.file, str(bad.row) if bad.row else "", bad.name, bad.field, bad.problem, bad.mend)
    return (bad.side.value, *map(cell, texts))


def _object(one: Finding, zone: ZoneInfo) -> dict[str, Any]:
    return {
        "finding_id": one.finding_id,
        "class": one.kind.value,
        "cause": one.cause.value if one.cause else None,
        "code": one.code,
        "transaction_id": one.transaction_id,
        "store": one.store,
        "register": one.register,
        "operator": one.operator,
        "amount": decimal_text(one.amount, one.currency),
        "currency": one.currency,
        "at": moment_text(one.at, zone) or None,
        "evidence": [
            {"at": moment_text(fact.at, zone) or None, "source": fact.source, "fact": fact.fact}
            for fact in one.evidence
        ],
        "action": one.action,
        "risk": one.risk,
        "account_id": one.account_id,
        "due": moment_text(one.due, zone) or None,
        "candidates": [
            {"account_id": near.account_id, "score": near.score, "reasons": near.reasons} for near in one.candidates
        ],
    }


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()
