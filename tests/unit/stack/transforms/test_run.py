"""Customers, buckets, classes, and a hop's transformations one after the other."""

import copy
import json
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.stack.transforms.hops import body_of, facts, hop_of
from tillbridge.kernel.errors import StackFault
from tillbridge.kernel.money import Money
from tillbridge.stack.fields import NEEDED
from tillbridge.stack.terms import BUCKETS
from tillbridge.stack.transforms import Rejected, apply, steps

RATES = '{ name = "convert-currency", rates = [{ currency = "EUR", from = 2026-11-01, rate = "1.0825" }] }'


def test_the_customer_is_named_as_the_target_knows_them() -> None:
    after = apply(hop_of('"resolve-customer"'), body_of(), facts())
    assert not isinstance(after, Rejected)
    assert after["customer"] == {"customer_id": "c-1", "account_id": "A1"}
    other = apply(hop_of('{ name = "resolve-customer", system = "erp" }'), body_of(), facts())
    assert not isinstance(other, Rejected)
    assert other["customer"]["account_id"] == "D77"


def test_a_customer_without_an_account_there_is_sent_as_nobody_or_refused() -> None:
    body = body_of(customer={"customer_id": "c-1", "accounts": {"erp": "D77"}})
    sent = apply(hop_of('"resolve-customer"'), body, facts())
    assert not isinstance(sent, Rejected)
    assert sent["customer"] is None
    refused = apply(hop_of('{ name = "resolve-customer", otherwise = "reject" }'), body, facts())
    assert refused == Rejected(
        "mapping-rejected", "The customer of this credit has no account in web that the hub knows of."
    )


def test_a_credit_that_nobody_owns_goes_through() -> None:
    body = body_of(customer=None)
    assert apply(hop_of('{ name = "resolve-customer", otherwise = "reject" }'), body, facts()) == body


@pytest.mark.parametrize("bucket", BUCKETS)
def test_a_bucket_is_routed_kept_or_refused(bucket: str) -> None:
    body = body_of(credit={**body_of()["credit"], "bucket": bucket})
    settings = 'name = "route-bucket", promo = "goodwill", paid = "GC-1"'
    kept = apply(hop_of(f"{{ {settings} }}"), body, facts(bucket=bucket))
    word = {"promo": "goodwill", "paid": "GC-1"}.get(bucket)
    assert not isinstance(kept, Rejected)
    assert kept["credit"] == {**body["credit"], "bucket": word or bucket}
    strict = apply(hop_of(f'{{ {settings}, otherwise = "reject" }}'), body, facts(bucket=bucket))
    assert isinstance(strict, Rejected) is (word is None)


@pytest.mark.parametrize(
    ("bucket", "usual", "said"),
    [
        ("paid", "deferred-revenue", "2100"),
        ("refund", "refund-liability", "refund-liability"),
        ("goodwill", "goodwill-liability", "6200"),
        ("promo", "promo-memo", "promo-memo"),
    ],
)
def test_a_balance_has_a_class_by_its_own_bucket_whatever_the_target_calls_it(
    bucket: str, usual: str, said: str
) -> None:
    plain = apply(hop_of('"classify-balance"'), body_of(), facts(bucket=bucket))
    routed = '{ name = "route-bucket", paid = "goodwill", goodwill = "paid", promo = "X" }'
    own = hop_of(f'{routed}, {{ name = "classify-balance", paid = "2100", goodwill = "6200" }}')
    after = apply(own, body_of(), facts(bucket=bucket))
    assert not isinstance(plain, Rejected)
    assert not isinstance(after, Rejected)
    assert (plain["balance_class"], after["balance_class"]) == (usual, said)


def test_they_go_in_the_order_of_the_list() -> None:
    hop = hop_of(f'"resolve-customer", {RATES}, {{ name = "rename-fields", balance = "worth" }}')
    body = body_of()
    kept = copy.deepcopy(body)
    walked = steps(hop, body, facts())
    assert [transform.name for transform, _ in walked] == ["resolve-customer", "convert-currency", "rename-fields"]
    assert walked[-1][1] == apply(hop, body, facts())
    assert isinstance(walked[-1][1], dict)
    assert walked[-1][1]["worth"] == "95.26"
    assert body == kept


def test_the_first_that_refuses_ends_it() -> None:
    hop = hop_of('"convert-currency", "classify-balance"')
    ((transform, after),) = steps(hop, body_of(), facts())
    assert transform.name == "convert-currency"
    assert after == apply(hop, body_of(), facts())
    assert isinstance(after, Rejected)


def test_a_hop_without_any_changes_nothing() -> None:
    assert apply(hop_of(""), body_of(), facts()) == body_of()
    assert steps(hop_of(""), body_of(), facts()) == ()


DINARS = """{ name = "convert-currency", to = "KWD", rounding = "half-up", rates = [
    { currency = "EUR", from = 2020-01-01, rate = "0.3312" }, { currency = "JPY", from = 2020-01-01, rate = "0.002" },
] }"""
ITEMS = st.sampled_from(
    [
        '"resolve-customer"',
        '{ name = "resolve-customer", system = "erp", otherwise = "reject" }',
        '"convert-currency"',
        RATES,
        DINARS,
        '"route-bucket"',
        '{ name = "route-bucket", promo = "refund", paid = "GC", otherwise = "reject" }',
        '"classify-balance"',
        '{ name = "rename-fields", credit.last4 = "card.tail", customer = "client", drop = ["cause", "reason"] }',
        '{ name = "rename-fields", amount = "balance", balance = "amount", credit = "card" }',
    ]
)
CUSTOMERS = st.none() | st.fixed_dictionaries(
    {"customer_id": st.just("c-1"), "accounts": st.dictionaries(st.sampled_from(["web", "erp"]), st.text(), max_size=2)}
)


@given(
    st.lists(ITEMS, max_size=5),
    CUSTOMERS,
    st.sampled_from(["USD", "EUR", "JPY", "KWD"]),
    st.sampled_from(sorted(BUCKETS)),
    st.integers(0, 10**18),
    st.integers(0, 10**18),
    st.dates(date(2019, 1, 1), date(2030, 1, 1)),
)
def test_whatever_the_map_takes_every_event_goes_through_or_is_refused_with_a_sentence(
    items: list[str], customer: object, currency: str, bucket: str, before: int, after: int, born_on: date
) -> None:
    try:
        hop = hop_of(", ".join(items))
    except StackFault:
        return
    body = body_of(
        amount=Money(abs(after - before), currency).text(),
        balance=Money(after, currency).text(),
        credit={**body_of()["credit"], "currency": currency, "bucket": bucket},
        customer=customer,
    )
    kept = copy.deepcopy(body)
    sent = apply(hop, body, facts(after - before, born_on, bucket))
    assert body == kept
    if isinstance(sent, Rejected):
        assert sent.code == "mapping-rejected"
        assert sent.sentence.endswith(".")
        return
    assert [sent[name] for name in NEEDED] == [body[name] for name in NEEDED]
    assert json.loads(json.dumps(sent)) == sent
