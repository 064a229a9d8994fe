"""Which difference it is: an ordered tuple of rules, the most specific first. Each answers with its proof, or None.

One difference is one finding: the first rule that holds decides, and none looks at what the others would have said.
"""

from collections.abc import Callable, Collection
from datetime import datetime
from typing import Final

from tillbridge.diagnose.facts import money
from tillbridge.diagnose.model import Class, Evidence, Held, Side
from tillbridge.diagnose.view import GONE, LIVE, SAME_MOMENT, View
from tillbridge.diagnose.way import Leg

Proof = tuple[Evidence, ...]
Rule = Callable[[View], Proof | None]


def double_redemption(view: View) -> Proof | None:
    """More was spent than a credit, or a sale, was worth: at the registers and online, or on both of two credits."""
    held, first = view.held, view.case.first
    if held is None or not view.touched:
        return None
    if first is not None and view.sale is not None:
        spent = view.spent + (0 if first.state in GONE else first.issued - first.balance)
        if view.spent and spent > view.sale.amount:
            said = f"{money(spent, held.currency)} was spent of two credits of a sale of "
            return _one(held.last_activity_at, Side.PLATFORM, said + money(view.sale.amount, view.sale.currency))
        return None
    return _on_both_sides(view, held)


def _on_both_sides(view: View, held: Held) -> Proof | None:
    """The web store sold of it after the platform's last movement, and does not know of that movement: it shows more
    than is left, and less than there was."""
    online = held.issued - view.available
    sold_later = view.shown_at and held.last_activity_at and view.shown_at > held.last_activity_at
    if not (view.shown_once and sold_later and view.spent and held.balance < view.available and online > 0):
        return None
    if view.spent + online <= held.issued:
        return None
    said = (
        f"{money(view.spent, held.currency)} was spent by the platform's book and "
        f"{money(online, held.currency)} by the web store's, of {money(held.issued, held.currency)}"
    )
    return _one(view.shown_at, Side.STOREFRONT, said)


def void_not_propagated(view: View) -> Proof | None:
    """It is worth nothing any more, and can still be spent online."""
    held = view.held
    if held is None or held.state not in GONE or view.available <= 0 or not view.touched or _just_changed(view, held):
        return None
    said = f"still shows {money(view.available, held.currency)} of a credit that is {held.state}"
    return _one(view.shown_at, Side.STOREFRONT, said)


def duplicate_issue(view: View) -> Proof | None:
    """A second credit of one sale, or one code twice on the platform."""
    held = view.held
    if held is None or held.state in GONE or not view.in_window:
        return None
    if view.case.first is not None:
        said = f"credits {view.case.first.credit_id} and {held.credit_id} are both of receipt {held.transaction_id}"
        return _one(held.issued_at, Side.PLATFORM, said)
    live = [one for one in view.case.held if one.state not in GONE]
    if len(live) < 2:
        return None
    said = f"one code stands for the credits {', '.join(sorted(one.credit_id for one in live))}"
    return _one(held.issued_at, Side.PLATFORM, said)


def stale_after_redeem(view: View) -> Proof | None:
    """The web store shows what was left before something was spent."""
    held = view.held
    if held is None or not view.spent or not held.balance < view.available <= held.issued or not view.touched:
        return None
    if not view.shown_once or _just_changed(view, held):
        return None
    before = view.shown_at is None or held.last_activity_at is None or view.shown_at < held.last_activity_at
    if not before and view.available != held.issued:
        return None
    said = f"shows {money(view.available, held.currency)}, and {money(held.balance, held.currency)} is left"
    return _one(view.shown_at, Side.STOREFRONT, said)


def unbacked(view: View) -> Proof | None:
    """Nobody sold it: no register transaction, no online order."""
    if view.sale is not None or view.by_order or not view.in_window:
        return None
    if view.held is not None:
        return _unbacked_credit(view, view.held)
    if not view.has(Side.PLATFORM):
        return None
    if view.posted is not None:
        # The sale of a document from the first night of the window may lie before it.
        early = view.posted.transaction_id and view.born_at and view.born_at < _first_night(view)
        return None if early else _one(view.born_at, Side.ERP, "is in the books alone: no register sold it")
    if view.available > 0:
        return _one(view.shown_at, Side.STOREFRONT, "is in the web store alone: no register sold it")
    return None


def _unbacked_credit(view: View, held: Held) -> Proof | None:
    if held.state in GONE:
        return None
    if held.origin in ("register", "") and not view.has(Side.POS):
        return None
    if held.origin in ("register", "") and held.transaction_id:
        if held.issued_at < view.scope.since + SAME_MOMENT:
            return None
        said = f"receipt {held.transaction_id} is in no register's export"
        return _one(held.issued_at, Side.PLATFORM, said)
    made_by = f"its origin is {held.origin}" if held.origin else "it names no origin"
    return _one(held.issued_at, Side.PLATFORM, f"no register or order stands behind it, and {made_by}")


def _first_night(view: View) -> datetime:
    """By when the books have what was sold before the window began."""
    until = view.scope.since
    for leg in view.scope.way.books:
        until = view.scope.way.deadline(leg, until)
    return until


def missing_on_platform(view: View) -> Proof | None:
    """A register issued it, and the platform never had it."""
    if view.sale is None or view.held is not None or not view.has(Side.PLATFORM) or not view.in_window:
        return None
    if _in_flight(view, view.scope.way.entry, view.sale.occurred_at):
        return None
    return _one(view.scope.as_of, Side.PLATFORM, "has no credit for this receipt and code")


