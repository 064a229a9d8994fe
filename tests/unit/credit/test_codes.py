"""Codes: made from the key, checked by a digit, kept as a hash."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tillbridge.credit.codes import CODE_DIGITS, Codes, luhn_digit, plain_code

CODES = Codes(b"a secret of thirty-two characters")


@given(st.text(min_size=1, max_size=50))
def test_a_code_is_the_same_for_the_same_key_and_carries_its_check_digit(key: str) -> None:
    code = CODES.make(key)
    assert code == CODES.make(key)
    assert len(code) == CODE_DIGITS
    assert code.isdecimal()
    assert luhn_digit(code[:-1]) == code[-1]


@given(st.text("0123456789", min_size=18, max_size=18), st.integers(0, 17), st.integers(1, 9))
def test_one_wrong_digit_is_noticed(body: str, place: int, off: int) -> None:
    wrong = body[:place] + str((int(body[place]) + off) % 10) + body[place + 1 :]
    assert luhn_digit(wrong) != luhn_digit(body)


def test_codes_of_other_keys_and_secrets_differ() -> None:
    many = {CODES.make(f"006-3-{number}") for number in range(5000)}
    assert len(many) == 5000
    assert Codes(b"another secret of thirty-two chars").make("k") != CODES.make("k")
    assert CODES.hash("1") != CODES.token("voucher", "1")
    assert CODES.digest("ava@example.com") != "ava@example.com"
    assert CODES.digest("") == ""


@pytest.mark.parametrize(("typed", "plain"), [(" 6281-6701 7000 2304 ", "6281670170002304"), ("abc-123", "ABC123")])
def test_a_code_is_read_as_typed(typed: str, plain: str) -> None:
    assert plain_code(typed) == plain


@pytest.mark.parametrize("typed", ["", "12", "a b", "6281!", "x" * 41, "٣٣٣٣", "ſſſſ"])  # noqa: RUF001 - meant
def test_what_can_be_no_code(typed: str) -> None:
    with pytest.raises(ValueError, match="4 to 40"):
        plain_code(typed)
