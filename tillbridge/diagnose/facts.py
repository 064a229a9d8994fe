"""What each side says of a credit, as evidence: a fact a row, in the words of people. Pure."""

from collections.abc import Iterator

from tillbridge.diagnose.model import Booked, Case, Evidence, Held, Sale, Shown, Side
from tillbridge.kernel.money import Money


def money(minor: int, currency: str) -> str:
    """An amount as a sentence has it: `25.00 USD`."""
    return str(Money(minor, currency))


def facts(case: Case) -> Iterator[Evidence]:
    """What all sides say, along the way of a credit."""
    yield from map(_of_sale, sorted(case.sales, key=lambda one: (one.occurred_at, one.transaction_id)))
    if case.first is not None:
        yield _of_held(case.first, "first credit of the sale")
    for held in sorted(case.held, key=lambda one: (one.issued_at, one.credit_id)):
        yield _of_held(held, "credit")
    yield from map(_of_booked, sorted(case.booked, key=lambda one: one.document_id))
    yield from map(_of_shown, sorted(case.shown, key=lambda one: one.account_id))


def _of_sale(sale: Sale) -> Evidence:
    where = f"store {sale.store}, register {sale.register}, by {sale.operator}"
    text = f"issued {money(sale.amount, sale.currency)}, {sale.bucket or 'no bucket'}, receipt {sale.transaction_id}, "
    return Evidence(sale.occurred_at, Side.POS.value, text + where)


def _of_held(held: Held, noun: str) -> Evidence:
    whose = f"of account {held.customer_id}" if held.customer_id else "of nobody"
    text = (
        f"{noun} {held.credit_id} is {held.state}, {money(held.balance, held.currency)} of "
        f"{money(held.issued, held.currency)} left, {whose}"
    )
    if held.last_activity_at and held.last_activity_at != held.issued_at:
        text += f", last changed {held.last_activity_at.isoformat()}"
    return Evidence(held.issued_at, Side.PLATFORM.value, text)


def _of_booked(booked: Booked) -> Evidence:
    amount = "" if booked.amount is None else f" {money(booked.amount, booked.currency)}"
    said = f": {booked.error}" if booked.error else ""
    text = f"document {booked.document_id} is {'posted' if booked.status == 'posted' else 'in error'},{amount}{said}"
    return Evidence(booked.posted_at, Side.ERP.value, text.replace(",:", ":").removesuffix(","))


def _of_shown(shown: Shown) -> Evidence:
    return Evidence(
        shown.updated_at,
        Side.STOREFRONT.value,
        f"account {shown.account_id} shows {money(shown.available, shown.currency)}",
    )