def amount_mismatch(view: View) -> Proof | None:
    """Two sides say different amounts, or different currencies."""
    held = view.held
    if held is None:
        return _books_differ_from_sale(view) or None
    said = (*_sale_differs(view, held), *_books_differ(view, held), *_store_differs(view, held))
    return said or None


def _sale_differs(view: View, held: Held) -> Proof:
    sale = view.sale
    if sale is None or view.replaced or not view.in_window:
        return ()
    # What the platform counts as issued may hold what was loaded later, or may not.
    if held.issued in (sale.amount, view.sold) and {one.currency for one in view.case.sales} == {held.currency}:
        return ()
    said = f"issued {money(held.issued, held.currency)} where the register sold {money(sale.amount, sale.currency)}"
    return _one(held.issued_at, Side.PLATFORM, said)


def _books_differ(view: View, held: Held) -> Proof:
    if view.replaced or not view.in_window:
        return ()
    expected = {held.issued, view.sold} if view.case.sales else {held.issued}
    return _posted_differs(view, expected, held.issued, held.currency)


def _books_differ_from_sale(view: View) -> Proof:
    """Where no platform was read, the books are compared with what was sold."""
    if view.sale is None or view.has(Side.PLATFORM) or not view.in_window:
        return ()
    return _posted_differs(view, {view.sold}, view.sold, view.sale.currency)


def _posted_differs(view: View, expected: Collection[int], issued: int, currency: str) -> Proof:
    posted = view.posted
    if posted is None or view.booked is None:
        return ()
    if view.booked in expected and {one.currency for one in view.documents} == {currency}:
        return ()
    times = f" in {len(view.documents)} documents" if len(view.documents) > 1 else ""
    said = f"posted {money(view.booked, posted.currency)}{times} where {money(issued, currency)} was issued"
    return _one(posted.posted_at, Side.ERP, said)


def _store_differs(view: View, held: Held) -> Proof:
    if not view.case.shown or not view.touched:
        return ()
    currencies = {one.currency for one in view.case.shown if one.available}
    left = 0 if held.state in GONE else held.balance
    # What cannot be spent now may be shown as nothing.
    fits = {left} if held.state in LIVE | GONE else {left, 0}
    if (view.available in fits and currencies <= {held.currency}) or _just_changed(view, held):
        return ()
    shows = " and ".join(money(one.available, one.currency) for one in sorted(view.case.shown, key=repr))
    said = f"shows {shows}, and {money(left, held.currency)} is left on the platform"
    return _one(view.shown_at, Side.STOREFRONT, said)


def orphan(view: View) -> Proof | None:
    """It can be spent, and no online account reaches it."""
    if not view.has(Side.STOREFRONT) or view.case.shown or not view.in_window:
        return None
    if view.held is None:
        if view.sale is None or view.has(Side.PLATFORM):
            return None
        since = view.sale.occurred_at
    elif view.held.state not in LIVE or view.held.balance <= 0:
        return None
    else:
        since = view.held.issued_at
    if _in_flight(view, view.scope.way.online, since):
        return None
    return _one(view.scope.as_of, Side.STOREFRONT, "no account shows it")


def missing_in_erp(view: View) -> Proof | None:
    """It was issued, and the books do not have it."""
    if not view.has(Side.ERP) or view.posted is not None or not view.in_window or not view.scope.way.books:
        return None
    since = _issued_at(view)
    if since is None or (view.failed is None and _in_flight(view, view.scope.way.books, since)):
        return None
    said = f"document {view.failed.document_id} is in error" if view.failed else "no document has this receipt or code"
    return _one(view.scope.as_of, Side.ERP, said)


def _issued_at(view: View) -> datetime | None:
    """Since when the books should hear of it; None of what is none of theirs: not sold, not active yet, or gone."""
    held = view.held
    if held is not None:
        return None if held.state in GONE or held.state == "pending" else held.issued_at
    return view.sale.occurred_at if view.sale is not None and not view.has(Side.PLATFORM) else None


def _just_changed(view: View, held: Held) -> bool:
    """Whether the platform changed it a moment ago, and the web store will hear of it within seconds."""
    return held.last_activity_at is not None and _in_flight(view, view.scope.way.online, held.last_activity_at)


def _in_flight(view: View, legs: tuple[Leg, ...], since: datetime) -> bool:
    """Whether it is on its way over hops that take seconds: no difference yet. What waits for a run is one."""
    return not any(leg.waits for leg in legs) and bool(legs) and not view.late(legs, since)


def _one(at: datetime | None, side: Side, text: str) -> Proof:
    return (Evidence(at, side.value, text),)


RULES: Final[tuple[tuple[Class, Rule], ...]] = (
    (Class.DOUBLE_REDEMPTION, double_redemption),
    (Class.VOID_NOT_PROPAGATED, void_not_propagated),
    (Class.DUPLICATE_ISSUE, duplicate_issue),
    (Class.STALE_AFTER_REDEEM, stale_after_redeem),
    (Class.UNBACKED, unbacked),
    (Class.MISSING_ON_PLATFORM, missing_on_platform),
    (Class.AMOUNT_MISMATCH, amount_mismatch),
    (Class.ORPHAN, orphan),
    (Class.MISSING_IN_ERP, missing_in_erp),
)
"""Every class with its rule, the most specific first."""
