"""The rows of law are read, a retailer's own go before ours, and whatever is wrong names file, row and mend."""

from datetime import date
from pathlib import Path

import pytest

from tillbridge.credit.law import most_in_cash
from tillbridge.credit.lawbook import NEEDED, ROW_KEYS, load_law
from tillbridge.kernel.errors import LawFault
from tillbridge.kernel.money import Money

TODAY = date(2026, 11, 22)

GOOD = """\
[[rows]]
id = "our-rule"
place = "US-GA"
topic = "cash_out"
buckets = ["paid", "refund"]
operator = "<"
value = "7.50"
currency = "USD"
valid_from = 2026-01-01
valid_to = 2027-12-31
when = { in_person = true, issued_from = 2020-01-01 }
source = "our counsel"
source_date = "2026-10"
mark = "verify"
note = "read twice"

[[rows]]
id = "our-life"
place = "GB"
topic = "min_life"
buckets = ["promo"]
operator = ">="
value = "18"
unit = "months"
source = "our counsel"
"""


def written(folder: Path, text: str) -> Path:
    file = folder / "law.toml"
    file.write_text(text, "utf-8")
    return file


def fault_of(file: Path) -> LawFault:
    with pytest.raises(LawFault) as caught:
        load_law(file)
    assert caught.value.file == str(file)
    assert "\n" not in str(caught.value)
    return caught.value


def test_ours_can_be_read_and_every_row_says_where_it_is_from() -> None:
    law = load_law(None)
    assert len({row.id for row in law.rows}) == len(law.rows) > 30
    assert all(row.source and row.file == "law.toml" for row in law.rows)
    assert {row.topic for row in law.rows} == {"cash_out", "min_life"}


def test_a_retailers_rows_stand_beside_ours(tmp_path: Path) -> None:
    file = written(tmp_path, GOOD)
    law = load_law(file)
    *_, rule, life = law.rows
    assert (rule.id, rule.buckets, rule.unit, rule.file) == ("our-rule", ("paid", "refund"), "money", str(file))
    assert (life.value, life.unit, life.currency, life.when) == ("18", "months", "", {})
    assert len(law.rows) == len(load_law(None).rows) + 2
    assert most_in_cash(law, "US-GA", "refund", TODAY, "USD") == Money(749, "USD")


def test_a_row_with_the_same_id_takes_the_place_of_ours(tmp_path: Path) -> None:
    mine = GOOD.replace("our-rule", "us-co-cash-out").replace("US-GA", "US-CO")
    law = load_law(written(tmp_path, mine))
    assert most_in_cash(law, "US-CO", "paid", TODAY, "USD") == Money(749, "USD")
    assert sum(row.id == "us-co-cash-out" for row in law.rows) == 1


def test_an_empty_file_changes_nothing(tmp_path: Path) -> None:
    assert load_law(written(tmp_path, "# nothing yet\n")) == load_law(None)


