"""A reconciliation as plain as can be, to check the simulated exports with: dictionaries, one credit after the other.

It shares nothing with the product's own but the reading of identifiers, and knows the map of the sample by heart.
"""

import csv
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path

from tillbridge.identity.model import Given, Kind
from tillbridge.identity.normalise import given

Row = Mapping[str, str]
Found = tuple[str, str, str, str]
"""Transaction id, code, class, cause."""

BATCH_SLA = timedelta(hours=26)
POLL_SLA = timedelta(hours=13)
LOCKS = ("deadlock", "lock on", "locked", "schema:")


def rows(folder: Path, name: str) -> list[dict[str, str]]:
    """The rows of a file, each with a value in every column."""
    with (folder / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        read = list(csv.DictReader(file))
    assert all(None not in row and None not in row.values() for row in read), name
    return read


def truth(folder: Path) -> list[Found]:
    """What the truth says, as it is written."""
    return [(row["transaction_id"], row["code"], row["class"], row["cause"]) for row in rows(folder, "truth")]


@dataclass
class Case:
    """What the four sides say of a code."""

    code: str
    sale: Row | None
    held: Row | None
    shown: Row | None
    booked: Row | None
    siblings: list[Row] = field(default_factory=list)

    @property
    def transaction_id(self) -> str:
        row = self.sale or self.held or self.booked
        return row["transaction_id"] if row else ""

    @property
    def origin(self) -> Row:
        row = self.sale or self.held
        assert row is not None
        return row

    @property
    def born(self) -> datetime:
        for row, column in (
            (self.sale, "occurred_at"),
            (self.held, "issued_at"),
            (self.booked, "posted_at"),
            (self.shown, "updated_at"),
        ):
            if row is not None:
                return datetime.fromisoformat(row[column])
        raise AssertionError(self.code)


class Oracle:
    """Reads a folder, and says of each code what is wrong with it."""

    def __init__(self, folder: Path, since: datetime, as_of: datetime) -> None:
        self._since, self._as_of = since, as_of
        sides = {name: rows(folder, name) for name in ("pos", "platform", "storefront", "erp")}
        by_code: dict[str, dict[str, Row]] = {}
        for name, read in sides.items():
            with_code = [row for row in read if row["code"]]
            by_code[name] = {row["code"]: row for row in with_code}
            assert len(by_code[name]) == len(with_code), f"{name}: a code twice"
        issues = defaultdict(list)
        for row in sides["platform"]:
            issues[row["transaction_id"]].append(row)
        self._accounts: dict[tuple[Kind, str], set[str]] = defaultdict(set)
        for row in sides["storefront"]:
            for normal in _usable(row):
                self._accounts[normal].add(row["account_id"])
        self._cases = []
        for code in sorted({code for codes in by_code.values() for code in codes}):
            pos, platform, storefront, erp = (by_code[name].get(code) for name in sides)
            case = Case(code, pos, platform, storefront, erp)
            case.siblings.extend(issues.get(case.transaction_id, ()) if case.transaction_id else ())
            self._cases.append(case)
        self.sold = {row["transaction_id"]: row["code"] for row in sides["pos"]}

    def found(self) -> Iterator[Found]:
        """Every difference in the window."""
        for case in self._cases:
            is_second = self.sold.get(case.transaction_id, case.code) != case.code
            if case.born >= self._since and not is_second and (said := self._said(case)):
                yield (case.transaction_id, case.code, *said)

    def _said(self, case: Case) -> tuple[str, str] | None:
        if not case.transaction_id:
            return ("unbacked", "manual-bypass")
        held = case.held
        if held is None:
            return ("missing-on-platform", self._cause(case))
        if len(case.siblings) > 1:
            spent = sum(_money(row, "issued") - _money(row, "balance") for row in case.siblings)
            return ("double-redemption" if spent > _money(held, "issued") else "duplicate-issue", "")
        if case.sale and _money(case.sale, "amount") != _money(held, "issued"):
            return ("amount-mismatch", "")
        live = held["state"] == "active" and _money(held, "balance") > 0
        if case.shown is None:
            return ("orphan", self._cause(case)) if live else None
        return self._online(held, case.shown, case.booked)

    def _online(self, held: Row, shown: Row, booked: Row | None) -> tuple[str, str] | None:
        issued, balance, available = _money(held, "issued"), _money(held, "balance"), _money(shown, "available")
        later = shown["updated_at"] > held["last_activity_at"]
        if available != balance:
            if held["state"] == "void":
                return ("void-not-propagated", "")
            if balance == issued:
                return ("amount-mismatch", "")
            if not later:
                return ("stale-after-redeem", "")
            assert balance == 0 < available < issued
            return ("double-redemption", "")
        if booked is None or booked["status"] == "error":
            return ("missing-in-erp", "write-back-failed")
        return ("amount-mismatch", "") if _money(booked, "amount") != issued else None

    def _cause(self, case: Case) -> str:
        origin, error = case.origin, case.booked["error"] if case.booked else ""
        usable = _usable(origin)
        if not usable:
            return "no-customer"
        owners = [self._accounts[one] for one in usable if self._accounts.get(one)]
        if not owners or len(set.intersection(*owners)) != 1:
            return "identifier-mismatch"
        amount = _money(case.sale, "amount") if case.sale else _money(origin, "issued")
        fits = origin["currency"] == "USD" and origin["bucket"] in {"paid", "refund", "goodwill"} and amount <= 500
        if not fits or "not mapped" in error or "not accepted" in error:
            return "mapping-rejected"
        if case.held is None:
            return "lost-in-hop"
        if error:
            assert any(word in error for word in LOCKS), error
            return "write-back-failed"
        if case.booked is None:
            return "write-back-failed" if self._as_of > case.born + BATCH_SLA else "polling-lag"
        posted = datetime.fromisoformat(case.booked["posted_at"])
        return "lost-in-hop" if self._as_of > posted + POLL_SLA else "polling-lag"


def _usable(row: Row) -> set[tuple[Kind, str]]:
    heard = given(Given(email=row["email"], phone=row["phone"], loyalty_id=row["loyalty_id"]), "US")
    return {(normal.kind, normal.value) for normal in heard.usable}


def _money(row: Row, column: str) -> Decimal:
    return Decimal(row[column])
