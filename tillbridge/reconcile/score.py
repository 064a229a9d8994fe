"""How good a reconciliation is, where the truth is known: findings beside the differences that are in the exports.

A finding and a true difference belong together when they name the same receipt or the same code; each is used once, and
of several the one of the same class goes first. Pure.
"""

import csv
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from tillbridge.diagnose.model import Cause, Class, Finding
from tillbridge.kernel.errors import BadInput

COLUMNS: Final = ("transaction_id", "code", "class", "cause")
"""The columns of a truth.csv, as `tillbridge simulate --out` writes it. One of the first two may be blank, so may the
cause."""

WRONG_SHOWN: Final = 10
"""How many of the wrong ones are named."""


@dataclass(frozen=True, slots=True)
class Fault:
    """A difference that is really there. `cause` is None where the truth asks for none."""

    transaction_id: str
    code: str
    kind: Class
    cause: Cause | None


@dataclass(frozen=True, slots=True)
class Score:
    """How findings stand beside the truth, as counts. `hit` is how many of either belong together; `wrong` are
    sentences, the missed first, then those with a wrong class or cause, then the invented."""

    true: int
    found: int
    hit: int
    class_right: int
    cause_right: int
    wrong: tuple[str, ...]

    def line(self) -> str:
        """All of it in a line: `Against the truth: precision 1.0000, … of 485 true, 485 found.`"""
        said = ", ".join(f"{name} {share}" for name, share in self.shares().items())
        return f"Against the truth: {said} of {self.true:,} true, {self.found:,} found."

    def shares(self) -> Mapping[str, str]:
        """Each measure as a decimal of four places, cut and not rounded: 1.0000 is said of nothing less."""
        return {
            "precision": self._share(self.hit, self.found),
            "recall": self._share(self.hit, self.true),
            "class": self._share(self.class_right, self.hit),
            "cause": self._share(self.cause_right, self.hit),
        }

    def _share(self, part: int, whole: int) -> str:
        if not self.true and not self.found:
            return "1.0000"
        tenths = part * 10_000 // max(whole, 1)
        return f"{tenths // 10_000}.{tenths % 10_000:04}"


def read_truth(name: str, lines: Iterable[str]) -> tuple[Fault, ...]:
    """The rows of a truth.csv. Raises BadInput that names the file, the row and the mend."""
    reader = csv.DictReader(lines)
    missing = [column for column in COLUMNS if column not in (reader.fieldnames or ())]
    if missing:
        mend = f"Give a CSV with the columns {', '.join(COLUMNS)}, as 'tillbridge simulate --out' writes it."
        raise BadInput(f"--truth: {name}", f"it has no column {missing[0]}", mend)
    return tuple(_row(name, place, row) for place, row in enumerate(reader, start=2))


def _row(name: str, place: int, row: Mapping[str, str | None]) -> Fault:
    transaction_id, code, kind, cause = ((row[column] or "").strip() for column in COLUMNS)
    field = f"--truth: {name}, row {place}"
    if not transaction_id and not code:
        raise BadInput(field, "it names no receipt and no code", "Fill in transaction_id or code.")
    try:
        return Fault(transaction_id, code, Class(kind), Cause(cause) if cause else None)
    except ValueError as error:
        mend = f"Classes are {', '.join(Class)}; causes {', '.join(Cause)}, or blank."
        raise BadInput(field, str(error), mend) from error


def score(findings: Sequence[Finding], truth: Sequence[Fault]) -> Score:
    """Findings beside the truth. Where the truth asks for no cause, whichever was found is right."""
    named = _by_name(findings)
    used: set[int] = set()
    missed: list[str] = []
    said: list[str] = []
    class_right = cause_right = 0
    for one in truth:
        place = _partner(one, findings, [at for at in _places(one, named) if at not in used])
        if place is None:
            missed.append(f"missed: {_called(one.kind, one.cause)}, {_name(one.transaction_id, one.code)}")
            continue
        used.add(place)
        finding = findings[place]
        kind_fits, cause_fits = finding.kind is one.kind, one.cause is None or finding.cause is one.cause
        class_right += kind_fits
        cause_right += cause_fits
        if not (kind_fits and cause_fits):
            said.append(
                f"said {_called(finding.kind, finding.cause)}, true is {_called(one.kind, one.cause)}, "
                f"{_name(finding.transaction_id, finding.code)}"
            )
    invented = [
        f"invented: {_called(one.kind, one.cause)}, {_name(one.transaction_id, one.code)}"
        for place, one in enumerate(findings)
        if place not in used
    ]
    return Score(len(truth), len(findings), len(used), class_right, cause_right, (*missed, *said, *invented))


def _by_name(findings: Sequence[Finding]) -> Mapping[tuple[str, str], list[int]]:
    """The places of findings by what they are called."""
    named: dict[tuple[str, str], list[int]] = defaultdict(list)
    for place, one in enumerate(findings):
        named["receipt", one.transaction_id].append(place)
        named["code", one.code].append(place)
    return named


def _places(one: Fault, named: Mapping[tuple[str, str], list[int]]) -> list[int]:
    keys = (("receipt", one.transaction_id), ("code", one.code))
    return [place for key in keys if key[1] for place in named.get(key, ())]


def _partner(one: Fault, findings: Sequence[Finding], places: Sequence[int]) -> int | None:
    """The finding that a true difference is taken for."""
    return next((place for place in places if findings[place].kind is one.kind), places[0] if places else None)


def _called(kind: Class, cause: Cause | None) -> str:
    return f"{kind.value} ({cause.value})" if cause else kind.value


def _name(transaction_id: str, code: str) -> str:
    """A receipt, else the end of a code: enough to look it up, not enough to spend."""
    return f"receipt {transaction_id}" if transaction_id else f"code …{code[-4:]}"
