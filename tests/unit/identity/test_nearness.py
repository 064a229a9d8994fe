"""One slip of the finger still finds the person meant, by plain keys."""

import string

import pytest
from hypothesis import assume
from hypothesis import given as given_any
from hypothesis import strategies as st

from tillbridge.identity.model import Kind, Normal
from tillbridge.identity.nearness import blocks, likeness, mended, probes

LOCALS = st.text(string.ascii_lowercase + string.digits + "._", min_size=4, max_size=24)
PHONES = st.text(string.digits, min_size=7, max_size=14).map(lambda digits: f"+{digits}")


def meets(kind: Kind, typed: str, held: str) -> bool:
    normal = Normal(kind, typed, typed)
    return held in mended(normal) or not blocks(kind, held).isdisjoint(probes(normal))


def slips(body: str, place: int, letter: str) -> list[str]:
    swapped = body[:place] + body[place + 1 : place + 2] + body[place : place + 1] + body[place + 2 :]
    return [
        body[:place] + body[place + 1 :],
        body[:place] + letter + body[place:],
        body[:place] + letter + body[place + 1 :],
        swapped,
    ]


@given_any(LOCALS, st.integers(min_value=0, max_value=23), st.sampled_from(string.ascii_lowercase))
def test_one_slip_in_an_email_is_found(local: str, place: int, letter: str) -> None:
    assume(place < len(local))
    for typed in slips(local, place, letter):
        assert meets(Kind.EMAIL, f"{typed}@example.org", f"{local}@example.org"), typed


@given_any(PHONES, st.integers(min_value=0, max_value=13), st.sampled_from(string.digits))
def test_one_slip_in_a_phone_is_found(phone: str, place: int, digit: str) -> None:
    digits = phone[1:]
    assume(place < len(digits))
    for typed in slips(digits, place, digit):
        assert meets(Kind.PHONE, f"+{typed}", phone), typed


@pytest.mark.parametrize("typed", ["wes.novak@example.com", "wes_novak12@example.org", "wesnovak+shop@example.net"])
def test_the_same_name_elsewhere_is_found(typed: str) -> None:
    assert meets(Kind.EMAIL, typed, "wes.novak79362@mail.example.com")


def test_strangers_do_not_meet() -> None:
    assert not meets(Kind.EMAIL, "zoe.reed@example.org", "abel.weber@example.org")
    assert not meets(Kind.EMAIL, "zoe.reed@example.org", "zoe.reed@example.org".replace("zoe.reed", "tom"))


def test_an_account_id_is_copied_and_not_spelled() -> None:
    assert probes(Normal(Kind.ACCOUNT, "A0001440", "A0001440")) == frozenset()


@pytest.mark.parametrize("local", ["a", "ab", "abc"])
def test_short_names_have_keys_or_none_and_never_fail(local: str) -> None:
    assert not any(key.startswith("stem|") for key in blocks(Kind.EMAIL, f"{local}@example.org"))
    assert all(probes(Normal(Kind.EMAIL, local, f"{local}@example.org")))


def test_only_the_same_is_a_hundred() -> None:
    assert likeness(Kind.EMAIL, "ada@example.org", "ada@example.org") == 100
    long = "a" * 200
    assert likeness(Kind.EMAIL, f"{long}@example.org", f"{long}b@example.org") == 99
    assert likeness(Kind.EMAIL, "zoe@example.org", "abel@example.org") < 60
