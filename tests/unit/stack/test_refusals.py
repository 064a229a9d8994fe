"""Every kind of nonsense is refused with its line and its mend."""

import pytest

from tests.unit.stack.maps import GOOD, fault_of, line_of, spoiled
from tillbridge.stack.load import parse

# What is replaced, by what, the fragment at whose line the fault is, and words of the problem and of the mend.
VALUES = [
    ('name = "Harbor & Pine"', "name = 5", "name = 5", '"name" of [retailer] must be text', "text in quotes"),
    ('name = "Harbor & Pine"', 'name = " "', 'name = " "', "blank", "Write something"),
    ('name = "Harbor & Pine"', 'name = "a\\nb"', 'name = "a', "spans lines", "one short line"),
    ('name = "Harbor & Pine"', f'name = "{"a" * 501}"', 'name = "aaa', "longer than 500", "one short line"),
    ('name = "Harbor & Pine"\n', "", "[retailer]", '[retailer] has no "name"', "Add it"),
    ('country = "US"', 'country = "UK"', 'country = "UK"', '"UK" is not known', "reference page"),
    ('country = "US"', 'country = "us"', 'country = "us"', '"us" is not known', 'Did you mean "US"?'),
    ('currency = "USD"', 'currency = "USDT"', 'currency = "USDT"', '"USDT" is not known', 'Did you mean "USD"?'),
    ('"America/New_York"', '"America/New York"', "time_zone", "is not known", 'Did you mean "America/New_York"?'),
    ('"America/New_York"', '"../etc/passwd"', "time_zone", "is not known", ""),
    ('"America/New_York"', "2026-01-01", "time_zone", "is a date or time", ""),
    ("[authority]\n", "[authority]\nsytem = 1\n", "sytem", '"sytem" is no key of [authority]', 'mean "system"?'),
    ('system = "platform"', 'system = "plattform"', "plattform", "there is no system", 'mean "platform"?'),
    ('system = "platform"', 'system = "zzz"', '"zzz"', "there is no system", 'Use "platform".'),
    ('system = "platform"', 'system = "erp"', 'system = "erp"', "has the role erp, and the authority", "role platform"),
    ('system = "platform"', 'system = ["platform", "erp"]', "system = [", "is a list", "one truth"),
    ('role = "payments"', 'role = "payment"', '"payment"', "not known", 'mean "payments"?'),
    ('role = "payments"', 'role = "till"', '"till"', "not known", 'Use "pos", "platform"'),
    ('role = "payments"\n', "", "[systems.processor]", '[systems.processor] has no "role"', "Add it"),
    ('connector = "csv"', 'connector = "ftp"', '"ftp"', "not known", 'Use "built-in", "csv" or "http".'),
    ('connector = "csv"', 'connector = "built-in"', 'connector = "built-in"\ncapa', "own ledger", '"http" or "csv"'),
    ('url = "http://127.0.0.1:9001"\n', "", 'connector = "http"\nsecret', 'no "url"', "Add the address"),
    ('"http://127.0.0.1:9001"', '"127.0.0.1:9001"', "127.0.0.1", "no web address", "https://"),
    ('"http://127.0.0.1:9001"', '"http://[::1"', "http://[", "no web address", "https://"),
    ('"http://127.0.0.1:9001"', '"http://a:99999"', "http://a", "no web address", "https://"),
    ('"http://127.0.0.1:9001"', '"ftp://a"', "ftp://a", "no web address", "https://"),
    ('timeout = "2s"', 'timeout = "11m"', 'timeout = "11m"', "longer than ten minutes", "Write a shorter one"),
    ('url = "http://127.0.0.1:9001"', 'url = "http://a"\nbatch = 0', "batch = 0", "outside 1 to 1000", "between them"),
    ('url = "http://127.0.0.1:9001"', 'url = "http://a"\nbatch = "9"', 'batch = "9"', "whole number", "whole number"),
    ('url = "http://127.0.0.1:9001"', 'url = "http://a"\nrate = "9"', 'rate = "9"', "no rate", '"50/s" or "600/min"'),
    (
        'url = "http://127.0.0.1:9001"',
        'url = "http://a"\nrate = "0/s"',
        'rate = "0/s"',
        "no rate",
        '"50/s" or "600/min"',
    ),
    ('url = "http://127.0.0.1:9001"', 'url = "http://a"\nrate = 50', "rate = 50", "must be text", "text in quotes"),
    ('connector = "csv"', 'connector = "csv"\nbatch = 5', "batch = 5", "sends no requests", 'the connector "http"'),
    ("env:PAY_SECRET", "env:NO_SUCH", "env:NO_SUCH", '"NO_SUCH" is not set', "Set it"),
    ("env:PAY_SECRET", "env:", '"env:"', "is not set", "Set it"),
    ("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_***", "whsec_", "no base64", "Copy it"),
    ("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_¡", "whsec_", "no base64", "Copy it"),
    ("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_", "whsec_", "no base64", "Copy it"),
    ('["flat_file"]', '["flatfile"]', '["flatfile"]', '"flatfile" is no capability', 'mean "flat_file"?'),
    ('["flat_file"]', '["Flat file!"]', '["Flat file!"]', "is no capability", "flat_file"),
    ('["flat_file"]', '"flat_file"', 'capabilities = "', "must be a list of texts", "list of texts"),
    ('["flat_file"]', "[1]", "capabilities = [1]", "must be a list of texts", "list of texts"),
    ('["flat_file"]', '["api", "api"]', '["api", "api"]', "twice", "once"),
    ('"EUR",', '"Eur",', '"Eur",', '"Eur" is not known', 'mean "EUR"?'),
    ('["paid", "refund"]', '["paid", "refunds"]', "refunds", "not known", 'mean "refund"?'),
    ('["paid", "refund"]', "[]", "buckets = []", "is empty", "Leave the key out"),
    ('min = "0.01"', 'min = "0.001"', 'min = "0.001"', "finer than USD", "plain decimal"),
    ('min = "0.01"', 'min = "500.01"', "500.01", "is more than the largest", "Change one"),
    ('min = "0.01"', 'min = "-1"', '"-1"', "below zero", "above zero"),
    ('min = "0.01"', "min = 0.01", "min = 0.01", "must be text in quotes", "text in quotes"),
    ('max = "500"', 'max = "0"', 'max = "0"', "no credit through", "above zero"),
    ('max = "500"', 'max = "1e3"', '"1e3"', "no plain decimal", "plain decimal"),
    ('max = "500"', 'top = "500"', "top", '"top" is no key of [systems.web.amount]', '"min" or "max"'),
    ('"USD",  # the books', '"GBP",', "amount = {", '"currencies" leave out', 'Add "USD"'),
    ('owner = "Books"', "owner = true", "owner = true", "is true or false", "text in quotes"),
    ('owner = "Books"', 'ownr = "Books"', "ownr", '"ownr" is no key of [systems.erp]', 'mean "owner"?'),
]

