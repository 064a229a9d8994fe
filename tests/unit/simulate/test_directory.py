from collections import Counter
from random import Random

import phonenumbers
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tillbridge.simulate.directory import Directory, check_digit, make_accounts


def _luhn(digits: str) -> bool:
    doubled = [int(digit) * (1 + place % 2) for place, digit in enumerate(reversed(digits))]
    return sum(value // 10 + value % 10 for value in doubled) % 10 == 0


@pytest.mark.parametrize(("digits", "digit"), [("7992739871", "3"), ("7700001440", "5"), ("7700000745", "8")])
def test_check_digit_of_known_numbers(digits: str, digit: str) -> None:
    assert check_digit(digits) == digit


@given(st.text(alphabet="0123456789", min_size=1, max_size=20))
def test_check_digit_completes_any_number(digits: str) -> None:
    assert _luhn(digits + check_digit(digits))


def test_the_same_seed_gives_the_same_people() -> None:
    assert list(make_accounts(Random(7), 50)) == list(make_accounts(Random(7), 50))
    assert list(make_accounts(Random(7), 50)) != list(make_accounts(Random(8), 50))


def test_accounts_are_told_apart_and_some_families_share_a_phone() -> None:
    directory = Directory(make_accounts(Random(7), 500))
    accounts = list(directory)
    assert len(directory) == 500
    for field in ("account_id", "email", "loyalty_id"):
        assert len({getattr(account, field) for account in accounts}) == 500
    shared = directory.shared_phones()
    families = Counter(account.phone for account in accounts if account.phone in shared)
    assert 20 < sum(families.values()) - len(families) < 70
    assert all(phonenumbers.is_valid_number(phonenumbers.parse(account.phone)) for account in accounts)
    assert 0.9 < sum(account.email_verified for account in accounts) / 500 < 1
    assert 0.6 < sum(account.phone_verified for account in accounts) / 500 < 0.9
    assert all(_luhn(account.loyalty_id) for account in accounts)


def test_an_account_is_found_and_changed() -> None:
    directory = Directory(make_accounts(Random(7), 3))
    account = directory.find("A0000002")
    assert account is not None
    assert account.as_json()["account_id"] == "A0000002"
    assert directory.find("A0000009") is None
