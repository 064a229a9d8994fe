import json

import pytest

from tests.unit.stack.maps import ENVIRONMENT, GOOD, good, spoiled
from tillbridge.stack.edition import canonical, changes, print_of
from tillbridge.stack.load import parse
from tillbridge.stack.model import Stack


def changed(old: str, new: str) -> tuple[str, ...]:
    after = parse(spoiled(old, new), "stack.toml", ENVIRONMENT)
    return changes(canonical(good()), canonical(after))


def test_no_secret_is_kept_and_none_shows_in_the_print() -> None:
    data = canonical(good())
    text = json.dumps(data)
    for secret in (*ENVIRONMENT.values(), "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"):
        assert secret not in text
    other = parse(GOOD, "elsewhere.toml", {"PAY_SECRET": "another"})
    assert print_of(canonical(other)) == print_of(data)


def test_a_rate_that_was_another_is_warned_of() -> None:
    here = '{ currency = "JPY", from = 2026-01-01, rate = "0.0064" }'
    said = changed(here, here.replace("0.0064", "0.0070"))[-1]
    assert said == (
        "hop erp-web: the rate from JPY on 2026-01-01 was 0.0064 and is 0.0070: "
        "amounts of credits told of at the old rate no longer add up at the target"
    )
    # What begins on a later day changes nothing that was said before; what begins on an earlier one may.
    later = here.replace("2026-01-01", "2026-12-01")
    assert not any("add up" in one for one in changed(here, f"{here}, {later.replace('0.0064', '0.0070')}"))
    earlier = here.replace("2026-01-01", "2025-01-01")
    assert "on 2025-01-01 was none" in changed(here, f"{earlier}, {here}")[-1]


def test_the_way_in_is_left_out_of_an_address() -> None:
    data = canonical(
        parse(spoiled("https://pay.example/hub/", "https://ann:pass@pay.example/hub?key=k1"), "", ENVIRONMENT)
    )
    assert data["systems"]["processor"]["url"] == "https://pay.example/hub"


def test_comments_and_spelling_do_not_change_the_print() -> None:
    again = parse("# another comment\n" + GOOD.replace('"13h"', '"780m"'), "stack.toml", ENVIRONMENT)
    assert print_of(canonical(again)) == print_of(canonical(good()))


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ('sla = "13h"', 'sla = "2h"', "hop erp-web: SLA 13 h -> 2 h"),
        ('timeout = "2s"', 'timeout = "500ms"', "hop platform-processor: timeout 2 s -> 500 ms"),
        ('owner = "Books"', 'owner = "Finance"', "system erp: owner Books -> Finance"),
        ('contact = "books@shop.example"\n', "", "system erp: contact books@shop.example -> none"),
        ('secret = "env:PAY_SECRET"\n', "", "system processor: secret set -> none"),
        ('buckets = ["paid", "refund"]', 'buckets = ["paid"]', "system web: buckets paid, refund -> paid"),
        ('name = "Harbor & Pine"', 'name = "Harbor"', "retailer: name Harbor & Pine -> Harbor"),
        ('place = "US-CA"', 'place = "US-NV"', "places: 006 US-CA -> US-NV"),
        ('above = "100.00"', 'above = "50.00"', "approval: above 10000 -> 5000"),
    ],
)
def test_a_change_is_a_plain_sentence(old: str, new: str, sentence: str) -> None:
    assert sentence in changed(old, new)


def test_hops_and_systems_come_and_go() -> None:
    more = """
[systems.till]
role = "pos"
connector = "csv"

[[hops]]
from = "till"
to = "platform"
trigger = "webhook"
sla = "1s"
"""
    after = canonical(parse(GOOD + more, "stack.toml", ENVIRONMENT))
    assert changes(canonical(good()), after) == ("system till: added", "hop till-platform: added")
    assert changes(after, canonical(good())) == ("system till: taken out", "hop till-platform: taken out")
    assert changes(None, after) == ("first edition",)


def test_another_order_and_another_version_are_told_apart() -> None:
    data = canonical(good())
    assert changes(data, {**data, "order": data["order"][::-1]}) == ("hops: in another order",)
    (said,) = changes(data, {**data, "later": ""})
    assert "otherwise" in said


def test_every_part_of_the_map_is_in_it() -> None:
    assert set(canonical(good())) >= set(Stack.__slots__) - {"file"}
