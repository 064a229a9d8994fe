"""Every field of every verb's body, wrong: a problem names the field and the mend, and nothing is written."""

from datetime import timedelta

import msgspec
import pytest

from tests.acceptance.asking import AT, REPAIR, SALE, amount, ask, issued, read
from tests.acceptance.conftest import Door
from tillbridge.api.verbs import VERB_DOORS, VerbDoor
from tillbridge.kernel.clock import SystemClock
from tillbridge.ledger import store as ledger

NOW = SystemClock().now()
AHEAD = (NOW + timedelta(hours=1)).isoformat()
PAST = "2026-01-01T00:00:00Z"
ANOTHER = "01a1fdfa-4600-7368-8023-b682af5570ee"

GOOD: dict[str, dict[str, object]] = {
    "import": {"occurred_at": AT, "code": "6281670170002304", "currency": "USD"},
    "activate": amount("5.00"),
    "load": amount("5.00"),
    "redeem": amount("5.00"),
    "redeem-over": amount("5.00"),
    "hold": amount("5.00", ends=AHEAD),
    "capture": amount("5.00"),
    "release": {"occurred_at": AT},
    "refund": amount("5.00", cause="W0"),
    "cash-out": SALE,
    "void": REPAIR,
    "reissue": REPAIR,
    "transfer": {"occurred_at": AT, "to": ANOTHER, "amount": "5.00", "currency": "USD"},
    "adjust": {**amount("5.00"), "direction": "up", "reason": "miscounted"},
    "freeze": REPAIR,
    "unfreeze": REPAIR,
    "chargeback": REPAIR,
    "expire": {"occurred_at": AT},
}
"""A good body for each verb: what is wrong with the ones below is only what is changed."""

TEXT: list[object] = [7, ["a"], "x" * 501, "a\x00b", "line\nbreak"]
WRONG: dict[str, list[object]] = {
    "occurred_at": ["2026-11-21T14:02:11", "yesterday", 1763752931, None, "1970-01-01T00:00:00Z", AHEAD],
    "transaction_id": [*TEXT, "x" * 65],
    "store": [*TEXT, "x" * 65],
    "register": [*TEXT, "x" * 65],
    "operator": [*TEXT, "x" * 65],
    "amount": ["", "5,00", 5, 5.0, "1e3", "NaN", "5.005", "9" * 30, "9" * 300],
    "currency": ["usd", "US", "ZZZ", ["USD"]],
    "code": [7, "12", "ab!", "x" * 65],
    "pin": [4711, "12", "abcd", "123456789"],
    "bucket": [7, "bought", None],
    "expires_at": [PAST, "2030-01-01T00:00:00", "soon", 7],
    "ends": [PAST, (NOW + timedelta(days=32)).isoformat(), "9999-12-31T23:59:59-05:00", "soon", None, 7],
    "customer": [7, "nobody", "x" * 321, "a\x00b"],
    "cause": [*TEXT, "x" * 65],
    "place": [7, "Texas", "us-tx", "US-XX", "ZZ"],
    "more": ["yes", 1, None],
    "reason": TEXT,
    "direction": ["sideways", 7, None],
    "to": ["nonsense", 7, None],
}
"""What no field of this name takes."""

INSIDE: list[tuple[object, str]] = [
    (7, "expected"),
    ({}, "expected.amount"),
    ({"amount": "5.00"}, "expected.currency"),
    ({"amount": 5, "currency": "USD"}, "expected.amount"),
    ({"amount": "5.005", "currency": "USD"}, "expected.amount"),
    ({"amount": "5.00", "currency": "ZZZ"}, "expected.currency"),
    ({"amount": "5.00", "currency": "USD", "sign": "+"}, "expected.sign"),
]
"""The same for `expected`, with the field that is named."""


def wrong_bodies(door: VerbDoor) -> list[tuple[dict[str, object], str]]:
    """The good body with one thing wrong, and the field that is to be named."""
    good, bodies = GOOD[door.name], list[tuple[dict[str, object], str]]()
    for field in msgspec.structs.fields(door.body):
        name = field.name
        if field.required:
            bodies.append(({key: value for key, value in good.items() if key != name}, name))
        if name == "expected":
            bodies += [({**good, name: value}, named) for value, named in INSIDE]
        else:
            bodies += [({**good, name: value}, name) for value in WRONG[name]]
    return [*bodies, ({**good, "colour": "red"}, "colour"), ({**good, "approver": "me"}, "approver")]


