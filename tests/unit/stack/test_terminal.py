from datetime import timedelta
from importlib import resources

import pytest

from tests.unit.stack.maps import SAMPLE, good
from tillbridge.stack.draw import Mark, Traffic, live_views, place_of_loss, still_views
from tillbridge.stack.load import load, parse
from tillbridge.stack.model import Stack
from tillbridge.stack.terminal import Line, in_ascii, path_lines

MIX = """
[systems.other]
role = "storefront"
connector = "csv"

[[hops]]
from = "platform"
to = "other"
trigger = "webhook"
sla = "5s"

[[hops]]
from = "processor"
to = "other"
trigger = "webhook"
sla = "5s"
"""


def preset(name: str, more: str = "") -> Stack:
    text = resources.files("tillbridge.stack").joinpath("presets", f"{name}.toml").read_text("utf-8")
    return parse(text + more, "stack.toml", {})


STACKS = {"chain": preset("chain"), "star": preset("simple"), "mix": preset("chain", MIX), "sample": load(SAMPLE, {})}


def drawn(stack: Stack, width: int, traffic: dict[str, Traffic] | None = None) -> list[str]:
    hops = live_views(stack, traffic) if traffic else still_views(stack)
    return [line.text for line in path_lines(hops, width, place_of_loss(traffic or {}))]


@pytest.mark.parametrize("width", [40, 80, 120])
@pytest.mark.parametrize("name", STACKS)
def test_every_system_and_hop_is_drawn_in_the_width(name: str, width: int) -> None:
    stack = STACKS[name]
    traffic = {hop.name: Traffic(p95=timedelta(seconds=70), waiting=1234567, late=3) for hop in stack.deliveries()}
    lines = drawn(stack, width, traffic)
    assert max(map(len, lines)) <= width
    text = "\n".join(lines)
    for hop in still_views(stack):
        assert hop.target.label in text
        assert hop.promise in " ".join(" ".join(lines).replace("│", " ").split())
    assert text.count("╔") == 1, "the authority alone has a double frame"


def test_a_system_that_is_fed_twice_is_drawn_once() -> None:
    text = "\n".join(drawn(STACKS["mix"], 80))
    assert text.count("│ other ") == 1
    assert "other, drawn above" in text


def test_a_star_branches_and_a_chain_leads_straight_down() -> None:
    assert not any("├" in line for line in drawn(STACKS["chain"], 80))
    assert sum("├─▶" in line for line in drawn(STACKS["star"], 80)) == 2
    assert sum("└─▶" in line for line in drawn(STACKS["star"], 80)) == 1


@pytest.mark.parametrize(
    ("traffic", "hop", "said"),
    [
        ({"platform-processor": Traffic(late=9), "erp-web": Traffic(dead=1)}, "erp-web", "✕ 1 dead"),
        ({"platform-processor": Traffic(late=9), "erp-web": Traffic(late=8)}, "platform-processor", "! 9 late"),
        ({"platform-processor": Traffic(waiting=9)}, "", ""),
        ({}, "", ""),
    ],
)
def test_the_place_of_loss_is_marked_by_words_and_a_sign(traffic: dict[str, Traffic], hop: str, said: str) -> None:
    assert place_of_loss(traffic) == hop
    marked = [line for line in drawn(STACKS["chain"], 80, traffic) if "get lost here" in line]
    assert len(marked) == bool(hop)
    assert all(f"{said}  ◀── things get lost here" in line for line in marked)


def test_what_the_hub_does_not_carry_says_so() -> None:
    stack = preset(
        "simple", '[[hops]]\nfrom = "registers"\nto = "erp"\ntrigger = "batch"\nschedule = "0 1 * * *"\nsla = "1d"\n'
    )
    text = "\n".join(drawn(stack, 80, {"platform-web": Traffic(confirmed=1, typical=timedelta(seconds=1))}))
    assert "not carried by the hub" in text
    assert "✓ 1 s" in text


def test_an_old_terminal_gets_plain_letters() -> None:
    for line in path_lines(still_views(good()), 80):
        assert in_ascii(line).text.isascii()
    assert in_ascii(Line("✕ 1 dead", Mark.DEAD)) == Line("x 1 dead", Mark.DEAD)
