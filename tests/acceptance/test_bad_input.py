"""Every field of every request, wrong in every way: a problem names the field and the mend, and nothing is written."""

import asyncio
import json
from datetime import timedelta

import pytest

from tests.acceptance.conftest import Door, sale
from tillbridge.kernel.clock import SystemClock
from tillbridge.ledger import store as ledger

AHEAD = (SystemClock().now() + timedelta(hours=1)).isoformat()

WRONG: list[tuple[str, object, str]] = [
    ("kind", None, "kind"),
    ("kind", 7, "kind"),
    ("kind", "voucher", "kind"),
    ("bucket", None, "bucket"),
    ("bucket", "bought", "bucket"),
    ("amount", None, "amount"),
    ("amount", 88, "amount"),
    ("amount", 88.0, "amount"),
    ("amount", "", "amount"),
    ("amount", "88,00", "amount"),
    ("amount", "1,234.50", "amount"),
    ("amount", "1e3", "amount"),
    ("amount", "NaN", "amount"),
    ("amount", "\u0663\u066b\u0665\u0660", "amount"),
    ("amount", " 88.00", "amount"),
    ("amount", "10.005", "amount"),
    ("amount", "9" * 30, "amount"),
    ("amount", "999999999999999.00", "amount"),
    ("amount", "9" * 300, "amount"),
    ("currency", None, "currency"),
    ("currency", "usd", "currency"),
    ("currency", "US", "currency"),
    ("currency", "ZZZ", "currency"),
    ("currency", "XXX", "currency"),
    ("currency", ["USD"], "currency"),
    ("store", None, "store"),
    ("store", "", "store"),
    ("store", 6, "store"),
    ("store", "x" * 65, "store"),
    ("store", "00\x006", "store"),
    ("store", "006\n", "store"),
    ("register", None, "register"),
    ("register", "", "register"),
    ("operator", None, "operator"),
    ("operator", {"id": 7}, "operator"),
    ("transaction_id", None, "transaction_id"),
    ("transaction_id", "T" * 65, "transaction_id"),
    ("occurred_at", None, "occurred_at"),
    ("occurred_at", "2026-11-21T14:02:11", "occurred_at"),
    ("occurred_at", "yesterday", "occurred_at"),
    ("occurred_at", 1763752931, "occurred_at"),
    ("occurred_at", "1970-01-01T00:00:00Z", "occurred_at"),
    ("occurred_at", AHEAD, "occurred_at"),
    ("expires_at", "2020-01-01T00:00:00Z", "expires_at"),
    ("expires_at", "2030-01-01T00:00:00", "expires_at"),
    ("customer", "ava.reed@example.com", "customer"),
    ("customer", {"email": 5}, "customer.email"),
    ("customer", {"email": "a" * 321}, "customer.email"),
    ("customer", {"mail": "ava.reed@example.com"}, "customer.mail"),
    ("customer", {"phone": "\x00"}, "customer.phone"),
    ("code", "ab!", "code"),
    ("code", "12", "code"),
    ("code", 12345678, "code"),
    ("colour", "red", "colour"),
]


async def totals(door: Door) -> list[object]:
    return list(await ledger.totals(door.hub.db))


async def test_every_wrong_field_is_named_with_its_mend(door: Door) -> None:
    for number, (field, value, named) in enumerate(WRONG):
        status, problem, _ = await door.issue(f"bad-{number}", **{field: value})
        told = (field, value, status, problem)
        assert status == 422, told
        assert problem["code"] == ("amount-too-fine" if value == "10.005" else "bad-input"), told
        assert problem["field"] == named, told
        assert problem["mend"], told
        assert problem["cashier"], told
        assert problem["retry"] == "new_key", told
        assert await ledger.credit_of_key(door.hub.db, f"bad-{number}") is None, told
    assert await totals(door) == []