HOPS = [
    ('sla = "26h"', 'slaa = "26h"', "slaa", '"slaa" is no key of [[hops]]', 'mean "sla"?'),
    ('sla = "26h"\n', "", '[[hops]]\nfrom = "processor"', '[[hops]] has no "sla"', "Add it"),
    ('sla = "26h"', 'sla = "26 hours"', "26 hours", "no duration", '"26h"'),
    ('sla = "26h"', "sla = 26", "sla = 26", "text in quotes", ""),
    ('sla = "26h"', 'sla = "0s"', '"0s"', "no time at all", ""),
    ('sla = "26h"', 'sla = "400d"', '"400d"', "longer than a year", ""),
    ('trigger = "batch"', 'trigger = "webhooks"', 'webhooks"\nschedule', "not known", 'mean "webhook"?'),
    ('trigger = "batch"', 'trigger = "webhook"', "schedule", "is for batch hops", 'trigger = "batch"'),
    ('trigger = "poll"', 'trigger = "webhook"', "interval", "is for poll hops", 'trigger = "poll"'),
    ('trigger = "batch"', 'trigger = "batch"\ninterval = "1h"', 'interval = "1h"', "is for poll hops", ""),
    ('interval = "12h"\n', "", 'trigger = "poll"', 'needs an "interval"', "interval ="),
    ('schedule = "0 2 * * *"\n', "", 'trigger = "batch"', 'needs a "schedule"', "schedule ="),
    ('"0 2 * * *"', '"0 25 * * *"', "0 25", "bad hour", "every night at two"),
    ('"0 2 * * *"', '"nightly"', "nightly", "not five fields", "every night at two"),
    ('"0 2 * * *"', '"0 0 30 2 *"', "0 0 30", "bad day-of-month", ""),
    ("attempts = 3", "attempts = 0", "attempts = 0", "outside 1 to 1000", ""),
    ("attempts = 3", "attempts = true", "attempts = true", "must be a whole number", ""),
    ("attempts = 3", "attempts = 3.5", "attempts = 3.5", "is a number with a point", ""),
    ('backoff = "200ms"', 'backoff = "11s"', 'backoff = "11s"', "is longer", "shorter"),
    ('backoff = "200ms"\nbackoff_max = "10s"', 'backoff_max = "500ms"', "backoff_max", "is longer", "shorter"),
    ('    "route-bucket",', '    "route",', '    "route",', '"route" is no transf', "Use one of"),
    ('    "route-bucket",', "    3,", "transform =", "a list of texts and tables", ""),
    ('{ name = "rename-fields", amount', "{ amount", "{ amount", 'transform has no "name"', "Add it"),
    ('name = "rename-fields"', 'name = "rename-field"', '"rename-field"', "not known", 'mean "rename-fields"?'),
    ('to = "erp"', 'to = "books"', '"books"', 'there is no system "books"', "Use"),
    ('from = "erp"', 'from = "Erp"', '"Erp"', 'there is no system "Erp"', 'mean "erp"?'),
    ('to = "erp"', 'to = "processor"', 'to = "processor"\ntrigger = "batch"', "to itself", "another system"),
]


