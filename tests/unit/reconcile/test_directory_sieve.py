"""The sieve never drops what exact normalising would match: all regions' phones, and rows as they come."""

from collections.abc import Iterator, Sequence

import ibis
import phonenumbers
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from phonenumbers import PhoneMetadata, PhoneNumberFormat

from tests.unit.reconcile.profiles import table
from tillbridge.diagnose.model import Side
from tillbridge.identity import normalise
from tillbridge.identity.model import Given, Key, Kind, Normal
from tillbridge.reconcile.blocking import people
from tillbridge.reconcile.columns import SCHEMAS
from tillbridge.reconcile.directory import ask, held
from tillbridge.reconcile.sieve import COLUMN, TAIL_DIGITS, TAIL_DIGITS_OF, passing, tail_digits

US_NUMBERS = ("6172000068", "6172000069", "2127000068")
"""Of ten digits; the first and the last have their last four in common."""

SPELLINGS = (
    "+1{0}",
    "1-{0}",
    "1{0}",
    "({1}) {2}-{3}",
    "{1}.{2}.{3}",
    " +1 ({1}) {2} {3} ",
    "011 1 {0}",
    "001{0}",
    "{0}x12",
    "{0} ext. 12",
    "+1{0};ext=12",
    "tel:+1-{1}-{2}-{3}",
    "{1}\u2013{2}\u2013{3}",
    "{1}/{2}/{3}",
    "{2}{3}",
    "\t{0}",
    "+1 {1} [{2}] {3} #",
    "~{0}",
    "{0} / {0}",
    "cell {0}",
)
DIGITS = ("0123456789", "٠١٢٣٤٥٦٧٨٩", "０１２３４５６７８９", "०१२३४५६७८९")  # noqa: RUF001 - as some keyboards write them

EMAILS = (
    "tess.reed@example.com",
    "tess.reed@EXAMPLE.com",
    "Tess.Reed@example.com",
    " tess.reed@example.com\t",
    "\u00a0tess.reed@example.com",
    "tess.reed@\uff45xample.com",
    "\u212aim@example.com",
    "kim@example.com",
    "jürgen@example.com",
    "ju\u0308rgen@example.com",
    "JÜRGEN@example.com",
    "straße@example.com",
    "strasse@example.com",
    "ada@bücher.example.com",
    "ada@xn--bcher-kva.example.com",
    "ADA@XN--BCHER-KVA.example.com",
    "ada@BÜCHER.example.com",
    '"tess reed"@example.com',
    "n/a",
    "none@example.com",
    "@",
)
CARDS = (
    "77000013688",
    "7700 001 3688",
    "7700-0013688",
    "7700\u2010001\u20113688",
    "7700\u00a00013688",
    "77000013689",
    "x",
)


def phones() -> st.SearchStrategy[str]:
    def spelled(number: str, spelling: str, digits: str) -> str:
        text = spelling.format(number, number[:3], number[3:6], number[6:])
        return text.translate(str.maketrans(DIGITS[0], digits))

    known = st.builds(
        spelled, st.sampled_from(US_NUMBERS), st.sampled_from(SPELLINGS), st.sampled_from((DIGITS[0], *DIGITS))
    )
    return known | st.text("0123456789+-() .x#", max_size=14) | st.sampled_from(("", "none", "n/a"))


PEOPLE = st.builds(
    Given,
    email=st.sampled_from(("", *EMAILS)),
    phone=phones(),
    loyalty_id=st.sampled_from(("", *CARDS)),
    account_id=st.sampled_from(("A1", "A2", "A3", " A1", "Ä4")),
)


def normalised_all(profiles: Sequence[Given], keys: set[Key]) -> dict[Key, set[str]]:
    """Who holds what, by normalising everything: slow, and without a sieve."""
    holders: dict[Key, set[str]] = {}
    for one in profiles:
        for normal in normalise.given(one, "US").usable:
            if normal.key in keys:
                holders.setdefault(normal.key, set()).add(one.account_id)
    return holders


@given(st.lists(PEOPLE, max_size=25), st.lists(PEOPLE, min_size=1, max_size=6))
@settings(max_examples=40, deadline=None)
def test_nobody_is_dropped(profiles: list[Given], asked: list[Given]) -> None:
    con = ibis.duckdb.connect()
    keys = {normal.key for one in asked for normal in normalise.given(one, "US").usable}
    assert held(ibis.memtable(table(profiles)), keys, "US", con) == normalised_all(profiles, keys)
    con.disconnect()


def test_every_spelling_of_one_phone_is_one() -> None:
    """The property above is worth something only when its spellings do match."""
    number = US_NUMBERS[0]
    spelled = [one.format(number, number[:3], number[3:6], number[6:]) for one in SPELLINGS]
    same = [raw for raw in spelled if getattr(normalise.phone(raw, "US"), "value", "") == f"+1{number}"]
    assert len(same) >= 10
    con = ibis.duckdb.connect()
    profiles = ibis.memtable(table([Given(phone=raw, account_id=f"A{place}") for place, raw in enumerate(same)]))
    (answer,) = ask(profiles, [Given(phone=f"+1{number}")], "US", con)
    assert len(answer.accounts) == len(same)