async def test_amounts_that_a_currency_cannot_have(door: Door) -> None:
    for number, (amount, currency) in enumerate([("10.005", "USD"), ("10.5", "JPY"), ("1.2345", "KWD")]):
        status, problem, _ = await door.issue(f"fine-{number}", amount=amount, currency=currency)
        assert (status, problem["field"]) == (422, "amount")
        assert "finer" in str(problem["detail"])
    for number, (amount, currency, text) in enumerate(
        [("10", "USD", "10.00"), ("10", "JPY", "10"), ("1.5", "KWD", "1.500")]
    ):
        status, receipt, _ = await door.issue(f"good-{number}", amount=amount, currency=currency)
        assert status == 201, receipt
        credit = receipt["credit"]
        assert isinstance(credit, dict)
        assert credit["issued"] == text


async def test_zero_negative_and_too_much_are_refusals_with_a_code(door: Door) -> None:
    for amount, code in [("0", "amount-not-positive"), ("-5.00", "amount-not-positive"), ("2000.01", "over-limit")]:
        status, problem, replay = await door.issue(f"key{amount}", amount=amount)
        assert (status, problem["code"], problem["field"], replay) == (422, code, "amount", False)
        status, problem, replay = await door.issue(f"key{amount}", amount=amount)
        assert (status, problem["code"], replay) == (422, code, True)
    assert await totals(door) == []


BROKEN: list[tuple[bytes, int, str]] = [
    (b"", 400, "body"),
    (b"{", 400, "body"),
    (b"[]", 400, "body"),
    (b'"text"', 400, "body"),
    (b"\xff\xfe", 400, "body"),
    (b'{"kind": "store_credit",}', 400, "body"),
    (b"[" * 5000, 400, "body"),
    (b'{"store": "' + b"x" * 70_000 + b'"}', 413, "body"),
]


async def test_broken_and_oversized_bodies(door: Door) -> None:
    for raw, status, field in BROKEN:
        headers = {"Idempotency-Key": "broken", "Content-Type": "application/json"}
        async with door.till.post("/v1/credits", data=raw, headers=headers) as response:
            problem = await response.json(content_type=None)
            assert (response.status, problem["field"]) == (status, field), raw[:40]
            assert response.content_type == "application/problem+json"
            assert problem["mend"]


async def test_a_lone_surrogate_is_no_text(door: Door) -> None:
    raw = json.dumps(sale(store="STORE")).replace("STORE", "\\ud800").encode()
    headers = {"Idempotency-Key": "surrogate", "Content-Type": "application/json"}
    async with door.till.post("/v1/credits", data=raw, headers=headers) as response:
        assert response.status in (400, 422)


@pytest.mark.parametrize("key", ["", "k" * 201, "schlüssel", "tab\there"])
async def test_keys_that_cannot_be_used(door: Door, key: str) -> None:
    headers = {"Idempotency-Key": key} if key else {}
    async with door.till.post("/v1/credits", json=sale(), headers=headers) as response:
        problem = await response.json(content_type=None)
        assert (response.status, problem["field"]) == (400, "Idempotency-Key"), problem


async def test_the_key_of_another_request_names_what_differs(door: Door) -> None:
    assert (await door.issue("k1"))[0] == 201
    changes: list[tuple[dict[str, object], str]] = [
        ({"amount": "88.01"}, "amount"),
        ({"currency": "JPY", "amount": "88"}, "amount"),
        ({"operator": "op08"}, "operator"),
        ({"occurred_at": "2026-11-21T14:02:12-05:00"}, "occurred_at"),
        ({"customer": {"email": "ben.cole@example.com"}}, "customer.email"),
        ({"customer": None}, "customer.email"),
        ({"code": "6281670170002304"}, "code"),
    ]
    for change, field in changes:
        status, problem, _ = await door.issue("k1", **change)
        assert (status, problem["code"], problem["field"]) == (422, "key-conflict", field)
    # The same moment, written in another zone, and the same amount, written shorter, are the same request.
    same = {"amount": "88", "occurred_at": "2026-11-21T19:02:11Z"}
    assert (await door.issue("k1", **same))[::2] == (200, True)


async def test_one_key_at_once_is_one_credit(door: Door) -> None:
    answers = await asyncio.gather(*(door.issue("same") for _ in range(50)))
    created = [body for status, body, _ in answers if status == 201]
    assert len(created) == 1
    assert {status for status, _, _ in answers} <= {200, 201, 409}
    total = {one.account: one.amount for one in await ledger.totals(door.hub.db)}
    assert total == {"owed:refund": 8800, "returns": -8800}


