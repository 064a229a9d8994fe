"""The retailer's rules in a map: read, filled up with what is left out, and refused at their line."""

import pytest

from tests.unit.stack.maps import ENVIRONMENT, GOOD, SAMPLE, fault_of, good, line_of, spoiled
from tillbridge.stack.load import load, parse
from tillbridge.stack.model import Approval, Burn, Limit, Per
from tillbridge.stack.terms import is_place

RULES = GOOD.index("[stores.006]")
LAST = 'buckets = ["promo"]\n'


def test_a_map_without_rules_loads_as_before() -> None:
    stack = load(SAMPLE, {})
    assert (stack.limits, stack.approval, stack.burn) == ((), None, Burn())
    assert stack.burn.order == ("priority", "expiry", "bucket", "age")
    assert stack.burn.buckets == ("promo", "goodwill", "refund", "paid")
    assert stack.place_of("006") == stack.place_of("") == "US"


def test_the_rules_are_read() -> None:
    stack = good()
    assert stack.burn == Burn(("bucket", "expiry"), ("promo", "refund", "goodwill", "paid"))
    assert stack.approval == Approval(10_000, ("promo",))
    assert stack.limits == (
        Limit(Per.OPERATOR, ("issue", "load"), (), "USD", 25_000, 20),
        Limit(Per.CUSTOMER, ("redeem",), ("goodwill", "promo"), "EUR", 7_500, None),
    )


def test_a_store_is_where_the_map_says_or_where_the_retailer_is() -> None:
    stack = good()
    assert [stack.place_of(store) for store in ("006", "Pier 39", "007", "")] == ["US-CA", "MX", "US-NY", "US-NY"]


def test_part_of_a_rule_may_be_left_out() -> None:
    text = spoiled('buckets = ["promo", "refund", "goodwill", "paid"]\n', "").replace(LAST, "")
    stack = parse(text, "stack.toml", ENVIRONMENT)
    assert stack.burn == Burn(order=("bucket", "expiry"))
    assert stack.approval == Approval(10_000, ("goodwill",))
    text = spoiled('order = ["bucket", "expiry"]\n', "").replace('amount = "250.00"\n', "")
    stack = parse(text, "stack.toml", ENVIRONMENT)
    assert stack.burn == Burn(buckets=("promo", "refund", "goodwill", "paid"))
    assert stack.limits[0] == Limit(Per.OPERATOR, ("issue", "load"), (), "USD", None, 20)


def test_every_manual_credit_may_be_made_to_wait() -> None:
    approval = parse(spoiled('above = "100.00"', 'above = "0"'), "stack.toml", ENVIRONMENT).approval
    assert approval
    assert approval.above == 0


def test_limits_that_count_apart_stand_beside_each_other() -> None:
    first = '[[limits]]\nper = "operator"\nverbs = ["issue"]\ncount = 5\n'
    others = [
        first.replace("operator", "store"),
        first.replace('["issue"]', '["issue", "redeem"]'),
        first + 'currency = "EUR"\n',
        first + 'buckets = ["goodwill"]\n',
    ]
    stack = parse(GOOD[:RULES] + first + "".join(others), "stack.toml", ENVIRONMENT)
    assert len({limit.counted() for limit in stack.limits}) == 5


