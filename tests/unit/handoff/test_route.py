"""Where an event goes, what it waits for, and when it is due."""

from dataclasses import replace
from datetime import date, timedelta

import pytest

from tests.unit.handoff.maps import AT, CHAIN, MIX, STAR, WEBHOOK, stack_of
from tillbridge.handoff.model import NewHandoff, Onward, State
from tillbridge.handoff.route import not_accepted, on_claim, onward, route, unaccepted
from tillbridge.kernel.money import Money
from tillbridge.stack.model import Stack
from tillbridge.stack.transforms import ANY

# 11:00 at the retailer, five hours behind UTC.
NIGHT = AT + timedelta(hours=15)
TOO_SMALL = "web does not accept 4.99 USD: it is below its minimum of 5.00."
TOO_LARGE = "web does not accept 500.01 USD: it is above its maximum of 500.00."
NEXT_HOUR = AT + timedelta(hours=1)


def routed(stack: Stack, *, owned: bool = True) -> list[tuple[str, str, str]]:
    return [
        (new.hop, new.state.value, new.waits_for)
        for new in route(stack, AT, owned=owned, currency="USD", bucket="refund", amount=Money(8800, "USD"))
    ]


def test_in_a_chain_each_hop_waits_for_the_one_before() -> None:
    assert routed(CHAIN) == [
        ("platform-pay", "due", ""),
        ("pay-erp", "waiting", "platform-pay"),
        ("erp-web", "waiting", "pay-erp"),
    ]


def test_in_a_star_all_hops_start_at_once() -> None:
    assert routed(STAR) == [("platform-pay", "due", ""), ("platform-erp", "due", ""), ("platform-web", "due", "")]


def test_chain_and_star_mix() -> None:
    assert routed(MIX) == [
        ("platform-pay", "due", ""),
        ("platform-web", "due", ""),
        ("pay-erp", "waiting", "platform-pay"),
    ]


def test_an_unowned_credit_goes_to_no_storefront_before_its_claim() -> None:
    assert routed(STAR, owned=False)[2] == ("platform-web", "waiting", "claim")
    assert routed(CHAIN, owned=False)[2] == ("erp-web", "waiting", "pay-erp claim")
    assert [hop.hop for hop in on_claim(CHAIN, AT)] == ["erp-web"]
    assert [(hop.hop, hop.due_at, hop.deadline) for hop in on_claim(MIX, AT)] == [
        ("platform-web", AT, AT + timedelta(seconds=30))
    ]


def test_due_and_deadline_for_each_trigger() -> None:
    pay, erp, web = route(STAR, AT, owned=True, currency="USD", bucket="refund")
    assert (pay.due_at, pay.deadline) == (AT, AT + timedelta(seconds=30))
    assert (erp.due_at, erp.deadline) == (NIGHT, AT + timedelta(hours=26))
    # The promise of ten minutes cannot be kept by a poll every hour: late is what its run leaves behind.
    assert (web.due_at, web.deadline) == (NEXT_HOUR, NEXT_HOUR)


def test_what_waits_has_no_times_yet() -> None:
    for new in route(CHAIN, AT, owned=False, currency="USD", bucket="refund")[1:]:
        assert (new.due_at, new.deadline) == (None, None)


def test_what_waits_for_the_claim_alone_has_its_times() -> None:
    # Whether the credit has been claimed by then is only known when the event is posted.
    waiting = route(MIX, AT, owned=False, currency="USD", bucket="refund")[1]
    claimed = route(MIX, AT, owned=True, currency="USD", bucket="refund")[1]
    assert (waiting.state, waiting.waits_for) == (State.WAITING, "claim")
    assert (waiting.due_at, waiting.deadline) == (claimed.due_at, claimed.deadline)


def test_onward_names_what_each_hop_starts() -> None:
    assert onward(CHAIN, AT) == (
        Onward("platform-pay", "pay-erp", NIGHT, AT + timedelta(hours=26)),
        Onward("pay-erp", "erp-web", NEXT_HOUR, NEXT_HOUR),
    )
    assert onward(STAR, AT) == ()


@pytest.mark.parametrize(
    ("currency", "bucket", "amount", "dead"),
    [
        ("USD", "refund", Money(8800, "USD"), {}),
        ("USD", "promo", Money(8800, "USD"), {"pay-erp": "erp does not accept the bucket promo, only paid, refund."}),
        ("CAD", "paid", Money(8800, "CAD"), {"erp-web": "web does not accept the currency CAD, only USD, JPY."}),
        ("USD", "paid", Money(499, "USD"), {"erp-web": TOO_SMALL}),
        ("USD", "paid", Money(50001, "USD"), {"erp-web": TOO_LARGE}),
        ("USD", "paid", Money(500, "USD"), {}),
        ("USD", "paid", Money(50000, "USD"), {}),
        # The limits are in dollars, and nothing here knows what a yen is worth.
        ("JPY", "paid", Money(90000, "JPY"), {}),
        ("USD", "paid", None, {}),
    ],
)
def test_what_a_target_does_not_accept_is_dead_from_the_start(
    currency: str, bucket: str, amount: Money | None, dead: dict[str, str]
) -> None:
    new = route(CHAIN, AT, owned=True, currency=currency, bucket=bucket, amount=amount)
    assert {one.hop: one.reason for one in new if one.state is State.DEAD} == dead
    assert {one.reason_code for one in new if one.state is State.DEAD} <= {"mapping-rejected"}


