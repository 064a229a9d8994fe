"""The one place that writes: a run's files into a folder, each whole or not at all, and never two runs mixed."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from tillbridge.kernel.errors import BadInput
from tillbridge.reconcile.model import Run
from tillbridge.reconcile.report.page import report_html
from tillbridge.reconcile.report.rows import findings_csv, findings_json, unreadable_csv
from tillbridge.reconcile.report.summary import summary_json

NAMES: Final = ("findings.csv", "findings.json", "unreadable.csv", "report.html", "summary.json")
"""The files of a run. summary.json comes last: where it lies, the others lie beside it."""

_DRAFT: Final = ".draft"


def write(run: Run, out: Path) -> tuple[Path, ...]:
    """Write a run's files and answer their paths; a folder that is not there is made.

    All drafts are written before anything of an earlier run is taken away, so a full disk costs nothing. Codes are
    money: the files, and a folder that is made for them, are open to their owner alone. Raises BadInput `out`.
    """
    texts = _texts(run)
    try:
        out.mkdir(mode=0o700, parents=True, exist_ok=True)
        return _put(texts, out)
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise BadInput(
            "out", f"{out} cannot be written to: {reason}", "Name a folder that is yours to write to, with room on it."
        ) from error


def _texts(run: Run) -> Mapping[str, str]:
    texts = {
        "findings.csv": findings_csv(run),
        "findings.json": findings_json(run),
        "unreadable.csv": unreadable_csv(run),
        "report.html": report_html(run),
        "summary.json": summary_json(run),
    }
    return {name: text for name, text in texts.items() if text}


def _put(texts: Mapping[str, str], out: Path) -> tuple[Path, ...]:
    drafts = {name: out / f".{name}{_DRAFT}" for name in NAMES}
    try:
        for name, text in texts.items():
            _written(drafts[name], text)
        # The one that says that the set is whole goes first and comes last.
        for name in reversed(NAMES):
            (out / name).unlink(missing_ok=True)
        return tuple(drafts[name].rename(out / name) for name in texts)
    finally:
        for draft in drafts.values():
            draft.unlink(missing_ok=True)


def _written(draft: Path, text: str) -> None:
    """A new file, not one that lay there with other rights, on the disk before it gets its name."""
    draft.unlink(missing_ok=True)
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8", newline="") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
