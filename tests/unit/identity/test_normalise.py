"""One spelling for each identifier, and a reason for each that cannot be used."""

import pytest
from email_validator import EmailNotValidError, validate_email
from hypothesis import given as given_any
from hypothesis import strategies as st

from tillbridge.identity import normalise
from tillbridge.identity.model import Given, Kind, Normal, Unusable


def value(answer: Normal | Unusable) -> str:
    assert isinstance(answer, Normal), answer
    return answer.value


def left_out(answer: Normal | Unusable) -> Unusable:
    assert isinstance(answer, Unusable), answer
    return answer


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ("WES.PATEL1474@MAIL.EXAMPLE.COM", "wes.patel1474@mail.example.com"),
        (" abel.weber1183@mail.example.com", "abel.weber1183@mail.example.com"),
        ("Ava.Khan+shop@Example.org ", "ava.khan+shop@example.org"),
        ("straße@example.org", "straße@example.org"),
        ("anna@MÜNCHEN.example.com", "anna@münchen.example.com"),
    ],
)
def test_an_email_has_one_spelling(raw: str, expected: str) -> None:
    assert value(normalise.email(raw)) == expected


def test_what_was_typed_is_kept() -> None:
    assert normalise.email(" Ada@Example.ORG ") == Normal(Kind.EMAIL, " Ada@Example.ORG ", "ada@example.org")


def test_two_mailboxes_stay_two() -> None:
    assert value(normalise.email("straße@example.org")) != value(normalise.email("strasse@example.org"))
    assert value(normalise.email("a.b@example.org")) != value(normalise.email("ab@example.org"))
    assert value(normalise.email("ab+x@example.org")) != value(normalise.email("ab@example.org"))


@pytest.mark.parametrize(
    "raw",
    [
        "(617) 200-0068",
        "617.200.0068",
        "6172000068",
        "1-617-200-0068",
        "+1 617 200 0068",
        "+16172000068",
        "  617 200 0068  ",
        "tel: 617-200-0068",
        "011 1 617 200 0068",
    ],
)
def test_a_phone_has_one_spelling(raw: str) -> None:
    assert value(normalise.phone(raw, "US")) == "+16172000068"


def test_a_phone_without_its_country_is_one_of_the_retailers() -> None:
    assert value(normalise.phone("020 7946 0018", "GB")) == "+442079460018"
    assert value(normalise.phone("+44 20 7946 0018", "US")) == "+442079460018"
    assert not left_out(normalise.phone("020 7946 0018", "US")).blank


def test_an_extension_tells_people_at_one_switchboard_apart() -> None:
    assert value(normalise.phone("617-200-0068 ext. 12", "US")) == "+16172000068;ext=12"
    assert value(normalise.phone("617-200-0068 x13", "US")) == "+16172000068;ext=13"


@pytest.mark.parametrize(
    "raw", ["555-0123", "12345x", "617 200 CALL", "+1 017 200 0068", "200-0068", "617200006812345"]
)
def test_a_phone_that_nobody_can_have_is_invalid(raw: str) -> None:
    assert left_out(normalise.phone(raw, "US")).blank is False


def test_a_retailer_without_a_known_country_reads_phones_that_name_theirs() -> None:
    assert value(normalise.phone("+16172000068", "ZZ")) == "+16172000068"
    assert not left_out(normalise.phone("6172000068", "ZZ")).blank


@pytest.mark.parametrize(
    ("raw", "expected"),
    [("77000014405", "77000014405"), ("7700 001 4405", "77000014405"), ("7700-0014-405 ", "77000014405")],
)
def test_a_loyalty_id_is_its_digits(raw: str, expected: str) -> None:
    assert value(normalise.loyalty(raw)) == expected


@pytest.mark.parametrize(
    "raw", ["77000014404", "77000104405", "7700001440", "A7000014405", "18", "٧٧٠٠٠٠١٤٤٠٥", "1" * 40]
)
def test_a_loyalty_id_with_a_slip_in_it_is_invalid(raw: str) -> None:
    assert left_out(normalise.loyalty(raw)).blank is False


@given_any(st.integers(min_value=10**5, max_value=10**15), st.data())
def test_the_check_digit_finds_every_single_wrong_digit(number: int, data: st.DataObject) -> None:
    body = str(number)
    right = next(body + digit for digit in "0123456789" if normalise.passes_luhn(body + digit))
    place = data.draw(st.integers(min_value=0, max_value=len(right) - 1))
    other = data.draw(st.sampled_from([digit for digit in "0123456789" if digit != right[place]]))
    assert not normalise.passes_luhn(right[:place] + other + right[place + 1 :])


