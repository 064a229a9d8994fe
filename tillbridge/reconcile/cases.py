"""The rows of suspects become cases: what belongs to one credit comes together, first by code, then by transaction id.

Exact keys first, and each row is claimed at most once. A credit whose code no register knows is looked up by its
transaction: it is the sale's only credit under another code, stands in for one that was taken back, or is one too many.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from tillbridge.diagnose.model import Booked, Case, Held, Sale, Shown
from tillbridge.diagnose.view import GONE
from tillbridge.reconcile.match import BY_TRANSACTION


@dataclass(slots=True)
class _Draft:
    """A case while it is put together."""

    code: str
    sales: list[Sale] = field(default_factory=list)
    held: list[Held] = field(default_factory=list)
    shown: list[Shown] = field(default_factory=list)
    booked: list[Booked] = field(default_factory=list)
    first: Held | None = None

    def case(self) -> Case:
        """It, frozen."""
        return Case(self.code, tuple(self.sales), tuple(self.held), tuple(self.shown), tuple(self.booked), self.first)


@dataclass(frozen=True, slots=True)
class Kin:
    """All rows of the sales that a suspect names, by transaction id: also those that agree with everything."""

    sales: Mapping[str, tuple[Sale, ...]]
    held: Mapping[str, tuple[Held, ...]]


NO_KIN: Final = Kin({}, {})


@dataclass(frozen=True, slots=True)
class Suspects:
    """The rows of suspects, each with its key."""

    sales: Iterable[tuple[str, Sale]]
    held: Iterable[tuple[str, Held]]
    shown: Iterable[tuple[str, Shown]]
    booked: Iterable[tuple[str, Booked]]


def cases(rows: Suspects, kin: Kin) -> list[Case]:
    """One case a credit, in the order of their codes."""
    drafts = _by_key(rows)
    by_sale: dict[str, list[_Draft]] = defaultdict(list)
    for draft in drafts.values():
        for transaction_id in {one.transaction_id for one in draft.held if one.transaction_id}:
            by_sale[transaction_id].append(draft)
    for transaction_id, found in by_sale.items():
        _join(found, _loose(drafts, transaction_id, kin), kin.held.get(transaction_id, ()))
    _documents_home(drafts, by_sale)
    left = [draft.case() for draft in drafts.values()]
    return sorted((one for one in left if one.sales or one.held or one.shown or one.booked), key=_order)


def _order(case: Case) -> tuple[str, str]:
    return case.code, case.sales[0].transaction_id if case.sales else ""


def _by_key(rows: Suspects) -> dict[str, _Draft]:
    drafts: dict[str, _Draft] = {}
    for key, sale in rows.sales:
        drafts.setdefault(key, _Draft(sale.code)).sales.append(sale)
    for key, held in rows.held:
        drafts.setdefault(key, _Draft(held.code)).held.append(held)
    for key, shown in rows.shown:
        drafts.setdefault(key, _Draft(shown.code)).shown.append(shown)
    for key, booked in rows.booked:
        drafts.setdefault(key, _Draft(booked.code)).booked.append(booked)
    return drafts


@dataclass(frozen=True, slots=True)
class _Loose:
    """A sale of a transaction, and the draft that it lies in; None where it agrees with a credit of its own."""

    sale: Sale
    draft: _Draft | None


def _loose(drafts: Mapping[str, _Draft], transaction_id: str, kin: Kin) -> list[_Loose]:
    """The sales of a transaction, in the order of their codes, each with the draft that it lies in."""
    sales = sorted(kin.sales.get(transaction_id, ()), key=lambda one: one.code)
    drafted = ((sale, drafts.get(key_of(sale.code, sale.transaction_id))) for sale in sales)
    return [_Loose(sale, draft if draft and sale in draft.sales else None) for sale, draft in drafted]


def key_of(code: str, transaction_id: str) -> str:
    """The key of a row, as `match.keyed` makes it."""
    return code or f"{BY_TRANSACTION}{transaction_id}"


def _join(drafts: list[_Draft], sales: list[_Loose], agreeing: tuple[Held, ...]) -> None:
    """Bring the credits of a transaction together with its sales. `drafts` have credits; those without a sale look for
    one: a sale that no credit has, else a credit of the sale that they stand in for, or are one too many of."""
    wanting = sorted((one for one in drafts if not one.sales), key=lambda one: (one.held[0].issued_at, one.code))
    free = [one for one in sales if one.draft is not None and not one.draft.held]
    for draft in wanting:
        if free:
            _claim(draft, free.pop(0))
            continue
        first, sale = _first_of(sales, agreeing)
        if first is None or sale is None:
            continue
        draft.sales.append(sale)
        if first.state not in GONE:
            draft.first = first


def _claim(draft: _Draft, loose: _Loose) -> None:
    """A sale that no credit has is this credit's, and so is all else that goes by the sale's code."""
    other = loose.draft
    if other is None:
        return
    other.sales.remove(loose.sale)
    draft.sales.append(replace(loose.sale, code=draft.code))
    draft.booked += other.booked
    draft.shown += other.shown
    other.booked, other.shown = [], []


def _first_of(sales: list[_Loose], agreeing: tuple[Held, ...]) -> tuple[Held | None, Sale | None]:
    """The credit that a sale's own code names, with the sale: one that is still worth something before one that was
    taken back."""
    found = [
        (held, one.sale)
        for one in sales
        for held in (one.draft.held if one.draft else agreeing)
        if held.code == one.sale.code
    ]
    return min(found, key=lambda pair: (pair[0].state in GONE, pair[0].code), default=(None, None))


def _documents_home(drafts: Mapping[str, _Draft], by_sale: Mapping[str, list[_Draft]]) -> None:
    """Documents that go by a transaction alone, or by a code of their own, belong to the credit of that sale which the
    books lack."""
    for draft in drafts.values():
        if draft.held or draft.sales or draft.shown:
            continue
        for document in list(draft.booked):
            wanting = [one for one in by_sale.get(document.transaction_id, ()) if not one.booked and one.first is None]
            if wanting:
                wanting[0].booked.append(document)
                draft.booked.remove(document)