# What is replaced, by what, the fragment at whose line the fault is, and words of the problem and of the mend.
REFUSED = [
    ('place = "US-NY"', 'place = "US-XX"', '"US-XX"', '"US-XX" is not known as a "place" of [retailer]', "ISO 3166-2"),
    ('place = "US-NY"', 'place = "New York"', '"New York"', "is not known", '"US-CA"'),
    ('place = "US-CA"', 'place = "US-"', '"US-"', 'a "place" of [stores.006]', "ISO 3166-2"),
    ('place = "US-CA"', 'place = "us-ca"', '"us-ca"', "is not known", "ISO 3166-2"),
    ('place = "US-CA"', "place = 1", "place = 1", "must be text", "text in quotes"),
    ('place = "US-CA"', 'plaze = "US-CA"', "plaze", '"plaze" is no key of [stores.006]', 'mean "place"?'),
    ('place = "US-CA"\n', "", "[stores.006]", '[stores.006] has no "place"', "ISO 3166-2"),
    ('place = "MX"', 'place = "XX"', '"XX"', "is not known", "ISO 3166-2"),
    (
        'stores."Pier 39"',
        'stores." Pier 39"',
        '" Pier 39"',
        "cannot be the name of a store",
        "as the registers send it",
    ),
    ('stores."Pier 39"', 'stores.""', '[stores.""', "cannot be the name of a store", "as the registers send it"),
    ('stores."Pier 39"', f'stores."{"9" * 101}"', '[stores."999', "cannot be the name of a store", "registers send"),
    ("[stores.006]\nplace", "[stores]\n006", "006 =", '"006" of [stores] must be a table', "a table"),
    ('order = ["bucket", "expiry"]', 'order = ["bucket", "expired"]', "order =", "not known", 'mean "expiry"?'),
    ('order = ["bucket", "expiry"]', 'order = ["bucket", "size"]', "order =", "not known", 'Use "priority", "expiry"'),
    ('order = ["bucket", "expiry"]', 'order = ["age", "age"]', "order =", "twice", "once"),
    ('order = ["bucket", "expiry"]', "order = []", "order =", "is empty", "usual order"),
    ('order = ["bucket", "expiry"]', 'order = "age"', "order =", "must be a list of texts", "list of texts"),
    (
        '"promo", "refund", "goodwill", "paid"',
        '"promo", "refund", "paid"',
        '"refund", "paid"',
        'leaves out "goodwill"',
        "all four",
    ),
    ('"promo", "refund", "goodwill", "paid"', "", "buckets = []", "is empty", "usual order"),
    ('"promo", "refund", "goodwill", "paid"', '"gift"', '"gift"', "not known", 'Use "paid"'),
    ("[burn]", "[[burn]]", "[[burn]]", '"burn" of the map must be a table', "a table"),
    ("[burn]", "[burn]\nfirst = 1", "first", '"first" is no key of [burn]', '"order" or "buckets"'),
    ('per = "operator"', 'per = "operators"', '"operators"', "not known", 'mean "operator"?'),
    ('per = "operator"', 'per = "day"', '"day"', 'as a "per" of [[limits]]', 'Use "credit", "customer"'),
    ('per = "operator"\n', "", '[[limits]]\nverbs = ["load"', '[[limits]] has no "per"', "Add it"),
    ('["load", "issue"]', '["load", "issued"]', "issued", "not known", 'mean "issue"?'),
    ('["load", "issue"]', '["void"]', '"void"', "not known", 'Use "issue", "activate"'),
    ('["load", "issue"]', "[]", "verbs = []", "is empty", 'at least one of "issue"'),
    ('["load", "issue"]', '["load", "load"]', '["load", "load"]', "twice", "once"),
    ('verbs = ["load", "issue"]\n', "", '[[limits]]\nper = "operator"', '[[limits]] has no "verbs"', "Add it"),
    ('amount = "250.00"\ncount = 20\n', "", '[[limits]]\nper = "operator"', 'neither "amount" nor "count"', "both"),
    ('amount = "250.00"', 'amount = "250.001"', "250.001", "finer than USD", "plain decimal"),
    ('amount = "250.00"', "amount = 250.00", "amount = 250", "must be text", "text in quotes"),
    ('amount = "250.00"', 'amount = "0.00"', '"0.00"', "lets nothing through", "above zero"),
    ('amount = "250.00"', 'amount = "-5"', '"-5"', "below zero", "above zero"),
    ("count = 20", "count = 0", "count = 0", "outside 1 to 1000000", "between"),
    ("count = 20", 'count = "20"', "count =", "must be a whole number", "whole number"),
    ("count = 20", "count = 20\nper_day = 1", "per_day", '"per_day" is no key of [[limits]]', 'mean "per"?'),
    ('currency = "EUR"', 'currency = "EURO"', '"EURO"', "not known", 'mean "EUR"?'),
    (
        'currency = "EUR"\namount = "75"',
        'currency = "JPY"\namount = "7.5"',
        '"7.5"',
        "finer than JPY",
        "plain decimal of JPY",
    ),
    ('buckets = ["promo", "goodwill"]', "buckets = []", "buckets = []", "is empty", "Leave the key out"),
    ('buckets = ["promo", "goodwill"]', 'buckets = ["gift"]', '["gift"]', "not known", 'Use "paid"'),
    ('above = "100.00"', 'above = "100.005"', "100.005", "finer than USD", "plain decimal"),
    ('above = "100.00"', 'above = "-1"', 'above = "-1"', "below zero", "above zero"),
    ('above = "100.00"', "above = 100", "above = 100", "must be text", "text in quotes"),
    ('above = "100.00"\n', "", "[approval]", '[approval] has no "above"', "Add it"),
    ('buckets = ["promo"]\n', "buckets = []\n", "buckets = []", "is empty", '"goodwill" alone'),
    ('buckets = ["promo"]\n', 'buckets = ["manual"]\n', "manual", "not known", 'Use "paid"'),
    ("[approval]", "[[approval]]", "[[approval]]", '"approval" of the map must be a table', "a table"),
    ("[approval]", "[aproval]", "[aproval]", '"aproval" is no key of the map', 'mean "approval"?'),
]


@pytest.mark.parametrize(("old", "new", "at", "problem", "mend"), REFUSED)
def test_a_bad_rule_is_refused_at_its_line(old: str, new: str, at: str, problem: str, mend: str) -> None:
    text = spoiled(old, new)
    fault = fault_of(text)
    assert problem in fault.problem
    assert mend in fault.mend
    assert (fault.file, fault.line) == ("stack.toml", line_of(text, at))


@pytest.mark.parametrize(
    "second",
    [
        'per = "operator"\nverbs = ["issue", "load"]\ncount = 20\namount = "250.00"\n',
        'per = "operator"\nverbs = ["load", "issue"]\ncount = 3\n',
        'per = "operator"\nverbs = ["load", "issue"]\ncurrency = "USD"\namount = "9"\n',
    ],
)
def test_two_limits_that_count_the_same_are_refused_at_the_second(second: str) -> None:
    text = f"{GOOD}\n# again\n[[limits]]\n{second}"
    fault = fault_of(text)
    assert "count the same" in fault.problem
    assert "Make one of them" in fault.mend
    assert fault.line == line_of(text, "# again") + 1


@pytest.mark.parametrize("form", ["limits = 3\n", 'limits = ["operator"]\n', "limits = {}\n"])
def test_limits_are_a_list_of_tables(form: str) -> None:
    fault = fault_of(form + GOOD[: GOOD.index("[[limits]]")])
    assert (fault.problem.startswith('"limits" of the map must be a list of tables'), fault.line) == (True, 1)


@pytest.mark.parametrize("text", ["US", "US-CA", "US-PR", "CA-ON", "AU-NSW", "NZ", "GB-ENG", "FR-75", "JP-13"])
def test_places(text: str) -> None:
    assert is_place(text)


@pytest.mark.parametrize("text", ["", "U", "XX", "us", "US-", "US-ca", "US-CAL", "US-XX", "CA-CA", "GB-ENGL", "US CA"])
def test_no_places(text: str) -> None:
    assert not is_place(text)
