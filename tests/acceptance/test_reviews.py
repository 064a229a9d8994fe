"""What a person decides about reviews, credits and people, over HTTP."""

from typing import Any

import aiohttp
import pytest

from tests.acceptance.asking import AT, ask, done, issued, read
from tests.acceptance.conftest import ACCOUNTS, Door
from tillbridge.api.keys import make_key

SLIP = {"email": "ava.reid@example.com"}
WHY = {"evidence": "She showed the receipt and her account page."}


async def review_of(door: Door, key: str = "k1", **changes: object) -> dict[str, Any]:
    """The review of a credit whose e-mail was mistyped."""
    credit = await issued(door, key, **{"customer": SLIP, "transaction_id": f"T-{key}", **changes})
    assert credit["state"] == "unclaimed"
    found = await read(door.ops, "/v1/reviews")
    (review,) = [one for one in found["reviews"] if one["credit_id"] == credit["id"]]
    assert isinstance(review, dict)
    return review


async def decide(door: Door, review: dict[str, Any], key: str = "d1", **body: object) -> tuple[int, Any, bool]:
    sent = {"decision": "link", "customer": "web:A1", **WHY, **body}
    return await ask(door.ops, f"/v1/reviews/{review['id']}/decision", sent, key=key)


async def ours(door: Door, name: str = "web:A1") -> str:
    found = await read(door.ops, f"/v1/customers/{name}")
    return str(found["customer_id"])


async def test_a_review_has_ranked_candidates_with_reasons_field_by_field(door: Door) -> None:
    review = await review_of(door, customer={**SLIP, "phone": "212-555-0143", "name": "Ava Reed"})
    first = review["candidates"][0]
    assert first["accounts"] == ["web:A1"]
    assert [(one["field"], one["sentence"]) for one in first["reasons"]] == [
        ("email", "similar e-mail"),
        ("phone", "same phone, not verified"),
        ("name", "no name on file"),
    ]
    assert first["reasons"][0]["held"] == "a…@example.com"
    assert "ava.reed@example.com" not in str(review["candidates"])


async def test_a_link_claims_the_credit_once_and_is_kept_with_its_evidence(door: Door) -> None:
    review = await review_of(door)
    status, body, replay = await decide(door, review)
    assert (status, replay, body["decision"], body["decided_by"]) == (201, False, "link", "ops")
    assert body["evidence"] == WHY["evidence"]
    credit = await read(door.ops, f"/v1/credits/{review['credit_id']}")
    assert (credit["state"], credit["owner"]) == ("active", await ours(door))
    assert await decide(door, review) == (200, body, True)
    assert (await decide(door, review, customer="web:A2"))[1]["code"] == "key-conflict"
    assert (await decide(door, review, key="d2"))[1]["code"] == "already-decided"
    assert (await read(door.ops, "/v1/reviews"))["reviews"] == []
    trail = await read(door.ops, f"/v1/credits/{review['credit_id']}/trail")
    assert any(one["what"] == "A person linked it" and "ops" in one["detail"] for one in trail["facts"])


async def test_a_link_is_taken_back_while_nothing_is_spent(door: Door) -> None:
    review = await review_of(door)
    await decide(door, review)
    path = f"/v1/reviews/{review['id']}/undo"
    status, undo, _ = await ask(door.ops, path, WHY, key="u1")
    assert (status, undo["decision"]) == (201, "undo")
    old = await read(door.ops, f"/v1/credits/{review['credit_id']}")
    new = await read(door.ops, f"/v1/credits/{undo['new_credit_id']}")
    assert (old["state"], old["balance"], old["owner"]) == ("void", "0.00", await ours(door))
    assert (new["state"], new["balance"], new["owner"]) == ("unclaimed", "88.00", None)
    (again,) = (await read(door.ops, "/v1/reviews"))["reviews"]
    assert (again["credit_id"], again["given"]) == (new["id"], review["given"])
    assert await ask(door.ops, path, WHY, key="u1") == (200, undo, True)
    assert (await ask(door.ops, path, WHY, key="u2"))[1]["code"] == "already-decided"
    # And it can be decided anew, for somebody else.
    status, body, _ = await decide(door, again, key="d9", customer="web:A2")
    assert (status, body["customer_id"]) == (201, await ours(door, "web:A2"))


