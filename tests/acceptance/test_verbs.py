"""Every verb over HTTP: what it does, what it answers, and that it is done once."""

from datetime import timedelta

import aiohttp
import pytest

from tests.acceptance.asking import AT, REPAIR, SALE, amount, ask, done, issued, read, refusal
from tests.acceptance.conftest import Door
from tillbridge.api.keys import make_key
from tillbridge.kernel.clock import SystemClock
from tillbridge.kernel.db import Query
from tillbridge.ledger import store as ledger

NOBODY = "01a1fdfa-4600-7368-8023-b682af5570ee"
LATER = (SystemClock().now() + timedelta(hours=1)).isoformat()


async def balance(door: Door, credit_id: str) -> tuple[str, str, str, str]:
    """State, balance, held and available of a credit."""
    now = await read(door.ops, f"/v1/credits/{credit_id}")
    return now["state"], now["balance"], now["held"], now["available"]


async def test_a_card_is_imported_sold_loaded_and_spent(door: Door) -> None:
    card = {"occurred_at": AT, "code": "6281 6701 7000 2304", "currency": "USD", "pin": "4711"}
    known = await done(door, "/v1/cards", card, "c1")
    path = f"/v1/credits/{known['credit_id']}"
    assert (known["state"], known["balance"], known["verb"]) == ("pending", "0.00", "import")
    assert await refusal(door, f"{path}/redemptions", amount("1.00"), "c2") == (409, "credit-pending")
    assert (await ask(door.ops, "/v1/cards", {**card, "pin": "4712"}, key="c1"))[1]["field"] == "pin"
    sold = await done(door, f"{path}/activate", amount("50.00", customer="web:A1"), "c3")
    assert (sold["state"], sold["balance"], sold["sentence"]) == ("active", "50.00", "Done: the card is worth $50.00.")
    assert sold["owner"]
    assert await refusal(door, f"{path}/activate", amount("50.00"), "c4") == (409, "already-active")
    assert (await done(door, f"{path}/loads", amount("25.50"), "c5"))["balance"] == "75.50"
    assert (await done(door, f"{path}/redemptions", amount("75.50"), "c6"))["balance"] == "0.00"
    status, found, _ = await ask(door.web, "/v1/balance-inquiries", {"code": "6281670170002304", "pin": "4711"})
    assert (status, found["id"]) == (200, known["credit_id"])


async def test_a_hold_is_captured_in_parts_and_let_go(door: Door) -> None:
    credit = await issued(door)
    path = f"/v1/credits/{credit['id']}"
    held = await done(door, f"{path}/holds", amount("60.00", ends=LATER), "h1")
    hold = held["hold"]["id"]
    assert (held["held"], held["available"], held["hold"]["left"]) == ("60.00", "28.00", "60.00")
    now = await read(door.ops, path)
    assert [(one["id"], one["left"]) for one in now["holds"]] == [(hold, "60.00")]
    assert await refusal(door, f"{path}/redemptions", amount("28.01"), "h2") == (409, "not-enough-available")
    part = await done(door, f"/v1/holds/{hold}/capture", amount("20.00", more=True), "h3")
    assert (part["balance"], part["held"], part["hold"]["left"]) == ("68.00", "40.00", "40.00")
    rest = await done(door, f"/v1/holds/{hold}/capture", SALE, "h4")
    assert (rest["amount"], rest["balance"], rest["held"]) == ("40.00", "28.00", "0.00")
    assert await refusal(door, f"/v1/holds/{hold}/release", {"occurred_at": AT}, "h5") == (409, "hold-over")
    again = await done(door, f"{path}/holds", amount("5.00", ends=LATER), "h6")
    let_go = await done(door, f"/v1/holds/{again['hold']['id']}/release", {"occurred_at": AT}, "h7")
    assert (let_go["held"], let_go["available"], let_go["hold"]["left"]) == ("0.00", "28.00", "0.00")
    assert (await read(door.ops, path))["holds"] == []