NOTHING = "- -- . @ x X@ xxx n/a N.A. NA none None@None no_email unknown null declined none@gmail.com x@x.com".split()


@pytest.mark.parametrize("raw", ["", "   ", "no email", "No E-Mail", "not given", "noemail@noemail.com", *NOTHING])
def test_words_for_nothing_are_blank(raw: str) -> None:
    assert left_out(normalise.email(raw)).blank is True


@pytest.mark.parametrize(
    "raw", ["", "000", "0000000000", "1234567890", "123-456-7890", "9876543210", "n/a", "no phone"]
)
def test_digits_for_nothing_are_blank(raw: str) -> None:
    assert left_out(normalise.phone(raw, "US")).blank is True


def test_a_loyalty_id_of_noughts_is_blank() -> None:
    assert left_out(normalise.loyalty("00000000")).blank is True


def test_initials_are_no_word_for_nothing() -> None:
    assert value(normalise.email("na@bakery.example.com")) == "na@bakery.example.com"
    assert value(normalise.phone("234-567-8901", "US")) == "+12345678901"


@pytest.mark.parametrize("raw", ["x@@y.org", "a b@example.org", "nobody", "a@localhost", "a@b..org", "Ada <a@b.org>"])
def test_what_is_no_email_is_invalid(raw: str) -> None:
    assert left_out(normalise.email(raw)).blank is False


def test_an_account_id_is_taken_as_it_stands() -> None:
    assert value(normalise.account(" A0001440 ")) == "A0001440"
    assert value(normalise.account("web:A0001440")) == "web:A0001440"
    assert left_out(normalise.account("n/a")).blank is True
    assert left_out(normalise.account("A\n1")).blank is False


def test_the_reason_names_what_was_typed_and_never_at_length() -> None:
    assert left_out(normalise.phone("555-0123", "US")).sentence == "'555-0123' is no valid phone number in US"
    assert left_out(normalise.email("")).sentence == "the e-mail is blank"
    assert left_out(normalise.email("none")).sentence == "'none' stands for no e-mail"
    assert len(left_out(normalise.email("y" * 200)).sentence) < 120


@pytest.mark.parametrize("raw", ["y" * 1000, "6" * 100_000, "\x00" + "6172000068", "6172000068\ud800"])
def test_what_nobody_can_have_typed_is_invalid_everywhere(raw: str) -> None:
    heard = normalise.given(Given(raw, raw, raw, raw), "US")
    assert heard.usable == ()
    assert [one.blank for one in heard.unusable] == [False] * 4


@given_any(st.text(max_size=300))
def test_any_text_gets_an_answer_that_normalises_to_itself(raw: str) -> None:
    for answer, again in (
        (normalise.email(raw), normalise.email),
        (normalise.phone(raw, "US"), lambda text: normalise.phone(text, "US")),
        (normalise.loyalty(raw), normalise.loyalty),
        (normalise.account(raw), normalise.account),
    ):
        assert answer.raw == raw
        if isinstance(answer, Normal):
            assert value(again(answer.value)) == answer.value


def test_all_of_a_request_is_heard() -> None:
    heard = normalise.given(Given(email="Ada@Example.org", phone="n/a", loyalty_id="77000014405"), "US")
    assert [(one.kind, one.value) for one in heard.usable] == [
        (Kind.LOYALTY, "77000014405"),
        (Kind.EMAIL, "ada@example.org"),
    ]
    assert [(one.kind, one.blank) for one in heard.unusable] == [(Kind.ACCOUNT, True), (Kind.PHONE, True)]


@given_any(
    st.from_regex(r"[A-Za-z0-9_+.ü\" -]{1,66}", fullmatch=True) | st.text(max_size=8),
    st.sampled_from(
        (
            "example.com",
            "EXAMPLE.com",
            "xn--bcher-kva.example.com",
            "bücher.example.com",
            "localhost",
            "a..com",
            "-a.com",
        )
    )
    | st.text("ab.-@", max_size=8),
)
def test_a_domain_that_is_remembered_changes_no_answer(local: str, domain: str) -> None:
    """The answer for an address is the library's, whatever way it went."""
    raw = f"{local}@{domain}"
    answer = normalise.email(raw)
    try:
        checked = validate_email(raw.strip(), check_deliverability=False)
    except EmailNotValidError:
        assert isinstance(answer, Unusable)
        return
    if isinstance(answer, Normal):
        assert answer.value == f"{checked.local_part.lower()}@{checked.domain}"
    else:
        assert "no valid e-mail" not in answer.sentence