@pytest.mark.parametrize("verb", VERB_DOORS, ids=lambda verb: verb.name)
async def test_every_wrong_field_is_named_with_its_mend(door: Door, verb: VerbDoor) -> None:
    credit = await issued(door)
    held = amount("1.00", ends=AHEAD)
    _, hold, _ = await ask(door.ops, f"/v1/credits/{credit['id']}/holds", held, key="hold")
    about = {"credit_id": credit["id"], "hold_id": hold["hold"]["id"], "customer": "web:A1", "": ""}[verb.about]
    before, path = list(await ledger.totals(door.hub.db)), verb.path.replace("{id}", str(about))
    for number, (body, field) in enumerate(wrong_bodies(verb)):
        status, problem, _ = await ask(door.ops, path, body, key=f"wrong-{number}")
        assert (status, problem.get("field")) == (422, field), (body, problem)
        assert problem["code"] == ("amount-too-fine" if "5.005" in str(body) else "bad-input"), problem
        assert problem["mend"], problem
        assert problem["cashier"], problem
        assert await ledger.credit_of_key(door.hub.db, f"wrong-{number}") is None, problem
    assert list(await ledger.totals(door.hub.db)) == before
    assert (await read(door.ops, f"/v1/credits/{credit['id']}"))["version"] == 2


@pytest.mark.parametrize("verb", VERB_DOORS, ids=lambda verb: verb.name)
async def test_what_every_endpoint_asks_for(door: Door, verb: VerbDoor) -> None:
    good = GOOD[verb.name]
    if verb.about:
        bad = "" if verb.about == "customer" else "nonsense"
        status, problem, _ = await ask(door.ops, verb.path.replace("{id}", bad or "nobody"), good, key="k")
        assert (status, problem["field"]) == (422, "id")
    path = verb.path.replace("{id}", ANOTHER)
    status, problem, _ = await ask(door.ops, path, good)
    assert (status, problem["field"]) == (400, "Idempotency-Key")
    status, problem, _ = await ask(door.ops, path, [], key="k")
    assert (status, problem["field"]) == (400, "body")
    async with door.ops.post(path, data=b"{", headers={"Idempotency-Key": "k"}) as response:
        assert (response.status, (await response.json(content_type=None))["field"]) == (400, "body")
    status, problem, _ = await ask(door.web, path, good, key="k")
    assert (status == 403) is (verb.name not in ("redeem", "redeem-over", "hold", "capture", "release", "refund"))
    if verb.about:
        status, problem, _ = await ask(door.ops, path, good, key="unknown")
        unknown = {"hold_id": "unknown-hold", "customer": "not-found"}.get(verb.about, "unknown-credit")
        assert (status, problem["code"]) == (404, unknown)


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        ("transfers", {"occurred_at": AT, "to": ANOTHER, "amount": "5.00"}, "currency"),
        ("transfers", {"occurred_at": AT, "to": ANOTHER, "currency": "USD"}, "amount"),
    ],
)
async def test_an_amount_has_a_currency(door: Door, path: str, body: dict[str, object], field: str) -> None:
    status, problem, _ = await ask(door.ops, f"/v1/credits/{ANOTHER}/{path}", body, key="k")
    assert (status, problem["field"]) == (422, field)


async def test_a_time_that_has_passed_by_now_keeps_its_first_answer(door: Door) -> None:
    credit = await issued(door)
    soon = (SystemClock().now() + timedelta(milliseconds=900)).isoformat()
    path, body = f"/v1/credits/{credit['id']}/holds", amount("5.00", ends=soon)
    status, first, _ = await ask(door.ops, path, body, key="h")
    assert status == 201
    while SystemClock().now().isoformat() <= soon:
        await read(door.ops, f"/v1/credits/{credit['id']}")
    assert await ask(door.ops, path, body, key="h") == (200, first, True)
    assert (await ask(door.ops, path, body, key="h2"))[0] == 422