# What is replaced, by what, the row that is named, and words of the problem and of the mend.
REFUSED = [
    ('id = "our-rule"', 'id = "Our Rule"', "number 1", "cannot be its", "small letters"),
    ('id = "our-rule"', "id = 7", "number 1", "must be text in quotes, and is a whole number", "in quotes"),
    ('id = "our-rule"\n', "", "number 1", 'it has no "id"', "Add it"),
    ('id = "our-life"', 'id = "our-rule"', "our-rule", "two rows of this id", "of its own"),
    ('place = "US-GA"', 'place = "US-XX"', "our-rule", '"US-XX" is no place', "ISO 3166-2"),
    ('place = "US-GA"', 'place = "PR"', "our-rule", "is a part of the US", '"US-PR"'),
    ('place = "US-GA"', 'plaze = "US-GA"', "our-rule", '"plaze" is no key of a row', 'Did you mean "place"?'),
    ('topic = "cash_out"', 'topic = "cashout"', "our-rule", 'not known as a "topic"', 'Did you mean "cash_out"?'),
    ('topic = "cash_out"', 'topic = "fees"', "our-rule", 'not known as a "topic"', 'Use "cash_out" or "min_life".'),
    ('buckets = ["promo"]', "buckets = []", "our-life", "must be a list of texts", '["paid"]'),
    ('buckets = ["promo"]', 'buckets = "promo"', "our-life", "must be a list of texts", '["paid"]'),
    ('buckets = ["promo"]', 'buckets = ["promos"]', "our-life", "not known", 'Did you mean "promo"?'),
    ('operator = "<"', 'operator = ">="', "our-rule", 'not known as a "operator"', 'Use "<" or "<="'),
    ('operator = ">="', 'operator = "<"', "our-life", 'not known as a "operator"', 'Use ">="'),
    ('value = "7.50"', 'value = "7.505"', "our-rule", "finer than USD", "plain decimal"),
    ('value = "7.50"', 'value = "0"', "our-rule", "pays nothing out", "above zero"),
    ('value = "7.50"', "value = 7.5", "our-rule", "is a number with a point", "in quotes"),
    ('value = "7.50"', 'value = "never"', "our-rule", "no plain decimal", "plain decimal"),
    (
        'value = "7.50"\ncurrency = "USD"',
        'value = "10"\nunit = "percent"\ncurrency = "USD"',
        "our-rule",
        "is percent",
        "out",
    ),
    ('value = "7.50"\ncurrency = "USD"', 'value = "101"\nunit = "percent"', "our-rule", "outside 0 to 100", "between"),
    ('value = "7.50"\ncurrency = "USD"', 'value = "a"\nunit = "percent"', "our-rule", "no plain decimal", '"15.00"'),
    (
        'value = "7.50"',
        'value = "7.50"\nunit = "years"',
        "our-rule",
        'not known as a "unit"',
        'Use "money" or "percent"',
    ),
    ('currency = "USD"\n', "", "our-rule", 'it has no "currency"', "Add it"),
    ('currency = "USD"', 'currency = "usd"', "our-rule", "not known", 'Did you mean "USD"?'),
    ('currency = "USD"', 'currency = "!"', "our-rule", "not known", "See docs/reference/law.md"),
    ('value = "18"', 'value = "18.5"', "our-life", "no whole number of months", "whole years"),
    ('value = "18"', 'value = "0"', "our-life", "outside 0 to 1200", "between"),
    ('value = "18"', 'value = "-1"', "our-life", "no plain decimal", '"never"'),
    ('value = "18"', 'value = "never"', "our-life", "counts nothing", "Leave it out"),
    (
        "valid_from = 2026-01-01",
        'valid_from = "2026-01-01"',
        "our-rule",
        "must be a day, and is text",
        "without quotes",
    ),
    ("valid_from = 2026-01-01", "valid_from = 2026-01-01T00:00:00", "our-rule", "is a date or time", "without quotes"),
    ("valid_from = 2026-01-01", "valid_from = 2028-01-01", "our-rule", 'is after "valid_to"', "Turn them round"),
    ("when = { in_person = true,", "when = { in_store = true,", "our-rule", "not known", "Use"),
    (
        "when = { in_person = true,",
        'when = { in_person = "yes",',
        "our-rule",
        "must be true or false",
        "without quotes",
    ),
    ("issued_from = 2020-01-01 }", "issued_from = true }", "our-rule", "must be a day", "without quotes"),
    ("when = { in_person = true, issued_from = 2020-01-01 }", "when = true", "our-rule", "must be a table", "{"),
    ('source_date = "2026-10"', 'source_date = "autumn"', "our-rule", "cannot be its", "2026-03"),
    ('mark = "verify"', 'mark = "sure"', "our-rule", "not known", 'Use "verify"'),
    ('note = "read twice"', 'note = " "', "our-rule", "is blank", "leave the key out"),
    ('note = "read twice"', 'note = "a\\nb"', "our-rule", "spans lines", "one line"),
]


