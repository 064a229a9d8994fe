"""The customer's way from the voucher to the account, over HTTP."""

import re
from collections.abc import AsyncIterator

import pytest

from tests.acceptance.pages_port import KNOWN, TOKEN, FakePort
from tests.acceptance.pages_server import Visitor, visiting
from tillbridge.console.views import VoucherState


@pytest.fixture
def hub() -> FakePort:
    return FakePort()


@pytest.fixture
async def customer(hub: FakePort) -> AsyncIterator[Visitor]:
    async with visiting(hub) as visitor:
        yield visitor


CLAIM = f"/claim/{TOKEN}"


async def test_from_the_voucher_to_the_account(customer: Visitor, hub: FakePort) -> None:
    waiting = await customer.get(CLAIM)
    assert waiting.status == 200
    assert "$88.00" in waiting.text
    assert "store 006" in waiting.text
    sent = await customer.send(waiting, CLAIM, contact=KNOWN)
    assert sent.status == 200
    assert "If this address can receive it, a 6-digit code is on its way." in sent.text
    done = await customer.send(sent, f"{CLAIM}/code", challenge=sent.field("challenge"), code=" 123 456 ")
    assert done.status == 200
    assert "is in your online account" in done.text
    assert hub.state is VoucherState.USED
    assert (await customer.get(CLAIM)).status == 410


async def test_a_known_and_an_unknown_contact_see_the_same(customer: Visitor, hub: FakePort) -> None:
    answers = []
    for contact in (KNOWN, "somebody.else@example.com"):
        sent = await customer.send(await customer.get(CLAIM), CLAIM, contact=contact)
        headers = {name: value for name, value in sent.headers.items() if name not in {"Date", "Content-Length"}}
        answers.append((sent.status, re.sub(r"challenge-\d+", "challenge-N", sent.text), headers))
    assert answers[0] == answers[1]
    assert len(hub.sent) == 1, "a code went to the known one alone"
    wrong = []
    for challenge in ("challenge-0", "challenge-1"):
        page = await customer.send(await customer.get(CLAIM), f"{CLAIM}/code", challenge=challenge, code="999999")
        wrong.append((page.status, page.text.replace(challenge, "")))
    assert wrong[0] == wrong[1]


async def test_the_claim_page_tells_nothing_of_the_owner_or_the_sale(customer: Visitor) -> None:
    waiting = (await customer.get(CLAIM)).text
    for private in ("op07", "T0063-118", "ava", "4471", "7QK4"):
        assert private not in waiting


async def test_a_wrong_code_says_how_often_it_can_be_tried(customer: Visitor, hub: FakePort) -> None:
    page = await customer.send(await customer.get(CLAIM), CLAIM, contact=KNOWN)
    challenge = page.field("challenge")
    for said in ("4 more times", "3 more times", "2 more times", "once more"):
        page = await customer.send(page, f"{CLAIM}/code", challenge=challenge, code="999999")
        assert page.status == 422
        assert f"You can try {said}" in page.text
    locked = await customer.send(page, f"{CLAIM}/code", challenge=challenge, code="999999")
    assert (locked.status, "Too many tries" in locked.text) == (429, True)
    too_late = await customer.send(page, f"{CLAIM}/code", challenge=challenge, code="123456")
    assert too_late.status == 429
    assert hub.state is VoucherState.WAITING


@pytest.mark.parametrize("code", ["", "12345", "1234567", "abcdef", "١٢٣٤٥٦", "12345\x00"])
async def test_what_is_no_code_does_not_count_as_a_try(customer: Visitor, hub: FakePort, code: str) -> None:
    page = await customer.send(await customer.get(CLAIM), CLAIM, contact=KNOWN)
    challenge = page.field("challenge")
    page = await customer.send(page, f"{CLAIM}/code", challenge=challenge, code=code)
    assert (page.status, hub.tries[challenge]) == (422, 5)
    assert "six digits" in page.text


