"""The settings of transformations, and the denominations of a system: read with types, refused at their line."""

from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.stack.transforms.hops import fault_of, hop_of, stack_of, text_of
from tillbridge.kernel.errors import StackFault
from tillbridge.stack.load import parse
from tillbridge.stack.model import Stack
from tillbridge.stack.settings import (
    ClassifyBalance,
    ConvertCurrency,
    Rate,
    RenameFields,
    ResolveCustomer,
    Rounding,
    RouteBucket,
)
from tillbridge.stack.terms import TRANSFORMS
from tillbridge.stack.transforms import words_of

FIRST = text_of("X").count("\n", 0, text_of("X").index("X")) + 1
RATE = '{ currency = "EUR", from = 2026-11-01, rate = "1.0825" }'


def with_rates(rates: str, more: str = "") -> str:
    return f'{{ name = "convert-currency", rates = [{rates}]{more} }}'


def test_plain_names_mean_the_defaults() -> None:
    hop = hop_of(", ".join(f'"{name}"' for name in TRANSFORMS), 'currencies = ["EUR"]')
    assert hop.transform == (
        ResolveCustomer("web", reject=False),
        ConvertCurrency("EUR", Rounding.DOWN, {}),
        RouteBucket({}, reject=False),
        ClassifyBalance(
            {
                "paid": "deferred-revenue",
                "refund": "refund-liability",
                "goodwill": "goodwill-liability",
                "promo": "promo-memo",
            }
        ),
        RenameFields((), ()),
    )
    assert [transform.name for transform in hop.transform] == list(TRANSFORMS)
    assert hash(hop)


@pytest.mark.parametrize(
    ("system", "to"), [("", "USD"), ('currencies = ["JPY"]', "JPY"), ('currencies = ["EUR", "USD"]', "USD")]
)
def test_the_currency_is_the_targets_only_one_or_the_retailers(system: str, to: str) -> None:
    (transform,) = hop_of('"convert-currency"', system).transform
    assert isinstance(transform, ConvertCurrency)
    assert transform.to == to


def test_settings_are_read() -> None:
    hop = hop_of(
        '{ name = "resolve-customer", system = "erp", otherwise = "reject" },\n'
        + with_rates(RATE, ', to = "USD", rounding = "half-even"')
        + ',\n{ name = "route-bucket", promo = "goodwill", paid = "GC 1", otherwise = "reject" },\n'
        '{ name = "classify-balance", paid = "2100" }'
    )
    customer, currency, bucket, balance = hop.transform
    assert customer == ResolveCustomer("erp", reject=True)
    rates = {"EUR": (Rate(date(2026, 11, 1), Decimal("1.0825")),)}
    assert currency == ConvertCurrency("USD", Rounding.HALF_EVEN, rates)
    assert bucket == RouteBucket({"paid": "GC 1", "promo": "goodwill"}, reject=True)
    assert isinstance(balance, ClassifyBalance)
    assert (balance.classes["paid"], balance.classes["promo"]) == ("2100", "promo-memo")


def test_transformations_may_be_tables_of_their_own() -> None:
    text = text_of("").replace("transform = [\n\n]\n", '[[hops.transform]]\nname = "route-bucket"\npromo = "MKT"\n')
    stack = parse(text, "stack.toml", {})
    assert stack.hop("platform-web").transform == (RouteBucket({"promo": "MKT"}, reject=False),)
    with pytest.raises(StackFault) as caught:
        parse(text.replace("promo =", "prmo ="), "stack.toml", {})
    assert caught.value.line == text[: text.index("promo")].count("\n") + 1
    assert caught.value.mend == 'Did you mean "promo"?'


