import pytest

from tests.unit.simulate.stub_hub import StubHub
from tillbridge.simulate.claims import Claimed, Message, claim_voucher, code_for, form_with
from tillbridge.simulate.receipt import Sale
from tillbridge.simulate.servers import Retailer


async def test_a_voucher_is_claimed_through_the_pages(retailer: Retailer, hub: StubHub) -> None:
    await retailer.web.push_customers()
    receipt = await retailer.registers.ring(Sale("006", "3", "op07", "gift_card", "paid", "25.00", "USD"))
    assert receipt.voucher is not None
    account = next(iter(retailer.web.directory))
    assert await claim_voucher(hub.url, receipt.voucher.claim_url, account.email) == Claimed(True, "typed", 200)
    assert hub.credits["c1"].owner == account.account_id
    await hub.settled()
    (line,) = retailer.web.book
    assert (line.account_id, line.type) == (account.account_id, "credit.issued")


async def test_a_claim_that_stops_says_where(hub: StubHub) -> None:
    assert await claim_voucher(hub.url, f"{hub.url}/nowhere", "a@example.com") == Claimed(False, "contact", 404)
    assert (await claim_voucher(hub.url, "http://127.0.0.1:9/claim/x", "a@example.com")).step == "no-answer"


def test_the_form_that_asks_is_found_among_others() -> None:
    page = """<form action="/find"><input name="q"></form><input name="stray">
        <form method="post" action="/claim/x"><input type="hidden" name="form" value="t&amp;1"><input name="contact">
        <button name="go" value="1">Send</button></form>"""
    assert form_with(page, "contact") == ("/claim/x", {"form": "t&1", "contact": "", "go": "1"})
    assert form_with(page, "code") is None
    assert form_with("", "code") is None


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("Your code is 271828.", "271828"),
        ("Your code is 271 828\nfor 7QK4-M2XD-9HTR, until 14:12.", "271828"),
        ("Call +1 212 555 0123 for help.", None),
        ("Order 1234567890.", None),
        ("No code.", None),
    ],
)
def test_the_code_is_read_as_a_person_would(text: str, code: str | None) -> None:
    assert code_for("a@example.com", [Message("A@example.com ", text=text)]) == code


def test_the_newest_message_to_us_counts() -> None:
    messages = [
        Message("b@example.com", text="code 333333", sent_at="3"),
        Message("a@example.com", text="code 111111", sent_at="1"),
        Message("a@example.com", text="code 222222", sent_at="2"),
    ]
    assert code_for("a@example.com", messages) == "222222"
    assert code_for("c@example.com", messages) is None
