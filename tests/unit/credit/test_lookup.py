"""Who may be told what a code is worth, and when it is enough: values in, values out."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from tillbridge.credit.codes import Codes, plain_pin
from tillbridge.credit.lookup import NOBODY, Found, Inquiry, Throttle, may_see, wait_for, windows

CODES = Codes(b"a secret of thirty-two characters")
AT = datetime(2026, 11, 21, 12, 7, 30, tzinfo=UTC)
CREDIT, ANNA, BEN = UUID(int=1), UUID(int=2), UUID(int=3)
CODE, PIN = "6281670170002304", "4711"
PINNED, PLAIN = Found(CREDIT, CODES.hash_pin(CODE, PIN), ANNA), Found(CREDIT, None, ANNA)
BEARER = Found(CREDIT, None, None)


@pytest.mark.parametrize(
    ("found", "pin", "present", "customer", "told"),
    [
        (None, "", True, None, False),
        (None, PIN, True, ANNA, False),
        (PLAIN, "", False, None, True),
        (PLAIN, PIN, False, None, True),
        (PINNED, PIN, False, None, True),
        (PINNED, "", True, None, True),
        (PINNED, "", False, None, False),
        (PINNED, "4712", False, None, False),
        (PINNED, "4712", True, None, False),
        (PLAIN, "", False, ANNA, True),
        (PLAIN, "", True, BEN, False),
        (PLAIN, "", True, NOBODY, False),
        (PINNED, PIN, True, BEN, False),
        (BEARER, "", False, BEN, True),
        (BEARER, "", False, NOBODY, True),
    ],
)
def test_who_may_be_told(found: Found | None, pin: str, present: bool, customer: UUID | None, told: bool) -> None:
    inquiry = Inquiry("web", present, CODE, pin, customer)
    assert may_see(inquiry, found, CODES.hash_pin(CODE, pin)) is told


def test_windows_lie_side_by_side() -> None:
    key, code = windows(Throttle(), "web", b"\x01\x02", AT)
    assert (key.subject, key.most, key.start, key.end) == (
        "key:web",
        30,
        AT.replace(second=0),
        AT.replace(minute=8, second=0),
    )
    assert (code.subject, code.most) == ("code:0102", 5)
    assert (code.start, code.end) == (AT.replace(minute=0, second=0), AT.replace(minute=15, second=0))


@pytest.mark.parametrize(
    ("failures", "least", "seconds"),
    [
        ({}, 0, None),
        ({"key:web": 29, "code:0102": 4}, 0, None),
        ({"key:web": 30}, 0, 30),
        ({"code:0102": 5}, 0, 450),
        ({"key:web": 31, "code:0102": 9}, 0, 450),
        ({"key:web": 30, "code:0102": 5}, 1, None),
        ({"key:web": 31}, 1, 30),
    ],
)
def test_when_it_is_enough(failures: dict[str, int], least: int, seconds: int | None) -> None:
    wait = wait_for(windows(Throttle(), "web", b"\x01\x02", AT), failures, least, AT)
    assert wait == (None if seconds is None else timedelta(seconds=seconds))


def test_equal_pins_of_two_codes_differ() -> None:
    assert CODES.hash_pin("A", "4711") != CODES.hash_pin("B", "4711")
    assert CODES.hash_pin("A", "4711") != Codes(b"another secret of thirty-two chars").hash_pin("A", "4711")
    assert len(CODES.hash_pin("A", "4711")) == 32


@pytest.mark.parametrize("typed", ["", "123", "123456789", "12a4", "12 34", "٤٧١١"])
def test_what_can_be_no_pin(typed: str) -> None:
    with pytest.raises(ValueError, match="4 to 8 digits") as refused:
        plain_pin(typed)
    assert not typed or typed not in str(refused.value)