async def test_an_unknown_hold_is_refused_by_the_ledger(door: Door) -> None:
    path = f"/v1/credits/{(await issued(door))['id']}"
    for verb, body, key in (("capture", SALE, "h1"), ("release", {"occurred_at": AT}, "h2")):
        hold = f"/v1/holds/{NOBODY}/{verb}"
        assert await refusal(door, hold, body, key) == (404, "unknown-hold")
        assert (await ask(door.ops, hold, body, key=key))[2], "the refusal is kept with its key"
        # The key is taken: it does nothing else any more, and one that did something else captures nothing.
        status, problem, _ = await ask(door.ops, f"{path}/redemptions", amount("5.00"), key=key)
        assert (status, problem["code"]) == (422, "key-conflict")
        await done(door, f"{path}/redemptions", amount("5.00"), f"{key}-spent")
        status, problem, _ = await ask(door.ops, hold, body, key=f"{key}-spent")
        assert (status, problem["code"]) == (422, "key-conflict")
    nothing = await refusal(door, f"/v1/holds/{NOBODY}/capture", amount("0.00"), "h3")
    assert nothing == (422, "amount-not-positive")


async def test_nothing_goes_to_a_customer_whom_nobody_knows(door: Door) -> None:
    credit = await issued(door)
    card = await done(door, "/v1/cards", {"occurred_at": AT, "code": "77776666", "currency": "USD"}, "n0")
    for number, nobody in enumerate((NOBODY, credit["id"], "web:nobody")):
        asked = {
            f"/v1/credits/{credit['id']}/reissue": {**REPAIR, "customer": nobody},
            f"/v1/credits/{card['credit_id']}/activate": amount("5.00", customer=nobody),
            f"/v1/customers/{nobody}/redemptions": amount("1.00"),
        }
        for path, body in asked.items():
            assert await refusal(door, path, body, f"n{number}{path[-4:]}") == (404, "not-found")
    async with door.web.get(f"/v1/customers/{NOBODY}/credits") as response:
        assert response.status == 404
    assert (await read(door.ops, f"/v1/credits/{credit['id']}"))["version"] == 1


async def test_a_repeat_is_told_by_what_was_typed(door: Door) -> None:
    credit, over = await issued(door), "/v1/customers/web:A1/redemptions"
    card = await done(door, "/v1/cards", {"occurred_at": AT, "code": "77776666", "currency": "USD"}, "m1")
    activate, sold = f"/v1/credits/{card['credit_id']}/activate", amount("5.00", customer="web:A1")
    reissue, again = f"/v1/credits/{credit['id']}/reissue", {**REPAIR, "customer": "web:A1"}
    asked = [(over, amount("1.00"), "m2"), (activate, sold, "m3"), (reissue, again, "m4")]
    first = [await done(door, path, body, key) for path, body, key in asked]
    # The storefront calls the account by another name by now.
    await door.hub.db.execute(Query("test", "UPDATE identity.reference SET account_id = 'A9' WHERE account_id = 'A1'"))
    for (path, body, key), answered in zip(asked, first, strict=True):
        assert await ask(door.ops, path, body, key=key) == (200, answered, True)
        assert await refusal(door, path, body, f"{key}-new") == (404, "not-found")
    for path, body, key in (
        (over, amount("2.00"), "m2"),
        ("/v1/customers/web:A9/redemptions", amount("1.00"), "m2"),
        (activate, amount("5.00", customer="web:A9"), "m3"),
    ):
        status, problem, _ = await ask(door.ops, path, body, key=key)
        assert (status, problem["code"]) == (422, "key-conflict"), problem


async def test_a_time_that_no_clock_says_is_told_of_a_known_key_as_well(door: Door) -> None:
    credit = await issued(door, "k1")
    path = f"/v1/credits/{credit['id']}"
    await done(door, f"{path}/redemptions", amount("1.00"), "k2")
    await done(door, f"{path}/holds", amount("1.00", ends=LATER), "k3")
    for absurd in ("0001-01-01T00:00:00Z", "1999-12-31T23:59:59Z", "9999-06-01T00:00:00Z"):
        status, problem, _ = await door.issue("k1", occurred_at=absurd)
        assert (status, problem["field"]) == (422, "occurred_at"), problem
        status, problem, _ = await door.issue("k1", expires_at=absurd)
        assert (status, problem["code"]) == (422, "key-conflict"), problem
        status, problem, _ = await ask(
            door.ops, f"{path}/redemptions", {**amount("1.00"), "occurred_at": absurd}, key="k2"
        )
        assert (status, problem["field"]) == (422, "occurred_at"), problem
        status, problem, _ = await ask(door.ops, f"{path}/holds", amount("1.00", ends=absurd), key="k3")
        assert status == 422, problem