@pytest.mark.parametrize(("amount", "said"), [("88.00", "Nothing is left"), ("8.00", "has been spent since")])
async def test_what_was_spent_is_not_taken_back(door: Door, amount: str, said: str) -> None:
    review = await review_of(door)
    await decide(door, review)
    body = {"amount": amount, "currency": "USD", "occurred_at": AT, "transaction_id": "W1"}
    await done(door, f"/v1/credits/{review['credit_id']}/redemptions", body, "r1")
    status, problem, _ = await ask(door.ops, f"/v1/reviews/{review['id']}/undo", WHY, key="u1")
    assert (status, problem["code"]) == (409, "already-spent")
    assert said in problem["detail"]


async def test_a_credit_that_is_left_unclaimed_can_be_reviewed_again(door: Door) -> None:
    review = await review_of(door)
    status, body, _ = await decide(door, review, decision="leave", customer="")
    assert (status, body["decision"]) == (201, "leave")
    assert (await read(door.ops, "/v1/reviews"))["reviews"] == []
    status, _, _ = await ask(door.ops, f"/v1/reviews/{review['id']}/undo", WHY, key="u1")
    assert status == 201
    assert [one["id"] for one in (await read(door.ops, "/v1/reviews"))["reviews"]] == [review["id"]]


async def test_who_may_not_decide_and_what_cannot_be_decided(door: Door) -> None:
    review = await review_of(door)
    path = f"/v1/reviews/{review['id']}/decision"
    sent = {"decision": "link", "customer": "web:A1", **WHY}
    assert (await ask(door.till, path, sent, key="x"))[0] == 403
    assert (await ask(door.ops, path, sent))[0] == 400
    assert (await decide(door, review, customer="web:A9"))[0] == 404
    assert (await decide(door, review, customer=""))[0] == 422
    assert (await decide(door, review, evidence=""))[0] == 422
    assert (await decide(door, review, decision="shared", customer=""))[0] == 404
    unknown = {**review, "id": "01976f00-0000-7000-8000-000000000001"}
    assert (await decide(door, unknown))[0] == 404
    assert (await ask(door.ops, f"/v1/reviews/{unknown['id']}/undo", WHY, key="x"))[0] == 404
    credit = await read(door.ops, f"/v1/credits/{review['credit_id']}")
    assert credit["state"] == "unclaimed"


async def test_a_merge_makes_two_one_and_the_undo_two_again(door: Door) -> None:
    ava, ben = await ours(door), await ours(door, "web:A2")
    await issued(door, "k1", transaction_id="T1")
    await issued(door, "k2", transaction_id="T2", customer={"email": "ben.cole@example.com"}, amount="12.00")
    before = [await read(door.ops, f"/v1/customers/{name}/credits") for name in (ava, ben)]
    status, merged, _ = await ask(door.ops, "/v1/customers/web:A2/merge", {"into": "web:A1", **WHY}, key="m1")
    assert status == 201
    for name in (ava, ben, "web:A1", "web:A2"):
        both = await read(door.ops, f"/v1/customers/{name}/credits")
        assert [one["available"] for one in both["totals"]] == ["100.00"]
    person = await read(door.ops, f"/v1/customers/{ben}")
    assert (person["customer_id"], person["same_person"]) == (ava, [ben])
    assert person["accounts"] == ["web:A1", "web:A2"]
    assert person["history"][0]["what"] == "merged"
    # A redemption over the person's credits sees both.
    body = {"amount": "95.00", "currency": "USD", "occurred_at": AT, "transaction_id": "W1"}
    spent = await done(door, f"/v1/customers/{ben}/redemptions", body, "r1")
    assert len(spent["parts"]) == 2
    back = {**body, "amount": "83.00", "cause": "W1"}
    for credit in (one["credits"][0]["id"] for one in before):
        part = next(one for one in spent["parts"] if one["credit_id"] == credit)
        await done(door, f"/v1/credits/{credit}/refunds", {**back, "amount": part["amount"]}, f"b-{credit}")
    # A new credit is the person's, whichever of them is named.
    assert (await issued(door, "k3", customer={"email": "ben.cole@example.com"}))["owner"] == ava
    status, _, _ = await ask(door.ops, f"/v1/decisions/{merged['id']}/undo", WHY, key="u1")
    assert status == 201
    after = await read(door.ops, f"/v1/customers/{ben}/credits")
    assert (after["same_person"], after["totals"]) == ([], before[1]["totals"])
    assert (await read(door.ops, f"/v1/customers/{ben}"))["accounts"] == ["web:A2"]
    assert (await issued(door, "k4", customer={"email": "ben.cole@example.com"}))["owner"] == ben


