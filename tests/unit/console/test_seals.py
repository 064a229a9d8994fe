"""What is sealed is ours, for one purpose, one browser and a time; anything else is nobody's."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tillbridge.console.seals import form_token, is_our_form, key_id_of, seal, session

SECRET = b"a secret of this very test"
NOW = datetime(2026, 11, 21, 19, 2, tzinfo=UTC)
LATER = NOW + timedelta(hours=12)


@given(st.text(alphabet=st.characters(codec="utf-8")))
def test_a_sign_in_is_read_back_until_its_time_is_up(key_id: str) -> None:
    cookie = session(SECRET, key_id, LATER)
    assert key_id_of(SECRET, cookie, NOW) == key_id
    assert key_id_of(SECRET, cookie, LATER - timedelta(seconds=1)) == key_id
    assert key_id_of(SECRET, cookie, LATER) is None


def test_a_sign_in_of_another_hub_is_none() -> None:
    assert key_id_of(SECRET, session(b"another secret, of others", "k1", LATER), NOW) is None


@pytest.mark.parametrize("place", range(0, 80, 3))
def test_a_changed_sign_in_is_none(place: int) -> None:
    cookie = session(SECRET, "k1", LATER)
    changed = cookie[:place] + ("x" if cookie[place] != "x" else "y") + cookie[place + 1 :]
    assert key_id_of(SECRET, changed, NOW) is None


@given(st.text(alphabet=st.characters(exclude_categories=())))
def test_any_text_may_come_as_a_sign_in(cookie: str) -> None:
    assert key_id_of(SECRET, cookie, NOW) is None
    assert not is_our_form(SECRET, "browser", cookie, cookie)


def test_a_longer_life_cannot_be_written_in() -> None:
    name, until, mark = session(SECRET, "k1", NOW).split(".")
    assert key_id_of(SECRET, f"{name}.{int(until) + 3600}.{mark}", NOW) is None


def test_a_form_fits_one_browser_and_one_sign_in() -> None:
    token = form_token(SECRET, "browser", "signed-in")
    assert is_our_form(SECRET, "browser", "signed-in", token)
    assert not is_our_form(SECRET, "another", "signed-in", token)
    assert not is_our_form(SECRET, "browser", "", token)
    assert not is_our_form(SECRET, "browser", "signed-in", "")
    assert not is_our_form(SECRET, "", "", form_token(SECRET, "", ""))
    assert not is_our_form(b"another secret, of others", "browser", "signed-in", token)


def test_a_seal_is_for_one_purpose() -> None:
    assert seal(SECRET, "form", "x") != seal(SECRET, "session", "x")


def test_a_secret_has_to_be_one() -> None:
    with pytest.raises(ValueError, match="at least 16 bytes"):
        seal(b"short", "form", "x")