@pytest.mark.parametrize(("old", "new", "row", "problem", "mend"), REFUSED)
def test_a_bad_row_is_refused(tmp_path: Path, old: str, new: str, row: str, problem: str, mend: str) -> None:
    assert GOOD.count(old) == 1, old
    fault = fault_of(written(tmp_path, GOOD.replace(old, new)))
    assert fault.row == row
    assert problem in fault.problem
    assert mend in fault.mend
    assert str(fault).startswith(f"{fault.file}, row {row}: ")


@pytest.mark.parametrize("key", NEEDED[1:])
def test_a_key_that_is_needed_is_named(tmp_path: Path, key: str) -> None:
    rows = GOOD.split("\n\n")[1].splitlines(keepends=True)
    fault = fault_of(written(tmp_path, "".join(line for line in rows if not line.startswith(f"{key} ="))))
    assert (fault.row, fault.problem) == ("our-life", f'it has no "{key}"')
    assert ROW_KEYS[key] in fault.mend


SECOND = GOOD.split("\n\n", maxsplit=1)[0].replace("our-rule", "our-other") + "\n"


def test_two_rows_that_hold_at_once_are_refused(tmp_path: Path) -> None:
    fault = fault_of(written(tmp_path, GOOD + SECOND))
    assert (fault.row, fault.problem) == ("our-other", "it holds at the same time as our-rule for cash_out in US-GA")
    assert "valid_to" in fault.mend


def test_a_row_that_clashes_with_ours_is_refused(tmp_path: Path) -> None:
    mine = GOOD.replace("US-GA", "US-NJ")
    fault = fault_of(written(tmp_path, mine))
    assert fault.row == "our-rule"
    assert "us-nj-cash-out" in fault.mend


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("valid_from = 2026-01-01\nvalid_to = 2027-12-31", "valid_from = 2028-01-01"),
        ("valid_from = 2026-01-01\nvalid_to = 2027-12-31", "valid_to = 2025-12-31"),
        ('["paid", "refund"]', '["goodwill"]'),
        ('place = "US-GA"', 'place = "US"'),
        ("in_person = true", "in_person = false"),
    ],
)
def test_rows_that_never_hold_at_once_stand_beside_each_other(tmp_path: Path, old: str, new: str) -> None:
    assert SECOND.count(old) == 1
    law = load_law(written(tmp_path, GOOD + SECOND.replace(old, new)))
    assert {"our-rule", "our-other"} <= {row.id for row in law.rows}


def test_only_opposite_conditions_part_two_rows(tmp_path: Path) -> None:
    for other in ("in_person = true, used = false", "issued_from = 2021-01-01"):
        text = SECOND.replace("in_person = true, issued_from = 2020-01-01", other)
        assert "at the same time" in fault_of(written(tmp_path, GOOD + text)).problem


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("[[rows]\n", "not TOML"),
        ("rows = 3\n", '"rows" is no list of tables'),
        ("rows = [3]\n", '"rows" is no list of tables'),
        ("[[row]]\nid = 'x'\n", '"row" is not known'),
        ("a = " + "[" * 5000, "not TOML"),
    ],
    ids=["bracket", "number", "numbers", "row", "deep"],
)
def test_a_file_of_another_form_is_refused(tmp_path: Path, text: str, problem: str) -> None:
    fault = fault_of(written(tmp_path, text))
    assert problem in fault.problem
    assert fault.row == ""
    assert str(fault).startswith(f"{fault.file}: ")


def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    assert "no such file" in fault_of(tmp_path / "none.toml").problem
    assert "cannot be read" in fault_of(tmp_path).problem
    file = tmp_path / "latin.toml"
    file.write_bytes(b"# Caf\xe9\n")
    assert "UTF-8" in fault_of(file).problem