def test_a_dead_one_keeps_what_it_would_have_waited_for() -> None:
    new = route(CHAIN, AT, owned=False, currency="CAD", bucket="paid")[2]
    reason = "web does not accept the currency CAD, only USD, JPY."
    assert new == NewHandoff(
        "erp-web", State.DEAD, "pay-erp claim", None, None, "mapping-rejected", reason, "pay-erp claim"
    )


def test_a_system_that_says_nothing_accepts_everything() -> None:
    web = replace(CHAIN.systems["web"], currencies=(), amount_min="", amount_max="")
    assert not not_accepted(web, "XAF", "promo", Money(1, "XAF"))


def test_a_denomination_is_one_of_the_list_to_the_cent() -> None:
    web = replace(CHAIN.systems["web"], denominations=("25.00", "50.00"))
    assert not not_accepted(web, "USD", "paid", Money(2500, "USD"))
    assert not not_accepted(web, "USD", "paid", None)
    said = "web does not accept 25.01 USD, only 25.00, 50.00."
    assert not_accepted(web, "USD", "paid", Money(2501, "USD")) == said


CONVERTS = stack_of(
    (
        "platform",
        "web",
        WEBHOOK
        + """
transform = [
    { name = "convert-currency", to = "USD", rates = [
        { currency = "EUR", from = 2026-11-01, rate = "1.0825" },
        { currency = "KWD", from = 2026-11-01, rate = "3.25" },
    ] },
]""",
    )
)
DAY = date(2026, 11, 21)


@pytest.mark.parametrize(
    ("amount", "day", "said"),
    [
        (Money(8800, "EUR"), DAY, ""),
        (Money(461, "EUR"), DAY, "web does not accept 4.99 USD: it is below its minimum of 5.00."),
        (Money(462, "EUR"), DAY, ""),
        (Money(46189, "EUR"), DAY, ""),
        (Money(46200, "EUR"), DAY, "web does not accept 500.11 USD: it is above its maximum of 500.00."),
        (Money(153_846, "KWD"), DAY, ""),
        (Money(153_850, "KWD"), DAY, "web does not accept 500.01 USD: it is above its maximum of 500.00."),
        (Money(8800, "EUR"), date(2026, 10, 31), "The map has no rate from EUR to USD on 2026-10-31."),
        (Money(8800, "CAD"), DAY, "The map has no rate from CAD to USD on 2026-11-21."),
        # The day is not known: any rate will do, and what it comes to is not held against the limits.
        (Money(1, "EUR"), None, ""),
        (Money(8800, "CAD"), None, "The map has no rate from CAD to USD."),
        (Money(400, "USD"), DAY, "web does not accept 4.00 USD: it is below its minimum of 5.00."),
    ],
)
def test_a_credit_is_judged_as_its_conversion_makes_it(amount: Money, day: date | None, said: str) -> None:
    assert unaccepted(CONVERTS, amount.currency, "paid", amount, day) == (said,)


def test_any_other_currency_passes_where_there_are_rates() -> None:
    assert unaccepted(CONVERTS, ANY, "paid") == ("",)
    without = stack_of(("platform", "web", WEBHOOK + '\ntransform = [{ name = "convert-currency", to = "USD" }]'))
    assert unaccepted(without, ANY, "paid") == ("The map has no rate from this currency to USD.",)
    assert unaccepted(without, "USD", "paid") == ("",)


def test_a_credit_is_judged_by_the_bucket_it_is_routed_to() -> None:
    plain = stack_of(("platform", "erp", WEBHOOK))
    assert unaccepted(plain, "USD", "promo") == ("erp does not accept the bucket promo, only paid, refund.",)
    routes = '\ntransform = [{ name = "route-bucket", promo = "refund", goodwill = "MKT", otherwise = "reject" }]'
    routed = stack_of(("platform", "erp", WEBHOOK + routes))
    assert [unaccepted(routed, "USD", bucket) for bucket in ("promo", "goodwill", ANY)] == [("",)] * 3
    said = "The map says of the bucket paid no place where the target keeps it."
    assert unaccepted(routed, "USD", "paid") == (said,)
    (new,) = route(routed, AT, owned=True, currency="USD", bucket="paid")
    assert (new.state, new.reason_code, new.reason) == (State.DEAD, "mapping-rejected", said)
