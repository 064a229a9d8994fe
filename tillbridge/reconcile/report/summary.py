"""summary.json: what was read and what came of it, counted every way; for monitoring, and to compare two runs. Pure."""

import json
from typing import Any
from zoneinfo import ZoneInfo

from tillbridge.diagnose.model import RISKS
from tillbridge.reconcile.model import BadRow, Run, SideRead
from tillbridge.reconcile.report.rows import FORMAT, cut_object
from tillbridge.reconcile.report.tally import Band, Counts, Tally, counts
from tillbridge.reconcile.report.words import decimal_text


def summary_json(run: Run) -> str:
    """summary.json. `seconds` is the one thing in it that differs between two runs on the same data."""
    return json.dumps(_summary(run, counts(run)), indent=2, ensure_ascii=False) + "\n"


def _summary(run: Run, counted: Counts) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "retailer": run.retailer,
        "time_zone": run.time_zone,
        "cut": cut_object(run.cut, ZoneInfo(run.time_zone)),
        "status": run.status,
        "complete": run.complete,
        "engine": run.engine,
        "seconds": round(run.seconds, 3),
        "map": run.map_file,
        "sides": [_side(side) for side in run.sides],
        "remarks": list(run.remarks),
        "looked_at": run.looked_at,
        "matched": run.matched,
        **_tally(counted.whole),
        "by_risk": [{"risk": risk, **_tally(counted.by_risk[risk])} for risk in RISKS],
        "by_class": [{"class": group.key.value, **_tally(group.tally)} for group in counted.by_class],
        "by_cause": [
            {"cause": group.key.value if group.key else None, **_tally(group.tally)} for group in counted.by_cause
        ],
        "by_store": [{"store": group.key, **_tally(group.tally)} for group in counted.by_store],
        "by_day": [
            {"day": group.key.isoformat() if group.key else None, **_tally(group.tally)} for group in counted.by_day
        ],
        "by_age": [{"age": group.key, **_tally(group.tally)} for group in counted.by_age],
        "by_amount": [{**_band(group.key), **_tally(group.tally)} for group in counted.by_amount],
    }


def _tally(tally: Tally) -> dict[str, Any]:
    """The count, and the money by currency as decimal strings."""
    amounts = {currency: decimal_text(minor, currency) for currency, minor in tally.sums.items()}
    return {"findings": tally.findings, "amounts": amounts}


def _band(band: Band) -> dict[str, Any]:
    return {
        "currency": band.currency,
        "least": decimal_text(band.least, band.currency),
        "below": None if band.below is None else decimal_text(band.below, band.currency),
    }


def _side(side: SideRead) -> dict[str, Any]:
    return {
        "side": side.side.value,
        "origin": side.origin,
        "rows": side.rows,
        "bad_rows": side.bad_rows,
        "bad": [_bad(bad) for bad in side.bad],
        "remarks": list(side.remarks),
    }


def _bad(bad: BadRow) -> dict[str, Any]:
    return {
        "file": bad.file,
        "row": bad.row,
        "name": bad.name,
        "field": bad.field,
        "problem": bad.problem,
        "mend": bad.mend,
    }
