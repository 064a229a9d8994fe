import json
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from tests.unit.stack.maps import good
from tillbridge.stack.example import Mask, register_example, worked_example

AT = datetime(2026, 11, 21, 12, tzinfo=UTC)
BODY = {
    "type": "credit.issued",
    "amount": "88.00",
    "transaction_id": "T0063-118",
    "operator": "op07",
    "reason": "Ava was cross",
    "customer": {"customer_id": "019aa7f2-91c4-7f6e-a1d0-7e0f3b9c5d22", "accounts": {"web": "A0001440"}},
    "credit": {"last4": "1187", "bucket": "refund"},
    "version": 1,
}


def test_people_and_codes_are_masked_and_the_rest_is_not() -> None:
    shown = Mask(BODY).of(BODY)
    assert shown["customer"] == {"customer_id": "…5d22", "accounts": {"web": "…1440"}}
    assert (shown["operator"], shown["reason"]) == ("…", "…")
    assert {name: shown[name] for name in ("type", "amount", "transaction_id", "credit", "version")} == {
        name: BODY[name] for name in ("type", "amount", "transaction_id", "credit", "version")
    }


def test_what_was_renamed_or_put_together_stays_masked() -> None:
    after = {
        "kunde": "A0001440",
        "note_text": "for A0001440 by op07",
        "mail": "ava.reed@example.com",
        "tel": "+12125550143",
    }
    shown = json.dumps(Mask(BODY).of(after))
    for told in ("A0001440", "op07", "ava.reed", "5550143"):
        assert told not in shown


@given(st.recursive(st.text(min_size=3), lambda inner: st.dictionaries(st.text(), inner) | st.lists(inner)))
def test_no_personal_text_gets_through_whatever_it_is_in(value: object) -> None:
    body = {"email": "someone.known@shop.example", "rest": value, "deep": [{"phone": "+1 212 555 0143"}]}
    shown = json.dumps(Mask(body).of(body))
    assert "someone.known" not in shown
    assert "555 0143" not in shown


def test_worked_examples_fit_the_map() -> None:
    stack = good()
    example = worked_example(stack, stack.hop("erp-web"), AT)
    assert not example.real
    assert example.body["hop"] == "erp-web"
    assert example.body["credit"]["bucket"] in stack.systems["web"].buckets
    assert (example.change, example.body["amount"]) == (8800, "88.00")
    assert register_example(stack, AT)["currency"] == "USD"
