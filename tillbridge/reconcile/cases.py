"""The rows of suspects become cases: what belongs to one credit comes together, first by code, then by transaction id.

Exact keys first, and each row is claimed at most once. A credit whose code no register knows is looked up by its
transaction: it is the sale's only credit under another code, stands in for one that was taken back, or is one too many.
Under one transaction the same money goes together first, so that two cards of one receipt are not taken for each other.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final

from tillbridge.diagnose.model import Booked, Case, Held, Sale, Shown
from tillbridge.diagnose.view import GONE, SAME_MOMENT

NOT_BEFORE: Final = SAME_MOMENT
"""A credit is issued for a sale when it is sold, or later; one that is older than this before it is of another sale, by
a receipt number that was used before."""


@dataclass(slots=True)
class _Draft:
    """A case while it is put together."""

    code: str
    sales: list[Sale] = field(default_factory=list)
    held: list[Held] = field(default_factory=list)
    shown: list[Shown] = field(default_factory=list)
    booked: list[Booked] = field(default_factory=list)
    first: Held | None = None

    @property
    def empty(self) -> bool:
        """Whether all its rows have gone elsewhere."""
        return not (self.sales or self.held or self.shown or self.booked)

    def case(self) -> Case:
        """It, frozen; its rows in an order that does not hang on the order of the files."""
        sales, held = sorted(self.sales, key=repr), sorted(self.held, key=repr)
        shown, booked = sorted(self.shown, key=repr), sorted(self.booked, key=repr)
        return Case(self.code, tuple(sales), tuple(held), tuple(shown), tuple(booked), self.first)


@dataclass(frozen=True, slots=True)
class Suspects:
    """The rows of suspects and of whatever shares a transaction with them, each with its key."""

    sales: Iterable[tuple[str, Sale]]
    held: Iterable[tuple[str, Held]]
    shown: Iterable[tuple[str, Shown]]
    booked: Iterable[tuple[str, Booked]]


def cases(rows: Suspects, since: datetime) -> list[Case]:
    """One case a credit, in the order of their codes. Credits from before `since` are not looked up by transaction: no
    register export stands behind them."""
    drafts = [one for draft in _by_key(rows).values() for one in _by_currency(draft)]
    by_sale: dict[str, list[_Draft]] = defaultdict(list)
    sold: dict[str, list[_Draft]] = defaultdict(list)
    for draft in sorted(drafts, key=_place):
        for transaction_id in sorted({one.transaction_id for one in draft.held} - {""}):
            by_sale[transaction_id].append(draft)
        for transaction_id in sorted({one.transaction_id for one in draft.sales} - {""}):
            sold[transaction_id].append(draft)
    for transaction_id, found in by_sale.items():
        _join(transaction_id, [one for one in found if _wants_a_sale(one, since)], sold.get(transaction_id, ()))
    _documents_home(drafts, by_sale)
    return sorted((draft.case() for draft in drafts if not draft.empty), key=_order)


def _order(case: Case) -> tuple[str, str, str]:
    names = [(one.transaction_id, one.currency) for one in case.sales]
    names += [(one.transaction_id, one.currency) for one in case.held]
    names += [(one.transaction_id, one.currency) for one in case.booked]
    return case.code, *(names[0] if names else ("", ""))


def _place(draft: _Draft) -> tuple[str, list[str], list[str]]:
    """Where it stands among all, however the files are ordered."""
    names = [one.transaction_id for rows in (draft.sales, draft.booked) for one in rows]
    return draft.code, sorted(one.credit_id for one in draft.held), sorted(names)


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


def _by_currency(draft: _Draft) -> Iterator[_Draft]:
    """A code that the platform has in several currencies, or else the registers, stands for a credit in each. What is
    in a currency of none of them goes with the first."""
    own = sorted({one.currency for one in draft.held or draft.sales})
    if len(own) < 2:
        yield draft
        return
    for currency in own:
        mine = {currency, *_currencies(draft).difference(own)} if currency == own[0] else {currency}
        yield _Draft(
            draft.code,
            [one for one in draft.sales if one.currency in mine],
            [one for one in draft.held if one.currency in mine],
            [one for one in draft.shown if one.currency in mine],
            [one for one in draft.booked if one.currency in mine],
        )


def _currencies(draft: _Draft) -> set[str]:
    return {one.currency for rows in (draft.sales, draft.held, draft.shown, draft.booked) for one in rows}


def _wants_a_sale(draft: _Draft, since: datetime) -> bool:
    """Whether it is a credit of the window that no register's row names, and no online order stands behind."""
    newest = max(draft.held, key=lambda one: one.issued_at)
    return not draft.sales and newest.origin != "online_order" and newest.issued_at >= since


