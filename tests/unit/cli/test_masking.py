"""Nothing personal and nothing secret comes out of a log line; what is neither stays readable."""

import random
from datetime import UTC, datetime, timedelta
from uuid import UUID

import phonenumbers
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tillbridge.checkpoint.voucher import CLAIM_LETTERS
from tillbridge.cli.masking import masked
from tillbridge.kernel.clock import SetClock, time_text
from tillbridge.kernel.ids import Ids, secret_token
from tillbridge.ledger.model import REFUSALS

YEARS = (datetime(1990, 1, 1), datetime(2060, 1, 1))  # noqa: DTZ001 - the zone is drawn apart
WORDS = st.sampled_from(
    ["refused", "the customer", "to", "<", "'", '"', "(", "=", "key=", "at 14:02:11,", "12 of 500", "note:", "…", "#3 "]
)
AFTER = st.sampled_from(["", ".", ",", " is taken", "'", '"', ")", ">", ";", " again", " at 2026-11-21", "\n", "!"])


@st.composite
def phones(draw: st.DrawFn) -> str:
    """A number that could be somebody's, as people and machines write them."""
    region = draw(st.sampled_from(["US", "GB", "DE", "FR", "JP", "BR", "IN", "SE", "RU", "IT", "AU", "PL"]))
    example = phonenumbers.example_number_for_type(region, draw(st.sampled_from([0, 1])))
    assert example is not None
    digits = list(str(example.national_number))
    digits[-4:] = list(f"{draw(st.integers(0, 9999)):04d}")
    example.national_number = int("".join(digits))
    return phonenumbers.format_number(example, draw(st.sampled_from([0, 1, 2, 3])))


def tail(text: str, count: int = 4) -> str:
    """The last digits of a number, without what stands between them."""
    return "".join(sign for sign in text if sign.isdecimal())[-count:]


@settings(max_examples=300, deadline=None)
@given(WORDS, st.emails(), AFTER)
def test_no_address_comes_out(before: str, email: str, after: str) -> None:
    said = masked(f"{before}{email}{after}")
    local, _, domain = email.rpartition("@")
    assert email not in said
    assert "[e-mail]" in said or "[secret]" in said
    assert len(local) < 6 or local not in said
    assert f"@{domain}" not in said


@settings(max_examples=300, deadline=None)
@given(WORDS, phones(), AFTER)
def test_no_phone_comes_out(before: str, phone: str, after: str) -> None:
    said = masked(f"{before} {phone}{after}")
    assert phone not in said
    assert tail(phone) not in "".join(said.removesuffix(after).split())


@settings(max_examples=300, deadline=None)
@given(WORDS, st.integers(10**18, 10**19 - 1), st.sampled_from(["", " ", "-"]), AFTER)
def test_no_code_of_ours_comes_out(before: str, number: int, between: str, after: str) -> None:
    digits = str(number)
    code = between.join(digits[start : start + 4] for start in range(0, 19, 4))
    said = masked(f"{before} {code}{after}")
    assert not any(part in said for part in (digits[:4], digits[4:8], digits[8:12], digits[-6:]) if part != "2026")


@settings(max_examples=200, deadline=None)
@given(WORDS, st.text(CLAIM_LETTERS, min_size=12, max_size=12), st.sampled_from(["-", ""]), AFTER)
def test_no_claim_code_comes_out(before: str, letters: str, between: str, after: str) -> None:
    code = between.join((letters[:4], letters[4:8], letters[8:]))
    if any(sign.isdigit() for sign in letters):
        assert code not in masked(f"{before} {code}{after}")
    assert letters[4:8] not in masked(f"{before} https://shop.example/claim/{code}{after}").replace("2026", "")


@settings(max_examples=200, deadline=None)
@given(WORDS, st.integers(0, 999_999), AFTER)
def test_no_one_time_code_comes_out(before: str, number: int, after: str) -> None:
    assert f"{number:06d}" not in masked(f"{before} {number:06d}{after}")


@settings(max_examples=100, deadline=None)
@given(
    st.sampled_from(["code={}", "code: {}", "{{'code': '{}'}}", "Key (code)=({}) exists", "code {}", "pin is {}"]),
    st.text("0123456789ABCDEFGHJK", min_size=4, max_size=20),
)
def test_what_is_called_a_code_does_not_come_out(form: str, code: str) -> None:
    if any(sign.isdigit() for sign in code):
        assert code not in masked(form.format(code))


@pytest.mark.parametrize(
    "form",
    [
        "Authorization: Bearer {}",
        "{{'Authorization': 'Bearer {}'}}",
        "bearer {} is unknown",
        "password={}",
        "password='{}'",
        "secret: {}",
        "Key (token)=({}) exists",
        "postgresql://tillbridge:{}@db.shop.example:5432/till",
        "smtp://user:{}@host:587",
        "the value {} was not taken",
    ],
)
def test_no_key_and_no_secret_comes_out(form: str) -> None:
    for secret in (f"tb_{secret_token()}", secret_token(), f"whsec_{secret_token(24)}"):
        assert secret not in masked(form.format(secret))


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 2**31), st.datetimes(*YEARS, timezones=st.just(UTC)), st.integers(0, 10**9))
def test_ids_times_and_amounts_stay(seed: int, at: datetime, minor: int) -> None:
    event: UUID = Ids(SetClock(at), random.Random(seed)).new()
    amount = f"{minor // 100}.{minor % 100:02d}"
    line = f"{time_text(at)} event {event} of {amount} USD, key {event}:platform->web, on {at.date()}"
    assert masked(line) == line


@pytest.mark.parametrize(
    "line",
    [
        "Deliveries pause: PostgreSQL does not answer (ConnectionRefusedError).",
        "Hop platform->web is open.",
        "a fault while answering POST <PlainResource /v1/credits>",
        "16 rules of law are to be verified by your counsel; they are marked.",
        "No connection: Cannot connect to host 127.0.0.1:41234 ssl:default [Connect call failed ('127.0.0.1', 41234)]",
        "the embedded PostgreSQL does not answer; starting it again",
        '  File "tillbridge/handoff/deliver.py", line 248, in _ask',
        "receipt T0063-118, store 006, register 3, by op07, key 006-3-2026-11-21T14:02:11-05:00",
        "took 0.1234567 s, 12.3456789 s, 1234 ms; 100,000 waiting, 17 % of them late",
        "Take at most 88.00 USD, 1500 JPY or 12.345 KWD.",
        "version 3.11.4, PostgreSQL 18.1, port 5432",
        "status code 503, exit status 2",
    ],
)
def test_ordinary_lines_stay_as_they_are(line: str) -> None:
    assert masked(line) == line


def test_sentences_of_ours_stay_as_they_are() -> None:
    for refusal in REFUSALS:
        assert masked(refusal.engineer) == refusal.engineer


def test_a_very_long_line_is_cut() -> None:
    assert len(masked("word " * 10_000)) < 21_000


def test_a_long_line_is_masked_in_little_time() -> None:
    started = datetime.now(UTC)
    for nasty in (
        "1 " * 10_000,
        "a" * 20_000,
        "1-" * 10_000,
        "@" * 20_000,
        "A1" * 10_000,
        "(" * 20_000,
        "code " * 4000,
    ):
        masked(nasty)
    assert datetime.now(UTC) - started < timedelta(seconds=5)