def rules_of(region: str) -> PhoneMetadata:
    rules = PhoneMetadata.metadata_for_region(region)
    assert rules is not None
    return rules


def regions() -> Iterator[tuple[str, phonenumbers.PhoneNumber]]:
    for region in sorted(phonenumbers.SUPPORTED_REGIONS):
        for kind in phonenumbers.PhoneNumberType.values():
            number = phonenumbers.example_number_for_type(region, kind)
            if number is not None:
                yield region, number


def written(region: str, number: phonenumbers.PhoneNumber) -> Iterator[str]:
    """A number as people of its region write it, and from elsewhere, trunk prefixes and all."""
    national = phonenumbers.national_significant_number(number)
    trunk = rules_of(region).national_prefix or ""
    for style in (PhoneNumberFormat.E164, PhoneNumberFormat.INTERNATIONAL, PhoneNumberFormat.NATIONAL):
        yield phonenumbers.format_number(number, style)
    yield from (
        national,
        trunk + national,
        f"00{number.country_code}{national}",
        f"+{number.country_code} (0){national}",
    )
    yield from (national[cut:] for cut in range(1, len(national) - 2))
    yield from (f"{trunk}{national[cut:]}" for cut in range(1, len(national) - 2))


def test_normalising_leaves_the_end_of_a_phone_alone() -> None:
    matched = 0
    for region, number in regions():
        for raw in written(region, number):
            normal = normalise.phone(raw, region)
            if not (isinstance(normal, Normal) and ";" not in normal.value):
                continue
            digits = "".join(sign for sign in raw if sign in DIGITS[0])
            count = tail_digits(normal.value, region)
            assert digits[-count:] == normal.value[-count:], (region, raw, normal.value)
            matched += 1
    assert matched > 5_000


@pytest.mark.parametrize("raw", ["02966 15 431234", "2966 15 43-1234", "(02966) 15431234", "011 15 2345-6789"])
def test_a_mobile_of_argentina_is_found_as_it_is_dialled_at_home(raw: str) -> None:
    """Its 15 stands in the middle and goes away: what is left alone is six digits."""
    normal = normalise.phone(raw, "AR")
    assert isinstance(normal, Normal)
    con = ibis.duckdb.connect()
    (answer,) = ask(ibis.memtable(table([Given(phone=raw, account_id="A1")])), [Given(phone=normal.value)], "AR", con)
    assert answer.accounts == ("A1",)


@pytest.mark.parametrize("asked", EMAILS)
def test_every_way_to_write_an_address_is_found(asked: str) -> None:
    profiles = [Given(email=raw, account_id=f"A{place}") for place, raw in enumerate(EMAILS)]
    con = ibis.duckdb.connect()
    keys = {normal.key for normal in normalise.given(Given(email=asked), "US").usable}
    assert held(ibis.memtable(table(profiles)), keys, "US", con) == normalised_all(profiles, keys)


def test_regions_that_put_something_in_front_are_known() -> None:
    """A new rule of a region is noticed here: it must leave TAIL_DIGITS alone, or stand in TAIL_DIGITS_OF."""
    shorter: dict[str, int] = {}
    for region, number in regions():
        value = phonenumbers.format_number(number, PhoneNumberFormat.E164)
        national = phonenumbers.national_significant_number(number)
        if not rules_of(region).national_prefix_transform_rule:
            continue
        for cut in range(1, len(national) - 2):
            if getattr(normalise.phone(national[cut:], region), "value", "") == value:
                shorter[region] = min(shorter.get(region, TAIL_DIGITS), len(national) - cut)
    assert {region for region, digits in shorter.items() if digits < TAIL_DIGITS} == set(TAIL_DIGITS_OF) - {"AR"}
    assert all(digits >= TAIL_DIGITS_OF.get(region, TAIL_DIGITS) for region, digits in shorter.items())


@pytest.mark.parametrize(("value", "country", "digits"), [("+16172000068", "US", 7), ("+441534456789", "GB", 7)])
def test_most_numbers_are_told_by_seven_digits(value: str, country: str, digits: int) -> None:
    assert tail_digits(value, country) == digits


def test_each_kind_has_a_column() -> None:
    assert set(COLUMN) == set(Kind)
    assert set(COLUMN.values()) <= set(SCHEMAS[Side.STOREFRONT].names)


@pytest.mark.parametrize("kind", Kind)
def test_no_expression_strips(kind: Kind) -> None:
    r"""On Spark the `strip` of Ibis takes `v` and `f` off the ends: it knows no escapes `\v` and `\f`."""
    rows = ibis.table(dict.fromkeys(("account_id", "email", "phone", "loyalty_id"), "string"), name="storefront")
    value = {Kind.PHONE: "+16172000068"}.get(kind, "1")
    (passed,) = passing(rows, kind, [value], "US")
    assert "TRIM(" not in ibis.to_sql(passed, dialect="pyspark").upper()
    keyed = ibis.to_sql(people(rows, "US"), dialect="pyspark").upper()
    assert "TRIM(" not in keyed
    assert "REGEXP_REPLACE" in keyed