def _join(transaction_id: str, wanting: list[_Draft], sold: Iterable[_Draft]) -> None:
    """Bring credits without a sale together with the sales of their transaction: a sale that no credit has, else a
    credit of the sale that they stand in for, or are one too many of."""
    sales = [(sale, draft) for draft in sold for sale in draft.sales if sale.transaction_id == transaction_id]
    sales.sort(key=lambda pair: repr(pair[0]))
    free = [(sale, draft) for sale, draft in sales if not draft.held]
    taken: dict[str, Held] = {}
    for draft in sorted(wanting, key=lambda one: (min(held.issued_at for held in one.held), one.code)):
        mine = max(draft.held, key=lambda one: (one.state not in GONE, one.balance, one.credit_id))
        own = [pair for pair in free if _may_be_of(mine, pair[0])]
        if own:
            sale, other = min(own, key=lambda pair: (_money(pair[0]) != (mine.issued, mine.currency), pair[0].code))
            free.remove((sale, other))
            _claim(draft, sale, other)
            continue
        pairs = [(held, sale) for sale, other in sales for held in other.held if _may_be_of(mine, sale)]
        first, of = min(pairs, key=lambda pair: _nearness(mine, pair[0], pair[1], taken), default=(None, None))
        if first is None or of is None:
            continue
        draft.sales.append(of)
        # One credit stands in for one that was taken back; whatever else does is one too many beside that.
        while first.credit_id in taken:
            first = taken[first.credit_id]
        if first.state in GONE:
            taken[first.credit_id] = mine
        else:
            draft.first = first


def _may_be_of(held: Held, sale: Sale) -> bool:
    return held.issued_at >= sale.occurred_at - NOT_BEFORE


def _money(sale: Sale) -> tuple[int, str]:
    return sale.amount, sale.currency


def _nearness(mine: Held, first: Held, sale: Sale, taken: Mapping[str, Held]) -> tuple[bool, bool, bool, str]:
    """Which credit of the sale a further one belongs to: one that had been taken back by then, and that nothing stands
    in for yet, before one that is still worth something; of the same money before another."""
    gone = first.state in GONE
    before = (
        gone
        and first.credit_id not in taken
        and (first.last_activity_at or mine.issued_at) <= mine.issued_at + SAME_MOMENT
    )
    return not before, gone, (mine.issued, mine.currency) != (first.issued, first.currency), sale.code + first.credit_id


def _claim(draft: _Draft, sale: Sale, other: _Draft) -> None:
    """A sale that no credit has is this credit's, and so is all else that goes by the sale's code."""
    other.sales.remove(sale)
    draft.sales.append(replace(sale, code=draft.code))
    if other.sales:
        return
    draft.booked += other.booked
    draft.shown += other.shown
    other.booked, other.shown = [], []


def _documents_home(drafts: list[_Draft], by_sale: Mapping[str, list[_Draft]]) -> None:
    """Documents that go by a transaction alone, or by a code of their own, belong to a credit of that sale: one that
    the books lack, of the same money, if there is one."""
    for draft in sorted(drafts, key=_place):
        if draft.held or draft.sales or draft.shown:
            continue
        for document in sorted(draft.booked, key=repr):
            homes = [one for one in by_sale.get(document.transaction_id, ()) if one.held]
            if homes:
                min(homes, key=lambda one: _home(one, document)).booked.append(document)
                draft.booked.remove(document)


def _home(draft: _Draft, document: Booked) -> tuple[bool, bool, bool, str]:
    issued = {(one.issued, one.currency) for one in draft.held}
    live = any(one.state not in GONE for one in draft.held)
    return bool(draft.booked), (document.amount, document.currency) not in issued, not live, draft.code