OTHER_REQUESTS: list[tuple[str, dict[str, object], str]] = [
    ("redemptions", {"amount": "5"}, "occurred_at"),
    ("redemptions", {"amount": "5", "transaction_id": "W1", "occurred_at": "2026-11-21T14:02:11Z"}, "currency"),
    ("redemptions", {"amount": 5, "currency": "USD"}, "amount"),
    ("redemptions", {"amount": "5", "currency": "USD", "occurred_at": "2026-11-21T14:02:11Z"}, "transaction_id"),
    (
        "redemptions",
        {"amount": "5.005", "currency": "USD", "transaction_id": "W1", "occurred_at": "2026-11-21T14:02:11Z"},
        "amount",
    ),
    ("redemptions", {"amount": "5", "currency": "USD", "transaction_id": "W1", "occurred_at": AHEAD}, "occurred_at"),
    ("void", {"occurred_at": "2026-11-21T14:02:11Z"}, "reason"),
    ("void", {"occurred_at": "2026-11-21T14:02:11Z", "reason": ""}, "reason"),
    ("void", {"occurred_at": "2026-11-21T14:02:11Z", "reason": "x" * 501}, "reason"),
    ("void", {"occurred_at": "2026-11-21T14:02:11Z", "reason": "a", "amount": "5"}, "amount"),
]


async def test_the_other_requests(door: Door) -> None:
    _, receipt, _ = await door.issue("k1")
    credit = receipt["credit"]
    assert isinstance(credit, dict)
    before = await totals(door)
    for number, (verb, body, field) in enumerate(OTHER_REQUESTS):
        headers = {"Idempotency-Key": f"other-{number}"}
        async with door.ops.post(f"/v1/credits/{credit['id']}/{verb}", json=body, headers=headers) as response:
            problem = await response.json(content_type=None)
            assert (response.status, problem["field"]) == (422, field), (verb, body, problem)
            assert problem["mend"]
    assert await totals(door) == before


@pytest.mark.parametrize(
    ("path", "status", "field"),
    [
        ("/v1/credits/nonsense", 422, "id"),
        ("/v1/credits/01a1fdfa-4600-7368-8023-b682af5570ee", 404, None),
        ("/v1/credits/01a1fdfa-4600-7368-8023-b682af5570ee/trail", 404, None),
        ("/v1/customers/web:nobody/credits", 404, None),
        ("/v1/customers/nonsense/credits", 422, "id"),
        ("/v1/handoffs?state=lost", 422, "state"),
        ("/v1/handoffs?cursor=zzz", 422, "cursor"),
        ("/v1/handoffs?limit=0", 422, "limit"),
        ("/v1/reviews?cursor=zzz", 422, "cursor"),
        ("/v1/nothing", 404, None),
    ],
)
async def test_addresses_and_queries(door: Door, path: str, status: int, field: str | None) -> None:
    async with door.ops.get(path) as response:
        problem = await response.json(content_type=None)
        assert (response.status, problem.get("field")) == (status, field), problem


EVENTS: list[tuple[dict[str, object], int, str]] = [
    ({}, 422, "type"),
    ({"type": "customer.deleted"}, 422, "type"),
    ({"type": "customer.updated"}, 422, "customer"),
    ({"type": "customer.updated", "customer": {"account_id": ""}}, 422, "customer.account_id"),
    ({"type": "customer.updated", "customer": {"account_id": "A9", "email": "no at sign"}}, 422, "customer.email"),
    ({"type": "customers.updated", "customers": []}, 422, "customers"),
    ({"type": "handoff.confirmed", "key": "nonsense"}, 422, "key"),
    ({"type": "handoff.confirmed", "key": "01a1fdfa-4600-7368-8023-b682af5570ee:platform-web"}, 404, ""),
    ({"type": "handoff.confirmed", "key": "01a1fdfa-4600-7368-8023-b682af5570ee:platform-erp"}, 404, ""),
]


async def test_events_of_systems(door: Door) -> None:
    for body, status, field in EVENTS:
        async with door.web.post("/v1/events/web", json=body) as response:
            problem = await response.json(content_type=None)
            assert (response.status, problem.get("field", "")) == (status, field), (body, problem)


