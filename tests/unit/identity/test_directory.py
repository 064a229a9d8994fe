"""Reading a storefront's directory: each account once, bad rows by number, never half a row."""

from datetime import UTC, datetime

import pytest

from tillbridge.identity.directory import COLUMNS, BadRow, profile_of, read
from tillbridge.identity.model import Given, Identifier, Kind, Profile, Reference, Unusable
from tillbridge.kernel.errors import BadInput

HEADER = ",".join(COLUMNS) + "\n"
ADA = "A1,Ada@example.org,+16172000068,77000014405,6785712690006075,50.00,USD,2026-11-16T12:02:56-05:00\n"


def rows(*lines: str, header: str = HEADER) -> list[Profile | BadRow]:
    return list(read([header, *lines], "web", "US"))


def test_a_row_is_a_profile_with_verified_identifiers() -> None:
    assert rows(ADA) == [
        Profile(
            Reference("web", "A1"),
            (
                Identifier(Kind.EMAIL, "ada@example.org", "Ada@example.org", True),
                Identifier(Kind.PHONE, "+16172000068", "+16172000068", True),
                Identifier(Kind.LOYALTY, "77000014405", "77000014405", True),
            ),
            stated_at=datetime(2026, 11, 16, 17, 2, 56, tzinfo=UTC),
        )
    ]


def test_an_account_with_several_credits_is_one_profile() -> None:
    again = ADA.replace("6785712690006075,50.00", "6720453950002391,7.00")
    assert len(rows(ADA, again, ADA.replace("Ada@", "ada@"))) == 1


def test_columns_may_stand_in_any_order_and_be_more() -> None:
    header = "note,loyalty_id,phone,email,Account_ID\r\n"
    (profile,) = rows("vip,,,ada@example.org,A1\r\n", header=header)
    assert isinstance(profile, Profile)
    assert [identifier.value for identifier in profile.identifiers] == ["ada@example.org"]


def test_blank_lines_are_no_rows_and_blank_cells_no_fault() -> None:
    assert [type(row) for row in rows("\n", "A2,,n/a,,,,,\n", "\n")] == [Profile]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (",ada@example.org,,,,,,\n", "the account id is blank"),
        ("A2,ada@@example.org,,,,,,\n", "'ada@@example.org' is no valid e-mail address"),
        ("A2,ada@example.org,555-0123,,,,,\n", "'555-0123' is no valid phone number in US"),
        ("A2,ada@example.org,,77000014404,,,,\n", "'77000014404' has a wrong check digit"),
        ("A2,ada@example.org\n", "the row has 2 cells where the header has 8"),
        ('A2,"ada@example.org,,,,,,\n', "the row cannot be read: unexpected end of data"),
        ("A2,ada@example.org,,,,,,2026-11-16\n", "'2026-11-16' in updated_at is no moment with its offset"),
        ("A2,\udcffda@example.org,,,,,,\n", "the row is not UTF-8"),
    ],
)
def test_a_bad_row_is_named_and_the_rest_goes_on(line: str, reason: str) -> None:
    bad, good = rows(line, ADA)
    assert isinstance(bad, BadRow)
    assert (bad.row, bad.reason) == (2, reason)
    assert isinstance(good, Profile)


def test_a_row_that_contradicts_an_earlier_one_is_named() -> None:
    _, bad = rows(ADA, ADA.replace("Ada@", "eve@"))
    assert bad == BadRow(3, "A1", "the same account had other identifiers in line 2")


def test_of_two_rows_of_an_account_the_newer_counts_whichever_comes_first() -> None:
    older = ADA.replace("Ada@", "eve@").replace("2026-11-16", "2025-01-01")
    for lines in ((older, ADA), (ADA, older)):
        *_, last = rows(*lines)
        assert isinstance(last, Profile)
        assert last.identifiers[0].value == "ada@example.org"
    assert len(rows(ADA, older)) == 1
    undated = ADA.replace("Ada@", "eve@").replace("2026-11-16T12:02:56-05:00", "")
    assert rows(ADA, undated)[1] == BadRow(3, "A1", "the same account had other identifiers in line 2")


def test_a_good_row_after_a_bad_one_of_the_same_account_counts() -> None:
    bad, good = rows(ADA.replace("Ada@", "ada@@"), ADA)
    assert isinstance(bad, BadRow)
    assert isinstance(good, Profile)


@pytest.mark.parametrize("header", ["", "account_id,email,phone\n", HEADER.replace("email", "phone")])
def test_a_file_without_the_columns_is_refused(header: str) -> None:
    with pytest.raises(BadInput) as refused:
        rows(ADA, header=header)
    assert refused.value.field in COLUMNS
    assert "account_id,email" in refused.value.mend


def test_an_update_says_what_the_person_proved() -> None:
    given = Given(email="ada@example.org", phone="617-200-0068", account_id="A1")
    profile = profile_of("web", given, "US", email_verified=False)
    assert isinstance(profile, Profile)
    assert [(identifier.kind, identifier.verified) for identifier in profile.identifiers] == [
        (Kind.EMAIL, False),
        (Kind.PHONE, True),
    ]


def test_an_update_that_cannot_be_right_is_not_half_taken() -> None:
    answer = profile_of("web", Given(email="ada@example.org", phone="555-0123", account_id="A1"), "US")
    assert isinstance(answer, Unusable)
    assert answer.kind is Kind.PHONE