@pytest.mark.parametrize(("old", "new", "at", "problem", "mend"), VALUES + HOPS)
def test_nonsense_is_refused_at_its_line(old: str, new: str, at: str, problem: str, mend: str) -> None:
    text = spoiled(old, new)
    fault = fault_of(text)
    assert problem in fault.problem
    assert mend in fault.mend
    assert (fault.file, fault.line) == ("stack.toml", line_of(text, at))


@pytest.mark.parametrize("trigger", ['"poll"\ninterval = "1h"', '"batch"\nschedule = "0 2 * * *"'])
def test_the_register_cannot_wait_for_a_timetable(trigger: str) -> None:
    text = spoiled('trigger = "webhook"\nsla = "2s"', f'trigger = {trigger}\nsla = "2s"')
    fault = fault_of(text)
    assert "cannot wait for a" in fault.problem
    assert fault.line == line_of(text, 'sla = "2s"') + 1


@pytest.mark.parametrize("table", ["retailer", "authority", "systems", "hops"])
def test_a_missing_table_is_named(table: str) -> None:
    tables = {
        "retailer": 'retailer = { name = "S", country = "US", currency = "USD", time_zone = "UTC" }',
        "authority": 'authority = { system = "p" }',
        "systems": 'systems = { p = { role = "platform", connector = "built-in" } }',
        "hops": 'hops = [{ from = "r", to = "p", trigger = "webhook", sla = "2s" }]',
    }
    del tables[table]
    fault = fault_of("\n".join(tables.values()))
    assert (fault.problem, fault.line) == (f'the map has no "{table}"', 1)


