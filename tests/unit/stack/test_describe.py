from dataclasses import replace
from datetime import timedelta

import pytest

from tests.unit.stack.maps import GOOD, SAMPLE, good, spoiled
from tillbridge.stack.describe import accepted_words, checkpoint_words, longest_way, remarks, rule_words, trigger_words
from tillbridge.stack.load import load, parse

NOWHERE = {"PAY_SECRET": "x"}


def test_triggers_are_said_in_words() -> None:
    stack = good()
    assert [trigger_words(hop) for hop in stack.hops] == ["at once", "at once", "daily 02:00", "every 12 h"]


@pytest.mark.parametrize(
    ("least", "most", "words"),
    [
        ("0.01", "500.00", "0.01 to 500.00 USD"),
        ("5.00", "", "from 5.00 USD"),
        ("", "9.00", "up to 9.00 USD"),
        ("", "", ""),
    ],
)
def test_what_is_accepted_is_said_in_words(least: str, most: str, words: str) -> None:
    system = replace(good().systems["web"], amount_min=least, amount_max=most)
    said = ["USD, EUR · paid, refund", words]
    assert accepted_words(system, "USD") == " · ".join(part for part in said if part)


def test_what_does_not_say_takes_everything() -> None:
    assert accepted_words(good().systems["erp"], "USD") == "everything"


def test_the_register_waits_for_the_hops_that_are_marked() -> None:
    words = checkpoint_words(good())
    assert words.endswith("waits for registers-platform (within 2 s) and platform-processor (within 30 s).")


def test_without_a_mark_the_register_waits_for_the_platform() -> None:
    assert "waits for platform alone" in checkpoint_words(parse(GOOD.replace("checkpoint = true", ""), "f", NOWHERE))


def test_the_longest_way_adds_up_the_promises() -> None:
    assert longest_way(load(SAMPLE, {})) == timedelta(seconds=30, hours=39)


def test_a_good_map_has_little_to_remark() -> None:
    assert remarks(good()) == ("Without a live connection (csv): erp. The hub cannot deliver there.",)


@pytest.mark.parametrize(
    ("old", "new", "remark"),
    [
        ('sla = "13h"', 'sla = "11h"', "erp-web runs every 12 h and promises 11 h: it will be late."),
        ('secret = "env:PAY_SECRET"\n', "", "Without a secret: processor. What the hub sends there is not signed."),
        ('to = "web"', 'to = "platform2"', "No web store is reached: nobody sees a credit online."),
        ('to = "web"', 'to = "platform2"', "web is on no hop."),
        ('from = "erp"', 'from = "registers"', "registers-web goes past platform: the hub does not carry it."),
    ],
)
def test_what_is_worth_knowing_is_said(old: str, new: str, remark: str) -> None:
    text = spoiled(old, new) + '[systems.platform2]\nrole = "platform"\nconnector = "csv"\n'
    assert remark in remarks(parse(text, "stack.toml", NOWHERE))


def test_rules_are_said_in_words() -> None:
    assert rule_words(good()) == (
        "Credits are spent by bucket, expiry; of buckets promo, refund, goodwill, paid.",
        "Limit: one operator, issue and load, at most 250.00 USD and 20 times a day.",
        "Limit: one customer, redeem of goodwill, promo, at most 75.00 EUR a day.",
        "An issue of promo or an adjustment upwards of more than 100.00 USD waits for a second person.",
        "Stores: 006 in US-CA, Pier 39 in MX; any other in US-NY.",
    )


def test_a_map_without_rules_says_nothing_of_them() -> None:
    assert rule_words(load(SAMPLE, {})) == ()


def test_a_limit_of_times_names_its_currency() -> None:
    text = spoiled('amount = "250.00"\ncount = 20', "count = 1")
    assert "Limit: one operator, issue and load, at most 1 time in USD a day." in rule_words(parse(text, "f", NOWHERE))


def test_many_stores_are_not_all_listed() -> None:
    stores = "".join(f'[stores.{number}]\nplace = "US-NJ"\n' for number in range(100, 110))
    (*_, words) = rule_words(parse(GOOD + stores, "f", NOWHERE))
    assert words.endswith("100 in US-NJ, 101 in US-NJ, 102 in US-NJ and 7 more; any other in US-NY.")
    alone = GOOD[: GOOD.index("[stores.006]")]
    assert rule_words(parse(alone, "f", NOWHERE)) == ("Every store is in US-NY.",)


def test_denominations_are_said() -> None:
    system = replace(good().systems["erp"], denominations=("25.00", "50.00"))
    assert accepted_words(system, "USD") == "only 25.00, 50.00 USD"