async def test_what_was_spent_is_given_back_once(door: Door) -> None:
    path = f"/v1/credits/{(await issued(door))['id']}"
    await done(door, f"{path}/redemptions", amount("30.00"), "r1")
    back = await done(door, f"{path}/refunds", amount("10.00", transaction_id="R1", cause="W1"), "r2")
    assert (back["balance"], back["verb"]) == ("68.00", "refund")
    too_much = amount("20.01", transaction_id="R2", cause="W1")
    assert await refusal(door, f"{path}/refunds", too_much, "r3") == (409, "more-than-redeemed")


async def test_a_void_may_expect_a_balance(door: Door) -> None:
    path = f"/v1/credits/{(await issued(door))['id']}/void"
    other = {**REPAIR, "expected": {"amount": "80.00", "currency": "USD"}}
    assert await refusal(door, path, other, "v1") == (409, "not-as-expected")
    wrong = {**REPAIR, "expected": {"amount": "88", "currency": "JPY"}}
    status, problem, _ = await ask(door.ops, path, wrong, key="v2")
    assert (status, problem["field"]) == (422, "expected.currency")
    seen = {**REPAIR, "expected": {"amount": "88.00", "currency": "USD"}}
    assert (await done(door, path, seen, "v3"))["state"] == "void"


async def test_a_reissue_keeps_owner_money_and_terms(door: Door) -> None:
    credit = await issued(door, expires_at="2031-01-01T00:00:00Z", priority=7)
    path = f"/v1/credits/{credit['id']}/reissue"
    answer = await done(door, path, {**REPAIR, "pin": "4711"}, "i1")
    new = answer["new"]
    assert (answer["state"], new["state"], new["balance"], new["owner"]) == ("void", "active", "88.00", credit["owner"])
    now = await read(door.ops, f"/v1/credits/{new['credit_id']}")
    assert (now["replaces"], now["priority"], now["expires_at"]) == (credit["id"], 7, "2031-01-01T00:00:00+00:00")
    assert (now["cohort_date"], now["issuer"], now["last4"]) == ("2026-11-21", "006", new["code"][-4:])
    status, found, _ = await ask(door.till, "/v1/balance-inquiries", {"code": new["code"]})
    assert (status, found["id"]) == (200, new["credit_id"])
    status, problem, _ = await ask(door.ops, path, {**REPAIR, "pin": "4712"}, key="i1")
    assert (status, problem["field"]) == (422, "pin")


async def test_an_unclaimed_credit_is_reissued_with_a_voucher(door: Door) -> None:
    credit = await issued(door, customer=None)
    new = (await done(door, f"/v1/credits/{credit['id']}/reissue", REPAIR, "i1"))["new"]
    assert (new["state"], new["owner"]) == ("unclaimed", None)
    async with aiohttp.ClientSession() as browser, browser.get(new["voucher"]["page_url"]) as page:
        assert page.status == 200
        assert "88.00" in await page.text()


async def test_money_moves_between_credits_of_one_customer(door: Door) -> None:
    first, second = await issued(door, "k1"), await issued(door, "k2")
    body = {"occurred_at": AT, "to": second["id"], "amount": "8.00", "currency": "USD"}
    moved = await done(door, f"/v1/credits/{first['id']}/transfers", body, "t1")
    assert (moved["balance"], moved["to"]["credit_id"], moved["to"]["balance"]) == ("80.00", second["id"], "96.00")
    whole = await done(door, f"/v1/credits/{first['id']}/transfers", {"occurred_at": AT, "to": second["id"]}, "t2")
    assert (whole["amount"], whole["to"]["balance"]) == ("80.00", "176.00")
    other = await issued(door, "k3", customer={"email": "ben.cole@example.com"})
    body = {"occurred_at": AT, "to": other["id"]}
    assert await refusal(door, f"/v1/credits/{second['id']}/transfers", body, "t3") == (409, "cannot-merge")