def test_an_unknown_table_is_named() -> None:
    text = GOOD + "[[hop]]\nfrom = 1\n"
    fault = fault_of(text)
    assert (fault.problem, fault.mend) == ('"hop" is no key of the map', 'Did you mean "hops"?')
    assert fault.line == line_of(text, "[[hop]]")


@pytest.mark.parametrize(
    ("head", "problem"),
    [
        ("hops = []", "no hops"),
        ("hops = 3", "list of tables"),
        ('hops = ["a"]', "list of tables"),
        ("systems = 1", "a table"),
    ],
)
def test_a_table_of_another_form_is_refused(head: str, problem: str) -> None:
    cut = GOOD.index("[[hops]]") if head.startswith("hops") else GOOD.index("[systems.registers]")
    text = f"{head}\n{GOOD[:cut]}"
    if not head.startswith("hops"):
        text += GOOD[GOOD.index("[[hops]]") :]
    fault = fault_of(text)
    assert problem in fault.problem
    assert fault.line == 1


def test_no_systems_are_refused() -> None:
    text = GOOD[: GOOD.index("[systems.registers]")] + "[systems]\n" + GOOD[GOOD.index("[[hops]]") :]
    fault = fault_of(text)
    assert (fault.problem, fault.line) == ("there are no systems", line_of(text, "[systems]"))


@pytest.mark.parametrize("name", ["web store", "ä", "9web", "", "a" * 41, "a.b", "a\\nb"])
def test_a_system_has_a_plain_name(name: str) -> None:
    text = spoiled('[systems."web"]', f'[systems."{name}"]')
    fault = fault_of(text)
    assert "cannot be the name of a system" in fault.problem
    assert fault.line == line_of(text, '[systems."')
    assert fault.problem.isprintable()


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('[authority]\nsystem = "platform"', '[[authority]]\nsystem = "platform"\n[[authority]]\nsystem = "erp"'),
        ('[authority]\nsystem = "platform"', '[[authority]]\nsystem = "platform"'),
    ],
)
def test_two_authorities_are_refused(old: str, new: str) -> None:
    text = spoiled(old, new)
    fault = fault_of(text)
    assert "two authorities" in fault.problem
    assert fault.line == text[: text.index("[[authority]]")].count("\n") + 1


def test_a_second_authority_table_is_refused() -> None:
    text = spoiled(
        '[authority]\nsystem = "platform"\n', '[authority]\nsystem = "platform"\n[authority]\nsystem = "x"\n'
    )
    fault = fault_of(text)
    assert "written twice" in fault.problem
    assert fault.line == line_of(text, '[authority]\nsystem = "x"')


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ('[retailer]\nname = "open\n', 2),
        ("[retailer]\nname = \n", 2),
        ("[retailer\n", 1),
        ("a = 1\na = 2\n", 2),
        ("a = [1,\n2,\n", 2),
        ('a = """\nb\n\n', 2),
        ("\x00", 1),
        pytest.param("a = " + "[" * 50_000, 1, id="too deep"),
        pytest.param("a = " + "9" * 5_000, 1, id="too many digits"),
        ("a = 2026-13-40", 1),
    ],
)
def test_what_is_not_toml_is_refused_with_the_readers_line(text: str, line: int) -> None:
    fault = fault_of(text)
    assert 1 <= fault.line <= max(text.count("\n") + 1, 1)
    assert fault.line == line


def test_an_empty_file_is_refused() -> None:
    assert fault_of("").line == 1


def test_a_fault_never_shows_a_secret() -> None:
    for value in ('["hidden-word"]', '{ hidden = "hidden-word" }', '"whsec_hidden-word"', '"hidden-word\\n"'):
        fault = fault_of(spoiled('"env:PAY_SECRET"', value))
        assert "hidden-word" not in str(fault)


def test_the_good_map_is_good() -> None:
    assert len(parse(GOOD, "stack.toml", {"PAY_SECRET": "x"}).hops) == 4