async def test_a_wrong_link_moves_what_is_left(door: Door) -> None:
    credit = await issued(door)
    body = {"amount": "80.00", "currency": "USD", "occurred_at": AT, "transaction_id": "W1"}
    await done(door, f"/v1/credits/{credit['id']}/redemptions", body, "r1")
    path = f"/v1/credits/{credit['id']}/unlink"
    status, moved, _ = await ask(door.ops, path, {"customer": "web:A2", **WHY}, key="n1")
    assert status == 201
    new = await read(door.ops, f"/v1/credits/{moved['new_credit_id']}")
    assert (new["balance"], new["owner"], new["replaces"]) == ("8.00", await ours(door, "web:A2"), credit["id"])
    assert await ask(door.ops, path, {"customer": "web:A2", **WHY}, key="n1") == (200, moved, True)
    # To nobody: with a voucher and a review.
    status, again, _ = await ask(door.ops, f"/v1/credits/{new['id']}/unlink", WHY, key="n2")
    assert status == 201
    waiting = await read(door.ops, f"/v1/credits/{again['new_credit_id']}")
    assert (waiting["state"], waiting["balance"]) == ("unclaimed", "8.00")
    assert [one["credit_id"] for one in (await read(door.ops, "/v1/reviews"))["reviews"]] == [waiting["id"]]
    statement = await read(door.ops, f"/v1/credits/{credit['id']}/statement")
    assert statement["lines"][-1]["verb"] == "reissue"
    assert statement["lines"][-1]["key"].startswith(f"unlink:{moved['id']}:")


async def test_nothing_left_is_nothing_to_move(door: Door) -> None:
    credit = await issued(door)
    body = {"amount": "88.00", "currency": "USD", "occurred_at": AT, "transaction_id": "W1"}
    await done(door, f"/v1/credits/{credit['id']}/redemptions", body, "r1")
    status, problem, _ = await ask(door.ops, f"/v1/credits/{credit['id']}/unlink", WHY, key="n1")
    assert (status, problem["code"]) == (409, "already-spent")
    assert problem["detail"] == "Nothing is left of this credit to move: it has been spent."


async def test_an_account_and_an_identifier_are_unlinked_and_linked_again(door: Door) -> None:
    ava = await ours(door)
    sent = {"account": "web:A1", **WHY}
    status, apart, _ = await ask(door.ops, "/v1/customers/web:A1/unlink", sent, key="a1")
    assert status == 201
    assert await ours(door) == apart["customer_id"] != ava
    assert (await read(door.ops, f"/v1/customers/{ava}"))["accounts"] == []
    assert (await ask(door.ops, f"/v1/decisions/{apart['id']}/undo", WHY, key="a2"))[0] == 201
    assert await ours(door) == ava
    sent = {"kind": "email", "value": "Ava.Reed@example.com", **WHY}
    status, denied, _ = await ask(door.ops, f"/v1/customers/{ava}/unlink", sent, key="i1")
    assert status == 201
    assert (await issued(door, "k1", transaction_id="T1"))["state"] == "unclaimed"
    # The storefront goes on saying that it is verified: the decision stands.
    body = {"type": "customers.updated", "customers": ACCOUNTS}
    assert (await ask(door.web, "/v1/events/web", body))[0] == 202
    assert (await issued(door, "k2", transaction_id="T2"))["state"] == "unclaimed"
    assert (await ask(door.ops, f"/v1/decisions/{denied['id']}/undo", WHY, key="i2"))[0] == 201
    assert (await issued(door, "k3", transaction_id="T3"))["owner"] == ava