async def test_a_credit_is_corrected_frozen_and_let_go(door: Door) -> None:
    credit = await issued(door)
    path = f"/v1/credits/{credit['id']}"
    up = await done(door, f"{path}/adjustments", {**amount("2.00"), "direction": "up", "reason": "miscounted"}, "a1")
    down = await done(door, f"{path}/adjustments", {**amount("1.00"), "direction": "down", "reason": "too much"}, "a2")
    assert (up["balance"], down["balance"]) == ("90.00", "89.00")
    assert await refusal(door, f"{path}/unfreeze", REPAIR, "a3") == (409, "not-frozen")
    assert (await done(door, f"{path}/freeze", REPAIR, "a4"))["state"] == "frozen"
    assert await refusal(door, f"{path}/redemptions", amount("1.00"), "a5") == (409, "credit-frozen")
    assert (await done(door, f"{path}/unfreeze", REPAIR, "a6"))["state"] == "active"
    lines = (await read(door.ops, f"{path}/statement"))["lines"]
    assert [(one["verb"], one["change"], one["reason"]) for one in lines] == [
        ("issue", "88.00", ""),
        ("adjust", "2.00", "miscounted"),
        ("adjust", "-1.00", "too much"),
        ("freeze", "0.00", "rung up twice"),
        ("unfreeze", "0.00", "rung up twice"),
    ]


async def test_a_chargeback_takes_what_a_sale_holds(door: Door) -> None:
    path = f"/v1/credits/{(await issued(door))['id']}"
    await done(door, f"{path}/holds", amount("60.00", ends=LATER), "h1")
    assert await refusal(door, f"{path}/void", REPAIR, "h2") == (409, "credit-held")
    back = await done(door, f"{path}/chargeback", REPAIR, "h3")
    assert (back["state"], back["balance"], back["held"]) == ("void", "0.00", "0.00")


async def test_nothing_ends_early_and_cash_goes_by_the_law(door: Door) -> None:
    credit = await issued(door, bucket="paid", kind="gift_card", amount="9.00")
    path = f"/v1/credits/{credit['id']}"
    assert await refusal(door, f"{path}/expire", {"occurred_at": AT}, "e1") == (409, "not-expired-yet")
    nowhere = {**SALE, "place": "US-TX"}
    assert await refusal(door, f"{path}/cash-outs", nowhere, "e2") == (409, "cash-out-not-due")
    paid = await done(door, f"{path}/cash-outs", {**SALE, "place": "US-CA"}, "e3")
    assert (paid["amount"], paid["balance"], paid["sentence"]) == ("9.00", "0.00", "Done: pay out $9.00.")


async def test_a_gift_card_belongs_to_whoever_has_it(door: Door) -> None:
    card: dict[str, object] = {
        "kind": "gift_card",
        "bucket": "paid",
        "customer": None,
        "bearer": True,
        "pin": "4711",
        "priority": 5,
    }
    status, receipt, _ = await door.issue("b1", **card)
    assert status == 201, receipt
    credit = receipt["credit"]
    assert isinstance(credit, dict)
    assert (credit["state"], credit["owner"], receipt["voucher"]) == ("active", None, None)
    assert "pin" not in str(receipt)
    assert (await door.issue("b1", **card))[::2] == (200, True)
    for change, field in (({"pin": "4712"}, "pin"), ({"priority": 6}, "priority"), ({"bearer": False}, "bearer")):
        status, problem, _ = await door.issue("b1", **{**card, **change})
        assert (status, problem["code"], problem["field"]) == (422, "key-conflict", field)
    new = (await done(door, f"/v1/credits/{credit['id']}/reissue", REPAIR, "b2"))["new"]
    assert (new["state"], new["owner"], new["voucher"]) == ("active", None, None)
    status, problem, _ = await door.issue("b3", bearer=True)
    assert (status, problem["field"]) == (422, "bearer")
    named, _, _ = await door.issue("b4", **{**card, "customer": {"email": "ava.reed@example.com"}})
    assert named == 201


