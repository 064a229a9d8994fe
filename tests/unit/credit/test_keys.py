"""Idempotency keys: one spelling each, and those of the hub kept apart."""

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tillbridge.credit.keys import KEY_MAX, claim_key, plain_key


@pytest.mark.parametrize(
    "text",
    [
        "006-3-2026-11-21T14:02:11-05:00",
        "006-3-2026-11-21T19:02:11Z",
        "006-3-2026-11-21T19:02:11+00:00",
        "006-3-2026-11-21T19:02:11.000Z",
        "006-3-2026-11-21 14:02:11-0500",
    ],
)
def test_one_moment_is_one_key(text: str) -> None:
    assert plain_key(text) == "006-3-2026-11-21T19:02:11Z"


def test_fractions_are_kept_and_other_keys_are_left_alone() -> None:
    assert plain_key("6-3-2026-11-21T14:02:11.250-05:00") == "6-3-2026-11-21T19:02:11.25Z"
    assert plain_key("6-3-2026-11-21T14:02:11.251-05:00") != plain_key("6-3-2026-11-21T14:02:11.250-05:00")
    for text in ("order-7", "6-3-2026-11-21T14:02:11", "6-3-2026-13-41T14:02:11Z", "6-3-0001-01-01T00:00:00+05:00"):
        assert plain_key(text) == text


@given(st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=1, max_size=60))
def test_a_plain_key_stays_as_it_is(text: str) -> None:
    try:
        key = plain_key(text)
    except ValueError:
        return
    assert plain_key(key) == key


@pytest.mark.parametrize(
    "text", ["", "k" * (KEY_MAX + 1), "schl\u00fcssel", "tab\there", "claim:1", "Restore:payment:42", "hub:x", "void:1"]
)
def test_keys_that_cannot_be_used(text: str) -> None:
    with pytest.raises(ValueError, match="key"):
        plain_key(text)


def test_the_hubs_own_keys_cannot_come_from_outside() -> None:
    with pytest.raises(ValueError, match="the hub's own"):
        plain_key(claim_key(UUID(int=1), UUID(int=2)))
