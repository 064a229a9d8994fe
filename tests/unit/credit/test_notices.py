"""What goes out with a batch: few routes, whatever the number of events, and a new credit judged by amount and day."""

from datetime import date
from typing import Any
from uuid import UUID

from tests.unit.handoff.maps import AT, CHAIN, STAR, WEBHOOK, stack_of
from tillbridge.credit.notices import Mail, Sorter
from tillbridge.handoff.model import State
from tillbridge.kernel.money import Money
from tillbridge.ledger.model import Birth, Origin, Posting, Verb
from tillbridge.ledger.model import State as CreditState

TODAY = AT.date()
RATES = """
transform = [{ name = "convert-currency", rates = [{ currency = "EUR", from = 2026-11-22, rate = "2" }] }]"""
CONVERTS = stack_of(("platform", "web", WEBHOOK + RATES.replace('currency", rates', 'currency", to = "USD", rates')))


def posting(number: int, verb: Verb, amount: Money, day: date = TODAY, **more: Any) -> Posting:
    """A posting of one event."""
    birth = Birth("gift_card", "paid", CreditState.ACTIVE, bytes([number]), "1234", day)
    return Posting(
        key=f"k{number}",
        verb=verb,
        credit_id=UUID(int=number),
        event_id=UUID(int=1000 + number),
        occurred_at=AT,
        actor="till",
        origin=Origin("006", "3", "op07", "T-1"),
        request={},
        amount=amount,
        birth=birth if verb is Verb.ISSUE else None,
        **more,
    )


def dead(mail: Mail, number: int) -> list[str]:
    """Why the handoffs of a notice of its own route are dead."""
    route = mail.notices[number].route
    return [] if route is None else [new.reason for new in mail.routes[route] if new.state is State.DEAD]


def test_all_that_is_accepted_takes_one_route() -> None:
    mail = Sorter(STAR).mail(AT, [posting(number, Verb.ISSUE, Money(500 + number, "USD")) for number in range(100)])
    assert len({notice.route for notice in mail.notices}) == 1
    assert dead(mail, 0) == []
    # One for what is accepted everywhere, and one for each way in which currency or bucket are not.
    assert len(mail.routes) == len({number for _, _, number in mail.classes}) == 6


def test_a_new_credit_of_an_amount_that_is_not_taken_has_a_route_of_its_own() -> None:
    amounts = (Money(500, "USD"), Money(499, "USD"), Money(499, "USD"), Money(498, "USD"))
    mail = Sorter(CHAIN).mail(AT, [posting(number, Verb.ISSUE, amount) for number, amount in enumerate(amounts)])
    below = "web does not accept {} USD: it is below its minimum of 5.00."
    assert [dead(mail, number) for number in range(4)] == [
        [],
        [below.format("4.99")],
        [below.format("4.99")],
        [below.format("4.98")],
    ]
    assert mail.notices[1].route == mail.notices[2].route != mail.notices[3].route


def test_what_happens_later_to_a_credit_goes_by_currency_and_bucket() -> None:
    mail = Sorter(CHAIN).mail(AT, [posting(1, Verb.REDEEM, Money(1, "USD"))])
    assert mail.notices[0].route is None


def test_where_a_hop_converts_a_new_credit_goes_by_its_day() -> None:
    days = (date(2026, 11, 21), date(2026, 11, 22))
    mail = Sorter(CONVERTS).mail(
        AT, [posting(number, Verb.ISSUE, Money(8800, "EUR"), day) for number, day in enumerate(days)]
    )
    assert [dead(mail, number) for number in range(2)] == [["The map has no rate from EUR to USD on 2026-11-21."], []]
