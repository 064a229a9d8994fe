"""The connector's decisions: what an answer means, row by row, and the signature."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tillbridge.connectors.http import finds_of, found_of, outcome_of, outcomes_of, retry_after, secret_bytes, signed
from tillbridge.handoff.ports import (
    Accepted,
    CannotTell,
    Confirmed,
    Found,
    NotSent,
    NotThere,
    NotYet,
    Outcome,
    Refused,
    There,
    Unknown,
)

SAID = b'{"code": "schema", "message": "No such field."}'


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (200, b'{"reference": "doc-1"}', Confirmed("doc-1")),
        (201, b'{"reference": ""}', Confirmed("")),
        (202, b"", Accepted()),
        (400, SAID, Refused("schema", "No such field.", True)),
        (400, b"{}", Refused("http-400", "It answered 400.", True)),
        (401, b"", Refused("not-allowed", "It answered 401.", False, everything=True)),
        (403, SAID, Refused("schema", "No such field.", False, everything=True)),
        (404, SAID, Refused("schema", "No such field.", True)),
        (405, b"{}", Refused("http-405", "It answered 405.", True)),
        (409, b"", Refused("conflict", "It answered 409.", False)),
        (410, SAID, Refused("schema", "No such field.", True)),
        (413, b'{"size": 1}', Refused("http-413", "It answered 413.", True)),
        (422, SAID, Refused("schema", "No such field.", True)),
        (423, b'{"code": "lock", "message": 3}', Refused("lock", "It answered 423.", False)),
        (425, b"", Refused("too-early", "It answered 425.", False)),
        (429, b"", Refused("too-many-requests", "It answered 429.", False, everything=True)),
        (503, b"[1]", Refused("unavailable", "It answered 503.", False, everything=True)),
    ],
)
def test_what_an_answer_means(status: int, body: bytes, expected: Outcome) -> None:
    assert outcome_of(status, body, {}) == expected


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (200, b""),
        (200, b"<html>It works!</html>"),
        (200, b'{"ok": true}'),
        (200, b'{"reference": 7}'),
        (200, b'{"reference": "\xff"}'),
        (201, b'["doc-1"]'),
        (204, b""),
        (206, b'{"reference": "doc-1"}'),
        (100, b""),
        (408, b""),
        (500, SAID),
        (502, b""),
        (504, b""),
        (599, b""),
    ],
)
def test_a_doubt_is_unknown(status: int, body: bytes) -> None:
    assert isinstance(outcome_of(status, body, {}), Unknown)


@pytest.mark.parametrize("status", [400, 404, 405, 410, 413, 422])
@pytest.mark.parametrize("body", [b"", b"<html>no such route</html>", b"[1]", b'"gone"'])
def test_what_a_proxy_says_is_not_the_systems_word(status: int, body: bytes) -> None:
    outcome = outcome_of(status, body, {"Retry-After": "3"})
    assert isinstance(outcome, Refused)
    assert (outcome.code, outcome.final, outcome.everything, outcome.retry_after) == (f"http-{status}", False, True, 3)
    assert isinstance(found_of(404, body), NotSent)


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_is_not_followed(status: int) -> None:
    outcome = outcome_of(status, b"", {"Location": "https://elsewhere.example/"})
    assert isinstance(outcome, Refused)
    assert (outcome.final, outcome.everything) == (False, True)
    assert "https://elsewhere.example/" in outcome.sentence


@given(status=st.integers(100, 599), body=st.binary(max_size=40))
def test_nothing_but_a_reference_confirms(status: int, body: bytes) -> None:
    outcome = outcome_of(status, body, {})
    if isinstance(outcome, Confirmed):
        assert status in {200, 201}
        assert b"reference" in body
    assert not isinstance(outcome, NotSent)


@pytest.mark.parametrize("status", [409, 423, 429, 503])
def test_how_long_to_wait_is_taken_from_the_answer(status: int) -> None:
    outcome = outcome_of(status, b"", {"Retry-After": "7"})
    assert isinstance(outcome, Refused)
    assert outcome.retry_after == 7


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({}, None),
        ({"Retry-After": "120"}, 120),
        ({"Retry-After": " 0.5 "}, 0.5),
        ({"Retry-After": "-1"}, None),
        ({"Retry-After": "soon"}, None),
        ({"Retry-After": "1e9"}, None),
        ({"Retry-After": "Sat, 21 Nov 2026 16:01:00 GMT", "Date": "Sat, 21 Nov 2026 16:00:00 GMT"}, 60),
        ({"Retry-After": "Sat, 21 Nov 2026 15:00:00 GMT", "Date": "Sat, 21 Nov 2026 16:00:00 GMT"}, 0),
        ({"Retry-After": "Sat, 21 Nov 2026 16:01:00 GMT"}, None),
        ({"Retry-After": "Sat, 21 Nov 2026 16:01:00 -0000", "Date": "Sat, 21 Nov 2026 16:00:00 GMT"}, None),
    ],
)
def test_retry_after(headers: dict[str, str], expected: float | None) -> None:
    assert retry_after(headers) == expected


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (200, b'{"state": "applied", "reference": "doc-1"}', There("doc-1")),
        (200, b'{"state": "applied"}', There("")),
        (200, b'{"state": "queued"}', NotYet("It says: queued.")),
        (200, b"<html>", NotSent("It answered 200 without a state.")),
        (404, b"{}", NotThere()),
        (405, SAID, CannotTell("No such field.")),
        (501, b"", CannotTell("It answered 501.")),
        (401, b"", NotSent("It answered 401 when asked.")),
        (500, b"", NotSent("It answered 500 when asked.")),
        (302, b"", NotSent("It answered 302 when asked.")),
    ],
)
def test_what_an_answer_to_a_question_means(status: int, body: bytes, expected: Found) -> None:
    assert found_of(status, body) == expected


def test_the_signature_is_that_of_standard_webhooks() -> None:
    # The example that the specification's own libraries are tested with.
    secret = secret_bytes("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    headers = signed("msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}', secret)
    assert headers == {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }


def test_a_secret_is_plain_text_unless_it_says_otherwise() -> None:
    assert secret_bytes("plain") == b"plain"
    assert secret_bytes("whsec_c2VjcmV0") == b"secret"
    assert secret_bytes("whsec_no base64") == b"whsec_no base64"


def test_each_event_of_a_batch_has_the_answer_it_would_have_alone() -> None:
    body = (
        b'{"answers": [{"key": "a", "status": 200, "reference": "r1"}, {"key": "b", "status": 422, "code": "no",'
        b' "message": "Never."}, {"key": "c", "status": 503, "retry_after": 2}, {"key": "d", "status": 202},'
        b' {"key": "e"}, {"key": "f", "status": 200, "reference": "1"}, {"key": "f", "status": 422}]}'
    )
    taken, refused, later, accepted, silent, twice, missing = outcomes_of(body, list("abcdefg"))
    assert (taken, accepted) == (Confirmed("r1"), Accepted())
    assert refused == Refused("no", "Never.", True)
    # It is said of one event: the hop does not rest for it.
    assert later == Refused("unavailable", "It answered 503.", False, 2.0)
    assert all(isinstance(one, Unknown) for one in (silent, twice, missing))


@given(st.binary(max_size=60))
def test_what_is_no_answer_to_a_batch_leaves_every_event_unknown(body: bytes) -> None:
    assert all(isinstance(one, Unknown) for one in outcomes_of(body, ["a", "b"]))
    assert all(isinstance(one, NotSent) for one in finds_of(body, ["a", "b"]))


def test_each_key_that_is_asked_about_has_an_answer_of_its_own() -> None:
    body = (
        b'{"answers": [{"key": "a", "status": 200, "state": "applied", "reference": "r"}, {"key": "b", "status": 404},'
        b' {"key": "c", "status": 200, "state": "queued"}, {"key": "d", "status": 405}]}'
    )
    there, absent, working, mute, silent = finds_of(body, list("abcde"))
    assert (there, absent) == (There("r"), NotThere())
    assert isinstance(working, NotYet)
    assert isinstance(mute, CannotTell)
    assert isinstance(silent, NotSent)