@pytest.mark.parametrize(
    ("challenge", "status", "said"), [("old", 410, "too old"), ("stranger", 409, "no online account with this address")]
)
async def test_a_claim_that_can_be_begun_again(customer: Visitor, challenge: str, status: int, said: str) -> None:
    page = await customer.send(await customer.get(CLAIM), f"{CLAIM}/code", challenge=challenge, code="123456")
    assert page.status == status
    assert said in page.text
    assert "still waiting" in page.text
    assert f'href="{CLAIM}"' in page.text


@pytest.mark.parametrize("contact", ["", "ava", "<script>alert(1)</script>"])
async def test_a_contact_that_is_none_can_be_mended(customer: Visitor, hub: FakePort, contact: str) -> None:
    page = await customer.send(await customer.get(CLAIM), CLAIM, contact=contact)
    assert page.status == 422
    assert "<script>" not in page.text
    assert page.field("contact") == contact
    assert 'aria-invalid="true" aria-describedby="problem"' in page.text
    assert hub.asked == []


async def test_too_many_codes_asked_for(customer: Visitor) -> None:
    waiting = await customer.get(CLAIM)
    for _ in range(5):
        assert (await customer.send(waiting, CLAIM, contact=KNOWN)).status == 200
    locked = await customer.send(waiting, CLAIM, contact=KNOWN)
    assert (locked.status, locked.headers["Retry-After"]) == (429, "900")
    assert "in 15 min" in locked.text


@pytest.mark.parametrize(
    ("state", "status", "said"),
    [
        (VoucherState.USED, 410, "has been used"),
        (VoucherState.EXPIRED, 410, "can no longer"),
        (None, 404, "do not know"),
    ],
)
async def test_a_voucher_that_cannot_be_claimed(
    customer: Visitor, hub: FakePort, state: VoucherState | None, status: int, said: str
) -> None:
    waiting = await customer.get(CLAIM)
    hub.state = state
    for page in (
        await customer.get(CLAIM),
        await customer.send(waiting, CLAIM, contact=KNOWN),
        await customer.send(waiting, f"{CLAIM}/code", challenge="c", code="123456"),
        await customer.get(f"/vouchers/{TOKEN}"),
        await customer.get(f"/vouchers/{TOKEN}.pdf"),
    ):
        assert (page.status, said in page.text) == (status, True)
    assert hub.asked == []


@pytest.mark.parametrize("token", ["x", "short", "a" * 201, "with%20space", "..%2f..%2fetc", "nobody-knows-this-one"])
async def test_an_address_that_is_none(customer: Visitor, token: str) -> None:
    page = await customer.get(f"/claim/{token}")
    assert page.status == 404
    assert "<h1>" in page.text


@pytest.mark.parametrize("typed", ["7QK4-M2XD-9HTR", "7qk4 m2xd 9htr"])
async def test_the_claim_code_leads_to_the_voucher(customer: Visitor, typed: str) -> None:
    page = await customer.send(await customer.get("/claim"), "/claim", claim_code=typed)
    assert (page.status, page.url) == (200, CLAIM)


@pytest.mark.parametrize(("typed", "status"), [("7QK4-M2XD-0000", 404), ("7QK4", 422), ("", 422), ('"><b>', 422)])
async def test_a_claim_code_that_is_none(customer: Visitor, typed: str, status: int) -> None:
    page = await customer.send(await customer.get("/claim"), "/claim", claim_code=typed)
    assert page.status == status
    assert page.field("claim_code") == typed


async def test_the_voucher_is_a_page_and_a_pdf(customer: Visitor) -> None:
    page = await customer.get(f"/vouchers/{TOKEN}")
    assert page.status == 200
    for said in ("Harbor &amp; Pine", "$88.00", "Store 006 · Reg 3", "op07", "T0063-118", "7QK4-M2XD-9HTR", "<svg"):
        assert said in page.text
    assert "credits.harborpine.example/claim</span>" in page.text
    pdf = await customer.get(f"/vouchers/{TOKEN}.pdf")
    assert (pdf.status, pdf.headers["Content-Type"]) == (200, "application/pdf")
    assert pdf.body.startswith(b"%PDF-")
    assert pdf.headers["Cache-Control"] == "no-store"