@pytest.mark.parametrize(
    ("transform", "problem", "mend"),
    [
        ('{ name = "resolve-customer", sytem = "web" }', '"sytem" is no key of resolve-customer', 'mean "system"?'),
        ('{ name = "resolve-customer", system = "wbe" }', '"wbe" is not known', 'Did you mean "web"?'),
        ('{ name = "resolve-customer", otherwise = "keep" }', '"keep" is not known', '"send" or "reject"'),
        ('{ name = "resolve-customer", otherwise = true }', "true or false", "text in quotes"),
        ('{ name = "convert-currency", rate = "1" }', '"rate" is no key of convert-currency', 'mean "rates"?'),
        ('{ name = "convert-currency", to = "EURO" }', '"EURO" is not known', 'mean "EUR"?'),
        ('{ name = "convert-currency", to = "JPY" }', "web does not accept JPY, only EUR, USD", 'to = "EUR" or "USD"'),
        ('{ name = "convert-currency", rounding = "up" }', '"up" is not known', '"down", "half-even" or "half-up"'),
        ('{ name = "convert-currency", rates = "x" }', "must be a list of tables", ""),
        ('{ name = "convert-currency", rates = ["x"] }', "must be a list of tables", ""),
        (with_rates('{ currency = "EUR", from = 2026-11-01 }'), 'no "rate"', "Add it"),
        (with_rates('{ currency = "EUR", rate = "1" }'), 'convert-currency.rates has no "from"', "Add it"),
        (with_rates('{ curency = "EUR", from = 2026-11-01, rate = "1" }'), '"curency" is no key', 'mean "currency"?'),
        (with_rates(RATE.replace("EUR", "EUX")), '"EUX" is not known', ""),
        (with_rates(RATE.replace("EUR", "USD")), "USD is what is converted into", "Leave this rate out"),
        (with_rates(RATE.replace('"1.0825"', "1.0825")), "a number with a point", "text in quotes"),
        (with_rates(RATE.replace("1.0825", "1,08")), '"1,08" is no rate', "plain number"),
        (with_rates(RATE.replace("1.0825", "0.00")), '"0.00" is no rate', "above zero"),
        (with_rates(RATE.replace("1.0825", "-1")), "no rate", ""),
        (with_rates(RATE.replace("1.0825", "1e3")), "no rate", ""),
        (with_rates(RATE.replace("2026-11-01", '"2026-11-31"')), "is no day", "2026-11-21"),
        (with_rates(RATE.replace("2026-11-01", '"20261101"')), "is no day", "2026-11-21"),
        (with_rates(RATE.replace("2026-11-01", "2026-11-01T00:00:00Z")), "is no day", ""),
        (with_rates(f"{RATE}, {RATE}"), "two rates of EUR from 2026-11-01", "take one out"),
        ('{ name = "convert-currency", file = "/etc/passwd" }', "leads out of the folder", "beside the map"),
        ('{ name = "convert-currency", file = "../rates.csv" }', "leads out of the folder", "beside the map"),
        ('{ name = "convert-currency", file = "none.csv" }', "cannot be read", "none.csv"),
        ('{ name = "route-bucket", promotion = "x" }', '"promotion" is no key of route-bucket', 'mean "promo"?'),
        ('{ name = "route-bucket", promo = 1 }', "must be text", ""),
        ('{ name = "route-bucket", promo = " " }', "is blank", ""),
        ('{ name = "route-bucket", promo = "goodwill" }', "web does not accept the bucket goodwill", "own word"),
        ('{ name = "route-bucket", otherwise = "send" }', '"send" is not known', '"keep" or "reject"'),
        ('{ name = "classify-balance", refunds = "x" }', '"refunds" is no key of classify-balance', 'mean "refund"?'),
        ('{ name = "classify-balance", paid = [] }', "must be text", ""),
        ('"route-bucket", "route-bucket"', '"route-bucket" stands twice', "one of them"),
        ('"rename-fields", "route-bucket"', 'behind "rename-fields"', "last"),
        ('{ name = "route-buckets" }', '"route-buckets" is not known', 'mean "route-bucket"?'),
    ],
)
def test_a_setting_that_cannot_be_is_refused_at_its_line(transform: str, problem: str, mend: str) -> None:
    fault = fault_of(transform, 'currencies = ["EUR", "USD"]\nbuckets = ["paid", "refund"]')
    assert problem in fault.problem
    assert mend in fault.mend
    assert fault.line == FIRST + 2 - 1  # two keys stand above, in the place of one empty line


def test_a_currency_of_its_own_must_be_said_where_the_retailers_is_not_accepted() -> None:
    fault = fault_of('"convert-currency"', 'currencies = ["EUR", "JPY"]')
    assert fault.problem == "web does not accept USD, only EUR, JPY"
    assert fault.line == FIRST


@pytest.mark.parametrize(
    ("entry", "problem"),
    [
        ('transform = ["convert-currency"]', '"convert-currency" changes nothing on the way into platform'),
        ('transform = [{ name = "resolve-customer", system = "web" }]', "says nothing on the way into platform"),
    ],
)
def test_into_the_authority_only_the_customer_is_looked_for(entry: str, problem: str) -> None:
    fault = fault_of('"route-bucket"', entry=entry)
    assert problem in fault.problem
    assert fault.line == text_of("X", entry=entry)[: text_of("X", entry=entry).index(entry)].count("\n") + 1
    assert parse(text_of("", entry='transform = ["resolve-customer"]'), "stack.toml", {}).entries()[0].transform


def test_rates_come_from_a_file_and_from_the_map(tmp_path: Path) -> None:
    (tmp_path / "rates").mkdir()
    (tmp_path / "rates" / "ecb.csv").write_text(
        "\ufefffrom,currency,rate\r\n2026-11-20,EUR,1.07\r\n\r\n 2026-10-01 , JPY ,0.0064\r\n", "utf-8"
    )
    (transform,) = hop_of(with_rates(RATE, ', file = "rates/ecb.csv"'), folder=tmp_path).transform
    assert isinstance(transform, ConvertCurrency)
    assert transform.file == "rates/ecb.csv"
    assert transform.rates == {
        "EUR": (Rate(date(2026, 11, 1), Decimal("1.0825")), Rate(date(2026, 11, 20), Decimal("1.07"))),
        "JPY": (Rate(date(2026, 10, 1), Decimal("0.0064")),),
    }


