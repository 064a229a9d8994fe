"""The worked example of a hop's transformations is what they really do, step by step."""

import json
import re
from datetime import date
from decimal import Decimal
from typing import Any, Final

from tests.docs.pages import DOCS, block, blocks
from tests.unit.stack.transforms.hops import text_of
from tillbridge.kernel.money import Money, parse
from tillbridge.stack.load import parse as parse_map
from tillbridge.stack.model import Hop
from tillbridge.stack.transforms import Facts, Rejected, apply, steps

PAGE: Final = DOCS / "howto" / "change-what-is-sent.md"
SHOWN: Final = [json.loads(one.text) for one in blocks(PAGE) if one.kind == "json"]
BORN: Final = date(2026, 11, 21)


def hop() -> Hop:
    """The hop of the page, in a map around it."""
    head = text_of("").split("[systems.web]")[0]
    entry = '[[hops]]\nfrom = "registers"\nto = "platform"\ntrigger = "webhook"\nsla = "2s"\n'
    return parse_map(head + block(PAGE, "toml", "[[hops]]").text + entry, "stack.toml", {}).hop("platform-web")


def holds(body: Any, shown: Any) -> bool:
    """Whether a body has all that is shown of it."""
    return all(body[name] == value for name, value in shown.items())


def test_each_step_is_shown_as_it_is() -> None:
    before, *after = SHOWN
    walked = steps(hop(), before, Facts(BORN, 8800, "refund"))
    assert len(walked) == len(after) == 5
    for (transform, body), shown in zip(walked, after, strict=True):
        assert not isinstance(body, Rejected), transform
        assert holds(body, shown), transform.name
    assert walked[-1][1] == after[-1]


def test_the_life_in_two_currencies_adds_up() -> None:
    rows = re.findall(
        r"^\| (\w+), ([\d.]+) \| ([\d.]+) \| ([\d.]+) \| ([\d.]+) \| ([\d.]+) \|$", PAGE.read_text(), re.MULTILINE
    )
    assert len(rows) == 5
    before = 0
    for what, amount, balance, told, kept, alone in rows:
        after = parse(balance, "EUR").minor
        change = after - before
        assert Money(abs(change), "EUR").text() == amount, what
        body = apply(hop(), {**SHOWN[0], "amount": amount, "balance": balance}, Facts(BORN, change, "refund"))
        assert not isinstance(body, Rejected)
        assert (body["amount"], body["balance"]) == (told, kept)
        assert Decimal(alone) == Decimal(amount) * Decimal("1.0825")
        before = after
    assert before == 0


def test_the_sentences_are_said() -> None:
    money, nobody = block(PAGE, "text", "no rate").text.splitlines()
    yen = {**SHOWN[0], "credit": {**SHOWN[0]["credit"], "currency": "JPY"}, "amount": "88", "balance": "88"}
    stranger = {**SHOWN[0], "customer": {**SHOWN[0]["customer"], "accounts": {}}}
    said = [apply(hop(), body, Facts(BORN, 88, "refund")) for body in (yen, stranger)]
    assert said == [Rejected("mapping-rejected", money), Rejected("mapping-rejected", nobody)]