@pytest.mark.parametrize(
    ("decision", "state"), [("same-person", "active"), ("belongs-to", "active"), ("shared", "unclaimed")]
)
async def test_a_value_that_two_have_proved_waits_for_a_person(door: Door, decision: str, state: str) -> None:
    twin = {"account_id": "A3", "email": "ava.reed@example.com", "email_verified": True}
    body = {"type": "customer.updated", "customer": twin}
    assert (await ask(door.web, "/v1/events/web", body))[0] == 202
    assert (await issued(door, "k1", transaction_id="T1"))["state"] == "unclaimed"
    (conflict,) = (await read(door.ops, "/v1/reviews"))["conflicts"]
    assert (conflict["identifier"], conflict["value"]) == ("email", "a…@example.com")
    assert set(conflict["customers"]) == {await ours(door), await ours(door, "web:A3")}
    sent = {"decision": decision, "customer": "" if decision == "shared" else "web:A1", **WHY}
    path = f"/v1/reviews/{conflict['id']}/decision"
    status, made, _ = await ask(door.ops, path, sent, key="c1")
    assert status == 201, made
    assert (await read(door.ops, "/v1/reviews"))["conflicts"] == []
    credit = await issued(door, "k2", transaction_id="T2")
    assert credit["state"] == state
    assert credit["owner"] == (await ours(door) if state == "active" else None)
    assert (await ask(door.ops, f"/v1/reviews/{conflict['id']}/undo", WHY, key="c2"))[0] == 201
    assert len((await read(door.ops, "/v1/reviews"))["conflicts"]) == 1
    assert (await issued(door, "k3", transaction_id="T3"))["state"] == "unclaimed"


async def test_an_account_of_somebody_else_is_not_unlinked_here(door: Door) -> None:
    ava = await ours(door)
    path = f"/v1/customers/{await ours(door, 'web:A2')}/unlink"
    assert (await ask(door.ops, path, {"account": "web:A1", **WHY}, key="w1"))[0] == 404
    assert await ours(door) == ava
    credit = await issued(door)
    status, apart, _ = await ask(door.ops, "/v1/customers/web:A1/unlink", {"account": "web:A1", **WHY}, key="w2")
    assert (status, apart["left_with"]) == (201, [credit["id"]])


async def test_what_is_nobodys_again_comes_with_its_voucher(door: Door) -> None:
    review = await review_of(door)
    status, linked, _ = await decide(door, review)
    assert (status, linked["voucher"]) == (201, None)
    _, undo, _ = await ask(door.ops, f"/v1/reviews/{review['id']}/undo", WHY, key="u1")
    new = await read(door.ops, f"/v1/credits/{undo['new_credit_id']}")
    assert new["state"] == "unclaimed"
    assert undo["voucher"]["claim_url"].endswith(undo["voucher"]["claim_code"])


async def test_a_key_of_another_store_decides_nothing_here(door: Door) -> None:
    review = await review_of(door)
    key = await make_key(door.hub.db, door.hub.clock, "sup9", "operations", "", place="009")
    async with aiohttp.ClientSession(door.url, headers={"Authorization": f"Bearer {key}"}) as nine:
        path, sent = f"/v1/reviews/{review['id']}/decision", {"decision": "link", "customer": "web:A1", **WHY}
        status, problem, _ = await ask(nine, path, sent, key="n1")
        assert (status, problem["code"]) == (403, "not-allowed")
        credit = await issued(door, "k9", transaction_id="T9")
        assert (await ask(nine, f"/v1/credits/{credit['id']}/unlink", WHY, key="n2"))[0] == 403


async def test_conflicts_have_pages(door: Door) -> None:
    for number in range(6, 10):
        twin = {"account_id": f"T{number}", "email": f"t{number // 2}@example.com", "email_verified": True}
        body = {"type": "customer.updated", "customer": twin}
        assert (await ask(door.web, "/v1/events/web", body))[0] == 202
    first = await read(door.ops, "/v1/reviews?limit=1")
    second = await read(door.ops, f"/v1/reviews?limit=1&conflicts_cursor={first['next_conflicts']}")
    third = await read(door.ops, f"/v1/reviews?limit=1&conflicts_cursor={second['next_conflicts']}")
    (one,), (two,) = first["conflicts"], second["conflicts"]
    assert one["id"] != two["id"]
    assert (third["conflicts"], third["next_conflicts"]) == ([], None)
    status, problem, _ = await ask(door.ops, "/v1/reviews?conflicts_cursor=x", method="GET")
    assert (status, problem["field"]) == (422, "conflicts_cursor")