@pytest.mark.parametrize(
    ("text", "line", "problem"),
    [
        (b"", 1, "does not name the three columns"),
        (b"currency,from\n", 1, "does not name the three columns"),
        (b"currency,from,rate,x\n", 1, "does not name the three columns"),
        (b"currency,from,rate\nEUR,2026-11-02\n", 2, "not three values"),
        (b"currency,from,rate\nEUR,2026-11-02,1.1\nEUX,2026-11-02,1\n", 3, '"EUX" is no currency'),
        (b"currency,from,rate\nEUR,2.11.2026,1\n", 2, '"2.11.2026" is no day'),
        (b"currency,from,rate\nEUR,2026-11-02,nan\n", 2, '"nan" is no rate'),
        (b"currency,from,rate\nUSD,2026-11-02,1\n", 2, "USD is what is converted into"),
        (b"currency,from,rate\nJPY,2026-11-02,1\nJPY,2026-11-02,1\n", 3, "two rates of JPY from 2026-11-02"),
        (b"currency,from,rate\nEUR,2026-11-01,1\n", 2, "two rates of EUR from 2026-11-01"),
        (b'currency,from,rate\n"EUR"x,2026-11-01,1\n', 2, "not CSV"),
        (b"currency,from,rate\nEUR,2026-11-02,1\xff\n", 2, "not in UTF-8"),
    ],
)
def test_a_bad_row_is_refused_with_file_and_line(text: bytes, line: int, problem: str, tmp_path: Path) -> None:
    (tmp_path / "rates.csv").write_bytes(text)
    fault = fault_of(with_rates(RATE, ', file = "rates.csv"'), folder=tmp_path)
    assert problem in fault.problem
    assert (fault.file, fault.line) == (str(tmp_path / "rates.csv"), line)
    assert fault.mend


def test_a_file_that_cannot_be_rates_is_not_read_whole(tmp_path: Path) -> None:
    (tmp_path / "rates.csv").write_bytes(b"#" * 8_000_001)
    assert "larger" in fault_of('{ name = "convert-currency", file = "rates.csv" }', folder=tmp_path).problem
    assert "cannot be read" in fault_of('{ name = "convert-currency", file = "." }', folder=tmp_path).problem


@given(
    st.sampled_from(sorted(TRANSFORMS)),
    st.dictionaries(
        st.from_regex(r"[a-z_]{1,12}", fullmatch=True)
        | st.sampled_from(
            ["system", "otherwise", "to", "rates", "file", "rounding", "paid", "promo", "drop", "amount"]
        ),
        st.sampled_from(['"x"', "1", "true", "[]", "{}", '["amount"]', '[{ currency = "EUR" }]', "2026-01-01", "inf"]),
        max_size=3,
    ),
)
def test_any_settings_load_or_are_refused_on_a_line(name: str, settings: dict[str, str]) -> None:
    item = ", ".join([f'name = "{name}"', *(f"{key} = {value}" for key, value in settings.items() if key != "name")])
    read = read_or_fault(text_of(f"{{ {item} }}"))
    if isinstance(read, StackFault):
        assert read.line == FIRST
        assert read.mend
        return
    assert words_of(read.hop("platform-web").transform[0]).startswith(name)


def read_or_fault(text: str) -> Stack | StackFault:
    try:
        return parse(text, "stack.toml", {})
    except StackFault as fault:
        return fault


@pytest.mark.parametrize(
    ("denominations", "problem"),
    [
        ("[]", "is empty"),
        ('["25", "25.00"]', "named twice"),
        ('["25.001"]', "finer than USD"),
        ('["0"]', "nothing to issue"),
        ('["-5"]', "nothing to issue"),
        ("[25]", "list of texts"),
        ('"25"', "list of texts"),
        ('["ten"]', "is no amount"),
    ],
)
def test_denominations_that_cannot_be_are_refused(denominations: str, problem: str) -> None:
    fault = fault_of("", f"denominations = {denominations}")
    assert problem in fault.problem
    assert fault.line == text_of("").split("{system}")[0].count("\n", 0, text_of("").index('"storefront"')) + 3


def test_denominations_are_in_the_retailers_currency() -> None:
    fault = fault_of("", 'currencies = ["EUR"]\ndenominations = ["25"]')
    assert fault.mend == 'Add "USD" to the currencies, or leave out denominations.'
    assert stack_of("", 'denominations = ["100", "25"]').systems["web"].denominations == ("25.00", "100.00")


def test_each_says_in_words_what_it_does() -> None:
    hop = hop_of(
        '{ name = "resolve-customer", otherwise = "reject" },\n'
        + with_rates(f"{RATE}, {RATE.replace('EUR', 'CAD')}")
        + ',\n{ name = "route-bucket", promo = "MKT" }, { name = "rename-fields", amount = "value", drop = ["store"] }'
    )
    assert [words_of(transform) for transform in hop.transform] == [
        "resolve-customer: the customer's account in web; one without is refused",
        "convert-currency: to USD, rounded down, rates from CAD and EUR",
        "route-bucket: promo as MKT; any other as it is",
        "rename-fields: amount as value; without store",
    ]
    assert words_of(hop_of('"rename-fields"').transform[0]) == "rename-fields"