async def test_who_may_not(door: Door) -> None:
    async with door.till.post("/v1/credits", json=sale(), headers={"Authorization": "Bearer wrong"}) as response:
        assert response.status == 401
        assert response.headers["WWW-Authenticate"] == "Bearer"
        assert (await response.json(content_type=None))["code"] == "unknown-key"
    async with door.web.post("/v1/credits", json=sale(), headers={"Idempotency-Key": "k"}) as response:
        assert (response.status, (await response.json(content_type=None))["code"]) == (403, "not-allowed")
    async with door.web.post("/v1/events/erp", json={"type": "customers.updated", "customers": []}) as response:
        assert response.status == 403
    async with door.till.delete("/v1/credits") as response:
        assert (response.status, response.headers["Allow"]) == (405, "POST")
    assert await totals(door) == []


async def test_the_first_answer_stays_whatever_the_clock_says_later(door: Door) -> None:
    soon = (SystemClock().now() + timedelta(seconds=1)).isoformat()
    assert (await door.issue("k1", expires_at=soon))[0] == 201
    await asyncio.sleep(1.1)
    status, receipt, replay = await door.issue("k1", expires_at=soon)
    assert (status, replay) == (200, True), receipt
    assert (await door.issue("k2", expires_at=soon))[0] == 422
    async with door.web.get("/v1/customers/web:A1/credits") as response:
        shown = await response.json()
        assert shown["totals"] == [{"currency": "USD", "available": "0.00"}]
        assert [one["state"] for one in shown["credits"]] == ["expired"]


async def test_a_conflict_never_tells_the_cashier_to_ring_again(door: Door) -> None:
    _, receipt, _ = await door.issue("k1")
    status, problem, _ = await door.issue("k1", amount="12.00")
    assert (status, problem["retry"]) == (422, "never")
    assert "Do not ring it again" in str(problem["cashier"])
    credit = receipt["credit"]
    assert isinstance(credit, dict)
    assert problem["credit_id"] == credit["id"]


HOSTILE: list[tuple[str, str, dict[str, str], bytes, int]] = [
    ("POST", "/v1/credits", {"Content-Encoding": "gzip", "Idempotency-Key": "k"}, b"not gzip", 400),
    ("POST", "/v1/credits", {"Idempotency-Key": "claim:01a1fdfa"}, b"{}", 400),
    ("GET", "/v1/credits/01a1fdfa-4600-7368-8023-b682af5570ee?at=9999-12-31T23:59:59-05:00", {}, b"", 404),
    ("GET", f"/v1/handoffs?limit={'0' * 5000}1", {}, b"", 422),
    ("GET", "/v1/handoffs?hop=%00", {}, b"", 422),
    ("GET", "/v1/customers/web:%00/credits", {}, b"", 422),
]


async def test_hostile_requests_are_never_a_fault(door: Door) -> None:
    for method, path, headers, body, status in HOSTILE:
        async with door.ops.request(method, path, headers=headers, data=body or None) as response:
            assert response.status == status, (path[:60], await response.text())
    for forever in ("9999-12-31T23:59:59-05:00", "9999-12-31T23:59:59.999999-23:59"):
        status, problem, _ = await door.issue("k-for-ever", expires_at=forever)
        assert (status, problem["field"]) == (422, "expires_at")
    headers = {"Prefer": "wait=" + "9" * 3000, "Idempotency-Key": "patient"}
    async with door.till.post("/v1/credits", json=sale(), headers=headers) as response:
        assert response.status == 201


async def test_what_the_authority_takes_is_in_the_map(door: Door) -> None:
    status, problem, _ = await door.issue("k1", amount="12.00", currency="EUR")
    assert (status, problem["field"]) == (422, "currency")
    assert "only USD, JPY, KWD" in str(problem["detail"])


async def test_a_till_does_not_read_what_people_typed(door: Door) -> None:
    for path in ("/v1/reviews", "/v1/handoffs"):
        async with door.till.get(path) as response:
            assert response.status == 403
        async with door.ops.get(path) as response:
            assert response.status == 200
