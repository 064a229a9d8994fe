"""The hops together: order, circles, what feeds them, and what the register can wait for."""

import random

import pytest

from tests.unit.stack.maps import fault_of, line_of
from tillbridge.kernel.errors import NotFound, StackFault
from tillbridge.stack.load import parse
from tillbridge.stack.model import Stack

ROLES = {
    "till": "pos",
    "self": "pos",
    "hub": "platform",
    "old": "platform",
    "pay": "payments",
    "erp": "erp",
    "web": "storefront",
}


def drawn(*hops: str, authority: str = "hub") -> str:
    """A map of hops written `from>to`, with `!` for a checkpoint and `~` for a poll."""
    lines = [
        '[retailer]\nname = "S"\ncountry = "US"\ncurrency = "USD"\ntime_zone = "UTC"',
        f'[authority]\nsystem = "{authority}"',
        *(f'[systems.{name}]\nrole = "{role}"\nconnector = "csv"' for name, role in ROLES.items()),
    ]
    for hop in hops:
        source, target = hop.rstrip("!~").split(">")
        trigger = '"poll"\ninterval = "1h"' if "~" in hop else '"webhook"'
        checkpoint = "\ncheckpoint = true" if "!" in hop else ""
        lines.append(
            f'[[hops]] # {hop}\nfrom = "{source}"\nto = "{target}"\ntrigger = {trigger}\nsla = "1h"{checkpoint}'
        )
    return "\n".join(lines)


def read(*hops: str) -> Stack:
    return parse(drawn(*hops), "stack.toml", {})


def test_a_star_keeps_the_order_of_the_file() -> None:
    assert [hop.name for hop in read("hub>web", "hub>erp", "till>hub").hops] == ["till-hub", "hub-web", "hub-erp"]


def test_a_hop_stands_after_every_hop_that_feeds_it() -> None:
    hops = ["till>hub", "hub>pay", "hub>erp", "pay>web", "erp>web", "erp>pay", "self>hub"]
    for seed in range(20):
        shuffled = hops.copy()
        random.Random(seed).shuffle(shuffled)
        ordered = read(*shuffled).hops
        for position, hop in enumerate(ordered):
            assert not any(later.target == hop.source for later in ordered[position:])


def test_entries_deliveries_and_what_starts_where() -> None:
    stack = read("till>hub!", "self>hub", "hub>pay", "pay>erp", "hub>web")
    assert [hop.name for hop in stack.entries()] == ["till-hub", "self-hub"]
    assert [hop.name for hop in stack.deliveries()] == ["hub-pay", "pay-erp", "hub-web"]
    assert [hop.name for hop in stack.hops_from("hub")] == ["hub-pay", "hub-web"]
    assert stack.hops_from("web") == ()


def test_upstream_is_the_hop_that_feeds() -> None:
    stack = read("till>hub", "hub>pay", "hub>erp", "pay>web", "erp>web", "web>old")
    assert stack.upstream(stack.hop("till-hub")) is None
    assert stack.upstream(stack.hop("hub-pay")) is None
    assert stack.upstream(stack.hop("pay-web")) == stack.hop("hub-pay")
    assert stack.upstream(stack.hop("web-old")) == stack.hop("pay-web")


def test_a_hop_past_the_authority_is_no_delivery_and_feeds_none() -> None:
    stack = read("till>erp", "till>hub", "hub>pay", "pay>erp", "erp>web")
    assert [hop.name for hop in stack.deliveries()] == ["hub-pay", "pay-erp", "erp-web"]
    assert stack.upstream(stack.hop("erp-web")) == stack.hop("pay-erp")


def test_two_platforms_are_fine_and_one_is_the_authority() -> None:
    assert read("till>hub", "hub>old").authority == "hub"


def test_an_unknown_hop_is_not_found() -> None:
    with pytest.raises(NotFound, match="No hop is known as nope"):
        read("till>hub").hop("nope")


@pytest.mark.parametrize(
    ("hops", "at", "problem"),
    [
        (("till>hub", "hub>erp", "erp>web", "web>hub"), "web>hub", "circle: hub → erp → web → hub"),
        (("web>hub", "till>hub", "hub>erp", "erp>web"), "erp>web", "circle: web → hub → erp → web"),
        (("till>hub", "hub>pay", "erp>web", "web>erp"), "web>erp", "circle: erp → web → erp"),
        (("till>hub", "hub>till"), "hub>till", "circle: till → hub → till"),
        (("till>hub", "hub>pay", "pay>erp", "erp>pay", "pay>web"), "erp>pay", "circle: pay → erp → pay"),
        (("till>hub", "hub>erp", "hub>erp"), "hub>erp", 'two hops from "hub" to "erp"'),
    ],
)
def test_a_circle_names_its_way(hops: tuple[str, ...], at: str, problem: str) -> None:
    text = drawn(*hops)
    fault = fault_of(text)
    assert problem in fault.problem
    assert fault.line == text[: text.rindex(f"# {at}")].count("\n") + 1


def test_two_hops_of_one_name_are_refused() -> None:
    text = drawn("till>hub", "a-b>c", "a>b-c")
    for name in ("a", "a-b", "b-c", "c"):
        text = f'[systems.{name}]\nrole = "erp"\nconnector = "csv"\n{text}'
    fault = fault_of(text)
    assert fault.problem == 'two hops are both called "a-b-c"'
    assert fault.line == line_of(text, "[[hops]] # a>b-c")


def test_a_hop_that_nobody_feeds_is_refused() -> None:
    text = drawn("till>hub", "erp>web", "pay>erp")
    fault = fault_of(text)
    assert 'nothing feeds the hop from "erp"' in fault.problem
    assert fault.line == line_of(text, "[[hops]] # erp>web") + 1


@pytest.mark.parametrize("hops", [("hub>web",), ("till>pay", "pay>hub"), ("till>old", "hub>web")])
def test_a_map_without_an_entry_is_refused(hops: tuple[str, ...]) -> None:
    text = drawn(*hops)
    fault = fault_of(text)
    assert 'no hop leads from a system of role pos to "hub"' in fault.problem
    assert fault.line == line_of(text, f"[[hops]] # {hops[0]}")


def test_the_register_waits_only_for_what_follows_at_once() -> None:
    text = drawn("till>hub", "hub>erp~", "erp>pay", "pay>web!")
    fault = fault_of(text)
    assert fault.problem == "the register cannot wait for pay-web: hub-erp before it is a poll hop"
    assert fault.line == line_of(text, "checkpoint = true")


def test_the_register_waits_only_for_what_the_hub_carries() -> None:
    fault = fault_of(drawn("till>hub", "till>erp!"))
    assert "the hub does not carry it" in fault.problem


def test_the_register_may_wait_for_a_chain_of_webhooks() -> None:
    stack = read("till>hub!", "hub>erp", "erp>web!")
    assert [hop.name for hop in stack.hops if hop.checkpoint] == ["till-hub", "erp-web"]


def test_a_hop_is_known_by_its_values() -> None:
    assert len({*read("till>hub", "hub>web").hops, *read("till>hub", "hub>web").hops}) == 2


def test_a_map_without_hops_is_refused() -> None:
    with pytest.raises(StackFault, match='has no "hops"'):
        read()
