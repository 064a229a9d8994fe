"""Fields under other names: nothing is lost, nothing is covered, and the way back leads back."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.stack.transforms.hops import body_of, facts, fault_of, hop_of, text_of
from tillbridge.kernel.errors import StackFault
from tillbridge.stack.fields import FIELDS, MADE, NEEDED, is_field, leaves, maker_of
from tillbridge.stack.load import parse
from tillbridge.stack.settings import RenameFields
from tillbridge.stack.transforms import Rejected, apply
from tillbridge.stack.transforms.rename import rename

OURS = [name for name in leaves(()) if name not in (*NEEDED, "customer")]
NAMES = st.from_regex(r"[a-z]{1,4}(\.[a-z]{1,4}){0,2}", fullmatch=True)


def renamed(settings: str, **other: Any) -> dict[str, Any]:
    """What is sent with these settings of the transformation."""
    after = apply(hop_of(f'{{ name = "rename-fields", {settings} }}'), body_of(**other), facts())
    assert not isinstance(after, Rejected)
    return dict(after)


def values(body: Any) -> list[str]:
    """All that a body holds, without its names."""
    if isinstance(body, dict):
        return sorted(value for inner in body.values() for value in values(inner))
    return [json.dumps(body)]


@given(st.dictionaries(st.sampled_from(OURS), NAMES, min_size=1, max_size=8))
def test_what_the_map_takes_loses_nothing_and_leads_back(names: dict[str, str]) -> None:
    settings = ", ".join(f'"{ours}" = "{theirs}"' for ours, theirs in names.items())
    try:
        stack = parse(text_of(f'{{ name = "rename-fields", {settings} }}'), "stack.toml", {})
    except StackFault:
        return
    (transform,) = stack.hop("platform-web").transform
    assert isinstance(transform, RenameFields)
    body = body_of()
    after = rename(transform, body)
    assert values(after) == values(body)
    back = RenameFields(tuple((theirs, ours) for ours, theirs in transform.names), ())
    assert rename(back, after) == body
    assert all(after[name] == body[name] for name in NEEDED)


def test_names_points_and_what_is_left_out() -> None:
    after = renamed('amount = "money.value", credit.last4 = "card.tail", "credit.id" = "card.id", drop = ["operator"]')
    assert after["money"] == {"value": "88.00"}
    assert after["card"] == {"tail": "1187", "id": "k-1"}
    assert after["credit"] == {"kind": "store_credit", "bucket": "refund", "currency": "EUR"}
    assert not {"amount", "operator"} & set(after)


def test_two_fields_may_change_places() -> None:
    after = renamed('amount = "balance", balance = "amount"', amount="1.00", balance="2.00")
    assert (after["amount"], after["balance"]) == ("2.00", "1.00")


def test_a_whole_object_may_be_renamed_or_left_out() -> None:
    after = renamed('credit = "gift_card", drop = ["customer"]')
    assert after["gift_card"]["last4"] == "1187"
    assert not {"credit", "customer"} & set(after)


def test_what_an_event_has_not_got_is_passed_over() -> None:
    after = renamed('cause = "because", customer.customer_id = "customer.number"', customer=None)
    assert after["customer"] is None
    assert "because" not in after


def test_an_object_that_was_emptied_is_gone() -> None:
    moved = ", ".join(f'credit.{name} = "c_{name}"' for name in ("id", "kind", "bucket", "currency", "last4"))
    assert "credit" not in renamed(moved)


def test_the_body_given_is_left_alone() -> None:
    body = body_of()
    rename(RenameFields((("credit.id", "card"),), ("customer.accounts",)), body)
    assert body == body_of()


def test_every_field_of_an_event_is_known() -> None:
    def names(value: Any, prefix: str = "") -> list[str]:
        if not isinstance(value, dict):
            return [prefix]
        return [name for key, inner in value.items() for name in names(inner, f"{prefix}.{key}".lstrip("."))]

    assert all(is_field(name) for name in names(body_of()))
    assert set(MADE) <= set(FIELDS)
    assert {maker_of(name) for name in FIELDS} == {"", *MADE.values()}


@pytest.mark.parametrize(
    ("settings", "problem", "mend"),
    [
        ('ammount = "value"', '"ammount" is no field', 'Did you mean "amount"?'),
        ('credit.last5 = "x"', '"credit.last5" is no field', 'Did you mean "credit.last4"?'),
        ('amount.minor = "x"', '"amount.minor" is no field', ""),
        ('event_id = "id"', '"event_id" is always sent', "type, event_id, hop, version"),
        ('amount = "x", balance = "x"', 'are given one name, "x"', "its own"),
        ('amount = "x", balance = "x.y"', "are given one name", "its own"),
        ('credit.id = "x", "credit.id" = "y"', '"credit.id" is renamed twice', "once"),
        ('credit = "x", credit_ = "y"', '"credit_" is no field', 'mean "credit'),
        ('"credit" = "x", "credit.id" = "y"', '"credit.id" is renamed twice', "once"),
        ('amount = "balance"', 'would cover "balance"', "rename balance too"),
        ('amount = "credit"', 'would cover "credit.id"', ""),
        ('amount = "store.value"', 'would cover "store"', ""),
        ('amount = "type"', 'would cover "type"', ""),
        ('amount = "customer.value"', 'would cover "customer"', ""),
        ('amount = "a b"', '"a b" cannot be the name', "letters"),
        ('amount = ""', "cannot be the name", "letters"),
        ('amount = "a..b"', "cannot be the name", "letters"),
        ("amount = 1", "is a whole number", "in quotes"),
        ('amount = ["x"]', "is a list", "in quotes"),
        ('drop = "operator"', "must be a list of texts", ""),
        ('drop = ["opperator"]', "is no field", 'Did you mean "operator"?'),
        ('drop = ["version"]', "always sent", ""),
        ('drop = ["credit", "credit.id"]', "is dropped twice", ""),
        ('amount = "x", drop = ["amount"]', "is renamed and dropped", ""),
        ('converted.rate = "x"', "is made by convert-currency", 'Put "convert-currency" before'),
        ('balance_class = "x"', "is made by classify-balance", ""),
    ],
)
def test_what_cannot_be_is_refused(settings: str, problem: str, mend: str) -> None:
    fault = fault_of(f'"route-bucket",\n{{ name = "rename-fields", {settings} }}')
    assert problem in fault.problem
    assert mend in fault.mend
    assert fault.line == text_of("X").count("\n", 0, text_of("X").index("X")) + 2


def test_behind_others_what_they_make_can_be_renamed() -> None:
    hop = hop_of(
        '"resolve-customer", "classify-balance",\n'
        '{ name = "convert-currency", rates = [{ currency = "EUR", from = 2026-01-01, rate = "2" }] },\n'
        '{ name = "rename-fields", converted.rate = "rate", balance_class = "class",'
        ' customer.account_id = "customer.id" }'
    )
    after = apply(hop, body_of(), facts())
    assert not isinstance(after, Rejected)
    assert (after["rate"], after["class"]) == ("2", "refund-liability")
    assert after["customer"] == {"customer_id": "c-1", "id": "A1"}


def test_behind_resolve_customer_the_accounts_are_gone() -> None:
    fault = fault_of('"resolve-customer",\n{ name = "rename-fields", customer.accounts.web = "x" }')
    assert "not there any more" in fault.problem