async def test_a_customer_spends_over_several_credits_in_burn_order(door: Door) -> None:
    paid = await issued(door, "k1", bucket="paid", amount="10.00")
    promo = await issued(door, "k2", bucket="promo", amount="10.00")
    first = await issued(door, "k3", bucket="paid", amount="10.00", priority=1)
    await issued(door, "k4", amount="500", currency="JPY")
    listed = await read(door.web, "/v1/customers/web:A1/credits")
    ids = [one["id"] for one in listed["credits"] if one["currency"] == "USD"]
    assert ids == [first["id"], promo["id"], paid["id"]]
    path = "/v1/customers/web:A1/redemptions"
    spent = await done(door, path, amount("25.00"), "s1")
    shown = [(part["credit_id"], part["amount"], part["balance"]) for part in spent["parts"]]
    assert shown == [(first["id"], "10.00", "0.00"), (promo["id"], "10.00", "0.00"), (paid["id"], "5.00", "5.00")]
    assert (spent["amount"], spent["sentence"]) == ("25.00", "Done: $25.00 taken from what the customer has.")
    assert await refusal(door, path, amount("5.01"), "s2") == (409, "not-enough-available")
    await done(door, path, amount("5.00", transaction_id="W2"), "s3")
    # What the key did first stays its answer, whatever can be spent by now.
    status, again, replay = await ask(door.ops, path, amount("25.00"), key="s1")
    assert (status, again, replay) == (200, spent, True)
    assert await refusal(door, path, amount("1.00"), "s4") == (409, "not-enough-available")
    status, problem, _ = await ask(door.ops, path, amount("24.00"), key="s1")
    assert (status, problem["field"]) == (422, "amount")
    assert await refusal(door, "/v1/customers/web:A2/redemptions", amount("1.00"), "s5") == (404, "unknown-credit")
    nobody = f"/v1/customers/{NOBODY}/redemptions"
    assert await refusal(door, nobody, amount("1.00"), "s6") == (404, "not-found")


async def test_totals_are_told_as_they_are_asked_for(door: Door) -> None:
    await issued(door, "k1")
    await issued(door, "k2", store="007", customer=None)
    plain = (await read(door.ops, "/v1/totals"))["totals"]
    assert [(one["account"], one["amount"], one["credits"]) for one in plain] == [
        ("owed:refund", "176.00", 2),
        ("returns", "-176.00", 0),
    ]
    split = (await read(door.ops, "/v1/totals?by=store,state"))["totals"]
    owed = [(one["store"], one["state"], one["amount"]) for one in split if one["account"] == "owed:refund"]
    assert owed == [("006", "active", "88.00"), ("007", "unclaimed", "88.00")]
    assert "bucket" not in split[0]
    async with door.ops.get("/v1/totals?by=colour") as response:
        assert (response.status, (await response.json(content_type=None))["field"]) == (422, "by")
    async with door.till.get("/v1/totals") as response:
        assert response.status == 403


@pytest.mark.parametrize(
    ("path", "status"), [("redemptions", 201), ("void", 403), ("adjustments", 403), ("freeze", 403), ("expire", 403)]
)
async def test_a_register_has_its_own_rights(door: Door, path: str, status: int) -> None:
    credit = await issued(door)
    asked = await ask(door.till, f"/v1/credits/{credit['id']}/{path}", amount("1.00"), key="x")
    assert asked[0] == status, asked


async def test_a_key_of_one_register_says_where_it_is(door: Door) -> None:
    own = await make_key(door.hub.db, door.hub.clock, "till-006-3", "register", place="006", register="3")
    path = f"/v1/credits/{(await issued(door))['id']}"
    async with aiohttp.ClientSession(door.url, headers={"Authorization": f"Bearer {own}"}) as till:
        assert (await ask(till, f"{path}/redemptions", amount("1.00"), key="n1"))[0] == 201
        other = amount("1.00", store="007")
        assert (await ask(till, f"{path}/redemptions", other, key="n2"))[0] == 403
        assert (await ask(till, f"{path}/holds", amount("1.00", ends=LATER, register="4"), key="n3"))[0] == 403
        batch = {
            "commands": [
                {"type": "redeem", "key": "n4", "credit_id": path.rpartition("/")[2], **amount("1.00")},
                {"type": "redeem", "key": "n5", "credit_id": path.rpartition("/")[2], **other},
            ]
        }
        _, answers, _ = await ask(till, "/v1/batches", batch)
        assert [one["status"] for one in answers["answers"]] == [201, 403]
    lines = (await read(door.ops, f"{path}/statement"))["lines"]
    assert [(one["store"], one["register"]) for one in lines] == [("006", "3")] * 3
    assert await ledger.credit_of_key(door.hub.db, "n2") is None
